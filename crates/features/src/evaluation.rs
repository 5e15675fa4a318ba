//! A plan's programs, run over a table.
//!
//! Rows are done in blocks, so that what lies between two programs stays in the cache; blocks and unrelated columns run in
//! parallel. Every cell is computed from its own row alone, so neither the block size nor the threads change a number.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::OnceLock;

use arrow::array::{Array, LargeStringArray};
use rayon::prelude::*;
use trainer_data::Fault;

use crate::FeatureError;
use crate::codes::Codes;
use crate::fitted_plan::Program;
use crate::graph::{Graph, Node, NodeId};
use crate::program::cross::Cross;
use crate::program::fill::Constant;
use crate::program::{Answer, Cell, CellType, ColumnOp};
use crate::sink::Sink;
use crate::source::Sources;

/// Rows per block: one column of `f64` is 16 KiB.
pub(crate) const BLOCK: usize = 2048;

/// How often each program met a value that it does not know.
pub(crate) type Unknown = Vec<u64>;

/// A graph with the table it runs on.
pub(crate) struct Evaluation<'a> {
    pub graph: &'a Graph,
    pub programs: &'a [Program],
    pub sources: &'a Sources<'a>,
    codes: Vec<OnceLock<Codes<'a>>>,
}

/// A text column as a program of numbers reads it.
enum Coded<'a> {
    /// Its codes, and each level's answer (the last is that of missing cells).
    Levels { codes: &'a [u32], answers: Vec<Answer> },
    /// Its cells, of which there are too many different ones to look at them first.
    Cells { cells: &'a LargeStringArray, op: &'a ColumnOp },
}

/// One group of columns.
struct Group<'a> {
    /// Nodes that need a buffer, in order of computation; the buffer's number is the position here.
    nodes: Vec<NodeId>,
    buffer: HashMap<NodeId, usize>,
    coded: HashMap<NodeId, Coded<'a>>,
    targets: Vec<NodeId>,
}

/// A block of rows of one group, with the cells to write.
struct Task<'g, 'a, 's> {
    group: &'g Group<'a>,
    rows: Range<usize>,
    outputs: Vec<Sink<'s>>,
}

/// A cell that cannot be taken.
struct OddCell {
    /// The column that was to be written, or the input that was read.
    column: Result<usize, usize>,
    row: usize,
    what: Odd,
}

enum Odd {
    /// It is infinite, or too large for what it is to be.
    Number(f64),
    /// It says no number.
    Text,
}

impl<'a> Evaluation<'a> {
    pub fn new(graph: &'a Graph, programs: &'a [Program], sources: &'a Sources<'a>) -> Self {
        let codes = (0..graph.len()).map(|_| OnceLock::new()).collect();
        Self { graph, programs, sources, codes }
    }

    pub fn rows(&self) -> usize {
        self.sources.table.rows()
    }

    /// Columns of numbers, one after the other, and how often each program met an unknown value.
    ///
    /// # Errors
    /// When a cell is infinite.
    pub fn columns(&self, nodes: &[NodeId]) -> Result<(Vec<f64>, Unknown), FeatureError> {
        let mut cells = vec![0.0; self.rows() * nodes.len()];
        let outputs = cells.chunks_mut(self.rows().max(1)).map(Sink::F64).collect();
        let unknown = self.run(nodes, &vec![""; nodes.len()], outputs)?;
        Ok((cells, unknown))
    }

    /// The cells of these columns, column after column, and how often each program met an unknown value.
    ///
    /// # Errors
    /// A number that `f32` cannot hold, by row and by name.
    pub fn matrix(&self, targets: &[NodeId], names: &[&str]) -> Result<(Vec<f32>, Unknown), FeatureError> {
        let mut cells = vec![0.0; self.rows() * targets.len()];
        let outputs = cells.chunks_mut(self.rows().max(1)).map(Sink::F32).collect();
        let unknown = self.run(targets, names, outputs)?;
        Ok((cells, unknown))
    }

    /// The codes and levels of a text column, its programs included.
    pub fn codes(&self, node: NodeId) -> &Codes<'a> {
        self.codes[node].get_or_init(|| match self.graph.at(node) {
            Node::Input(input) => Codes::of(self.sources.column(*input)),
            Node::Apply { program, inputs } => match &self.programs[*program].op {
                ColumnOp::Fill(op) => match &op.value {
                    Constant::Text(text) => self.codes(inputs[0]).filled(text),
                    Constant::Number(_) => unreachable!("a fill of the column's type"),
                },
                ColumnOp::Mask(op) => self.codes(inputs[0]).mapped(|text| op.masked(text)),
                ColumnOp::Cross(_) => {
                    let all: Vec<&Codes<'_>> = inputs.iter().map(|&input| self.codes(input)).collect();
                    Codes::joined(&all, Cross::BETWEEN)
                }
                _ => unreachable!("no other program writes text"),
            },
            Node::Flag { .. } => unreachable!("a flag is a number"),
        })
    }

    /// Writes these columns, each to its sink.
    ///
    /// # Errors
    /// As [`Self::matrix`].
    pub fn run(&self, targets: &[NodeId], names: &[&str], outputs: Vec<Sink<'_>>) -> Result<Unknown, FeatureError> {
        let rows = self.rows();
        let mut unknown = vec![0; self.programs.len()];
        if rows == 0 || targets.is_empty() {
            return Ok(unknown);
        }
        let positions = self.graph.groups(targets);
        let groups: Vec<Group<'_>> = positions
            .par_iter()
            .map(|positions| self.group(positions.iter().map(|&position| targets[position]).collect()))
            .collect();
        let mut blocks: Vec<_> = outputs.into_iter().map(|sink| sink.blocks(BLOCK).into_iter()).collect();
        let mut tasks = Vec::new();
        for (group, positions) in groups.iter().zip(&positions) {
            for start in (0..rows).step_by(BLOCK) {
                let outputs = positions.iter().map(|&position| blocks[position].next().expect("a block")).collect();
                let rows = start..rows.min(start + BLOCK);
                tasks.push((positions, Task { group, rows, outputs }));
            }
        }
        let counts: Vec<_> = tasks
            .into_par_iter()
            .map_init(Vec::new, |buffers, (positions, task)| {
                self.block(task, buffers)
                    .map_err(|odd| OddCell { column: odd.column.map(|target| positions[target]), ..odd })
            })
            .collect();
        for count in counts {
            match count {
                Ok(count) => count.iter().for_each(|&(program, count)| unknown[program] += count),
                Err(odd) => return Err(self.refused(&odd, names)),
            }
        }
        Ok(unknown)
    }

    fn refused(&self, odd: &OddCell, names: &[&str]) -> FeatureError {
        let fault = match odd.what {
            Odd::Number(value) if value.is_infinite() => {
                Fault::new("infinite_value", format!("expected a finite number, found {value}"))
                    .hint("correct the value, or leave it empty if it is not known")
            }
            Odd::Number(value) => {
                let message = format!("expected a number within the range of 32-bit floats, found {value:e}");
                let hint = "bring the column into range with the steps `clip`, `log1p` or `standardize`";
                Fault::new("number_out_of_range", message).hint(hint)
            }
            Odd::Text => self.unparsable(odd),
        };
        let name = match odd.column {
            Ok(target) => names[target],
            Err(input) => self.sources.column(input).name(),
        };
        FeatureError::data(fault.place(&self.sources.table.place(odd.row)).column(name))
    }

    fn unparsable(&self, odd: &OddCell) -> Fault {
        let text = odd.column.err().and_then(|input| self.sources.column(input).text(odd.row)).unwrap_or_default();
        let shown: String = text.chars().take(40).collect();
        Fault::new("unparsable_number", format!("expected a number, found `{shown}`"))
            .hint("correct the cell, or say what becomes of it: `coerce: {unparsable: zero}` or `null`")
    }

    /// What is computed once for all blocks of a group.
    fn group(&self, targets: Vec<NodeId>) -> Group<'_> {
        let needed = self.graph.needed(&targets);
        let read = |node: &NodeId| needed.iter().any(|&other| self.graph.parents(other).contains(node));
        let nodes: Vec<NodeId> = needed
            .iter()
            .copied()
            .filter(|node| self.graph.cell_type(*node) == CellType::Number)
            .filter(|node| !matches!(self.graph.at(*node), Node::Flag { .. }) || read(node))
            .collect();
        let coded = nodes.iter().filter_map(|&node| Some((node, self.coded(node)?))).collect();
        let buffer = nodes.iter().enumerate().map(|(i, &node)| (node, i)).collect();
        Group { nodes, buffer, coded, targets }
    }

    /// The text column that a program of numbers reads, if it does.
    pub fn text_operand(&self, node: NodeId) -> Option<(usize, NodeId)> {
        let Node::Apply { program, inputs } = self.graph.at(node) else { return None };
        (self.graph.cell_type(inputs[0]) == CellType::Text).then_some((*program, inputs[0]))
    }

    fn coded(&self, node: NodeId) -> Option<Coded<'_>> {
        let (program, text) = self.text_operand(node)?;
        let op = &self.programs[program].op;
        if let Node::Input(input) = self.graph.at(text)
            && op.as_dyn().asks_each_row()
            && let Some(cells) = self.sources.column(*input).strings()
        {
            return Some(Coded::Cells { cells, op });
        }
        let (codes, answers) = self.answers(node)?;
        Some(Coded::Levels { codes, answers })
    }

    /// A program's answers to the levels of its text column, if it is one; the last is that to a missing cell.
    pub fn answers(&self, node: NodeId) -> Option<(&[u32], Vec<Answer>)> {
        let (program, text) = self.text_operand(node)?;
        let op = self.programs[program].op.as_dyn();
        let codes = self.codes(text);
        let mut answers: Vec<Answer> = codes.values.iter().map(|value| op.level(Cell::Text(value))).collect();
        answers.push(op.level(Cell::Missing));
        Some((&codes.codes, answers))
    }

    /// Computes one block; answers how many unknown values each program met, or the first cell that does not fit.
    fn block(&self, task: Task<'_, '_, '_>, buffers: &mut Vec<Vec<f64>>) -> Result<Vec<(usize, u64)>, OddCell> {
        let Task { group, rows, outputs } = task;
        buffers.resize_with(group.nodes.len().max(buffers.len()), Vec::new);
        let counts = self.fill_buffers(group, &rows, buffers)?;
        for (target, (output, &node)) in outputs.into_iter().zip(&group.targets).enumerate() {
            match (group.buffer.get(&node), self.graph.at(node)) {
                (None, Node::Flag { of, column }) => {
                    output.write_flags(&buffers[group.buffer[of]][..rows.len()], f64::from(*column));
                }
                (buffer, _) => {
                    let numbers = &buffers[*buffer.expect("a buffer")][..rows.len()];
                    output.write(numbers).map_err(|i| OddCell {
                        column: Ok(target),
                        row: rows.start + i,
                        what: Odd::Number(numbers[i]),
                    })?;
                }
            }
        }
        Ok(counts)
    }

    /// Computes the nodes of a group for some rows, each into its buffer.
    fn fill_buffers(
        &self,
        group: &Group<'_>,
        rows: &Range<usize>,
        buffers: &mut [Vec<f64>],
    ) -> Result<Vec<(usize, u64)>, OddCell> {
        let mut counts = Vec::new();
        for (number, &node) in group.nodes.iter().enumerate() {
            let (done, rest) = buffers.split_at_mut(number);
            rest[0].resize(rows.len().max(rest[0].len()), 0.0);
            let output = &mut rest[0][..rows.len()];
            let column = |node: NodeId| &done[group.buffer[&node]][..rows.len()];
            match self.graph.at(node) {
                Node::Input(i) => self.sources.read(*i, rows.clone(), output).map_err(|(place, value)| OddCell {
                    column: Err(*i),
                    row: rows.start + place,
                    what: Odd::Number(value),
                })?,
                Node::Flag { of, column: flag } => {
                    Sink::F64(output).write_flags(column(*of), f64::from(*flag));
                }
                Node::Apply { program, inputs } => {
                    let mut unknown = 0;
                    match group.coded.get(&node) {
                        Some(coded) => {
                            coded.write(rows.clone(), output, &mut unknown);
                            if unknown > 0 && self.programs[*program].op.as_dyn().is_strict() {
                                return Err(self.first_unknown(inputs[0], *program, rows));
                            }
                        }
                        None => {
                            let inputs: Vec<&[f64]> = inputs.iter().map(|&input| column(input)).collect();
                            self.programs[*program].op.as_dyn().numbers(&inputs, output, &mut unknown);
                        }
                    }
                    counts.push((*program, unknown));
                }
            }
        }
        Ok(counts)
    }

    /// The first cell of these rows that a program does not know.
    fn first_unknown(&self, text: NodeId, program: usize, rows: &Range<usize>) -> OddCell {
        let codes = self.codes(text);
        let op = self.programs[program].op.as_dyn();
        let is_unknown = |row: &usize| codes.text(*row).is_some_and(|text| op.level(Cell::Text(text)).unknown);
        let row = rows.clone().find(is_unknown).expect("it was counted");
        let input = self.graph.inputs_among(&self.graph.needed(&[text]))[0];
        OddCell { column: Err(input), row, what: Odd::Text }
    }

    /// Hands the numbers of these columns, block by block, to whoever wants them: the place among the nodes, and numbers.
    ///
    /// # Errors
    /// As [`Self::matrix`].
    pub fn visit(
        &self,
        nodes: &[NodeId],
        rows: Range<usize>,
        mut visit: impl FnMut(usize, &[f64]),
    ) -> Result<(), FeatureError> {
        let group = self.group(nodes.to_vec());
        let mut buffers = Vec::new();
        buffers.resize_with(group.nodes.len(), Vec::new);
        for start in rows.clone().step_by(BLOCK) {
            let block = start..rows.end.min(start + BLOCK);
            self.fill_buffers(&group, &block, &mut buffers).map_err(|odd| self.refused(&odd, &[]))?;
            for (place, &node) in nodes.iter().enumerate() {
                match (group.buffer.get(&node), self.graph.at(node)) {
                    (Some(&buffer), _) => visit(place, &buffers[buffer][..block.len()]),
                    (None, Node::Flag { of, column }) => {
                        let mut flags = vec![0.0; block.len()];
                        Sink::F64(&mut flags)
                            .write_flags(&buffers[group.buffer[of]][..block.len()], f64::from(*column));
                        visit(place, &flags);
                    }
                    (None, _) => unreachable!("a column of numbers has a buffer"),
                }
            }
        }
        Ok(())
    }
}

impl Coded<'_> {
    fn write(&self, rows: Range<usize>, output: &mut [f64], unknown: &mut u64) {
        match self {
            Self::Levels { codes, answers } => {
                let missing = answers.len() - 1;
                for (y, &code) in output.iter_mut().zip(&codes[rows]) {
                    let answer = answers[(code as usize).min(missing)];
                    *y = answer.value;
                    *unknown += u64::from(answer.unknown);
                }
            }
            Self::Cells { cells, op } => {
                let op = op.as_dyn();
                for (y, row) in output.iter_mut().zip(rows) {
                    let cell = if cells.is_null(row) { Cell::Missing } else { Cell::Text(cells.value(row)) };
                    let answer = op.level(cell);
                    *y = answer.value;
                    *unknown += u64::from(answer.unknown);
                }
            }
        }
    }
}
