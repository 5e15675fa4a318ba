//! Every step beside scikit-learn: fitted on the same rows, it makes the same columns of the same rows.

use serde::Deserialize;
use trainer_data::{Categories, Needs, ReadOptions, read_local};
use trainer_features::{PlanSpec, Step, fit};
use trainer_kernels::Device;
use trainer_testkit::{Program, python, repository, scratch};

#[derive(Deserialize)]
struct Cases {
    fitted: u32,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    columns: Vec<String>,
    steps: Vec<Step>,
    /// Of the rows for fitting, for steps that look at them.
    classes: Option<Vec<u32>>,
    expected: Vec<Vec<Option<f64>>>,
}

/// Equal but for the rounding to 32 bits, and for the last digits of constants that were summed in another order.
fn equal(ours: f32, theirs: Option<f64>) -> bool {
    match theirs {
        None => ours.is_nan(),
        Some(theirs) => (f64::from(ours) - theirs).abs() <= 1e-6 + 1e-6 * theirs.abs(),
    }
}

#[test]
fn steps_are_those_of_scikit_learn() {
    let folder = scratch();
    Program::new(python()).args([repository().join("tests/peers/steps.py"), folder.path().into()]).expect(0);
    let Cases { fitted, cases } =
        serde_json::from_slice(&std::fs::read(folder.path().join("cases.json")).unwrap()).unwrap();
    let rows = folder.path().join("rows.csv");
    let table = read_local(rows.to_str().unwrap(), &ReadOptions::default()).unwrap().table;
    let training = table.take(&(0..fitted).collect::<Vec<_>>());
    let needs = Needs { categories: Categories::Native { max_levels: 255 }, missing: true, scaled: false };
    let mut compared = Vec::new();
    for case in cases {
        compared.extend(case.steps.iter().map(Step::name));
        let spec = PlanSpec {
            select: Some(case.columns),
            exclude: vec![],
            steps: case.steps,
            needs: Some(needs),
            pii: vec![],
        };
        let (plan, _) =
            fit(&training, case.classes.as_deref(), &spec).unwrap_or_else(|error| panic!("{}: {error}", case.name));
        let matrix = plan.apply(&table, &Device::Cpu).unwrap().matrix;
        assert_eq!(matrix.features.len(), case.expected.len(), "{}: {:?}", case.name, matrix.features);
        for (j, expected) in case.expected.iter().enumerate() {
            let different = matrix.column(j).iter().zip(expected).position(|(&ours, &theirs)| !equal(ours, theirs));
            if let Some(row) = different {
                let feature = &matrix.features[j].name;
                panic!("{}: {feature}, row {row}: {} and not {:?}", case.name, matrix.column(j)[row], expected[row]);
            }
        }
    }
    assert!(Step::NAMES.iter().all(|name| compared.contains(name)), "a step without a case in tests/peers/steps.py");
}
