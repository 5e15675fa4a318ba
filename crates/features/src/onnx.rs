//! A fitted plan as part of an ONNX graph: raw columns in, the matrix out.
//!
//! Numbers are computed in 64 bits in the order of [`crate::program`], and rounded once, to `f32`, where the matrix is
//! made. Sums, products and quotients are the same to the bit everywhere, and so are the cells made of them. A logarithm
//! (`log1p`) may differ in the last of its 64 bits; of the 32 that a cell keeps, that changes one in some hundred million.
//! Where such a number is cut into bins or looked up, it is not it that is compared: see [`image`]. Two cells that both mean
//! "missing" may differ in the bits of their `NaN`.
//!
//! Text has no missing values in ONNX. What Python puts in their place is `str(cell)`, so the texts of [`MISSING_TEXTS`]
//! stand for a missing cell, unless training knew a level of that name.

mod crossed;
mod image;

use std::collections::HashMap;

use trainer_data::{Fault, Kind};
use trainer_onnx::{Axis, Graph as Onnx, Value};

use crate::graph::{Node, NodeId};
use crate::program::affine::Affine;
use crate::program::arithmetic::Arithmetic;
use crate::program::cut::Cut;
use crate::program::fill::{Constant, Fill};
use crate::program::hash::Hash;
use crate::program::lookup::{Keys, Lookup};
use crate::program::one_hot::OneHot;
use crate::program::{Cell, CellType, ColumnOp};
use crate::source::cell_type;
use crate::{FeatureError, FittedPlan, Input, Program};
use image::Image;

/// What `None`, a float `NaN`, `pandas.NA` and `pandas.NaT` are when Python hands them over as text.
pub const MISSING_TEXTS: [&str; 4] = ["None", "nan", "<NA>", "NaT"];

/// Up to here every whole number has a 64-bit float of its own.
const MAX_WHOLE: f64 = 9_007_199_254_740_992.0;

/// A plan in a graph.
#[derive(Debug)]
pub struct OnnxPlan {
    /// The features: rows x features.
    pub matrix: Value<f32>,
    /// What those who use the graph must know.
    pub notes: Vec<String>,
}

impl FittedPlan {
    /// Adds an input for each column that the plan reads, `[N]` and under its name, and what makes the matrix of them.
    ///
    /// Numbers are inputs of 64 bits, `NaN` = missing; booleans 0 and 1, dates days and timestamps seconds since 1970.
    /// The names of the inputs should be reserved in the graph before.
    ///
    /// # Errors
    /// `Onnx` when a program cannot be expressed: which column, and why.
    pub fn to_onnx(&self, graph: &mut Onnx) -> Result<OnnxPlan, FeatureError> {
        self.programs().iter().try_for_each(expressible)?;
        let inputs = self.inputs().iter().map(|input| declare(graph, input)).collect();
        let mut export = Export { plan: self, graph, inputs, done: HashMap::new(), notes: Vec::new() };
        let mut columns = Vec::with_capacity(self.features().len());
        for feature in self.features() {
            let node = self.graph().node(&feature.name).expect("checked when made");
            let numbers = export.numbers(node)?;
            columns.push(export.graph.as_column(&numbers));
        }
        let Export { notes, .. } = export;
        let wide = graph.beside(&columns);
        Ok(OnnxPlan { matrix: graph.cast(&wide), notes })
    }
}

/// Refuses the programs that have no ONNX form.
fn expressible(program: &Program) -> Result<(), FeatureError> {
    let what = match &program.op {
        ColumnOp::Coerce(_) => {
            "the step `coerce` of text has no ONNX form: runtimes read numbers in text each in their way"
        }
        ColumnOp::Mask(_) => "the step `mask` has no ONNX form: there are no keyed hashes",
        ColumnOp::DatePart(_) => "the step `date_parts` has no ONNX form: there are no calendars",
        ColumnOp::Arithmetic(Arithmetic::Elapsed { .. }) => "the step `recency` before a column has no ONNX form",
        _ => return Ok(()),
    };
    let fault = Fault::new("not_in_onnx", what).column(&program.inputs[0]);
    Err(FeatureError::onnx(fault.hint("do this before the model: in the features that it is trained on")))
}

/// An input of the graph.
enum Source {
    Numbers(Value<f64>),
    Text(Value<String>),
}

fn declare(graph: &mut Onnx, input: &Input) -> Source {
    match cell_type(input.kind) {
        Some(CellType::Text) => Source::Text(graph.input(&input.name, &[Axis::Rows])),
        _ => Source::Numbers(graph.input(&input.name, &[Axis::Rows])),
    }
}

struct Export<'a> {
    plan: &'a FittedPlan,
    graph: &'a mut Onnx,
    inputs: Vec<Source>,
    done: HashMap<NodeId, Value<f64>>,
    notes: Vec<String>,
}

/// A text column, and what its missing cells were filled with.
struct Text<'a> {
    column: &'a str,
    value: Value<String>,
    fill: Option<&'a str>,
}

impl<'a> Export<'a> {
    /// A column of numbers, computed once.
    fn numbers(&mut self, node: NodeId) -> Result<Value<f64>, FeatureError> {
        if let Some(done) = self.done.get(&node) {
            return Ok(done.clone());
        }
        // What it is made from first: a chain of programs may be long, but a plan's is some steps.
        let value = match self.plan.graph().at(node) {
            Node::Input(input) => match &self.inputs[*input] {
                Source::Numbers(value) => value.clone(),
                Source::Text(_) => unreachable!("a feature or an operand is a number"),
            },
            Node::Flag { of, column } => {
                let columns = self.numbers(*of)?;
                let flag = self.graph.scalar(f64::from(*column));
                let same = self.graph.equal(&columns, &flag);
                self.graph.cast(&same)
            }
            Node::Apply { program, inputs } => self.apply(*program, inputs)?,
        };
        self.done.insert(node, value.clone());
        Ok(value)
    }

    fn apply(&mut self, program: usize, inputs: &[NodeId]) -> Result<Value<f64>, FeatureError> {
        let program = &self.plan.programs()[program];
        if let Some(crossed) = self.crossed(inputs[0]) {
            return self.apply_to_cross(&program.op, &crossed, &program.inputs[0]);
        }
        if self.plan.graph().cell_type(inputs[0]) == CellType::Text {
            let text = self.text(inputs[0]);
            return Ok(self.apply_to_text(&program.op, &text));
        }
        if let ColumnOp::Hash(op) = &program.op {
            return self.hash_numbers(op, inputs[0], &program.inputs[0]);
        }
        if matches!(program.op, ColumnOp::Cut(_) | ColumnOp::Lookup(_) | ColumnOp::OneHot(_))
            && self.is_rounded(inputs[0])
        {
            return self.apply_to_image(&program.op, inputs[0], &program.inputs[0]);
        }
        let x: Vec<Value<f64>> = inputs.iter().map(|&input| self.numbers(input)).collect::<Result<_, _>>()?;
        Ok(match &program.op {
            ColumnOp::Fill(op) => self.fill(op, &x[0]),
            ColumnOp::Affine(op) => self.affine(op, &x[0]),
            ColumnOp::Cut(op) => self.cut(op, &x[0]),
            ColumnOp::Lookup(op) => {
                let place = self.place_of_number(&op.keys, &x[0]);
                self.answers(lookup_answers(op, None), &place)
            }
            ColumnOp::OneHot(op) => {
                let place = self.place_of_number(&op.keys, &x[0]);
                self.answers(one_hot_answers(op, None), &place)
            }
            ColumnOp::Arithmetic(op) => self.arithmetic(op, &x),
            _ => unreachable!("done above, or refused"),
        })
    }

    fn text(&self, node: NodeId) -> Text<'a> {
        let (input, fill) = self.plan.graph().text(node, self.plan.programs());
        let Source::Text(value) = &self.inputs[input] else { unreachable!("its input is text") };
        Text { column: &self.plan.inputs()[input].name, value: value.clone(), fill }
    }

    fn apply_to_text(&mut self, op: &ColumnOp, text: &Text<'_>) -> Value<f64> {
        let (keys, answers) = match op {
            ColumnOp::Lookup(op) => (&op.keys, lookup_answers(op, text.fill)),
            ColumnOp::OneHot(op) => (&op.keys, one_hot_answers(op, text.fill)),
            ColumnOp::Hash(op) => return self.hash_text(op, text),
            _ => unreachable!("no other program turns text into numbers"),
        };
        let place = self.place_of_text(keys, text);
        self.answers(answers, &place)
    }

    /// Where a text is among the keys: one past the last for a value that is none, two for a missing cell.
    fn place_of_text(&mut self, keys: &Keys, text: &Text<'_>) -> Value<i64> {
        let Keys::Text(keys) = keys else { unreachable!("keys of the column's type") };
        let known = |word: &&str| keys.iter().any(|key| key == word);
        let (taken, missing): (Vec<&str>, Vec<&str>) = MISSING_TEXTS.iter().copied().partition(known);
        if !taken.is_empty() {
            self.note(format!(
                "column `{}` has levels that cannot be told apart from missing values: {}",
                text.column,
                crate::error::listed(taken)
            ));
        }
        let count = keys.len() as i64;
        let places = (0..count).chain(missing.iter().map(|_| count + 1)).collect();
        let words = keys.iter().map(String::as_str).chain(missing.iter().copied());
        self.graph.look_up(&text.value, words, places, count)
    }

    /// The same for numbers, which match by value.
    fn place_of_number(&mut self, keys: &Keys, x: &Value<f64>) -> Value<i64> {
        let Keys::Numbers(keys) = keys else { unreachable!("keys of the column's type") };
        let graph = &mut *self.graph;
        let count = keys.len() as i64;
        let (unknown, missing) = (graph.scalar(count), graph.scalar(count + 1));
        let nearest = graph.lower_bound(x, keys);
        // One more than there are keys, for what is above all of them.
        let padded: Vec<f64> = keys.iter().copied().chain([f64::NAN]).collect();
        let table = graph.constant(&[padded.len()], &padded);
        let key = graph.gather(&table, &nearest, 0);
        let is_key = graph.equal(&key, x);
        let place = graph.choose(&is_key, &nearest, &unknown);
        let is_missing = graph.is_nan(x);
        graph.choose(&is_missing, &missing, &place)
    }

    /// Whether runtimes may differ in the last bit of a column: there is a logarithm in it, or what was made of one.
    fn is_rounded(&self, node: NodeId) -> bool {
        let Node::Apply { program, inputs } = self.plan.graph().at(node) else { return false };
        match &self.plan.programs()[*program].op {
            ColumnOp::Arithmetic(Arithmetic::Log1p) => true,
            ColumnOp::Fill(_) | ColumnOp::Affine(_) | ColumnOp::Arithmetic(_) => {
                inputs.iter().any(|&input| self.is_rounded(input))
            }
            _ => false,
        }
    }

    /// A rounded column as the image of one that is not; none where it is not made of one column, or falls when that rises.
    fn image(&self, mut node: NodeId) -> Option<Image<'a>> {
        let plan = self.plan;
        let mut programs = Vec::new();
        loop {
            let Node::Apply { program, inputs } = plan.graph().at(node) else { return None };
            let op = &plan.programs()[*program].op;
            programs.push(op);
            node = inputs[0];
            match op {
                ColumnOp::Arithmetic(Arithmetic::Log1p) => break,
                ColumnOp::Arithmetic(Arithmetic::RowSum) if inputs.len() == 1 => {}
                ColumnOp::Affine(Affine { scale, .. }) if *scale >= 0.0 => {}
                ColumnOp::Fill(_) => {}
                _ => return None,
            }
        }
        programs.reverse();
        (!self.is_rounded(node)).then_some(Image { of: node, programs })
    }

    /// Cuts or looks up a rounded column: by the edges and keys as they are before its logarithm.
    fn apply_to_image(&mut self, op: &ColumnOp, node: NodeId, name: &str) -> Result<Value<f64>, FeatureError> {
        let Some(image) = self.image(node) else {
            let message = "a sum, a ratio or a logarithm of a `log1p` has no ONNX form where it is cut or looked up: it is \
                           compared to the bit, and the last bit of a logarithm is not everywhere the same";
            let fault = Fault::new("not_in_onnx", message).column(name);
            return Err(FeatureError::onnx(
                fault.hint("leave out the `log1p`, or cut its column before the sum or ratio"),
            ));
        };
        // Intervals of what is before the logarithm, each with its answer, and that of a missing cell.
        let (edges, answers) = match op {
            ColumnOp::Cut(op) => (
                op.edges.iter().map(|&edge| image.reaches(edge)).collect(),
                (0..=op.edges.len()).map(|bin| bin as f64).collect(),
            ),
            ColumnOp::Lookup(op) => intervals(&image, &op.keys, &lookup_answers(op, None)),
            ColumnOp::OneHot(op) => intervals(&image, &op.keys, &one_hot_answers(op, None)),
            _ => unreachable!("the other programs compare nothing"),
        };
        let mut missing = [f64::NAN];
        op.as_dyn().numbers(&[&[image.of_missing()]], &mut missing, &mut 0);
        let x = self.numbers(image.of)?;
        let place = self.bin(&edges, &x);
        let answer = self.answers(answers, &place);
        let graph = &mut *self.graph;
        let (least, missing) = (graph.scalar(-1.0), graph.scalar(missing[0]));
        // Not so for a missing number.
        let has_image = graph.less(&least, &x);
        Ok(graph.choose(&has_image, &answer, &missing))
    }

    fn answers(&mut self, answers: Vec<f64>, place: &Value<i64>) -> Value<f64> {
        let table = self.graph.constant(&[answers.len()], &answers);
        self.graph.gather(&table, place, 0)
    }

    fn hash_text(&mut self, op: &Hash, text: &Text<'_>) -> Value<f64> {
        let words = crate::error::listed(MISSING_TEXTS);
        self.note(format!("column `{}` is hashed: {words} are taken for missing values", text.column));
        let count = MISSING_TEXTS.len();
        let bucket = self.bucket(op, &text.value);
        let is_missing = self.graph.look_up(&text.value, MISSING_TEXTS, vec![1; count], 0);
        let one = self.graph.scalar(1i64);
        let is_missing = self.graph.equal(&is_missing, &one);
        let missing = self.graph.scalar(op.answer(text.fill.map_or(Cell::Missing, Cell::Text)));
        self.graph.choose(&is_missing, &missing, &bucket)
    }

    /// A number hashes as its text: that of a whole number is the same everywhere, that of another is not to be had.
    fn hash_numbers(&mut self, op: &Hash, node: NodeId, name: &str) -> Result<Value<f64>, FeatureError> {
        if !self.is_whole(node) {
            let message = "the step `hash` of numbers that are not whole has no ONNX form: it hashes the shortest text of a \
                           number, which no operator gives";
            let fault = Fault::new("not_in_onnx", message).column(name);
            return Err(FeatureError::onnx(fault.hint("cut the column with `quantile_bin` before it is hashed")));
        }
        self.note(format!("column `{name}` is hashed: numbers that are not whole or beyond 2^53 become missing"));
        let x = self.numbers(node)?;
        let graph = &mut *self.graph;
        let (zero, most, missing) = (graph.scalar(0.0), graph.scalar(MAX_WHOLE), graph.scalar(f64::NAN));
        let (size, floor) = (graph.abs(&x), graph.floor(&x));
        let (fits, whole) = (graph.less_or_equal(&size, &most), graph.equal(&floor, &x));
        let good = graph.and(&fits, &whole);
        let safe = graph.choose(&good, &x, &zero);
        let integer: Value<i64> = graph.cast(&safe);
        let text = graph.cast(&integer);
        let bucket = self.bucket(op, &text);
        Ok(self.graph.choose(&good, &bucket, &missing))
    }

    fn bucket(&mut self, op: &Hash, text: &Value<String>) -> Value<f64> {
        let graph = &mut *self.graph;
        let hash = graph.murmur3(text);
        // 64 bits: the least 32-bit number has no positive twin.
        let hash: Value<i64> = graph.cast(&hash);
        let size = graph.abs(&hash);
        let buckets = graph.scalar(i64::from(op.buckets));
        let bucket = graph.modulo(&size, &buckets);
        graph.cast(&bucket)
    }

    /// Whether a column holds whole numbers only, whatever the rows are.
    fn is_whole(&self, node: NodeId) -> bool {
        let whole = |value: f64| value.fract() == 0.0;
        match self.plan.graph().at(node) {
            Node::Input(input) => {
                matches!(self.plan.inputs()[*input].kind, Kind::Boolean | Kind::Integer | Kind::Date)
            }
            Node::Flag { .. } => true,
            Node::Apply { program, inputs } => {
                let all = || inputs.iter().all(|&input| self.is_whole(input));
                match &self.plan.programs()[*program].op {
                    ColumnOp::Fill(Fill { value: Constant::Number(value), .. }) => whole(*value) && all(),
                    ColumnOp::Fill(_) | ColumnOp::OneHot(_) | ColumnOp::Hash(_) | ColumnOp::Cut(_) => true,
                    ColumnOp::Lookup(op) => op.values.iter().chain(&op.missing).chain(&op.unknown).all(|&it| whole(it)),
                    ColumnOp::Affine(Affine { center, scale, offset, low, high }) => {
                        [*center, *scale, *offset].iter().chain(low).chain(high).all(|&it| whole(it)) && all()
                    }
                    ColumnOp::Arithmetic(op) => *op == Arithmetic::RowSum && all(),
                    _ => false,
                }
            }
        }
    }

    fn fill(&mut self, op: &Fill, x: &Value<f64>) -> Value<f64> {
        let Constant::Number(value) = op.value else { unreachable!("a constant of the column's type") };
        let (is_missing, value) = (self.graph.is_nan(x), self.graph.scalar(value));
        self.graph.choose(&is_missing, &value, x)
    }

    fn affine(&mut self, op: &Affine, x: &Value<f64>) -> Value<f64> {
        let graph = &mut *self.graph;
        let Affine { center, scale, offset, low, high } = *op;
        let mut y = x.clone();
        // Left out where it changes nothing but the sign of a zero, which no split and no key sees.
        if center != 0.0 {
            let center = graph.scalar(center);
            y = graph.sub(&y, &center);
        }
        if scale != 1.0 {
            let scale = graph.scalar(scale);
            y = graph.mul(&y, &scale);
        }
        if offset != 0.0 {
            let offset = graph.scalar(offset);
            y = graph.add(&y, &offset);
        }
        // Comparisons and not `Clip`: a missing number is neither below nor above, and stays.
        if let Some(low) = low {
            let low = graph.scalar(low);
            let is_below = graph.less(&y, &low);
            y = graph.choose(&is_below, &low, &y);
        }
        if let Some(high) = high {
            let high = graph.scalar(high);
            let is_above = graph.less(&high, &y);
            y = graph.choose(&is_above, &high, &y);
        }
        y
    }

    fn cut(&mut self, op: &Cut, x: &Value<f64>) -> Value<f64> {
        let bin = self.bin(&op.edges, x);
        let bin = self.graph.cast(&bin);
        let is_missing = self.graph.is_nan(x);
        self.graph.choose(&is_missing, x, &bin)
    }

    /// How many of the ascending edges are not above each number.
    fn bin(&mut self, edges: &[f64], x: &Value<f64>) -> Value<i64> {
        // An edge belongs to the bin above it: what is below its predecessor or equal to it is below the edge.
        let edges: Vec<f64> = edges.iter().map(|edge| edge.next_down()).collect();
        self.graph.lower_bound(x, &edges)
    }

    fn arithmetic(&mut self, op: &Arithmetic, x: &[Value<f64>]) -> Value<f64> {
        let graph = &mut *self.graph;
        match *op {
            Arithmetic::Log1p => log1p(graph, &x[0]),
            Arithmetic::RowSum => x[1..].iter().fold(x[0].clone(), |sum, x| graph.add(&sum, x)),
            Arithmetic::Elapsed { .. } => unreachable!("refused"),
            Arithmetic::Ratio { floor } => {
                let floor = graph.scalar(floor);
                let is_below = graph.less(&x[1], &floor);
                let divisor = graph.choose(&is_below, &floor, &x[1]);
                graph.div(&x[0], &divisor)
            }
        }
    }

    fn note(&mut self, note: String) {
        if !self.notes.contains(&note) {
            self.notes.push(note);
        }
    }
}

/// `ln(1 + x)` without a loss near zero (W. Kahan): with `u = 1 + x` as rounded, `ln(u) * x / (u - 1)`, and `x` itself
/// where `u` is one.
fn log1p(graph: &mut Onnx, x: &Value<f64>) -> Value<f64> {
    let (one, least, missing) = (graph.scalar(1.0), graph.scalar(-1.0), graph.scalar(f64::NAN));
    let u = graph.add(&one, x);
    let log = graph.log(&u);
    let rest = graph.sub(&u, &one);
    let correction = graph.div(x, &rest);
    let product = graph.mul(&log, &correction);
    let is_tiny = graph.equal(&u, &one);
    let log1p = graph.choose(&is_tiny, x, &product);
    let has_none = graph.less_or_equal(x, &least);
    graph.choose(&has_none, &missing, &log1p)
}

/// Edges and answers between them that say what the keys' answers say of an image: between two keys lie values that are none.
fn intervals(image: &Image<'_>, keys: &Keys, answers: &[f64]) -> (Vec<f64>, Vec<f64>) {
    let Keys::Numbers(keys) = keys else { unreachable!("keys of the column's type") };
    let unknown = answers[keys.len()];
    let edges = keys.iter().flat_map(|&key| [image.reaches(key), image.passes(key)]).collect();
    let answers = answers[..keys.len()].iter().flat_map(|&answer| [unknown, answer]).chain([unknown]).collect();
    (edges, answers)
}

/// A lookup's answers: to each key, to a value that is none, and to a missing cell.
fn lookup_answers(op: &Lookup, fill: Option<&str>) -> Vec<f64> {
    let missing = op.answer(fill.map_or(Cell::Missing, Cell::Text));
    op.values.iter().copied().chain([op.unknown.unwrap_or(f64::NAN), missing]).collect()
}

/// The same of a one-hot program: numbers of columns.
fn one_hot_answers(op: &OneHot, fill: Option<&str>) -> Vec<f64> {
    let missing = op.answer(fill.map_or(Cell::Missing, Cell::Text));
    let unknown = op.unknown.map_or(f64::NAN, f64::from);
    op.columns.iter().map(|&column| f64::from(column)).chain([unknown, missing]).collect()
}

/// A program's number for one cell.
trait Answers {
    fn answer(&self, cell: Cell<'_>) -> f64;
}

impl<O: crate::program::Operator> Answers for O {
    fn answer(&self, cell: Cell<'_>) -> f64 {
        self.level(cell).value
    }
}

#[cfg(test)]
mod tests;
