//! One group of a plan's columns as a list of operations.

use std::collections::{HashMap, HashSet};

use trainer_kernels::{Answer, Operation};

use super::{Compiled, Source, is_hosts};
use crate::evaluation::Evaluation;
use crate::graph::{Graph, Node, NodeId};
use crate::program::arithmetic::Arithmetic;
use crate::program::fill::Constant;
use crate::program::lookup::Keys;
use crate::program::one_hot::OneHot;
use crate::program::{CellType, ColumnOp};

/// The nodes of one group in the order in which the device computes them.
pub struct Chain<'e, 'a> {
    evaluation: &'e Evaluation<'a>,
    /// Each node and its place in the result.
    outputs: Vec<(NodeId, usize)>,
    order: Vec<NodeId>,
    seen: HashSet<NodeId>,
}

impl<'e, 'a> Chain<'e, 'a> {
    pub fn new(evaluation: &'e Evaluation<'a>, outputs: Vec<(NodeId, usize)>) -> Self {
        let mut chain = Self { evaluation, outputs, order: Vec::new(), seen: HashSet::new() };
        for (node, _) in chain.outputs.clone() {
            match chain.graph().at(node) {
                // Written with the column that it is a flag of.
                Node::Flag { of, .. } => chain.visit(*of),
                _ => chain.visit(node),
            }
        }
        chain
    }

    fn graph(&self) -> &'e Graph {
        self.evaluation.graph
    }

    /// What a node is computed from on the device; its first operand is in the accumulator.
    fn operands(&self, node: NodeId) -> &'e [NodeId] {
        match self.graph().at(node) {
            Node::Apply { inputs, .. } if is_hosts(self.evaluation, node) || self.is_text(inputs[0]) => &[],
            Node::Apply { inputs, .. } => inputs,
            Node::Flag { of, .. } => std::slice::from_ref(of),
            Node::Input(_) => &[],
        }
    }

    fn is_text(&self, node: NodeId) -> bool {
        self.graph().cell_type(node) == CellType::Text
    }

    /// The other operands first, so that the first one is at hand when the node is computed.
    fn visit(&mut self, node: NodeId) {
        if !self.seen.insert(node) {
            return;
        }
        if let Some((first, others)) = self.operands(node).split_first() {
            others.iter().for_each(|&operand| self.visit(operand));
            self.visit(*first);
        }
        self.order.push(node);
    }

    /// The column to read a node from, if it is one.
    fn source(&self, node: NodeId) -> Option<Source> {
        match self.graph().at(node) {
            Node::Input(input) => Some(Source::Input(*input)),
            _ if is_hosts(self.evaluation, node) => Some(Source::Host(node)),
            _ => None,
        }
    }

    /// Nodes that are needed when the accumulator has gone on.
    fn slots(&self, first_slot: usize) -> HashMap<NodeId, usize> {
        let mut slots = HashMap::new();
        for (place, &node) in self.order.iter().enumerate() {
            let Some((&first, others)) = self.operands(node).split_first() else { continue };
            let at_hand = place > 0 && self.order[place - 1] == first;
            let recalled = (!at_hand && self.source(first).is_none()).then_some(&first);
            for &operand in others.iter().chain(recalled) {
                let next = first_slot + slots.len();
                slots.entry(operand).or_insert(next);
            }
        }
        slots
    }

    pub fn compile(&self, compiled: &mut Compiled, places: &mut HashMap<Source, usize>) -> Vec<Operation> {
        let slots = self.slots(compiled.pass.slots);
        compiled.pass.slots += slots.len();
        let mut operations = Vec::new();
        let mut at_hand = None;
        for &node in &self.order {
            if let Some(&first) = self.operands(node).first()
                && at_hand != Some(first)
            {
                operations.push(match self.source(first) {
                    Some(source) => Operation::Read { column: compiled.column(source, places) },
                    None => Operation::Recall { slot: slots[&first] },
                });
            }
            self.compute(node, &slots, compiled, places, &mut operations);
            at_hand = Some(node);
            operations.extend(slots.get(&node).map(|&slot| Operation::Keep { slot }));
            operations.extend(self.outputs.iter().filter_map(|&(target, output)| match self.graph().at(target) {
                Node::Flag { of, column } => (*of == node).then_some(Operation::WriteFlag { output, value: *column }),
                _ => (target == node).then_some(Operation::Write { output }),
            }));
        }
        operations
    }

    /// The operations that make a node of its first operand.
    fn compute(
        &self,
        node: NodeId,
        slots: &HashMap<NodeId, usize>,
        compiled: &mut Compiled,
        places: &mut HashMap<Source, usize>,
        operations: &mut Vec<Operation>,
    ) {
        if let Some(source) = self.source(node) {
            operations.push(Operation::Read { column: compiled.column(source, places) });
            return;
        }
        let (program, inputs) = match self.graph().at(node) {
            Node::Flag { column, .. } => return operations.push(Operation::Flag { value: *column }),
            Node::Apply { program, inputs } => (*program, inputs),
            Node::Input(_) => unreachable!("it is a source"),
        };
        if let Some((_, answers)) = self.evaluation.answers(node) {
            let column = compiled.column(Source::Codes(inputs[0]), places);
            let answers = answers.iter().map(|it| Answer { value: it.value, unknown: it.unknown }).collect();
            return operations.push(Operation::Answer { column, answers, counter: compiled.counter(program) });
        }
        let others = inputs[1..].iter().map(|input| slots[input]);
        operations.extend(self.operations(program, others, compiled));
    }

    /// A program of numbers; `slots`: its operands but the first.
    fn operations(
        &self,
        program: usize,
        mut slots: impl Iterator<Item = usize>,
        compiled: &mut Compiled,
    ) -> Vec<Operation> {
        match &self.evaluation.programs[program].op {
            ColumnOp::Fill(op) => match op.value {
                Constant::Number(value) => vec![Operation::Fill { value }],
                Constant::Text(_) => unreachable!("a fill of text is part of its column's codes"),
            },
            ColumnOp::Affine(op) => {
                let (low, high) = (op.low.unwrap_or(f64::NEG_INFINITY), op.high.unwrap_or(f64::INFINITY));
                vec![Operation::Affine { center: op.center, scale: op.scale, offset: op.offset, low, high }]
            }
            ColumnOp::Cut(op) => vec![Operation::Cut { edges: op.edges.clone() }],
            ColumnOp::Lookup(op) => {
                let answers = [op.missing, op.unknown].map(|it| it.unwrap_or(f64::NAN));
                vec![find(&op.keys, op.values.clone(), answers, compiled.counter(program))]
            }
            ColumnOp::OneHot(OneHot { keys, columns, missing, unknown, .. }) => {
                let answers = [missing, unknown].map(|it| it.map_or(f64::NAN, f64::from));
                let values = columns.iter().copied().map(f64::from).collect();
                vec![find(keys, values, answers, compiled.counter(program))]
            }
            ColumnOp::Arithmetic(Arithmetic::RowSum) => slots.map(|slot| Operation::Add { slot }).collect(),
            ColumnOp::Arithmetic(Arithmetic::Ratio { floor }) => {
                vec![Operation::Divide { slot: slots.next().expect("two operands"), floor: *floor }]
            }
            ColumnOp::Hash(_) | ColumnOp::Arithmetic(_) | ColumnOp::Coerce(_) | ColumnOp::DatePart(_) => {
                unreachable!("the host's")
            }
            ColumnOp::Mask(_) | ColumnOp::Cross(_) => unreachable!("it writes text"),
        }
    }
}

fn find(keys: &Keys, values: Vec<f64>, [missing, unknown]: [f64; 2], counter: usize) -> Operation {
    let Keys::Numbers(keys) = keys else { unreachable!("a column of numbers has keys of numbers") };
    Operation::Find { keys: keys.clone(), values, missing, unknown, counter }
}
