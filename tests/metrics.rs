//! Metrics beside scikit-learn's on random rows: two and more classes, ties, weights, classes that are absent.

use ndarray::Array2;
use serde_json::{Value, json};
use trainer_data::Label;
use trainer_quality::{Average, Averaging, Scores, Values, measure, most_probable};
use trainer_testkit::{Program, SplitMix64, python, repository, scratch};

struct Case {
    y: Vec<u32>,
    proba: Array2<f32>,
    predicted: Vec<u32>,
    weight: Option<Vec<f32>>,
    average: Average,
    /// What is special about it.
    name: String,
}

impl Case {
    /// Random rows. `levels` values of probability make ties; `absent` classes (the last ones) have no rows.
    fn random(
        random: &mut SplitMix64,
        classes: usize,
        absent: usize,
        levels: u64,
        weighted: bool,
        average: Average,
    ) -> Self {
        let rows = 60 + random.below(200) as usize;
        let y: Vec<u32> = (0..rows).map(|_| random.below((classes - absent) as u64) as u32).collect();
        let mut proba = Array2::from_shape_fn((rows, classes), |(row, class)| {
            let towards = if y[row] as usize == class { levels / 3 } else { 0 };
            (1 + towards + random.below(levels)) as f32
        });
        proba.rows_mut().into_iter().for_each(|mut row| row /= row.sum());
        let predicted = most_probable(proba.view());
        let weight = weighted.then(|| (0..rows).map(|_| random.below(8) as f32 / 4.0).collect());
        let name = format!(
            "{classes} classes ({absent} absent), {rows} rows, {levels} levels, {average:?}, weighted: {weighted}"
        );
        Self { y, proba, predicted, weight, average, name }
    }

    fn json(&self) -> Value {
        let proba: Vec<&[f32]> = (0..self.y.len()).map(|row| self.proba.row(row).to_slice().unwrap()).collect();
        json!({"y": self.y, "proba": proba, "predicted": self.predicted, "weight": self.weight, "average": self.average})
    }

    fn measure(&self) -> Values {
        let classes: Vec<Label> = (0..self.proba.ncols() as i64).map(Label::Integer).collect();
        let averaging = Averaging::new(self.average, None, &classes).unwrap();
        let scores = Scores::new(&self.y, self.proba.view(), &self.predicted, &classes, averaging);
        measure(&scores.weighted(self.weight.as_deref()))
    }
}

fn cases() -> Vec<Case> {
    let mut random = SplitMix64::new(2026);
    let mut cases = Vec::new();
    for round in 0..24 {
        let levels = [3, 10, 1 << 20][round % 3];
        let weighted = round % 2 == 1;
        for (classes, absent) in [(2, 0), (2, 1), (3, 0), (5, 0), (4, 1)] {
            let average = [Average::Macro, Average::Weighted, Average::Micro, Average::Binary][round / 3 % 4];
            let average = if classes > 2 && average == Average::Binary { Average::Macro } else { average };
            cases.push(Case::random(&mut random, classes, absent, levels, weighted, average));
        }
    }
    cases
}

/// Where scikit-learn says 0 with a warning and we say undefined.
fn zero_for_undefined(case: &Case, name: &str) -> bool {
    let occurring = |classes: &[u32], class: u32| classes.contains(&class);
    match name {
        "pr_auc" => (0..case.proba.ncols() as u32).any(|class| !occurring(&case.y, class)),
        "mcc" => !occurring(&case.y, 1),
        _ => false,
    }
}

#[test]
fn metrics_are_those_of_scikit_learn() {
    let cases = cases();
    let folder = scratch();
    let file = folder.path().join("cases.json");
    std::fs::write(&file, Value::from_iter(cases.iter().map(Case::json)).to_string()).unwrap();
    let peer = repository().join("tests/peers/metrics.py");
    let outcome = Program::new(python()).args([peer.as_path(), file.as_path()]).expect(0);
    let expected: Vec<Value> = serde_json::from_str(&outcome.stdout).unwrap();
    assert_eq!(expected.len(), cases.len());
    let (mut compared, mut undefined) = (0, 0);
    for (case, expected) in cases.iter().zip(&expected) {
        let ours = case.measure();
        for (name, theirs) in expected.as_object().unwrap() {
            let (ours, theirs) = (ours.get(name), theirs.as_f64());
            if zero_for_undefined(case, name) {
                assert_eq!(ours, None, "{name}: {}", case.name);
                undefined += 1;
                continue;
            }
            // Their clipped logarithm is summed in float32.
            let tolerance = if name == "log_loss" { 2e-6 } else { 1e-9 };
            let agree = ours.zip(theirs).map_or(ours == theirs, |(a, b)| (a - b).abs() <= tolerance * b.abs().max(1.0));
            assert!(agree, "{name}: {ours:?} for {theirs:?}: {}", case.name);
            compared += 1;
        }
    }
    assert!(compared > 1000 && undefined > 20, "{compared} compared, {undefined} undefined");
}
