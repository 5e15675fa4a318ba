//! A plan's programs with their names resolved, and their evaluation over a table.
//!
//! A node is one column at one moment: an input, what a program wrote, or one of the 0/1 columns of a one-hot program. Rows
//! are done in blocks, so that what lies between two programs stays in the cache; blocks and unrelated columns run in
//! parallel. Every cell is computed from its own row alone, so neither the block size nor the threads change a number.

use std::collections::HashMap;

use rayon::prelude::*;
use trainer_data::{Fault, Levels};

use crate::FeatureError;
use crate::fitted_plan::{Input, Program};
use crate::program::fill::Constant;
use crate::program::{Answer, Cell, CellType, ColumnOp};
use crate::source::{Sources, cell_type};

/// Rows per block: one column of `f64` is 16 KiB.
const BLOCK: usize = 2048;

pub(crate) type NodeId = usize;

/// How a column comes to be.
#[derive(Debug, Clone)]
pub(crate) enum Node {
    Input(usize),
    Apply { program: usize, inputs: Vec<NodeId> },
    Flag { of: NodeId, column: u32 },
}

/// The programs of a plan as a graph of columns.
#[derive(Debug, Clone, Default)]
pub(crate) struct Graph {
    nodes: Vec<Node>,
    types: Vec<CellType>,
    /// The node that a name stands for after all programs so far.
    names: HashMap<String, NodeId>,
}

/// How often each program met a value that it does not know.
pub(crate) type Unknown = Vec<u64>;

impl Graph {
    /// The inputs alone.
    pub fn new(inputs: &[Input]) -> Self {
        let mut graph = Self::default();
        for (i, input) in inputs.iter().enumerate() {
            let node = graph.add(Node::Input(i), cell_type(input.kind).unwrap_or(CellType::Number));
            graph.names.insert(input.name.clone(), node);
        }
        graph
    }

    fn add(&mut self, node: Node, cell_type: CellType) -> NodeId {
        self.nodes.push(node);
        self.types.push(cell_type);
        self.nodes.len() - 1
    }

    pub fn node(&self, name: &str) -> Option<NodeId> {
        self.names.get(name).copied()
    }

    pub fn at(&self, node: NodeId) -> &Node {
        &self.nodes[node]
    }

    pub fn cell_type(&self, node: NodeId) -> CellType {
        self.types[node]
    }

    /// Adds the next program.
    ///
    /// # Errors
    /// When it cannot follow those that are there: what is wrong.
    pub fn push(&mut self, number: usize, program: &Program) -> Result<(), String> {
        let op = program.op.as_dyn();
        op.check()?;
        let (least, most) = op.arity();
        if program.inputs.len() < least || program.inputs.len() > most || program.outputs.len() != op.width() {
            return Err(format!("{} columns in, {} columns out", program.inputs.len(), program.outputs.len()));
        }
        let mut inputs = Vec::with_capacity(program.inputs.len());
        let mut output = CellType::Number;
        for name in &program.inputs {
            let node =
                self.node(name).ok_or_else(|| format!("it reads `{name}`, which no program before it writes"))?;
            output = op.output(self.types[node]).map_err(|takes| format!("it takes {takes}, and `{name}` is not"))?;
            inputs.push(node);
        }
        let node = self.add(Node::Apply { program: number, inputs }, output);
        if matches!(program.op, ColumnOp::OneHot(_)) {
            for (column, name) in program.outputs.iter().enumerate() {
                let flag = self.add(Node::Flag { of: node, column: column as u32 }, CellType::Number);
                self.names.insert(name.clone(), flag);
            }
        } else {
            self.names.insert(program.outputs[0].clone(), node);
        }
        Ok(())
    }

    /// The nodes that these are computed from, themselves included, in order of computation.
    pub fn needed(&self, targets: &[NodeId]) -> Vec<NodeId> {
        let mut wanted = vec![false; self.nodes.len()];
        targets.iter().for_each(|&node| wanted[node] = true);
        for node in (0..self.nodes.len()).rev() {
            if wanted[node] {
                self.parents(node).iter().for_each(|&parent| wanted[parent] = true);
            }
        }
        (0..self.nodes.len()).filter(|&node| wanted[node]).collect()
    }

    fn parents(&self, node: NodeId) -> &[NodeId] {
        match &self.nodes[node] {
            Node::Input(_) => &[],
            Node::Apply { inputs, .. } => inputs,
            Node::Flag { of, .. } => std::slice::from_ref(of),
        }
    }

    /// The inputs among these nodes.
    pub fn inputs_among(&self, nodes: &[NodeId]) -> Vec<usize> {
        nodes.iter().filter_map(|&node| if let Node::Input(i) = self.nodes[node] { Some(i) } else { None }).collect()
    }

    /// The programs among these nodes.
    pub fn programs_among(&self, nodes: &[NodeId]) -> Vec<usize> {
        nodes
            .iter()
            .filter_map(|&node| if let Node::Apply { program, .. } = self.nodes[node] { Some(program) } else { None })
            .collect()
    }

    /// Whether a node's numbers are an input's own, but for cells that were filled in or bounded.
    pub fn keeps_values(&self, mut node: NodeId, programs: &[Program]) -> Option<usize> {
        loop {
            match &self.nodes[node] {
                Node::Input(i) => return Some(*i),
                Node::Flag { .. } => return None,
                Node::Apply { program, inputs } => match &programs[*program].op {
                    ColumnOp::Fill(_) => node = inputs[0],
                    ColumnOp::Affine(op) if (op.center, op.scale, op.offset) == (0.0, 1.0, 0.0) => node = inputs[0],
                    _ => return None,
                },
            }
        }
    }

    /// A text column's input, and what its missing cells were filled with.
    pub fn text<'p>(&self, mut node: NodeId, programs: &'p [Program]) -> (usize, Option<&'p str>) {
        let mut fill = None;
        loop {
            match &self.nodes[node] {
                Node::Input(i) => return (*i, fill),
                Node::Flag { of, .. } => node = *of,
                Node::Apply { program, inputs } => {
                    if let ColumnOp::Fill(op) = &programs[*program].op
                        && let Constant::Text(text) = &op.value
                    {
                        // The fill nearest to the input leaves nothing for those after it.
                        fill = Some(text.as_str());
                    }
                    node = inputs[0];
                }
            }
        }
    }

    /// Columns that have nothing in common, each group with the positions of its targets.
    pub fn groups(&self, targets: &[NodeId]) -> Vec<Vec<usize>> {
        let mut root: Vec<usize> = (0..self.nodes.len()).collect();
        fn find(root: &mut [usize], mut node: usize) -> usize {
            while root[node] != node {
                root[node] = root[root[node]];
                node = root[node];
            }
            node
        }
        for node in self.needed(targets) {
            for &parent in self.parents(node) {
                let (a, b) = (find(&mut root, node), find(&mut root, parent));
                root[a.max(b)] = a.min(b);
            }
        }
        let mut groups: Vec<(usize, Vec<usize>)> = Vec::new();
        let mut place: HashMap<usize, usize> = HashMap::new();
        for (position, &node) in targets.iter().enumerate() {
            let key = find(&mut root, node);
            let at = *place.entry(key).or_insert_with(|| {
                groups.push((key, Vec::new()));
                groups.len() - 1
            });
            groups[at].1.push(position);
        }
        groups.into_iter().map(|(_, positions)| positions).collect()
    }
}

/// A graph with the table it runs on.
pub(crate) struct Evaluation<'a> {
    pub graph: &'a Graph,
    pub programs: &'a [Program],
    pub sources: &'a Sources<'a>,
}

/// A text column as programs read it: its codes, and each level's answer (the last is that of missing cells).
pub(crate) struct Coded<'a> {
    codes: &'a [u32],
    pub answers: Vec<Answer>,
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
struct Task<'g, 'a, T> {
    group: &'g Group<'a>,
    start: usize,
    outputs: Vec<&'g mut [T]>,
}

/// A cell that no learner can take.
struct OddCell {
    /// The column that was to be written, or the input that was read.
    column: Result<usize, usize>,
    row: usize,
    value: f64,
}

/// How a number is written to a cell: `false` when it does not fit.
trait Written: Copy + Send + Default {
    fn of(value: f64) -> (Self, bool);
}

impl Written for f64 {
    fn of(value: f64) -> (Self, bool) {
        (value, true)
    }
}

impl Written for f32 {
    fn of(value: f64) -> (Self, bool) {
        let rounded = value as f32;
        (rounded, !rounded.is_infinite())
    }
}

impl<'a> Evaluation<'a> {
    /// One column of numbers, for fitting.
    ///
    /// # Errors
    /// As [`Self::matrix`].
    pub fn numbers(&self, node: NodeId) -> Result<Vec<f64>, FeatureError> {
        Ok(self.run::<f64>(&[node], &[""])?.0)
    }

    /// Columns of numbers, one after the other, and how often each program met an unknown value.
    ///
    /// # Errors
    /// When a cell is infinite.
    pub fn columns(&self, nodes: &[NodeId]) -> Result<(Vec<f64>, Unknown), FeatureError> {
        self.run::<f64>(nodes, &vec![""; nodes.len()])
    }

    /// The levels of a text column, its fills included.
    pub fn levels(&self, node: NodeId) -> Levels {
        let (input, fill) = self.graph.text(node, self.programs);
        let mut levels = self.sources.levels(input).clone();
        let Some(fill) = fill.filter(|_| levels.codes.contains(&Levels::MISSING)) else { return levels };
        let code = match levels.values.binary_search_by(|value| value.as_str().cmp(fill)) {
            Ok(code) => code as u32,
            Err(place) => {
                let place = place as u32;
                levels.values.insert(place as usize, fill.to_owned());
                levels
                    .codes
                    .iter_mut()
                    .filter(|code| **code != Levels::MISSING && **code >= place)
                    .for_each(|code| *code += 1);
                place
            }
        };
        levels.codes.iter_mut().filter(|found| **found == Levels::MISSING).for_each(|found| *found = code);
        levels
    }

    /// The cells of these columns, column after column, and how often each program met an unknown value.
    ///
    /// # Errors
    /// A number that `f32` cannot hold, by row and by name.
    pub fn matrix(&self, targets: &[NodeId], names: &[&str]) -> Result<(Vec<f32>, Unknown), FeatureError> {
        self.run::<f32>(targets, names)
    }

    fn run<T: Written>(&self, targets: &[NodeId], names: &[&str]) -> Result<(Vec<T>, Unknown), FeatureError> {
        let rows = self.sources.table.rows();
        let mut cells = vec![T::default(); rows * targets.len()];
        let mut unknown = vec![0; self.programs.len()];
        if rows == 0 || targets.is_empty() {
            return Ok((cells, unknown));
        }
        let positions = self.graph.groups(targets);
        let groups: Vec<Group<'_>> = positions
            .par_iter()
            .map(|positions| self.group(positions.iter().map(|&position| targets[position]).collect()))
            .collect();
        let mut blocks: Vec<_> = cells.chunks_mut(rows).map(|column| column.chunks_mut(BLOCK)).collect();
        let mut tasks = Vec::new();
        for (group, positions) in groups.iter().zip(&positions) {
            for start in (0..rows).step_by(BLOCK) {
                let outputs = positions.iter().map(|&position| blocks[position].next().expect("a block")).collect();
                tasks.push((positions, Task { group, start, outputs }));
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
        Ok((cells, unknown))
    }

    fn refused(&self, odd: &OddCell, names: &[&str]) -> FeatureError {
        let fault = match odd.value {
            value if value.is_infinite() => {
                Fault::new("infinite_value", format!("expected a finite number, found {value}"))
                    .hint("correct the value, or leave it empty if it is not known")
            }
            value => {
                let message = format!("expected a number within the range of 32-bit floats, found {value:e}");
                let hint = "bring the column into range with the steps `clip`, `log1p` or `standardize`";
                Fault::new("number_out_of_range", message).hint(hint)
            }
        };
        let name = match odd.column {
            Ok(target) => names[target],
            Err(input) => self.sources.column(input).name(),
        };
        FeatureError::data(fault.place(&self.sources.table.place(odd.row)).column(name))
    }

    /// What is computed once for all blocks of a group.
    fn group(&self, targets: Vec<NodeId>) -> Group<'_> {
        let needed = self.graph.needed(&targets);
        let read = |node: &NodeId| needed.iter().any(|&other| self.graph.parents(other).contains(node));
        let nodes: Vec<NodeId> = needed
            .iter()
            .copied()
            .filter(|node| self.graph.types[*node] == CellType::Number)
            .filter(|node| !matches!(self.graph.nodes[*node], Node::Flag { .. }) || read(node))
            .collect();
        let coded = nodes.iter().filter_map(|&node| Some((node, self.coded(node)?))).collect();
        let buffer = nodes.iter().enumerate().map(|(i, &node)| (node, i)).collect();
        Group { nodes, buffer, coded, targets }
    }

    /// A program's answers to the levels of its text column, if it is one.
    pub fn coded(&self, node: NodeId) -> Option<Coded<'_>> {
        let Node::Apply { program, inputs } = &self.graph.nodes[node] else { return None };
        if self.graph.types[inputs[0]] != CellType::Text {
            return None;
        }
        let op = self.programs[*program].op.as_dyn();
        let (input, fill) = self.graph.text(inputs[0], self.programs);
        let levels = self.sources.levels(input);
        let mut answers: Vec<Answer> = levels.values.iter().map(|value| op.level(Cell::Text(value))).collect();
        answers.push(op.level(fill.map_or(Cell::Missing, Cell::Text)));
        Some(Coded { codes: &levels.codes, answers })
    }

    /// Computes one block; answers how many unknown values each program met, or the first cell that does not fit.
    fn block<T: Written>(
        &self,
        task: Task<'_, '_, T>,
        buffers: &mut Vec<Vec<f64>>,
    ) -> Result<Vec<(usize, u64)>, OddCell> {
        let Task { group, start, outputs } = task;
        let rows = start..start + outputs[0].len();
        buffers.resize_with(group.nodes.len().max(buffers.len()), Vec::new);
        let mut counts = Vec::new();
        for (number, &node) in group.nodes.iter().enumerate() {
            let (done, rest) = buffers.split_at_mut(number);
            rest[0].resize(rows.len(), 0.0);
            let output = &mut rest[0][..rows.len()];
            let column = |node: NodeId| &done[group.buffer[&node]][..rows.len()];
            match &self.graph.nodes[node] {
                Node::Input(i) => self.sources.read(*i, rows.clone(), output).map_err(|(place, value)| OddCell {
                    column: Err(*i),
                    row: start + place,
                    value,
                })?,
                Node::Flag { of, column: flag } => write_flags(column(*of), *flag, output),
                Node::Apply { program, inputs } => {
                    let mut unknown = 0;
                    match group.coded.get(&node) {
                        Some(coded) => coded.write(rows.clone(), output, &mut unknown),
                        None => {
                            let inputs: Vec<&[f64]> = inputs.iter().map(|&input| column(input)).collect();
                            self.programs[*program].op.as_dyn().numbers(&inputs, output, &mut unknown);
                        }
                    }
                    counts.push((*program, unknown));
                }
            }
        }
        for (target, (output, &node)) in outputs.into_iter().zip(&group.targets).enumerate() {
            match (group.buffer.get(&node), &self.graph.nodes[node]) {
                (None, Node::Flag { of, column }) => {
                    write_flags(&buffers[group.buffer[of]][..rows.len()], *column, output)
                }
                (buffer, _) => {
                    let numbers = &buffers[*buffer.expect("a buffer")][..rows.len()];
                    write(numbers, output).map_err(|i| OddCell {
                        column: Ok(target),
                        row: start + i,
                        value: numbers[i],
                    })?;
                }
            }
        }
        Ok(counts)
    }
}

impl Coded<'_> {
    fn write(&self, rows: std::ops::Range<usize>, output: &mut [f64], unknown: &mut u64) {
        let missing = self.answers.len() - 1;
        for (y, &code) in output.iter_mut().zip(&self.codes[rows]) {
            let answer = self.answers[(code as usize).min(missing)];
            *y = answer.value;
            *unknown += u64::from(answer.unknown);
        }
    }
}

fn write_flags<T: Written>(columns: &[f64], flag: u32, output: &mut [T]) {
    let (zero, one) = (T::of(0.0).0, T::of(1.0).0);
    for (y, &column) in output.iter_mut().zip(columns) {
        *y = if column == f64::from(flag) { one } else { zero };
    }
}

/// Writes numbers, or says which is the first that does not fit.
fn write<T: Written>(numbers: &[f64], output: &mut [T]) -> Result<(), usize> {
    let mut fits = true;
    for (y, &x) in output.iter_mut().zip(numbers) {
        let (value, fit) = T::of(x);
        *y = value;
        fits &= fit;
    }
    if fits { Ok(()) } else { Err(numbers.iter().position(|&x| !T::of(x).1).expect("one that does not fit")) }
}

#[cfg(test)]
mod tests;
