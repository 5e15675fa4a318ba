//! A plan's columns on a GPU: the graph as one [`Pass`], all programs of a block of rows in one launch.
//!
//! Programs compute on the device what they compute on the host, bit for bit. Text stays here: each level is looked up or
//! hashed once, and its answer mapped to the codes there. So do three things that are not worth the way or have no exact
//! form: columns that no program touches, logarithms, and the hash of a number, which is that of its text; what follows
//! them runs on the device again.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use rayon::prelude::*;
use trainer_data::Fault;
use trainer_kernels::{self as kernels, Answer, Applied, Cells, Gpu, Operation, Pass};

use crate::FeatureError;
use crate::graph::{Evaluation, Graph, Node, NodeId, Unknown};
use crate::program::arithmetic::Arithmetic;
use crate::program::fill::Constant;
use crate::program::lookup::Keys;
use crate::program::one_hot::OneHot;
use crate::program::{CellType, ColumnOp};

/// Most rows of a block; in tests few, so that there are several.
const BLOCK: usize = if cfg!(test) { 700 } else { 1 << 18 };

/// Where a column of the pass comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Source {
    /// The numbers of an input.
    Input(usize),
    /// The codes of an input.
    Codes(usize),
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
        ColumnOp::Arithmetic(Arithmetic::Log1p) => true,
        ColumnOp::Hash(_) => evaluation.graph.cell_type(inputs[0]) == CellType::Number,
        _ => false,
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
                Source::Codes(input) => Cells::Codes(&evaluation.sources.levels(input).codes[rows.clone()]),
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

/// The nodes of one group in the order in which the device computes them.
struct Chain<'e, 'a> {
    evaluation: &'e Evaluation<'a>,
    /// Each node and its place in the result.
    outputs: Vec<(NodeId, usize)>,
    order: Vec<NodeId>,
    seen: HashSet<NodeId>,
}

impl<'e, 'a> Chain<'e, 'a> {
    fn new(evaluation: &'e Evaluation<'a>, outputs: Vec<(NodeId, usize)>) -> Self {
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

    fn compile(&self, compiled: &mut Compiled, places: &mut HashMap<Source, usize>) -> Vec<Operation> {
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
        if let Some(coded) = self.evaluation.coded(node) {
            let (input, _) = self.graph().text(inputs[0], self.evaluation.programs);
            let column = compiled.column(Source::Codes(input), places);
            let answers = coded.answers.iter().map(|it| Answer { value: it.value, unknown: it.unknown }).collect();
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
            ColumnOp::Hash(_) | ColumnOp::Arithmetic(Arithmetic::Log1p) => unreachable!("the host's"),
        }
    }
}

fn find(keys: &Keys, values: Vec<f64>, [missing, unknown]: [f64; 2], counter: usize) -> Operation {
    let Keys::Numbers(keys) = keys else { unreachable!("a column of numbers has keys of numbers") };
    Operation::Find { keys: keys.clone(), values, missing, unknown, counter }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use trainer_data::{Column, Table};

    use crate::FittedPlan;
    use crate::contract::apply;

    /// Numbers of a seed.
    struct Draw(u64);

    impl Draw {
        fn below(&mut self, limit: usize) -> usize {
            self.0 = (self.0 ^ (self.0 >> 31)).wrapping_add(0x9e37_79b9_7f4a_7c15).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            (self.0 >> 33) as usize % limit
        }

        fn number(&mut self) -> f64 {
            const ODD: [f64; 10] = [0.0, -0.0, 1e-310, 1e-45, 0.1, -1.0, 1e9, 3e38, 16_777_217.0, f64::MIN_POSITIVE];
            match self.below(4) {
                0 => ODD[self.below(ODD.len())],
                1 => self.below(1 << 30) as f64 / 1e7 - 40.0,
                _ => self.below(9) as f64 - 4.0,
            }
        }

        fn cell(&mut self) -> Option<f64> {
            (self.below(6) > 0).then(|| self.number())
        }

        fn ascending(&mut self) -> Vec<f64> {
            let mut numbers: Vec<f64> = (0..1 + self.below(6)).map(|_| self.number() + 0.0).collect();
            numbers.sort_unstable_by(f64::total_cmp);
            numbers.dedup();
            numbers
        }

        /// One that is there, or nothing.
        fn maybe(&mut self, key: &str) -> String {
            if self.below(2) == 0 { format!(r#", "{key}": {:?}"#, self.number()) } else { String::new() }
        }
    }

    const NUMBERS: [&str; 5] = ["wide", "narrow", "whole", "when", "small"];

    /// A program in JSON, and the name of its result.
    fn program(draw: &mut Draw, names: &[String], number: usize) -> (String, Vec<String>) {
        let mut name = || names[draw.below(names.len())].clone();
        let (a, b, c) = (name(), name(), name());
        let output = if draw.below(2) == 0 { a.clone() } else { format!("c{number}") };
        let mut inputs = vec![a];
        let mut outputs = vec![output];
        let keys = |draw: &mut Draw| {
            let keys = draw.ascending();
            let columns: Vec<usize> = keys.iter().map(|_| draw.below(3)).collect();
            format!(r#""keys": {{"numbers": {keys:?}}}, "LIST": {columns:?}"#)
        };
        let op = match draw.below(11) {
            0 => format!(r#"{{"fill": {{"value": {{"number": {:?}}}}}}}"#, draw.number()),
            1 => {
                let (center, scale, offset) = (draw.number(), draw.number(), draw.number());
                let (low, high) = (draw.maybe("low"), if draw.below(2) == 0 { r#", "high": 1e10"# } else { "" });
                let low = if low.contains("e38") { String::new() } else { low };
                format!(
                    r#"{{"affine": {{"center": {center:?}, "scale": {scale:?}, "offset": {offset:?}{low}{high}}}}}"#
                )
            }
            2 => format!(r#"{{"affine": {{"center": 0.0, "scale": 1.0, "offset": 0.0{}}}}}"#, draw.maybe("high")),
            3 => format!(r#"{{"cut": {{"edges": {:?}}}}}"#, draw.ascending()),
            4 => {
                let keys = keys(draw).replace("LIST", "values");
                format!(r#"{{"lookup": {{{keys}{}{}}}}}"#, draw.maybe("missing"), draw.maybe("unknown"))
            }
            5 => {
                outputs = (0..3).map(|flag| format!("c{number}_{flag}")).collect();
                let keys = keys(draw).replace("LIST", "columns");
                format!(r#"{{"one_hot": {{{keys}, "width": 3, "missing": 2}}}}"#)
            }
            6 => r#"{"hash": {"buckets": 7}}"#.into(),
            7 => r#"{"arithmetic": "log1p"}"#.into(),
            8 => {
                inputs.extend([b, c]);
                r#"{"arithmetic": "row_sum"}"#.into()
            }
            9 => {
                inputs.push(b);
                format!(r#"{{"arithmetic": {{"ratio": {{"floor": {:?}}}}}}}"#, draw.number().abs() + 1e-300)
            }
            _ => {
                inputs = vec!["text".into()];
                let unknown = draw.maybe("unknown");
                format!(r#"{{"lookup": {{"keys": {{"text": ["", "b", "d"]}}, "values": [0.1, 2, 3]{unknown}}}}}"#)
            }
        };
        (format!(r#"{{"op": {op}, "inputs": {inputs:?}, "outputs": {outputs:?}}}"#), outputs)
    }

    fn plan(seed: u64) -> FittedPlan {
        let draw = &mut Draw(seed);
        let input = |name: &str| {
            let kind = match name {
                "whole" => "integer",
                "when" => "timestamp",
                "text" => "text",
                _ => "float",
            };
            format!(r#"{{"name": "{name}", "kind": "{kind}", "missing": true}}"#)
        };
        let inputs: Vec<String> = NUMBERS.iter().chain(&["text"]).map(|name| input(name)).collect();
        let mut names: Vec<String> = NUMBERS.iter().map(|&name| name.into()).collect();
        let mut programs = Vec::new();
        for number in 0..draw.below(10) {
            let (program, outputs) = program(draw, &names, number);
            programs.push(program);
            names.extend(outputs.into_iter().filter(|output| !names.contains(output)).collect::<Vec<_>>());
        }
        let features: Vec<String> = names
            .iter()
            .filter(|_| draw.below(4) > 0)
            .map(|name| format!(r#"{{"name": "{name}", "kind": "number"}}"#))
            .collect();
        let list = |items: Vec<String>| items.join(",\n");
        let json = format!(
            r#"{{"version": 1, "inputs": [{}], "programs": [{}], "features": [{}]}}"#,
            list(inputs),
            list(programs),
            list(features)
        );
        FittedPlan::from_json(&json).unwrap_or_else(|error| panic!("{error}\n{json}"))
    }

    fn table(rows: usize, seed: u64) -> Table {
        let draw = &mut Draw(!seed);
        // One table in four has an infinite cell somewhere.
        let infinite = draw.below(4 * rows.max(1));
        let cell = |row: usize, draw: &mut Draw| if row == infinite { Some(f64::INFINITY) } else { draw.cell() };
        let wide = (0..rows).map(|row| cell(row, draw)).collect();
        let narrow = (0..rows).map(|_| draw.cell().map_or(f32::NAN, |x| x as f32)).collect();
        let whole = (0..rows).map(|_| draw.cell().map(|x| (x * 1e6) as i64)).collect();
        let when = (0..rows).map(|_| draw.cell().map(|x| (x * 1e3) as i64)).collect();
        let small = (0..rows).map(|_| Some(draw.below(5) as f64)).collect();
        let text = (0..rows).map(|_| [None, Some(""), Some("b"), Some("z")][draw.below(4)]).collect();
        Table::from_columns(vec![
            Column::from_numbers("wide", wide),
            Column::from_f32("narrow", narrow),
            Column::from_integers("whole", whole),
            Column::from_timestamps("when", when),
            Column::from_numbers("small", small),
            Column::from_text("text", text),
        ])
        .unwrap()
    }

    #[test]
    fn any_plan_gives_the_hosts_bits_warnings_and_errors() {
        let config = ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() };
        let rows = prop_oneof![Just(0usize), Just(1), 2..60usize, 600..3000usize];
        proptest!(config, |(rows in rows, seed in any::<u64>())| {
            // Every device is compared in there.
            let _ = apply(&plan(seed), &table(rows, seed));
        });
    }
}
