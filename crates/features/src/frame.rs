use std::collections::{BTreeMap, HashSet};
use std::sync::Mutex;

use rayon::prelude::*;
use trainer_data::{Fault, Kind, Warning};

use crate::FeatureError;
use crate::error::unknown_column;
use crate::fitted_plan::{Input, Program};
use crate::graph::{Graph, NodeId};
use crate::learned::{Drawn, Learned, LearnedProgram, LevelNames};
use crate::program::{CellType, ColumnOp};
use crate::statistic::{Folds, Moments, Numerals, Sketch, State, Statistic, TextLevels};
use crate::step::Transform;

/// A statistic of a column; the column by how it is computed from those of the table.
pub(crate) type Request = (String, Statistic);

/// The statistics that are known.
pub(crate) type Found = BTreeMap<Request, State>;

/// The columns as a step sees them: after all steps before it.
///
/// There are no rows in it. A step asks for statistics of columns; one that is not known yet is noted down, and what the step
/// learns without it is thrown away: it is asked again when the statistics that were noted have been computed.
pub struct Frame<'f> {
    inputs: Vec<Input>,
    graph: Graph,
    programs: Vec<Program>,
    columns: Vec<FrameColumn>,
    dropped: Vec<String>,
    drawn: Vec<(usize, Drawn)>,
    found: &'f Found,
    asked: Mutex<Asked>,
    /// Whether a step that must wait may add columns.
    is_open: bool,
}

/// What the step at work has asked for.
#[derive(Debug, Default)]
struct Asked {
    /// Statistics that are not known, by all steps so far.
    wanted: BTreeMap<Request, NodeId>,
    /// Whether the step must wait: for a statistic, or for a step before it.
    must_wait: bool,
    /// The columns that it takes.
    chosen: Vec<String>,
}

/// One column of a frame.
#[derive(Debug, Clone)]
pub struct FrameColumn {
    /// Its name.
    pub name: String,
    /// What its cells are.
    pub cell_type: CellType,
    /// The levels' names, where its numbers are level codes.
    pub levels: Option<LevelNames>,
    /// Whether it becomes a feature, and is taken by steps that do not say which columns they take.
    pub feature: bool,
    /// Whether nobody may see its cells.
    pub secret: bool,
    /// Whether a step that must wait will change it.
    waits: bool,
}

/// Which columns a step takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Takes {
    /// Numbers; without a list those that are not level codes.
    Numbers,
    /// Text; a list may also name numbers, whose values are then the levels.
    Categories,
    /// All.
    Any,
}

impl<'f> Frame<'f> {
    /// Of the inputs of a plan: which of them are features, and which are secret.
    pub(crate) fn new(inputs: Vec<Input>, features: &[bool], secrets: &[String], found: &'f Found) -> Self {
        let graph = Graph::new(&inputs);
        let column = |(input, &feature): (&Input, &bool)| {
            let secret = secrets.contains(&input.name);
            FrameColumn {
                name: input.name.clone(),
                cell_type: graph.cell_type(graph.node(&input.name).expect("an input")),
                levels: None,
                feature: feature && !secret,
                secret,
                waits: false,
            }
        };
        let columns = inputs.iter().zip(features).map(column).collect();
        let (programs, dropped, drawn) = (Vec::new(), Vec::new(), Vec::new());
        Self { inputs, graph, programs, columns, dropped, drawn, found, asked: Mutex::default(), is_open: false }
    }

    /// The columns, in order.
    pub fn columns(&self) -> &[FrameColumn] {
        &self.columns
    }

    /// Those whose cells are settled.
    pub(crate) fn settled(&self) -> impl Iterator<Item = &FrameColumn> {
        self.columns.iter().filter(|column| !column.waits)
    }

    /// The column of that name.
    ///
    /// # Errors
    /// When there is none, with the nearest name.
    pub fn column(&self, name: &str) -> Result<&FrameColumn, FeatureError> {
        self.columns
            .iter()
            .find(|column| column.name == name)
            .ok_or_else(|| FeatureError::config(unknown_column(name, self.names())))
    }

    /// The columns that a step takes: those that it names, or all that fit. None when it must wait for them.
    ///
    /// # Errors
    /// When a name is not there, appears twice, holds text where the step takes numbers, or is secret.
    pub fn choose(&self, step: &str, named: Option<&[String]>, takes: Takes) -> Result<Vec<FrameColumn>, FeatureError> {
        let chosen = match named {
            None => self.columns.iter().filter(|column| column.feature && fits(column, takes)).cloned().collect(),
            Some(named) => self.named(step, named, takes)?,
        };
        let mut asked = self.asked();
        asked.chosen.extend(chosen.iter().map(|column: &FrameColumn| column.name.clone()));
        let is_unknown = self.is_open && (named.is_none() || named.is_some_and(|named| named.len() > chosen.len()));
        asked.must_wait |= is_unknown || chosen.iter().any(|column| column.waits);
        Ok(if asked.must_wait { Vec::new() } else { chosen })
    }

    /// Those that a step names; while one that must wait may add columns, those among them that are there.
    fn named(&self, step: &str, named: &[String], takes: Takes) -> Result<Vec<FrameColumn>, FeatureError> {
        let mut chosen: Vec<FrameColumn> = Vec::with_capacity(named.len());
        for name in named {
            let column = match self.column(name) {
                Ok(column) => column,
                Err(_) if self.is_open => continue,
                Err(error) => return Err(in_step(step, error)),
            };
            if chosen.iter().any(|earlier| earlier.name == *name) {
                let fault = Fault::new("column_named_twice", format!("step `{step}` names the column twice"));
                return Err(FeatureError::config(fault.column(name)));
            }
            if column.secret && !matches!(step, "mask" | "hash") {
                let message = format!("step `{step}` would learn from a column that is marked as personal data");
                let fault = Fault::new("pii_column", message).column(name);
                return Err(FeatureError::config(fault.hint("bring it to codes first with `mask` or `hash`")));
            }
            if takes == Takes::Numbers && column.cell_type == CellType::Text && !column.waits {
                let fault = Fault::new("text_column", format!("step `{step}` takes numbers, found text")).column(name);
                return Err(FeatureError::config(
                    fault.hint("turn it into numbers first with `ordinal`, `one_hot`, `hash` or `coerce`"),
                ));
            }
            chosen.push(column.clone());
        }
        Ok(chosen)
    }

    /// Whether the step at work must wait; what it learns then is thrown away.
    pub fn must_wait(&self) -> bool {
        self.asked().must_wait
    }

    /// Learns from each of these columns, several at a time, and puts what was learned together in their order.
    ///
    /// # Errors
    /// Of the first column that has one.
    pub fn learn_each(
        &self,
        columns: &[FrameColumn],
        learn: impl Fn(&FrameColumn, &mut Learned) -> Result<(), FeatureError> + Sync,
    ) -> Result<Learned, FeatureError> {
        let one = |column: &FrameColumn| {
            let mut learned = Learned::default();
            learn(column, &mut learned).map(|()| learned)
        };
        let each: Vec<_> = columns.par_iter().map(one).collect();
        let mut all = Learned::default();
        for learned in each {
            let learned = learned?;
            all.programs.extend(learned.programs);
            all.warnings.extend(learned.warnings);
            all.retired.extend(learned.retired);
            all.dropped.extend(learned.dropped);
        }
        Ok(all)
    }

    /// The kind of the input of that name, if it is one that no step has changed yet.
    pub fn input_kind(&self, name: &str) -> Option<Kind> {
        let untouched = !self.programs.iter().any(|program| program.outputs.iter().any(|output| output == name));
        self.inputs.iter().find(|input| untouched && input.name == name).map(|input| input.kind)
    }

    /// All columns of the table that the plan may read.
    pub fn inputs(&self) -> &[Input] {
        &self.inputs
    }

    fn ask(&self, name: &str, statistic: Statistic) -> Option<&State> {
        let node = self.graph.node(name).expect("a column of the frame");
        let request = (self.graph.expression(node, &self.inputs, &self.programs), statistic);
        let found = self.found.get(&request);
        if found.is_none() {
            let mut asked = self.asked();
            asked.must_wait = true;
            asked.wanted.insert(request, node);
        }
        found
    }

    /// Count, extremes, mean and variance of a column of numbers; none when they are not known yet.
    pub fn moments(&self, name: &str) -> Option<&Moments> {
        self.ask(name, Statistic::Moments).map(|state| match state {
            State::Moments(moments) => moments,
            _ => unreachable!("what was asked for"),
        })
    }

    /// The numbers of a column in their order.
    pub fn quantiles(&self, name: &str) -> Option<&Sketch> {
        self.ask(name, Statistic::Quantiles).map(|state| match state {
            State::Quantiles(sketch) => sketch,
            _ => unreachable!("what was asked for"),
        })
    }

    /// The distinct numbers of a column, with counts.
    pub fn values(&self, name: &str) -> Option<&Sketch> {
        self.ask(name, Statistic::Values).map(|state| match state {
            State::Values(sketch) => sketch,
            _ => unreachable!("what was asked for"),
        })
    }

    /// The distinct texts of a column, with counts.
    pub fn levels(&self, name: &str) -> Option<&TextLevels> {
        self.ask(name, Statistic::Levels).map(|state| match state {
            State::Levels(levels) => levels,
            _ => unreachable!("what was asked for"),
        })
    }

    /// How many cells of a text column say a number.
    pub fn numerals(&self, name: &str) -> Option<&Numerals> {
        self.ask(name, Statistic::Numerals).map(|state| match state {
            State::Numerals(numerals) => numerals,
            _ => unreachable!("what was asked for"),
        })
    }

    /// How many rows of each class each level has, by fold.
    pub fn folds(&self, name: &str, folds: u32, seed: u64) -> Option<&Folds> {
        self.ask(name, Statistic::Folds { folds, seed }).map(|state| match state {
            State::Folds(folds) => folds,
            _ => unreachable!("what was asked for"),
        })
    }

    fn asked(&self) -> std::sync::MutexGuard<'_, Asked> {
        self.asked.lock().expect("nobody panics while asking")
    }

    fn names(&self) -> impl Iterator<Item = &str> + Clone {
        self.columns.iter().map(|column| column.name.as_str())
    }

    /// Lets a step learn, and adds what it learned, so that the steps after it see its columns; or notes what it waits for.
    pub(crate) fn step(&mut self, name: &str, step: &dyn Transform) -> Result<Vec<Warning>, FeatureError> {
        {
            let asked = self.asked.get_mut().expect("nobody panics while asking");
            asked.must_wait = false;
            asked.chosen.clear();
        }
        let learned = step.fit(self);
        let asked = self.asked.get_mut().expect("nobody panics while asking");
        if asked.must_wait {
            let chosen = std::mem::take(&mut asked.chosen);
            self.is_open |= step.is_beside() || step.spreads();
            let changes = |column: &FrameColumn| !step.is_beside() && chosen.contains(&column.name);
            for column in self.columns.iter_mut().filter(|column| changes(column)) {
                column.waits = true;
                column.cell_type = step.leaves(column.cell_type);
            }
            return Ok(Vec::new());
        }
        self.extend(name, learned?)
    }

    /// What is to be computed before the plan can be made, and the programs on which that stands.
    pub(crate) fn wanted(self) -> Wanted {
        let asked = self.asked.into_inner().expect("nobody panics while asking");
        Wanted { requests: asked.wanted, inputs: self.inputs, graph: self.graph, programs: self.programs }
    }

    /// Whether a step waits.
    pub(crate) fn is_waiting(&self) -> bool {
        self.is_open || !self.asked().wanted.is_empty() || self.columns.iter().any(|column| column.waits)
    }

    /// Adds what a step learned, so that the steps after it see its columns.
    fn extend(&mut self, step: &str, learned: Learned) -> Result<Vec<Warning>, FeatureError> {
        for LearnedProgram { program, levels, drawn } in learned.programs {
            self.drawn.extend(drawn.map(|drawn| (self.programs.len(), drawn)));
            self.push(program, levels).map_err(|error| in_step(step, error))?;
        }
        if let Some((_, drawn)) =
            self.drawn.iter().find(|(_, it)| (it.folds, it.seed) != (self.drawn[0].1.folds, self.drawn[0].1.seed))
        {
            let message = format!(
                "step `{step}`: expected the `cv` and `random_state` of the step before it, found {} and {}",
                drawn.folds, drawn.seed
            );
            return Err(FeatureError::config(Fault::new("one_draw", message)));
        }
        for name in &learned.retired {
            self.columns.iter_mut().filter(|column| column.name == *name).for_each(|column| column.feature = false);
        }
        self.columns.retain(|column| !learned.dropped.contains(&column.name));
        self.dropped.extend(learned.dropped);
        Ok(learned.warnings)
    }

    fn push(&mut self, program: Program, levels: Option<LevelNames>) -> Result<(), FeatureError> {
        let replaces = !program.is_added();
        let mut seen = HashSet::new();
        for name in &program.outputs {
            let own = replaces && program.inputs[0] == *name;
            if !seen.insert(name) || self.dropped.contains(name) || (!own && self.column(name).is_ok()) {
                let message = "expected a new name for the result, found one that is in use";
                return Err(FeatureError::config(Fault::new("column_exists", message).column(name)));
            }
        }
        let is_masked = matches!(program.op, ColumnOp::Mask(_));
        let source = self.columns.iter().position(|column| column.name == program.inputs[0]);
        self.graph
            .push(self.programs.len(), &program)
            .map_err(|problem| FeatureError::config(Fault::new("program", problem).column(&program.inputs[0])))?;
        let made = |name: &String, feature: bool| FrameColumn {
            name: name.clone(),
            cell_type: self.graph.cell_type(self.graph.node(name).expect("just pushed")),
            levels: levels.clone(),
            feature,
            secret: false,
            waits: false,
        };
        match source.filter(|_| replaces) {
            Some(place) => {
                let feature = (self.columns[place].feature || self.columns[place].secret) && !is_masked;
                let made: Vec<_> = program.outputs.iter().map(|name| made(name, feature)).collect();
                self.columns.splice(place..=place, made);
            }
            None => {
                let made: Vec<_> = program.outputs.iter().map(|name| made(name, !is_masked)).collect();
                self.columns.extend(made);
            }
        }
        self.programs.push(program);
        Ok(())
    }

    /// What the frame became.
    pub(crate) fn into_parts(self) -> Parts {
        let Self { inputs, programs, columns, dropped, drawn, .. } = self;
        Parts { inputs, programs, columns, dropped, drawn }
    }
}

/// What is to be computed, and the programs on which that stands.
#[derive(Debug, Clone)]
pub(crate) struct Wanted {
    pub requests: BTreeMap<Request, NodeId>,
    pub inputs: Vec<Input>,
    pub graph: Graph,
    pub programs: Vec<Program>,
}

/// What a frame is when all steps have learned.
pub(crate) struct Parts {
    pub inputs: Vec<Input>,
    pub programs: Vec<Program>,
    pub columns: Vec<FrameColumn>,
    pub dropped: Vec<String>,
    /// What stands in place of programs for the rows that they were learned from, by their numbers.
    pub drawn: Vec<(usize, Drawn)>,
}

fn fits(column: &FrameColumn, takes: Takes) -> bool {
    match takes {
        Takes::Numbers => column.cell_type == CellType::Number && column.levels.is_none(),
        Takes::Categories => column.cell_type == CellType::Text,
        Takes::Any => true,
    }
}

/// The same error, with the step that it is about.
fn in_step(step: &str, error: FeatureError) -> FeatureError {
    let mut fault = error.fault().clone();
    if !fault.message.contains(&format!("step `{step}`")) {
        fault.message = format!("step `{step}`: {}", fault.message);
    }
    match error {
        FeatureError::Config(_) => FeatureError::config(fault),
        FeatureError::Data(_) => FeatureError::data(fault),
        FeatureError::Plan(_) => FeatureError::plan(fault),
        FeatureError::Onnx(_) => FeatureError::onnx(fault),
        FeatureError::Device(_) => FeatureError::device(fault),
    }
}
