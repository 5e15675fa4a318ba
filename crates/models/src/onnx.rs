//! A model as part of an ONNX graph: the matrix in, `label` and `probabilities` out.
//!
//! The probabilities are those of [`Model::predict`], bit for bit. A leaf holds shares in units of 2^-24; each is split into
//! its upper and its lower 12 bits, which are two targets of the trees: 32-bit floats hold the sum of 4096 of either as it
//! is, in whatever order a runtime adds them. The rest is done in 64 bits.
//!
//! `TreeEnsembleClassifier` is not used: for two classes its labels and probabilities differ between runtimes. Splits by
//! sets of levels are several `BRANCH_LEQ`: see [`questions`].

use trainer_data::{FeatureKind, Label};
use trainer_kernels::{IS_SET, MISSING_LEFT};
use trainer_onnx::{Axis, Branch, Element, Graph, Trees, Value, least_bytes};

use crate::ensemble::{Link, MARGIN_ZERO, ONE, Split};
use crate::model::{Decision, Form};
use crate::{Ensemble, Model};

/// Sums of so many numbers of up to 2^12 are exact in 32-bit floats.
const MAX_TREES: usize = 4096;
/// Bits of a share's lower half.
const LOW_BITS: u32 = 12;
/// The most levels that a set can tell apart.
const MAX_LEVELS: usize = 256;

/// The names of a model's outputs, which have underscores added where an input has them already.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OnnxOutputs {
    /// The class decided on, in the type of the target: `[N]`.
    pub label: String,
    /// The probability of each class: `[N, classes]`.
    pub probabilities: String,
}

impl Model {
    /// Adds the model to a graph that has its matrix, and makes its answers outputs.
    pub fn to_onnx(&self, graph: &mut Graph, matrix: &Value<f32>) -> OnnxOutputs {
        let probabilities = match &self.form {
            Form::Trees(trees) => {
                let sums = sums(trees, &self.levels(), graph, matrix);
                match &trees.link {
                    Link::Mean => mean(trees, graph, &sums),
                    Link::Margins { start } => of_margins(trees, start, graph, &sums),
                }
            }
        };
        let class = self.class(graph, &probabilities);
        let label = self.label(graph, &class);
        let shape = [Axis::Rows, Axis::Length(self.classes.len())];
        OnnxOutputs { label, probabilities: graph.output(&probabilities, "probabilities", &shape) }
    }

    /// The fewest bytes that [`Self::to_onnx`] adds, known before they are made.
    pub fn least_onnx_bytes(&self) -> u64 {
        match &self.form {
            Form::Trees(trees) => {
                let spans = spans(trees).into_iter().enumerate();
                spans.map(|(tree, (root, end))| least_bytes(tree % MAX_TREES, end.saturating_sub(root) as usize)).sum()
            }
        }
    }

    /// How many levels each feature has; none for numbers.
    fn levels(&self) -> Vec<usize> {
        let levels = |kind: &FeatureKind| if let FeatureKind::Category { levels } = kind { levels.len() } else { 0 };
        self.features.iter().map(|feature| levels(&feature.kind)).collect()
    }

    /// The place of the class decided on, as [`Model::decide`] has it.
    fn class(&self, graph: &mut Graph, probabilities: &Value<f32>) -> Value<i64> {
        match self.decision {
            Some(Decision { positive, threshold }) if self.classes.len() == 2 => {
                let column = graph.scalar(positive as i64);
                let probability = graph.gather(probabilities, &column, 1);
                let threshold = graph.scalar(threshold as f32);
                let yes = graph.less_or_equal(&threshold, &probability);
                let no = graph.scalar(1 - positive as i64);
                graph.choose(&yes, &column, &no)
            }
            _ => graph.arg_max(probabilities),
        }
    }

    /// Classes in the type of the target.
    fn label(&self, graph: &mut Graph, class: &Value<i64>) -> String {
        let booleans = || self.classes.iter().map(|label| if let Label::Bool(it) = label { Some(*it) } else { None });
        let integers =
            || self.classes.iter().map(|label| if let Label::Integer(it) = label { Some(*it) } else { None });
        if let Some(labels) = booleans().collect::<Option<Vec<bool>>>() {
            return label_of(graph, &labels, class);
        }
        if let Some(labels) = integers().collect::<Option<Vec<i64>>>() {
            return label_of(graph, &labels, class);
        }
        let labels: Vec<String> = self.classes.iter().map(ToString::to_string).collect();
        label_of(graph, &labels, class)
    }
}

fn label_of<T: Element>(graph: &mut Graph, labels: &[T], class: &Value<i64>) -> String {
    let labels = graph.constant(&[labels.len()], labels);
    let label = graph.gather(&labels, class, 0);
    graph.output(&label, "label", &[Axis::Rows])
}

/// Where the nodes of each tree begin and end.
fn spans(ensemble: &Ensemble) -> Vec<(u32, u32)> {
    let ends = ensemble.roots.iter().skip(1).copied().chain([ensemble.nodes.len() as u32]);
    ensemble.roots.iter().copied().zip(ends).collect()
}

/// The parts that a number of a leaf is cut into, lowest first, each of so many bits: sums over [`MAX_TREES`] trees are
/// exact.
fn cuts(link: &Link) -> &'static [u32] {
    if link.is_mean() { &[LOW_BITS, 13] } else { &[11, 11, 9] }
}

/// The sum over trees of what each row's leaves hold, exactly: rows x outputs.
fn sums(ensemble: &Ensemble, levels: &[usize], graph: &mut Graph, matrix: &Value<f32>) -> Value<f64> {
    let columns = ensemble.outputs().max(ensemble.width());
    let cuts = cuts(&ensemble.link);
    let spans = spans(ensemble);
    let mut sum: Option<Value<f64>> = None;
    for (block, spans) in spans.chunks(MAX_TREES).enumerate() {
        let mut trees = Trees::new(cuts.len() * columns);
        for (number, &(root, end)) in spans.iter().enumerate() {
            let output = (block * MAX_TREES + number) % ensemble.outputs();
            Planted { ensemble, levels, root, end, number, output, columns }.add_to(&mut trees);
        }
        let sums = graph.trees(matrix, trees);
        let sums = graph.cast(&sums);
        sum = Some(match sum {
            Some(before) => graph.add(&before, &sums),
            None => sums,
        });
    }
    let sums = sum.expect("a model has a tree");
    // The lowest parts are the first targets, and so on.
    let mut whole: Option<Value<f64>> = None;
    let mut unit = 1.0;
    for (part, bits) in cuts.iter().enumerate() {
        let targets: Vec<i64> = (part * columns..(part + 1) * columns).map(|target| target as i64).collect();
        let targets = graph.constant(&[columns], &targets);
        let own = graph.gather(&sums, &targets, 1);
        let scale = graph.scalar(unit);
        let own = graph.mul(&own, &scale);
        whole = Some(match whole {
            Some(lower) => graph.add(&lower, &own),
            None => own,
        });
        unit *= f64::from(1 << bits);
    }
    whole.expect("there is a part")
}

/// The mean over trees: rows x classes.
fn mean(ensemble: &Ensemble, graph: &mut Graph, sums: &Value<f64>) -> Value<f32> {
    let one = graph.scalar((ensemble.roots.len() as u64 * u64::from(ONE)) as f64);
    let mean = graph.div(sums, &one);
    graph.cast(&mean)
}

/// The logistic function of the margin, or the softmax of several, as prediction computes them: rows x classes.
fn of_margins(ensemble: &Ensemble, start: &[i64], graph: &mut Graph, sums: &Value<f64>) -> Value<f32> {
    let zero = i64::from(ensemble.rounds()) * i64::from(MARGIN_ZERO);
    let start: Vec<f64> = start.iter().map(|start| (start - zero) as f64).collect();
    let start = graph.constant(&[start.len()], &start);
    let margins = graph.add(sums, &start);
    let unit = graph.scalar(f64::from(ONE));
    let margins = graph.div(&margins, &unit);
    if ensemble.classes > 2 {
        let shares = graph.softmax(&margins);
        return graph.cast(&shares);
    }
    let (nothing, one) = (graph.scalar(0.0), graph.scalar(1.0));
    let size = graph.abs(&margins);
    let below = graph.sub(&nothing, &size);
    let odds = graph.exp(&below);
    let sum = graph.add(&one, &odds);
    let (less, more) = (graph.div(&odds, &sum), graph.div(&one, &sum));
    let is_negative = graph.less(&margins, &nothing);
    let (first, second) = (graph.choose(&is_negative, &more, &less), graph.choose(&is_negative, &less, &more));
    let shares = graph.beside(&[first, second]);
    graph.cast(&shares)
}

/// A tree on its way into a graph.
struct Planted<'a> {
    ensemble: &'a Ensemble,
    levels: &'a [usize],
    root: u32,
    end: u32,
    number: usize,
    /// The first column that its leaves add to.
    output: usize,
    /// Targets of each part.
    columns: usize,
}

impl Planted<'_> {
    /// Adds its nodes in order; a split by a set takes several.
    fn add_to(&self, trees: &mut Trees<f32>) {
        let walks: Vec<Walk> = (self.root..self.end).map(|place| self.walk(place)).collect();
        let mut ids = Vec::with_capacity(walks.len());
        let mut next = 0;
        for walk in &walks {
            ids.push(next);
            next += walk.questions().len().max(1);
        }
        for (place, walk) in (self.root..self.end).zip(&walks) {
            let first = ids[(place - self.root) as usize];
            let step = self.ensemble.nodes[place as usize].step;
            let walk = walk.questions();
            if walk.is_empty() {
                self.add_leaf(first, step.value as usize, trees);
                continue;
            }
            let left = (step.left - self.root) as usize;
            let id_of = |goal: Goal| match goal {
                Goal::Left => ids[left],
                Goal::Right => ids[left + 1],
                Goal::Question(number) => first + number,
            };
            for (number, question) in walk.iter().enumerate() {
                let Question::Ask { up_to, when_true, when_false, missing_true } = *question else {
                    trees.leaf(self.number, first + number, [(0, 0.0)]);
                    continue;
                };
                let branch = Branch {
                    feature: (step.feature & (IS_SET - 1)) as usize,
                    threshold: up_to,
                    when_true: id_of(when_true),
                    when_false: id_of(when_false),
                    missing_true,
                };
                trees.branch(self.number, first + number, branch);
            }
        }
    }

    /// The questions of a node; none for a leaf.
    fn walk(&self, place: u32) -> Walk {
        let feature = self.ensemble.nodes[place as usize].step.feature;
        let missing_left = feature & MISSING_LEFT != 0;
        match self.ensemble.split_at(place) {
            Split::Leaf => Walk::Leaf,
            Split::Number(threshold) => Walk::One(Question::Ask {
                // Everything but missing values; a matrix holds nothing greater.
                up_to: threshold.min(f32::MAX),
                when_true: Goal::Left,
                when_false: Goal::Right,
                missing_true: missing_left,
            }),
            Split::Category(set) => {
                Walk::Many(questions(&runs(&set, self.levels[(feature & (IS_SET - 1)) as usize]), missing_left))
            }
        }
    }

    /// Adds a leaf and its parts that are not zero; a zero where all are, which keeps the leaf.
    fn add_leaf(&self, id: usize, value: usize, trees: &mut Trees<f32>) {
        let held = &self.ensemble.values[value..value + self.ensemble.width()];
        let mut parts = Vec::new();
        let mut below = 0;
        for (part, bits) in cuts(&self.ensemble.link).iter().enumerate() {
            for (column, number) in held.iter().enumerate() {
                let own = number >> below & ((1 << bits) - 1);
                if own > 0 {
                    parts.push((part * self.columns + self.output + column, own as f32));
                }
            }
            below += bits;
        }
        if parts.is_empty() {
            parts.push((0, 0.0));
        }
        trees.leaf(self.number, id, parts);
    }
}

/// The questions of a node. Only a split by a set has several; a forest may have millions of the others.
enum Walk {
    Leaf,
    One(Question),
    Many(Vec<Question>),
}

impl Walk {
    fn questions(&self) -> &[Question] {
        match self {
            Self::Leaf => &[],
            Self::One(question) => std::slice::from_ref(question),
            Self::Many(questions) => questions,
        }
    }
}

/// Levels next to each other that go the same way: those up to `up_to` that no run before it has.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Run {
    up_to: f32,
    is_left: bool,
}

/// A set of levels as runs that go left and right in turn; at least two.
fn runs(set: &[u64; 4], levels: usize) -> Vec<Run> {
    let is_left = |level: usize| set[level / 64] >> (level % 64) & 1 == 1;
    let levels = levels.clamp(1, MAX_LEVELS);
    let borders = (1..levels).filter(|&level| is_left(level) != is_left(level - 1));
    let mut runs: Vec<Run> =
        borders.map(|level| Run { up_to: (level - 1) as f32, is_left: is_left(level - 1) }).collect();
    runs.push(Run { up_to: f32::MAX, is_left: is_left(levels - 1) });
    if runs.len() == 1 {
        // All levels go one way, and only missing values may go the other.
        runs.push(Run { up_to: f32::MAX, is_left: !runs[0].is_left });
    }
    runs
}

/// A node of a split by a set.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Question {
    /// Whether the level is not above `up_to`.
    Ask { up_to: f32, when_true: Goal, when_false: Goal, missing_true: bool },
    /// A leaf that no row comes to.
    Nowhere,
}

/// Where an answer leads.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Goal {
    Left,
    Right,
    Question(usize),
}

/// Runs that are asked for one after the other; more are halved first, so that neither a row nor the stack of a runtime
/// that builds trees by recursion has a long way.
const CHAIN: usize = 8;

/// A split by a set as nodes that compare, all of which share the two subtrees.
///
/// onnxruntime takes a node that is reached over several true branches, and over one false branch that is the first way
/// to it; LightGBM's converters rely on the former. So runs end at true branches, the last one at a false branch, and
/// where another false branch would end it leads to a question that is always true. (`BRANCH_EQ` would need a node for
/// each level, and onnxruntime rewrites chains of those since 1.21.)
fn questions(runs: &[Run], missing_left: bool) -> Vec<Question> {
    let mut questions = Vec::new();
    ask(runs, End::Last, &mut questions);
    // A missing value is above all levels: it falls to the last run, unless the last question sends it elsewhere. That is
    // the one question whose false branch leads to a subtree.
    let wanted = if missing_left { Goal::Left } else { Goal::Right };
    for question in &mut questions {
        if let Question::Ask { when_true, when_false: Goal::Left | Goal::Right, missing_true, .. } = question {
            *missing_true = *when_true == wanted;
        }
    }
    questions
}

/// How a way to some runs ends.
#[derive(Debug, Clone, Copy, PartialEq)]
enum End {
    /// It comes over true branches.
    Shared,
    /// It comes over false branches alone, first of all ways.
    Last,
    /// It comes over a false branch.
    Other,
}

/// Adds the questions that tell these runs apart, and answers where they begin.
fn ask(runs: &[Run], end: End, questions: &mut Vec<Question>) -> Goal {
    let number = questions.len();
    let (up_to, when_true, when_false);
    questions.push(Question::Nowhere);
    match runs {
        [run] if end != End::Other => {
            questions.pop();
            return goal(run);
        }
        [run] => {
            (up_to, when_true, when_false) = (f32::MAX, goal(run), Goal::Question(number + 1));
            questions.push(Question::Nowhere);
        }
        _ => {
            let rest = if end == End::Last { End::Last } else { End::Other };
            let middle = if runs.len() > CHAIN { runs.len() / 2 } else { 1 };
            let (low, high) = runs.split_at(middle);
            up_to = low[middle - 1].up_to;
            when_true = ask(low, End::Shared, questions);
            when_false = ask(high, rest, questions);
        }
    }
    questions[number] = Question::Ask { up_to, when_true, when_false, missing_true: false };
    Goal::Question(number)
}

fn goal(run: &Run) -> Goal {
    if run.is_left { Goal::Left } else { Goal::Right }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Walks the questions as onnxruntime does; `NaN` is a missing value.
    fn walk(questions: &[Question], level: f32) -> Goal {
        let mut at = 0;
        loop {
            let Question::Ask { up_to, when_true, when_false, missing_true } = questions[at] else {
                panic!("a row came to nowhere");
            };
            let is_true = level <= up_to || missing_true && level.is_nan();
            match if is_true { when_true } else { when_false } {
                Goal::Question(next) => at = next,
                goal => return goal,
            }
        }
    }

    /// Whether onnxruntime can place the nodes: depth first, false branches before true ones, and what a false branch
    /// leads to must not have a place yet. Answers how deep it goes.
    fn place(questions: &[Question], goal: Goal, by_false: bool, placed: &mut Vec<Goal>) -> usize {
        if placed.contains(&goal) {
            assert!(!by_false, "{goal:?} has a place already");
            return 0;
        }
        placed.push(goal);
        match goal {
            Goal::Question(number) => match questions[number] {
                Question::Ask { when_true, when_false, .. } => {
                    let deep = place(questions, when_false, true, placed);
                    1 + deep.max(place(questions, when_true, false, placed))
                }
                Question::Nowhere => 1,
            },
            _ => 1,
        }
    }

    proptest! {
        #[test]
        fn questions_are_the_set(
            set in proptest::array::uniform4(any::<u64>()),
            mask in 0u64..5,
            levels in 1usize..=255,
            missing_left in any::<bool>(),
        ) {
            // Dense, sparse, one by one, whole and empty sets.
            let set = set.map(|word| match mask {
                0 => word,
                1 => word & word >> 7 & word << 5,
                2 => 0x5555_5555_5555_5555,
                3 => u64::MAX,
                _ => 0,
            });
            let questions = questions(&runs(&set, levels), missing_left);
            for level in 0..levels {
                let is_left = set[level / 64] >> (level % 64) & 1 == 1;
                prop_assert_eq!(walk(&questions, level as f32), if is_left { Goal::Left } else { Goal::Right });
            }
            prop_assert_eq!(walk(&questions, f32::NAN), if missing_left { Goal::Left } else { Goal::Right });
            prop_assert!(place(&questions, Goal::Question(0), true, &mut vec![]) <= 2 * CHAIN);
        }
    }
}
