use std::collections::HashSet;

use rayon::prelude::*;
use trainer_data::{Fault, Kind, Levels, Table, Warning};

use crate::FeatureError;
use crate::error::unknown_column;
use crate::evaluation::Evaluation;
use crate::fitted_plan::{Input, Program};
use crate::graph::Graph;
use crate::program::{CellType, ColumnOp};
use crate::source::Sources;

/// The columns of the training table as a step sees them: after all steps before it.
pub struct Frame<'t> {
    sources: Sources<'t>,
    inputs: Vec<Input>,
    graph: Graph,
    programs: Vec<Program>,
    columns: Vec<FrameColumn>,
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
}

/// What a step learned.
#[derive(Debug, Default)]
pub struct Learned {
    /// The programs to run, in order.
    pub programs: Vec<LearnedProgram>,
    /// What was odd about the training data.
    pub warnings: Vec<Warning>,
}

/// A program, and what its numbers mean.
#[derive(Debug)]
pub struct LearnedProgram {
    /// The program.
    pub program: Program,
    /// The levels' names, where its numbers are level codes.
    pub levels: Option<LevelNames>,
}

/// What the codes of a column stand for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LevelNames {
    /// Levels by name.
    Named(Vec<String>),
    /// So many buckets, which have no names but their numbers.
    Numbered(u32),
}

impl LevelNames {
    /// How many there are.
    pub fn count(&self) -> usize {
        match self {
            Self::Named(names) => names.len(),
            Self::Numbered(count) => *count as usize,
        }
    }

    /// The names.
    pub fn names(&self) -> Vec<String> {
        match self {
            Self::Named(names) => names.clone(),
            Self::Numbered(count) => (0..*count).map(|number| number.to_string()).collect(),
        }
    }
}

impl Learned {
    /// Adds a program from one column to the column of the same name.
    pub fn in_place(&mut self, column: &str, op: impl Into<ColumnOp>) {
        self.put(column, None, op);
    }

    /// Adds a program from one column to that column; with a suffix to a new one beside it.
    pub fn put(&mut self, column: &str, suffix: Option<&str>, op: impl Into<ColumnOp>) {
        let output = format!("{column}{}", suffix.unwrap_or_default());
        self.add(op, vec![column.to_owned()], vec![output]);
        self.last().beside = suffix.is_some();
    }

    /// Adds a program in place of its first column.
    pub fn add(&mut self, op: impl Into<ColumnOp>, inputs: Vec<String>, outputs: Vec<String>) {
        let program = Program { op: op.into(), inputs, outputs, beside: false };
        self.programs.push(LearnedProgram { program, levels: None });
    }

    /// Adds a program whose columns come beside those that it reads.
    pub fn add_beside(&mut self, op: impl Into<ColumnOp>, inputs: Vec<String>, outputs: Vec<String>) {
        self.add(op, inputs, outputs);
        self.last().beside = true;
    }

    /// Says that the numbers of the last program are codes of these levels.
    pub fn coded(&mut self, levels: LevelNames) {
        self.programs.last_mut().expect("a program").levels = Some(levels);
    }

    fn last(&mut self) -> &mut Program {
        &mut self.programs.last_mut().expect("just added").program
    }
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

impl<'t> Frame<'t> {
    pub(crate) fn new(table: &'t Table, inputs: Vec<Input>, features: &[bool]) -> Result<Self, FeatureError> {
        let graph = Graph::new(&inputs);
        let columns = inputs
            .iter()
            .zip(features)
            .map(|(input, &feature)| FrameColumn {
                name: input.name.clone(),
                cell_type: graph.cell_type(graph.node(&input.name).expect("an input")),
                levels: None,
                feature,
            })
            .collect();
        Ok(Self { sources: Sources::open(table, &inputs)?, inputs, graph, programs: Vec::new(), columns })
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.sources.table.rows()
    }

    /// The columns, in order.
    pub fn columns(&self) -> &[FrameColumn] {
        &self.columns
    }

    /// The column of that name.
    ///
    /// # Errors
    /// When there is none, with the nearest name.
    pub fn column(&self, name: &str) -> Result<&FrameColumn, FeatureError> {
        let names = self.columns.iter().map(|column| column.name.as_str());
        self.columns
            .iter()
            .find(|column| column.name == name)
            .ok_or_else(|| FeatureError::config(unknown_column(name, names)))
    }

    /// The columns that a step takes: those that it names, or all that fit.
    ///
    /// # Errors
    /// When a name is not there, appears twice, or holds text where the step takes numbers.
    pub fn choose(&self, step: &str, named: Option<&[String]>, takes: Takes) -> Result<Vec<FrameColumn>, FeatureError> {
        let Some(named) = named else {
            return Ok(self.columns.iter().filter(|column| column.feature && fits(column, takes)).cloned().collect());
        };
        let mut chosen: Vec<FrameColumn> = Vec::with_capacity(named.len());
        for name in named {
            let column = self.column(name).map_err(|error| in_step(step, error))?;
            if chosen.iter().any(|earlier| earlier.name == *name) {
                let fault = Fault::new("column_named_twice", format!("step `{step}` names the column twice"));
                return Err(FeatureError::config(fault.column(name)));
            }
            if takes == Takes::Numbers && column.cell_type == CellType::Text {
                let fault = Fault::new("text_column", format!("step `{step}` takes numbers, found text")).column(name);
                return Err(FeatureError::config(
                    fault.hint("turn it into numbers first with `ordinal`, `one_hot` or `hash`"),
                ));
            }
            chosen.push(column.clone());
        }
        Ok(chosen)
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
            let Learned { programs, warnings } = learned?;
            all.programs.extend(programs);
            all.warnings.extend(warnings);
        }
        Ok(all)
    }

    /// The kind of the input of that name, if it is one that no step has changed yet.
    pub fn input_kind(&self, name: &str) -> Option<Kind> {
        let untouched = !self.programs.iter().any(|program| program.outputs.iter().any(|output| output == name));
        self.inputs.iter().find(|input| untouched && input.name == name).map(|input| input.kind)
    }

    fn evaluation(&self) -> Evaluation<'_> {
        Evaluation::new(&self.graph, &self.programs, &self.sources)
    }

    /// The cells of a column of numbers, `NaN` = missing.
    ///
    /// # Errors
    /// When a cell is infinite.
    pub fn numbers(&self, name: &str) -> Result<Vec<f64>, FeatureError> {
        let node = self.graph.node(name).ok_or_else(|| FeatureError::config(unknown_column(name, self.names())))?;
        Ok(self.evaluation().columns(&[node])?.0)
    }

    /// The levels of a text column.
    pub fn levels(&self, name: &str) -> Levels {
        let node = self.graph.node(name).expect("a column of the frame");
        let evaluation = self.evaluation();
        let codes = evaluation.codes(node);
        let mut order: Vec<usize> = (0..codes.values.len()).collect();
        order.sort_by_key(|&code| &codes.values[code]);
        let mut rank = vec![0; order.len()];
        order.iter().enumerate().for_each(|(place, &code)| rank[code] = place as u32);
        let code = |&code: &u32| rank.get(code as usize).copied().unwrap_or(Levels::MISSING);
        let values = order.iter().map(|&code| codes.values[code].to_string()).collect();
        Levels { codes: codes.codes.iter().map(code).collect(), values }
    }

    fn names(&self) -> impl Iterator<Item = &str> + Clone {
        self.columns.iter().map(|column| column.name.as_str())
    }

    /// Adds what a step learned, so that the steps after it see its columns.
    pub(crate) fn extend(&mut self, step: &str, learned: Learned) -> Result<Vec<Warning>, FeatureError> {
        for LearnedProgram { program, levels } in learned.programs {
            self.push(program, levels).map_err(|error| in_step(step, error))?;
        }
        Ok(learned.warnings)
    }

    fn push(&mut self, program: Program, levels: Option<LevelNames>) -> Result<(), FeatureError> {
        let replaces = !program.is_added();
        let mut seen = HashSet::new();
        for name in &program.outputs {
            let own = replaces && program.inputs[0] == *name;
            if !seen.insert(name) || (!own && self.column(name).is_ok()) {
                let message = "expected a new name for the result, found one that is in use";
                return Err(FeatureError::config(Fault::new("column_exists", message).column(name)));
            }
        }
        let source = self.columns.iter().position(|column| column.name == program.inputs[0]);
        self.graph
            .push(self.programs.len(), &program)
            .map_err(|problem| FeatureError::config(Fault::new("program", problem).column(&program.inputs[0])))?;
        let made = |name: &String, feature: bool| FrameColumn {
            name: name.clone(),
            cell_type: self.graph.cell_type(self.graph.node(name).expect("just pushed")),
            levels: levels.clone(),
            feature,
        };
        match source.filter(|_| replaces) {
            Some(place) => {
                let feature = self.columns[place].feature;
                let made: Vec<_> = program.outputs.iter().map(|name| made(name, feature)).collect();
                self.columns.splice(place..=place, made);
            }
            None => {
                let made: Vec<_> = program.outputs.iter().map(|name| made(name, true)).collect();
                self.columns.extend(made);
            }
        }
        self.programs.push(program);
        Ok(())
    }

    /// What the frame became: inputs, programs, and the graph over them.
    pub(crate) fn into_parts(self) -> (Vec<Input>, Vec<Program>, Vec<FrameColumn>) {
        (self.inputs, self.programs, self.columns)
    }
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
