//! Learning in passes over the rows, each from statistics that merge.
//!
//! A plan is fitted by going through its steps again and again: a step that needs a statistic of a column notes it and waits,
//! and so do the steps that need its columns. What was noted is computed in one pass over the rows, by whoever has some of
//! them; and so on, until no step waits. Steps that do not need each other share a pass.

use std::ops::Range;

use arrow::array::RecordBatch;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use trainer_data::{Fault, Kind, Scan, ScanError, Table, Warning};

use crate::codes::Codes;
use crate::evaluation::Evaluation;
use crate::fitted_plan::{FittedPlan, Made, check_keys};
use crate::frame::{Found, Frame, Wanted};
use crate::graph::NodeId;
use crate::plan::{Labels, PlanSpec, suit};
use crate::program::CellType;
use crate::row_fold::{Draw, row_folds};
use crate::select::{candidates, no_features};
use crate::source::Sources;
use crate::statistic::{Facts, State, Statistic};
use crate::{FeatureError, state};

/// Rows that one task takes at a time.
const TASK: usize = 1 << 16;

/// A column of the rows to learn from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ColumnType {
    /// Its name.
    pub name: String,
    /// What its cells are.
    pub kind: Kind,
}

impl ColumnType {
    /// Those of a table.
    pub fn of(table: &Table) -> Vec<Self> {
        table.columns().iter().map(|column| Self { name: column.name().to_owned(), kind: column.kind() }).collect()
    }
}

/// A plan that is being learned: what is known so far, and what the next pass is to find out.
#[derive(Debug, Clone)]
pub struct Fitting {
    pub(crate) spec: PlanSpec,
    pub(crate) columns: Vec<ColumnType>,
    pub(crate) facts: Option<Vec<Facts>>,
    pub(crate) found: Found,
    pub(crate) pass: u32,
    wanted: Wanted,
}

/// What one pass found out, of some of the rows or of all.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Partial {
    /// The hash of the specification and the columns that it is of.
    pub(crate) of: String,
    pub(crate) pass: u32,
    /// Of each column of the table; in the first pass.
    facts: Option<Vec<Facts>>,
    /// One for each statistic that is wanted.
    states: Vec<State>,
}

/// What comes after a pass.
#[derive(Debug)]
pub enum Advance {
    /// Another one.
    Continue(Box<Fitting>),
    /// Nothing: the plan, and what was odd about the rows.
    Done(Box<FittedPlan>, Vec<Warning>),
}

impl Fitting {
    /// Of rows with these columns.
    ///
    /// # Errors
    /// `Config` when the specification does not fit them, as far as that is known without the rows.
    pub fn new(spec: &PlanSpec, columns: Vec<ColumnType>) -> Result<Self, FeatureError> {
        for step in &spec.steps {
            step.as_dyn().check().map_err(|problem| {
                FeatureError::config(Fault::new("step", format!("step `{}`: {problem}", step.name())))
            })?;
        }
        Self::resume(spec.clone(), columns, None, Found::new(), 0)
    }

    /// Of the rows of a scan.
    ///
    /// # Errors
    /// As [`Self::new`], and when the scan has a column that no step can read.
    pub fn over(spec: &PlanSpec, scan: &dyn Scan) -> Result<Self, ScanError> {
        let schema = scan.schema();
        let readable = |column: &usize| {
            let empty = RecordBatch::new_empty(schema.clone()).project(&[*column]).expect("a column of the schema");
            Table::from_batch(&empty).ok().map(|table| ColumnType::of(&table).remove(0))
        };
        // What is not one value a cell passes as it is.
        Ok(Self::new(spec, (0..schema.fields().len()).filter_map(|column| readable(&column)).collect())?)
    }

    /// Of what is known so far.
    pub(crate) fn resume(
        spec: PlanSpec,
        columns: Vec<ColumnType>,
        facts: Option<Vec<Facts>>,
        found: Found,
        pass: u32,
    ) -> Result<Self, FeatureError> {
        let wanted = match go_through(&spec, &columns, facts.as_deref(), &found)? {
            Passed::Wanted(wanted) => wanted,
            Passed::Plan(..) => {
                return Err(FeatureError::plan(Fault::new("damaged_state", "nothing is left to learn")));
            }
        };
        Ok(Self { spec, columns, facts, found, pass, wanted })
    }

    /// The columns that this pass reads.
    pub fn reads(&self) -> Vec<&str> {
        // The first pass looks at all of them.
        if self.facts.is_none() {
            return self.columns.iter().map(|column| column.name.as_str()).collect();
        }
        let is_drawn = self.wanted.requests.keys().any(|(_, statistic)| matches!(statistic, Statistic::Folds { .. }));
        let nodes: Vec<NodeId> = self.wanted.requests.values().copied().collect();
        let needed = self.wanted.graph.inputs_among(&self.wanted.graph.needed(&nodes));
        let inputs = self.wanted.inputs.iter().enumerate().filter(|(input, _)| is_drawn || needed.contains(input));
        inputs.map(|(_, input)| input.name.as_str()).collect()
    }

    /// What this pass has to find out, of some of the rows. `y` is the class of each row.
    ///
    /// # Errors
    /// `Data` when a column is missing or of another type, or a cell cannot be taken.
    pub fn partial(&self, table: &Table, y: Option<&[u32]>) -> Result<Partial, FeatureError> {
        check_keys(&self.wanted.programs)?;
        let facts = match self.facts {
            Some(_) => None,
            None => Some(self.columns.iter().map(|column| self.fact(table, column)).collect::<Result<_, _>>()?),
        };
        let reads = self.reads();
        let is_read = |input: usize| reads.contains(&self.wanted.inputs[input].name.as_str());
        let sources = Sources::open_some(table, &self.wanted.inputs, is_read)?;
        let evaluation = Evaluation::new(&self.wanted.graph, &self.wanted.programs, &sources);
        Ok(Partial { of: self.hash(), pass: self.pass, facts, states: self.states(&evaluation, y)? })
    }

    fn fact(&self, table: &Table, column: &ColumnType) -> Result<Facts, FeatureError> {
        let found = table
            .column(&column.name)
            .ok_or_else(|| FeatureError::data(crate::error::unknown_column(&column.name, table.names())))?;
        Ok(Facts::of(table, found, self.spec.pii.contains(&column.name)))
    }

    fn states(&self, evaluation: &Evaluation<'_>, y: Option<&[u32]>) -> Result<Vec<State>, FeatureError> {
        let asked: Vec<(Statistic, NodeId)> =
            self.wanted.requests.iter().map(|((_, statistic), &node)| (*statistic, node)).collect();
        let is_text = |node: NodeId| evaluation.graph.cell_type(node) == CellType::Text;
        let is_coded = |(statistic, _): &(Statistic, NodeId)| {
            matches!(statistic, Statistic::Levels | Statistic::Numerals | Statistic::Folds { .. })
        };
        let (coded, numbers): (Vec<usize>, Vec<usize>) = (0..asked.len()).partition(|&place| is_coded(&asked[place]));
        debug_assert!(numbers.iter().all(|&place| !is_text(asked[place].1)));
        let nodes: Vec<NodeId> = numbers.iter().map(|&place| asked[place].1).collect();
        let groups = evaluation.graph.groups(&nodes);
        let of_groups: Vec<_> = groups
            .par_iter()
            .map(|group| {
                let group: Vec<(Statistic, NodeId)> = group.iter().map(|&place| asked[numbers[place]]).collect();
                states_of_numbers(evaluation, &group)
            })
            .collect();
        let of_coded: Vec<_> =
            coded.par_iter().map(|&place| self.state_of_levels(evaluation, asked[place], y)).collect();
        let mut states: Vec<Option<State>> = asked.iter().map(|_| None).collect();
        for (group, found) in groups.iter().zip(of_groups) {
            group.iter().zip(found?).for_each(|(&place, state)| states[numbers[place]] = Some(state));
        }
        for (&place, state) in coded.iter().zip(of_coded) {
            states[place] = Some(state?);
        }
        Ok(states.into_iter().map(|state| state.expect("one for each request")).collect())
    }

    fn state_of_levels(
        &self,
        evaluation: &Evaluation<'_>,
        (statistic, node): (Statistic, NodeId),
        y: Option<&[u32]>,
    ) -> Result<State, FeatureError> {
        let mut state = State::new(statistic);
        let number_codes;
        let codes: &Codes<'_> = match evaluation.graph.cell_type(node) {
            CellType::Text => evaluation.codes(node),
            CellType::Number => {
                number_codes = Codes::of_numbers(&evaluation.columns(&[node])?.0);
                &number_codes
            }
        };
        match (&mut state, statistic) {
            (State::Levels(levels), _) => levels.add(codes),
            (State::Numerals(numerals), _) => numerals.add(codes),
            (State::Folds(counts), Statistic::Folds { folds, seed }) => {
                let y = y.ok_or_else(|| {
                    let fault =
                        Fault::new("no_target", "step `target_mean`: expected the class of each row, found none");
                    FeatureError::config(fault.hint("it is for plans that are fitted with a target"))
                })?;
                let inputs: Vec<&str> = self.wanted.inputs.iter().map(|input| input.name.as_str()).collect();
                let draw = Draw { folds, seed };
                counts.add(codes, &row_folds(evaluation.sources.table, &inputs, draw)?, y);
            }
            _ => unreachable!("statistics of levels"),
        }
        Ok(state)
    }

    /// What this pass has to find out, of all rows of a scan; read in one go, computed in parallel.
    ///
    /// # Errors
    /// As [`Self::partial`], and what stops the reading.
    pub fn partial_of_scan(&self, scan: &dyn Scan, labels: Option<&Labels<'_>>) -> Result<Partial, ScanError> {
        let schema = scan.schema();
        let reads = self.reads();
        // Labels may lie in any column.
        let is_read = |name: &str| labels.is_some() || reads.contains(&name);
        let wanted = |column: &usize| {
            let name = schema.field(*column).name();
            is_read(name) && self.columns.iter().any(|known| known.name == *name)
        };
        let columns: Vec<usize> = (0..schema.fields().len()).filter(wanted).collect();
        let mut batches = scan.open(&columns)?;
        let mut all: Option<Partial> = None;
        let mut row = 0;
        loop {
            let most = rayon::current_num_threads().max(1) * 2;
            let some: Vec<RecordBatch> = batches.by_ref().take(most).collect::<Result<_, _>>()?;
            let mut first = row;
            let each: Vec<(u64, RecordBatch)> = some
                .into_iter()
                .map(|batch| {
                    let start = first;
                    first += batch.num_rows() as u64;
                    (start, batch)
                })
                .collect();
            if each.is_empty() && all.is_some() {
                break;
            }
            let is_last = each.len() < most;
            row = first;
            let partials: Vec<Result<Partial, ScanError>> = match each.is_empty() {
                true => {
                    vec![self.partial_of_batch(&RecordBatch::new_empty(schema.project(&columns)?.into()), 0, labels)]
                }
                false => each.par_iter().map(|(start, batch)| self.partial_of_batch(batch, *start, labels)).collect(),
            };
            for partial in partials {
                match &mut all {
                    None => all = Some(partial?),
                    Some(all) => all.merge(partial?)?,
                }
            }
            if is_last {
                break;
            }
        }
        Ok(all.expect("at least one"))
    }

    fn partial_of_batch(
        &self,
        batch: &RecordBatch,
        first: u64,
        labels: Option<&Labels<'_>>,
    ) -> Result<Partial, ScanError> {
        if batch.num_columns() == 0 {
            return Ok(Partial { of: self.hash(), pass: self.pass, facts: None, states: self.nothing() });
        }
        let table = Table::from_batch(batch)?;
        let y = labels.map(|labels| labels(&table)).transpose()?;
        Ok(self.partial(&table, y.as_deref()).map_err(|error| error.after(first))?)
    }

    fn nothing(&self) -> Vec<State> {
        self.wanted.requests.keys().map(|(_, statistic)| State::new(*statistic)).collect()
    }

    /// What comes after this pass, all of whose rows are in `partial`.
    ///
    /// # Errors
    /// `Plan` when it is of another specification or pass; `Config` and `Data` when a step cannot learn from what was found.
    pub fn advance(self, partial: Partial) -> Result<Advance, FeatureError> {
        if partial.of != self.hash() || partial.pass != self.pass || partial.states.len() != self.wanted.requests.len()
        {
            let message = "expected statistics of this specification and pass, found others";
            return Err(FeatureError::plan(Fault::new("other_state", message)));
        }
        let Self { spec, columns, facts, mut found, pass, wanted } = self;
        found.extend(wanted.requests.into_keys().zip(partial.states.into_iter().map(State::settled)));
        let facts = facts.or(partial.facts);
        Ok(match go_through(&spec, &columns, facts.as_deref(), &found)? {
            Passed::Wanted(wanted) => {
                Advance::Continue(Box::new(Self { spec, columns, facts, found, pass: pass + 1, wanted }))
            }
            Passed::Plan(plan, warnings) => Advance::Done(Box::new(plan), warnings),
        })
    }

    /// Of the specification and the columns: shards of one job have the same.
    pub(crate) fn hash(&self) -> String {
        let text = serde_json::to_string(&(state::SavedSpec::from(&self.spec), &self.columns));
        state::sha256(text.expect("numbers and text").as_bytes())
    }
}

impl Partial {
    /// How many rows it is of, where the pass asks for that.
    pub(crate) fn rows(&self) -> Option<u64> {
        self.facts.as_ref()?.first().map(|facts| facts.rows)
    }

    /// The same as if the rows of both had been one's.
    ///
    /// # Errors
    /// `Plan` when they are of different specifications or passes.
    pub fn merge(&mut self, other: Self) -> Result<(), FeatureError> {
        let is_same = (&self.of, self.pass, self.states.len()) == (&other.of, other.pass, other.states.len());
        let refuse = |what: &str| {
            FeatureError::plan(Fault::new("other_state", format!("expected parts of one fit, found {what}")))
        };
        if !is_same {
            return Err(refuse("another specification, other columns or another pass"));
        }
        for (mine, others) in self.facts.iter_mut().flatten().zip(other.facts.into_iter().flatten()) {
            mine.merge(others);
        }
        for (mine, others) in self.states.iter_mut().zip(other.states) {
            mine.merge(others).map_err(refuse)?;
        }
        Ok(())
    }
}

enum Passed {
    Wanted(Wanted),
    Plan(FittedPlan, Vec<Warning>),
}

/// Goes through all steps with what is known.
fn go_through(
    spec: &PlanSpec,
    columns: &[ColumnType],
    facts: Option<&[Facts]>,
    found: &Found,
) -> Result<Passed, FeatureError> {
    let (candidates, mut warnings) = candidates(columns, facts, spec)?;
    let (inputs, features): (Vec<_>, Vec<_>) = candidates.into_iter().map(|it| (it.input, it.feature)).unzip();
    let mut frame = Frame::new(inputs, &features, &spec.pii, found);
    for step in &spec.steps {
        warnings.extend(frame.step(step.name(), step.as_dyn())?);
    }
    if let Some(needs) = spec.needs {
        warnings.extend(suit(&mut frame, needs)?);
    }
    let Some(facts) = facts else { return Ok(Passed::Wanted(frame.wanted())) };
    if frame.is_waiting() {
        return Ok(Passed::Wanted(frame.wanted()));
    }
    let parts = frame.into_parts();
    if spec.needs.is_some() && !parts.columns.iter().any(|column| column.feature) {
        return Err(no_features(columns));
    }
    let plan = FittedPlan::of(Made { parts, keeps_columns: spec.needs.is_none(), pii: spec.pii.clone() });
    warnings.extend(left_out(&plan, columns, facts));
    Ok(Passed::Plan(plan, warnings))
}

/// Columns of personal data that no step has brought to codes.
fn left_out(plan: &FittedPlan, columns: &[ColumnType], facts: &[Facts]) -> Vec<Warning> {
    let is_clear =
        |name: &str| plan.hides(name) && !plan.programs().iter().any(|it| !it.is_added() && it.inputs[0] == name);
    let secrets = columns.iter().zip(facts).filter(|(column, _)| is_clear(&column.name));
    let message = "marked as personal data, and not masked in place: it is no feature, and in no table";
    secrets.map(|(column, facts)| Warning::new("pii_left_out", &column.name, facts.rows, message)).collect()
}

/// The statistics of columns that have something in common, block by block.
fn states_of_numbers(evaluation: &Evaluation<'_>, asked: &[(Statistic, NodeId)]) -> Result<Vec<State>, FeatureError> {
    let nodes: Vec<NodeId> = asked.iter().map(|(_, node)| *node).collect();
    let new = || asked.iter().map(|(statistic, _)| State::new(*statistic)).collect::<Vec<State>>();
    let rows = evaluation.rows();
    let tasks: Vec<Range<usize>> = (0..rows).step_by(TASK).map(|start| start..rows.min(start + TASK)).collect();
    let visit = |mut states: Vec<State>, rows: Range<usize>| {
        let mut odd = None;
        evaluation.visit(&nodes, rows, |place, numbers| {
            if numbers.iter().any(|x| x.is_infinite()) {
                odd.get_or_insert(place);
            } else {
                states[place].add(numbers);
            }
        })?;
        match odd {
            Some(place) => Err(infinite(evaluation, nodes[place])),
            None => Ok(states),
        }
    };
    let merge = |mut a: Vec<State>, b: Vec<State>| {
        a.iter_mut().zip(b).for_each(|(a, b)| a.merge(b).expect("of one statistic"));
        Ok(a)
    };
    // The error of the first rows that have one, whoever is first.
    let parts: Vec<Result<Vec<State>, FeatureError>> = match tasks.len() {
        0 => vec![Ok(new())],
        1 => vec![visit(new(), tasks[0].clone())],
        _ => {
            let each = tasks.len().div_ceil(rayon::current_num_threads().max(1));
            let run = |tasks: &[Range<usize>]| tasks.iter().cloned().try_fold(new(), visit);
            tasks.par_chunks(each).map(run).collect()
        }
    };
    parts.into_iter().reduce(|a, b| merge(a?, b?)).expect("at least one")
}

fn infinite(evaluation: &Evaluation<'_>, node: NodeId) -> FeatureError {
    let input = evaluation.graph.inputs_among(&evaluation.graph.needed(&[node]))[0];
    let fault = Fault::new("infinite_value", "expected finite numbers after the steps, found an infinite one");
    FeatureError::data(fault.column(evaluation.sources.column(input).name()))
}

#[cfg(test)]
mod tests;
