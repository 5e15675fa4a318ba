//! A plan's columns on a GPU: the graph as one [`Pass`], all programs of a block of rows in one launch.
//!
//! Programs compute on the device what they compute on the host, bit for bit. Text stays here: each level is looked up or
//! hashed once, and its answer mapped to the codes there. So do three things that are not worth the way or have no exact
//! form: columns that no program touches, logarithms, and the hash of a number, which is that of its text; what follows
//! them runs on the device again.

use std::borrow::Cow;
use std::collections::HashMap;

use rayon::prelude::*;
use trainer_data::Fault;
use trainer_kernels::{self as kernels, Applied, Cells, Gpu, Pass};

use crate::FeatureError;
use crate::evaluation::{Evaluation, Unknown};
use crate::graph::{Node, NodeId};
use crate::program::arithmetic::Arithmetic;
use crate::program::fill::Constant;
use crate::program::{CellType, ColumnOp};
use chain::Chain;

mod chain;
#[cfg(test)]
mod tests;

/// Most rows of a block; in tests few, so that there are several.
const BLOCK: usize = if cfg!(test) { 700 } else { 1 << 18 };

/// Where a column of the pass comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Source {
    /// The numbers of an input.
    Input(usize),
    /// The codes of a text column.
    Codes(NodeId),
    /// What the host computed for a node.
    Host(NodeId),
}

/// [`Evaluation::matrix`] on a GPU.
///
/// # Errors
/// The host's, and those of the device.
pub(crate) fn matrix(
    evaluation: &Evaluation<'_>,
    gpu: &Gpu,
    targets: &[NodeId],
    names: &[&str],
) -> Result<(Vec<f32>, Unknown), FeatureError> {
    let rows = evaluation.sources.table.rows();
    let compiled = Compiled::of(evaluation, targets);
    if rows == 0 || compiled.pass.groups.is_empty() {
        return evaluation.matrix(targets, names);
    }
    let mut cells = vec![0.0; rows * targets.len()];
    let columns: Vec<&mut [f32]> = cells.chunks_mut(rows).collect();
    match compiled.run(evaluation, gpu, targets, columns)? {
        Some(unknown) => Ok((cells, unknown)),
        // The host says which cell it is, and of several the one that it would have found.
        None => evaluation.matrix(targets, names),
    }
}

/// Whether only the host computes this node.
fn is_hosts(evaluation: &Evaluation<'_>, node: NodeId) -> bool {
    let Node::Apply { program, inputs } = evaluation.graph.at(node) else { return false };
    match &evaluation.programs[*program].op {
        ColumnOp::Arithmetic(Arithmetic::Log1p | Arithmetic::Elapsed { .. }) | ColumnOp::DatePart(_) => true,
        ColumnOp::Hash(_) => evaluation.graph.cell_type(inputs[0]) == CellType::Number,
        ColumnOp::Fill(op) => op.counted && matches!(op.value, Constant::Number(_)),
        // What stops a run is found, and told, by the host.
        op => op.as_dyn().is_strict(),
    }
}

/// A pass, and where its columns come from.
struct Compiled {
    pass: Pass,
    sources: Vec<Source>,
    /// The program of each counter.
    programs: Vec<usize>,
    /// The position of each output among the targets; the others are the host's.
    positions: Vec<usize>,
}

impl Compiled {
    fn of(evaluation: &Evaluation<'_>, targets: &[NodeId]) -> Self {
        let devices =
            |node: NodeId| !matches!(evaluation.graph.at(node), Node::Input(_)) && !is_hosts(evaluation, node);
        let positions: Vec<usize> = (0..targets.len()).filter(|&position| devices(targets[position])).collect();
        let mut compiled = Self {
            pass: Pass { groups: Vec::new(), slots: 0, counters: 0, outputs: positions.len(), most_rows: BLOCK },
            sources: Vec::new(),
            programs: Vec::new(),
            positions,
        };
        let wanted: Vec<NodeId> = compiled.positions.iter().map(|&position| targets[position]).collect();
        let mut places = HashMap::new();
        for group in evaluation.graph.groups(&wanted) {
            let outputs = group.into_iter().map(|output| (wanted[output], output)).collect();
            let chain = Chain::new(evaluation, outputs);
            let operations = chain.compile(&mut compiled, &mut places);
            compiled.pass.groups.push(operations);
        }
        compiled
    }

    fn column(&mut self, source: Source, places: &mut HashMap<Source, usize>) -> usize {
        *places.entry(source).or_insert_with(|| {
            self.sources.push(source);
            self.sources.len() - 1
        })
    }

    fn counter(&mut self, program: usize) -> usize {
        self.programs.push(program);
        self.pass.counters += 1;
        self.programs.len() - 1
    }

    /// Writes the columns; nothing when a cell cannot be taken.
    fn run(
        &self,
        evaluation: &Evaluation<'_>,
        gpu: &Gpu,
        targets: &[NodeId],
        columns: Vec<&mut [f32]>,
    ) -> Result<Option<Unknown>, FeatureError> {
        let rows = evaluation.sources.table.rows();
        let (mut ours, mut hosts) = (Vec::new(), Vec::new());
        for (position, column) in columns.into_iter().enumerate() {
            match self.positions.binary_search(&position) {
                Ok(_) => ours.push(column),
                Err(_) => hosts.push((targets[position], column)),
            }
        }
        let Ok(mut unknown) = write_hosts(evaluation, hosts) else { return Ok(None) };
        let nodes = self.sources.iter().filter_map(|it| if let Source::Host(node) = it { Some(*node) } else { None });
        let nodes: Vec<NodeId> = nodes.collect();
        let Ok((numbers, counts)) = evaluation.columns(&nodes) else { return Ok(None) };
        merge(&mut unknown, counts);
        let host: HashMap<NodeId, &[f64]> = nodes.into_iter().zip(numbers.chunks(rows)).collect();
        let mut read = |rows: std::ops::Range<usize>| {
            let cells = |source: &Source| match *source {
                Source::Codes(text) => Cells::Codes(&evaluation.codes(text).codes[rows.clone()]),
                Source::Host(node) => Cells::Numbers(Cow::Borrowed(&host[&node][rows.clone()])),
                Source::Input(input) => {
                    let mut numbers = vec![f64::NAN; rows.len()];
                    evaluation.sources.column(input).read_numbers(rows.clone(), &mut numbers);
                    Cells::Numbers(Cow::Owned(numbers))
                }
            };
            self.sources.par_iter().map(cells).collect()
        };
        let Applied { is_odd, counts } = kernels::apply_on(gpu, &self.pass, rows, &mut read, &mut ours)
            .map_err(|error| FeatureError::device(Fault::new("device", error.to_string())))?;
        for (&program, count) in self.programs.iter().zip(counts) {
            unknown[program] = unknown[program].max(count);
        }
        Ok((!is_odd).then_some(unknown))
    }
}

/// Columns that the device has nothing to do with.
fn write_hosts(evaluation: &Evaluation<'_>, columns: Vec<(NodeId, &mut [f32])>) -> Result<Unknown, FeatureError> {
    let (nodes, columns): (Vec<NodeId>, Vec<&mut [f32]>) = columns.into_iter().unzip();
    let (cells, unknown) = evaluation.matrix(&nodes, &vec![""; nodes.len()])?;
    columns
        .into_iter()
        .zip(cells.chunks(evaluation.sources.table.rows()))
        .for_each(|(to, from)| to.copy_from_slice(from));
    Ok(unknown)
}

/// Whoever computes a program meets all rows, so two counts of one are the same.
fn merge(unknown: &mut Unknown, others: Unknown) {
    unknown.iter_mut().zip(others).for_each(|(count, other)| *count = (*count).max(other));
}
