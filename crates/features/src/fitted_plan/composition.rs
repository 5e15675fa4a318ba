//! A plan over what another plan makes, as one plan of the columns that the first one reads.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema};
use trainer_data::{Column, DataError, Fault, Table};

use super::{FittedPlan, Input, PLAN_VERSION, Program, SavedPlan};
use crate::FeatureError;
use crate::evaluation::Evaluation;
use crate::fitted_plan::check_keys;
use crate::graph::{Graph, Node, NodeId};
use crate::output::{Cells, From, Layout, text};
use crate::program::{CellType, ColumnOp};
use crate::source::Sources;

fn unusable(error: &DataError) -> FeatureError {
    FeatureError::data(error.fault().clone())
}

impl FittedPlan {
    /// The columns that this plan makes of a table, and those that it leaves as they are, in the order of the table that it
    /// writes. Numbers are not rounded to 32 bits: a step that learns from them meets the same numbers when it is applied.
    ///
    /// # Errors
    /// `Config` when a column that the plan adds is there already; `Data` when one that a wanted column is made of is
    /// missing, or of another type.
    pub fn columns_of(&self, table: &Table, is_wanted: impl Fn(&str) -> bool) -> Result<Table, FeatureError> {
        let layout = Layout::of(self, &schema_of(table))?;
        let wanted = |place: &usize| is_wanted(layout.schema.field(*place).name());
        let layout = layout.project(&(0..layout.columns.len()).filter(wanted).collect::<Vec<_>>());
        let node = |from: &From| if let From::Node(node) = from { Some(*node) } else { None };
        let nodes: Vec<NodeId> = layout.columns.iter().filter_map(node).collect();
        let needed = self.graph.needed(&nodes);
        let (inputs, programs) = (self.graph.inputs_among(&needed), self.graph.programs_among(&needed));
        let used: Vec<Program> = programs.iter().map(|&number| self.programs[number].clone()).collect();
        check_keys(&used)?;
        let sources = Sources::open_some(table, &self.inputs, |input| inputs.contains(&input))?;
        let evaluation = Evaluation::new(&self.graph, &self.programs, &sources);
        let mut columns = Vec::with_capacity(layout.columns.len());
        for (field, from) in layout.schema.fields().iter().zip(&layout.columns) {
            columns.push(match from {
                From::Source(place) => table.columns()[*place].clone(),
                From::Node(node) => made(&evaluation, *node, field)?,
            });
        }
        if columns.is_empty() {
            let fault = Fault::new("no_columns", "expected columns to learn from, found that all are excluded");
            return Err(FeatureError::config(fault));
        }
        let made = Table::from_columns(columns).map_err(|error| unusable(&error))?;
        Ok(made.at_the_places_of(table))
    }

    /// The columns that this plan makes of an input, itself included where it is replaced by what is made of it.
    pub fn made_of(&self, input: &str) -> Vec<&str> {
        let Some(of) = self.inputs.iter().position(|column| column.name == input) else { return Vec::new() };
        let is_made_of_it = |name: &&str| {
            let node = self.graph.node(name).expect("a program writes it");
            self.graph.inputs_among(&self.graph.needed(&[node])).contains(&of)
        };
        let mut names: Vec<&str> = self.programs.iter().flat_map(|it| it.outputs.iter().map(String::as_str)).collect();
        names.sort_unstable();
        names.dedup();
        names.retain(is_made_of_it);
        names
    }

    /// Columns of personal data, which no table that the plan makes shows.
    pub fn hidden(&self) -> &[String] {
        &self.pii
    }

    /// Whether the rows that the plan was learned from have other numbers in some columns than all others with the same
    /// cells: a step has learned from their classes.
    pub fn knows_its_rows(&self) -> bool {
        self.training.is_some()
    }

    /// This plan and, over the columns that it makes ([`Self::columns_of`]), another, as one plan of what both need of the
    /// table. `rows` are those that the other was learned from: cells that are missing there are no news.
    ///
    /// # Errors
    /// `Config` when the other plan reads numbers that this one computes as text.
    pub fn then(&self, next: &Self, rows: &Table) -> Result<Self, FeatureError> {
        let passes = |input: &&Input| self.graph.node(&input.name).is_none();
        let mut inputs = self.inputs.clone();
        for input in &mut inputs {
            input.missing |= rows.column(&input.name).is_some_and(|column| column.null_count() > 0);
        }
        inputs.extend(next.inputs.iter().filter(passes).cloned());
        let programs: Vec<Program> = self.programs.iter().chain(&next.programs).cloned().collect();
        let mut graph = Graph::new(&inputs);
        for (number, program) in programs.iter().enumerate() {
            let is_next = number >= self.programs.len();
            if is_next && matches!(program.op, ColumnOp::Cross(_) | ColumnOp::Mask(_)) {
                reads_text(&graph, program)?;
            }
            graph
                .push(number, program)
                .map_err(|problem| FeatureError::config(Fault::new("program", problem).column(&program.inputs[0])))?;
        }
        let nodes = next.features.iter().map(|feature| graph.node(&feature.name).expect("the other plan has it"));
        let (inputs, programs, _) = needed_of(&graph, &nodes.collect::<Vec<_>>(), inputs, programs);
        let dropped = self.dropped.iter().chain(&next.dropped).cloned().collect();
        let (features, pii) = (next.features.clone(), self.pii.clone());
        // Rows are told from others by columns that only the table between the two plans has.
        let saved = SavedPlan { version: PLAN_VERSION, inputs, programs, features, dropped, pii, training: None };
        Ok(Self::try_from(saved).expect("both plans were checked"))
    }
}

/// The inputs and programs that these nodes are computed from, and the numbers that the programs had.
pub(super) fn needed_of(
    graph: &Graph,
    targets: &[NodeId],
    inputs: Vec<Input>,
    programs: Vec<Program>,
) -> (Vec<Input>, Vec<Program>, Vec<usize>) {
    let needed = graph.needed(targets);
    let (kept_inputs, kept_programs) = (graph.inputs_among(&needed), graph.programs_among(&needed));
    let keep = |among: &[usize], i: usize| among.contains(&i);
    let inputs = inputs.into_iter().enumerate().filter(|(i, _)| keep(&kept_inputs, *i)).map(|(_, it)| it).collect();
    let programs =
        programs.into_iter().enumerate().filter(|(i, _)| keep(&kept_programs, *i)).map(|(_, it)| it).collect();
    (inputs, programs, kept_programs)
}

fn schema_of(table: &Table) -> Schema {
    let field = |column: &Column| Field::new(column.name(), column.array().data_type().clone(), true);
    Schema::new(table.columns().iter().map(field).collect::<Vec<_>>())
}

/// A computed column, with numbers as they are computed.
fn made(evaluation: &Evaluation<'_>, node: NodeId, field: &Arc<Field>) -> Result<Column, FeatureError> {
    let array = match field.data_type() {
        DataType::Utf8 => text(evaluation, node),
        of => {
            let data_type = if *of == DataType::Float32 { &DataType::Float64 } else { of };
            let mut cells = Cells::new(data_type, evaluation.rows());
            evaluation.run(&[node], &[field.name()], vec![cells.sink()])?;
            cells.into_array()
        }
    };
    Column::new(field.name(), array).map_err(|error| unusable(&error))
}

/// The text of a number is that of a cell as it was read: nothing writes computed numbers as text.
fn reads_text(graph: &Graph, program: &Program) -> Result<(), FeatureError> {
    let is_computed = |name: &&String| {
        let node = graph.node(name).expect("the other plan has it");
        graph.cell_type(node) == CellType::Number && !matches!(graph.at(node), Node::Input(_))
    };
    let Some(name) = program.inputs.iter().find(is_computed) else { return Ok(()) };
    let message = "expected text, or a column of the table as it is, found numbers that the state computes";
    let fault = Fault::new("changed_column", message).column(name);
    Err(FeatureError::config(fault.hint("do this step before the state is learned, in the config of the features")))
}

#[cfg(test)]
mod tests;
