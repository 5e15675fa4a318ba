//! A plan's programs with their names resolved.
//!
//! A node is one column at one moment: an input, what a program wrote, or one of the 0/1 columns of a one-hot program.

use std::collections::HashMap;

use crate::fitted_plan::{Input, Program};
use crate::program::fill::Constant;
use crate::program::{CellType, ColumnOp};
use crate::source::cell_type;

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

    /// How many nodes there are.
    pub fn len(&self) -> usize {
        self.nodes.len()
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

    pub fn parents(&self, node: NodeId) -> &[NodeId] {
        match &self.nodes[node] {
            Node::Input(_) => &[],
            Node::Apply { inputs, .. } => inputs,
            Node::Flag { of, .. } => std::slice::from_ref(of),
        }
    }

    /// How a column is computed from those of the table: equal text, equal cells.
    pub fn expression(&self, node: NodeId, inputs: &[Input], programs: &[Program]) -> String {
        let text = match &self.nodes[node] {
            Node::Input(input) => return inputs[*input].name.clone(),
            Node::Flag { of, column } => format!("{}[{column}]", self.expression(*of, inputs, programs)),
            Node::Apply { program, inputs: from } => {
                let from: Vec<String> = from.iter().map(|&node| self.expression(node, inputs, programs)).collect();
                let op = serde_json::to_string(&programs[*program].op).expect("finite numbers and text");
                format!("{op}({})", from.join(","))
            }
        };
        // Long ones by their hash: level lists would be there again for each statistic.
        if text.len() <= 200 { text } else { crate::state::sha256(text.as_bytes()) }
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

#[cfg(test)]
mod tests;
