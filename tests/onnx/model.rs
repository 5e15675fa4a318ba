//! Forests that were fitted, and forests that are harder than any that is.

use std::ops::ControlFlow;
use std::path::Path;

use trainer::model_directory::ModelDirectory;
use trainer_data::{Categories, Column, Dataset, FeatureKind, Label, Needs, Table};
use trainer_features::{FeatureError, FittedPlan, PlanSpec};
use trainer_kernels::{Device, IS_SET, MISSING_LEFT, Step};
use trainer_models::learn::dummy::{Dummy, Strategy};
use trainer_models::learn::gradient_boosting::GradientBoosting;
use trainer_models::learn::random_forest::RandomForest;
use trainer_models::{Decision, Ensemble, Form, Job, Learner, Model, Node};
use trainer_testkit::SplitMix64;

use super::case::{self, Written};

const NEEDS: Needs = Needs { categories: Categories::Native { max_levels: 255 }, missing: true, scaled: false };

/// All models.
pub fn cases(parent: &Path) -> Vec<Written> {
    let mut cases = fitted(parent);
    cases.extend(drawn(parent));
    cases
}

/// Forests and dummies, each on rows that it has not seen.
fn fitted(parent: &Path) -> Vec<Written> {
    let (train, other) = (rows(4_000, 1), rows(3_000, 2));
    let plan = plan(&train);
    let two = |yes: Label, no: Label| classes(&[no, yes]);
    let small = RandomForest { n_estimators: 30, random_state: Some(7), ..RandomForest::default() };
    let shallow = RandomForest { max_depth: Some(5), ..small.clone() };
    let text = |names: &[&str]| classes(&names.iter().map(|name| Label::Text((*name).into())).collect::<Vec<_>>());
    let mut cases = Vec::new();
    let mut add = |name: &str, learner: &dyn Learner, classes: Vec<Label>, decision: Option<f64>, table: &Table| {
        let mut model = fit(learner, &plan, &train, classes);
        model.decision = decision.map(|threshold| Decision { positive: 1, threshold });
        cases.push(case::model(parent, name, &model, &plan, table));
    };
    add("deep, three classes", &small, text(&["a", "b", "c"]), None, &other);
    add("five integer classes", &shallow, classes(&[-3, 0, 1, 2, 700].map(Label::Integer)), None, &other);
    add("booleans", &shallow, two(Label::Bool(true), Label::Bool(false)), None, &other);
    add("a threshold", &small, text(&["no", "yes"]), Some(0.3), &other);
    // Reached exactly by some rows: 18 votes of 30.
    add("a threshold that is met", &small, two(Label::Integer(1), Label::Integer(0)), Some(0.6), &other);
    add("a threshold of the first class", &small, text(&["no", "yes"]), Some(1.0), &other);
    let many = RandomForest { n_estimators: 4_200, max_depth: Some(2), ..small.clone() };
    add("more trees than one sum holds", &many, text(&["no", "yes"]), None, &other.take(&(0..200).collect::<Vec<_>>()));
    add("100,000 rows", &small, text(&["no", "yes"]), None, &rows(100_000, 3));
    let boosted = GradientBoosting { max_iter: 40, random_state: Some(7), ..GradientBoosting::default() };
    let deep = GradientBoosting { max_leaf_nodes: None, min_samples_leaf: 1, ..boosted.clone() };
    add("boosted, three classes", &boosted, text(&["a", "b", "c"]), None, &other);
    add("boosted deeply, a threshold", &deep, text(&["no", "yes"]), Some(0.3), &other);
    let long = GradientBoosting { max_iter: 4_200, max_leaf_nodes: Some(3), ..boosted };
    add(
        "boosted longer than one sum holds",
        &long,
        text(&["no", "yes"]),
        None,
        &other.take(&(0..200).collect::<Vec<_>>()),
    );
    add("prior", &Dummy::default(), text(&["a", "b", "c"]), None, &other);
    add("most frequent", &Dummy { strategy: Strategy::MostFrequent }, text(&["a", "b"]), Some(0.5), &other);
    cases.push(odd_names(parent));
    cases
}

/// The directory of a forest of one node, whose trees begin at `roots`; whoever looks at another node fails.
pub fn directory(roots: Vec<u32>) -> Result<ModelDirectory, FeatureError> {
    let table = rows(10, 1);
    let plan = plan(&table);
    let mut trees = Ensemble { roots, ..Ensemble::new(3) };
    let step = leaf(&mut SplitMix64::new(1), &mut trees, 0);
    trees.nodes.push(Node { step, decrease: 0.0, cover: 0.0 });
    let classes = [0, 1, 2].map(Label::Integer).to_vec();
    let model = Model { form: Form::Trees(trees), features: plan.features().to_vec(), classes, decision: None };
    ModelDirectory::new(&model, &plan, &table, "2026-11-20T04:00:00Z".parse().unwrap(), "")
}

fn classes(labels: &[Label]) -> Vec<Label> {
    labels.to_vec()
}

/// A forest whose classes follow the rows with some noise.
fn fit(learner: &dyn Learner, plan: &FittedPlan, table: &Table, classes: Vec<Label>) -> Model {
    let matrix = plan.apply(table, &Device::Cpu).unwrap().matrix;
    let mut random = SplitMix64::new(99);
    let count = classes.len() as u64;
    let class = |row: usize, random: &mut SplitMix64| match random.below(4) {
        0 => random.below(count) as u32,
        _ => (matrix.x.row(row).iter().filter(|x| **x > 0.3).count() as u64 % count) as u32,
    };
    let y = (0..matrix.rows()).map(|row| class(row, &mut random)).collect();
    let data = Dataset { y, weight: None, classes, matrix };
    let on_round = |_: &_| ControlFlow::Continue(());
    learner.fit(Job { train: &data, valid: None, device: &Device::Cpu, seed: 1, on_round: &on_round }).unwrap().model
}

/// Numbers and text of few, many, and very many levels, all with missing cells.
fn rows(rows: usize, seed: u64) -> Table {
    let mut random = SplitMix64::new(seed);
    let mut column = |levels: u64| -> Vec<Option<u64>> {
        (0..rows).map(|_| (random.below(12) > 0).then(|| random.below(levels))).collect()
    };
    let text = |levels: u64, column: Vec<Option<u64>>| {
        let cells = column.into_iter().map(|cell| cell.map(|level| format!("{levels} {level:03}"))).collect();
        Column::from_text(format!("of {levels}"), cells)
    };
    let numbers =
        |cells: Vec<Option<u64>>, unit: f64| cells.into_iter().map(move |cell| cell.map(|it| it as f64 * unit));
    let (a, b) = (column(1_000_000), column(50));
    let columns = vec![
        Column::from_numbers("a", numbers(a, 1e-6).collect()),
        Column::from_numbers("b", numbers(b, 0.1).collect()),
        text(3, column(3)),
        text(40, column(40)),
        text(254, column(254)),
    ];
    Table::from_columns(columns).unwrap()
}

fn plan(table: &Table) -> FittedPlan {
    let spec = PlanSpec { select: None, exclude: vec![], steps: vec![], needs: Some(NEEDS), pii: vec![] };
    trainer_features::fit(table, None, &spec).unwrap().0
}

/// Columns that are called as outputs and operators are, and levels that are called as missing values are.
fn odd_names(parent: &Path) -> Written {
    let numbers = rows(2_000, 5);
    let text: Vec<Option<String>> = (0..2_000)
        .map(|row| {
            Some(["nan", "NaN", "", "null", "None ", "x"][row * 7 % 6].to_owned())
                .filter(|_| row % 2 == 0 || row % 5 > 0)
        })
        .map(|cell| cell.filter(|level| level != "nan"))
        .collect();
    let columns = vec![
        numbers.column("a").unwrap().renamed("label"),
        numbers.column("b").unwrap().renamed("probabilities"),
        numbers.column("of 40").unwrap().renamed("constant.0"),
        Column::from_text("Where.3", text),
    ];
    let table = Table::from_columns(columns).unwrap();
    let plan = plan(&table);
    let forest = RandomForest { n_estimators: 10, random_state: Some(7), ..RandomForest::default() };
    let model = fit(&forest, &plan, &table, vec![Label::Integer(0), Label::Integer(1)]);
    case::model(parent, "odd names", &model, &plan, &table)
}

/// Trees that nobody fitted: any shape, any set, any threshold, and a chain as deep as no tree is.
fn drawn(parent: &Path) -> Vec<Written> {
    let table = rows(6_000, 11);
    let plan = plan(&table);
    let model = |draw: &dyn Fn(&mut SplitMix64, &mut Ensemble), trees: usize, seed: u64| {
        let mut random = SplitMix64::new(seed);
        let mut ensemble = Ensemble::new(3);
        (0..trees).for_each(|_| draw(&mut random, &mut ensemble));
        let classes = vec![Label::Text("a".into()), Label::Text("b".into()), Label::Text("c".into())];
        Model { form: Form::Trees(ensemble), features: plan.features().to_vec(), classes, decision: None }
    };
    let any = |random: &mut SplitMix64, ensemble: &mut Ensemble| tree(&plan, random, ensemble, 60, false);
    let chain = |random: &mut SplitMix64, ensemble: &mut Ensemble| tree(&plan, random, ensemble, 300, true);
    vec![
        case::model(parent, "drawn trees", &model(&any, 60, 1), &plan, &table),
        case::model(parent, "drawn trees again", &model(&any, 60, 2), &plan, &table),
        case::model(parent, "one drawn tree", &model(&any, 1, 3), &plan, &table),
        case::model(parent, "chains", &model(&chain, 4, 4), &plan, &table),
    ]
}

/// A tree of so many splits, breadth first; a chain has one leaf a level.
fn tree(plan: &FittedPlan, random: &mut SplitMix64, ensemble: &mut Ensemble, splits: usize, chain: bool) {
    let root = ensemble.nodes.len() as u32;
    ensemble.roots.push(root);
    let (mut waiting, mut left) = (1usize, splits);
    let mut open = vec![true];
    let mut at = 0;
    while at < open.len() {
        let is_split = open[at] && left > 0 && (chain || waiting == 1 || random.below(3) > 0);
        waiting -= usize::from(open[at]);
        let own = root + at as u32;
        let step = if is_split {
            left -= 1;
            let child = root + open.len() as u32;
            let right = random.below(2) == 0;
            open.extend(if chain { [!right, right] } else { [true, true] });
            waiting += if chain { 1 } else { 2 };
            split(plan, random, ensemble, child)
        } else {
            leaf(random, ensemble, own)
        };
        ensemble.nodes.push(Node { step, decrease: 0.0, cover: 0.0 });
        at += 1;
    }
}

fn leaf(random: &mut SplitMix64, ensemble: &mut Ensemble, own: u32) -> Step {
    let value = ensemble.values.len() as u32;
    let first = match random.below(4) {
        0 => 0,
        1 => 1 << 24,
        _ => random.below(1 << 24) as u32,
    };
    let second = random.below(u64::from((1 << 24) - first) + 1) as u32;
    ensemble.values.extend([first, second, (1 << 24) - first - second]);
    Step { threshold: f32::INFINITY, left: own, feature: MISSING_LEFT, value }
}

fn split(plan: &FittedPlan, random: &mut SplitMix64, ensemble: &mut Ensemble, left: u32) -> Step {
    let feature = random.below(plan.features().len() as u64) as u32;
    let missing = if random.below(2) == 0 { MISSING_LEFT } else { 0 };
    if plan.features()[feature as usize].kind == FeatureKind::Number {
        let threshold = match random.below(10) {
            0 => f32::INFINITY,
            1 => 0.0,
            2 => -1.0,
            _ => random.unit() as f32 * if feature == 0 { 1.0 } else { 5.0 },
        };
        return Step { threshold, left, feature: feature | missing, value: 0 };
    }
    let word = |random: &mut SplitMix64| match random.below(5) {
        0 => 0,
        1 => u64::MAX,
        2 => 0x5555_5555_5555_5555,
        3 => random.bits() & random.bits() & random.bits(),
        _ => random.bits(),
    };
    let mut set = [0; 4].map(|_| word(random));
    if random.below(12) == 0 {
        set = [random.below(2).wrapping_neg(); 4];
    }
    ensemble.sets.push(set);
    Step { threshold: 0.0, left, feature: feature | missing | IS_SET, value: ensemble.sets.len() as u32 - 1 }
}
