//! What holds for every learner, whatever it is: one list, all tests.

use std::ops::ControlFlow;

use trainer_data::{Dataset, Feature, FeatureKind, Label, Matrix};
use trainer_kernels::{Device, Permutation, Purpose, philox};

use crate::learn::dummy::{Dummy, Strategy};
use crate::learn::gradient_boosting::{BalancedOrMap, BalancedRule, EarlyStopping, GradientBoosting, GrowPolicy};
use crate::learn::random_forest::{ClassWeight, ClassWeightRule, Criterion, RandomForest};
use crate::{AnyLearner, Fitted, Job, Model, ModelError, permutation_importance};

/// Every learner, with the parameters that change its way through the code.
fn learners() -> Vec<(&'static str, AnyLearner)> {
    let small = RandomForest { n_estimators: 12, ..RandomForest::default() };
    let forest = |change: fn(&mut RandomForest)| {
        let mut forest = small.clone();
        change(&mut forest);
        AnyLearner::RandomForest(forest)
    };
    let boosted = GradientBoosting { max_iter: 12, ..GradientBoosting::default() };
    let boosting = |change: fn(&mut GradientBoosting)| {
        let mut boosting = boosted.clone();
        change(&mut boosting);
        AnyLearner::GradientBoosting(boosting)
    };
    let all = vec![
        ("boosting", boosting(|_| {})),
        ("level by level", boosting(|boosting| boosting.grow_policy = GrowPolicy::Depthwise)),
        ("boosting with few leaves", boosting(|boosting| boosting.max_leaf_nodes = Some(4))),
        ("boosting on samples", boosting(|boosting| boosting.subsample = 0.6)),
        ("boosting to the best", boosting(|boosting| boosting.early_stopping = EarlyStopping::Always(true))),
        (
            "balanced boosting",
            boosting(|boosting| boosting.class_weight = Some(BalancedOrMap::Rule(BalancedRule::Balanced))),
        ),
        ("boosting, two threads", boosting(|boosting| boosting.n_jobs = Some(2))),
        ("forest", forest(|_| {})),
        ("shallow", forest(|forest| forest.max_depth = Some(3))),
        ("entropy", forest(|forest| forest.criterion = Criterion::Entropy)),
        ("few leaves", forest(|forest| forest.max_leaf_nodes = Some(9))),
        ("every row once", forest(|forest| forest.bootstrap = false)),
        ("out of bag", forest(|forest| forest.oob_score = true)),
        ("balanced", forest(|forest| forest.class_weight = Some(ClassWeight::Rule(ClassWeightRule::Balanced)))),
        ("two threads", forest(|forest| forest.n_jobs = Some(2))),
        ("prior", AnyLearner::Dummy(Dummy::default())),
        ("most frequent", AnyLearner::Dummy(Dummy { strategy: Strategy::MostFrequent })),
    ];
    let names: Vec<&str> = all.iter().map(|(_, learner)| learner.name()).collect();
    assert!(AnyLearner::NAMES.iter().all(|name| names.contains(name)), "every learner is tested");
    all
}

/// Numbers, levels and missing cells; class by a rule with some noise.
pub fn data(rows: usize, classes: u32, weighted: bool) -> Dataset {
    let random = |row: usize, what: u32| philox(5, row as u32, what, 0, Purpose::BinSample);
    let number = |row: usize, j: u32| (random(row, j)[0] % 1000) as f32 / 100.0 - 5.0;
    let missing = |row: usize, j: u32| random(row, j)[1] % 13 == 0;
    let cell = |row: usize, j: u32, value: f32| if missing(row, j) { f32::NAN } else { value };
    let columns = vec![
        (0..rows).map(|row| number(row, 0)).collect::<Vec<f32>>(),
        (0..rows).map(|row| cell(row, 1, number(row, 1))).collect(),
        (0..rows).map(|row| cell(row, 2, (random(row, 2)[0] % 4) as f32)).collect(),
        vec![7.0; rows],
    ];
    let y = (0..rows)
        .map(|row| {
            let signal = u32::from(columns[0][row] > 0.0) + u32::from(columns[2][row] == 3.0);
            if random(row, 9)[0] % 10 == 0 { random(row, 9)[1] % classes } else { signal % classes }
        })
        .collect();
    let levels = ["a", "b", "c", "d"].map(str::to_owned).to_vec();
    let kinds = [FeatureKind::Number, FeatureKind::Number, FeatureKind::Category { levels }, FeatureKind::Number];
    let features = kinds.into_iter().enumerate().map(|(j, kind)| Feature { name: format!("x{j}"), kind }).collect();
    Dataset {
        matrix: Matrix::from_columns(rows, columns, features),
        y,
        weight: weighted.then(|| (0..rows).map(|row| (random(row, 8)[0] % 5) as f32 / 2.0).collect()),
        classes: (0..classes).map(|class| Label::Text(format!("class {class}"))).collect(),
    }
}

pub fn fit(learner: &AnyLearner, train: &Dataset) -> Result<Fitted, ModelError> {
    let on_round = |_: &_| ControlFlow::Continue(());
    learner.as_dyn().fit(Job { train, valid: None, device: &Device::Cpu, seed: 1, on_round: &on_round })
}

fn each(check: impl Fn(&str, &AnyLearner, &Dataset, &Model)) {
    for (name, learner) in learners() {
        for (classes, weighted) in [(2, false), (2, true), (3, false), (3, true)] {
            let train = data(700, classes, weighted);
            let name = format!("{name}, {classes} classes, weighted: {weighted}");
            check(&name, &learner, &train, &fit(&learner, &train).unwrap().model);
        }
    }
}

#[test]
fn probabilities_add_up_to_one() {
    each(|name, _, train, model| {
        let proba = model.predict(&train.matrix, &Device::Cpu).unwrap();
        assert_eq!(proba.dim(), (700, train.classes.len()), "{name}");
        for row in proba.rows() {
            assert!(row.iter().all(|p| (0.0..=1.0).contains(p)) && (row.sum() - 1.0).abs() < 1e-6, "{name}: {row}");
        }
    });
}

#[test]
fn a_saved_model_is_the_same_model() {
    each(|name, learner, train, model| {
        let file = model.to_bytes();
        let read = Model::from_bytes(&file).unwrap();
        assert_eq!(&read, model, "{name}");
        assert_eq!(read.to_bytes(), file, "{name}");
        let unseen = data(300, train.classes.len() as u32, false).matrix;
        let bits = |model: &Model| -> Vec<u32> {
            model.predict(&unseen, &Device::Cpu).unwrap().iter().map(|p| p.to_bits()).collect()
        };
        assert_eq!(bits(&read), bits(model), "{name}");
        // The same again, and alone in a pool of one thread.
        let again = || fit(learner, train).unwrap().model.to_bytes();
        assert_eq!(again(), file, "{name}");
        let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
        assert_eq!(pool.install(again), file, "{name}");
    });
}

#[test]
fn rows_are_predicted_alone_as_together() {
    each(|name, _, train, model| {
        let together = model.predict(&train.matrix, &Device::Cpu).unwrap();
        for row in [0, 1, 350, 699] {
            let alone = model.predict(&train.matrix.take(&[row]), &Device::Cpu).unwrap();
            assert_eq!(alone.row(0), together.row(row as usize), "{name}");
        }
        assert_eq!(model.predict(&train.matrix.take(&[]), &Device::Cpu).unwrap().nrows(), 0, "{name}");
    });
}

#[test]
fn importances_are_shares() {
    each(|name, learner, _, model| {
        let importances = model.importances();
        assert_eq!(importances.len(), 4, "{name}");
        assert_eq!(importances[3], 0.0, "{name}: the constant column");
        let sum: f64 = importances.iter().sum();
        match learner {
            AnyLearner::Dummy(_) => assert_eq!(sum, 0.0),
            _ => assert!((sum - 1.0).abs() < 1e-9 && importances[0] > importances[1], "{name}"),
        }
    });
}

#[test]
fn permutation_importance_is_what_predicting_the_dealt_rows_gives() {
    each(|name, _, train, model| {
        let rows = train.y.len() as u32;
        let score = |proba: &ndarray::Array2<f32>| {
            let right = model.decide(proba).iter().zip(&train.y).filter(|(a, b)| a == b).count();
            right as f64 / f64::from(rows)
        };
        let on_round = |_: &_| ControlFlow::Continue(());
        let found = permutation_importance(model, &train.matrix, &Device::Cpu, 3, 11, &score, &on_round).unwrap();
        let whole = score(&model.predict(&train.matrix, &Device::Cpu).unwrap());
        for (j, found) in found.iter().enumerate() {
            let falls = (0..3).map(|repeat| {
                let order = Permutation::new(rows, philox(11, repeat, j as u32, 0, Purpose::Permutation));
                let mut dealt = train.matrix.clone();
                for row in 0..rows {
                    dealt.x[[row as usize, j]] = train.matrix.x[[order.at(row) as usize, j]];
                }
                whole - score(&model.predict(&dealt, &Device::Cpu).unwrap())
            });
            assert!((found.mean - falls.sum::<f64>() / 3.0).abs() < 1e-12, "{name} {}", found.feature);
        }
    });
}

#[test]
fn a_stop_that_is_asked_for_ends_the_fit_at_any_round() {
    let train = data(300, 2, false);
    let forest = AnyLearner::RandomForest(RandomForest { n_estimators: 50, ..RandomForest::default() });
    let boosting = AnyLearner::GradientBoosting(GradientBoosting { max_iter: 50, ..GradientBoosting::default() });
    for learner in [forest, boosting] {
        for last in [0, 1, 2, 17] {
            let stop = |round: &crate::Round| match round.done >= last {
                true => ControlFlow::Break(()),
                false => ControlFlow::Continue(()),
            };
            let job = Job { train: &train, valid: None, device: &Device::Cpu, seed: 1, on_round: &stop };
            let stopped = learner.as_dyn().fit(job);
            assert!(matches!(stopped, Err(ModelError::Stopped { done, total: 50 }) if done < 50), "{last}");
        }
    }
}

#[test]
fn columns_of_one_value_or_none_are_no_harm() {
    for (name, learner) in learners() {
        let mut train = data(200, 2, false);
        train.matrix.x.column_mut(1).fill(f32::NAN);
        train.matrix.x.column_mut(2).fill(f32::NAN);
        let model = fit(&learner, &train).unwrap().model;
        let unseen = data(50, 2, false).matrix;
        let proba = model.predict(&unseen, &Device::Cpu).unwrap();
        assert!(proba.iter().all(|p| (0.0..=1.0).contains(p)), "{name}");
        // Nothing to tell rows apart by at all.
        train.matrix.x.column_mut(0).fill(2.0);
        let proba = fit(&learner, &train).unwrap().model.predict(&train.matrix, &Device::Cpu).unwrap();
        assert!(proba.rows().into_iter().all(|row| row == proba.row(0)), "{name}");
    }
}

#[test]
fn a_stop_ends_permutation_importance_too() {
    let train = data(300, 2, false);
    let model = fit(&AnyLearner::Dummy(Dummy::default()), &train).unwrap().model;
    let stop = |_: &_| ControlFlow::Break(());
    let found = permutation_importance(&model, &train.matrix, &Device::Cpu, 3, 11, &|_: &_| 0.0, &stop);
    assert!(matches!(found, Err(ModelError::Stopped { total: 12, .. })));
}

#[test]
fn other_columns_are_refused() {
    each(|name, _, train, model| {
        let mut renamed = train.matrix.clone();
        renamed.features[1].name = "other".into();
        let error = model.predict(&renamed, &Device::Cpu).unwrap_err().to_string();
        assert!(error.contains("`x1`") && error.contains("`other`"), "{name}: {error}");
    });
}

#[test]
fn damaged_files_are_refused() {
    let train = data(200, 3, false);
    let forest = AnyLearner::RandomForest(RandomForest { n_estimators: 3, ..RandomForest::default() });
    let boosting = AnyLearner::GradientBoosting(GradientBoosting { max_iter: 3, ..GradientBoosting::default() });
    for learner in [forest, boosting] {
        refuse_damage(&fit(&learner, &train).unwrap().model.to_bytes(), &train);
    }
}

fn refuse_damage(file: &[u8], train: &Dataset) {
    for length in (0..file.len()).step_by(97) {
        assert!(matches!(Model::from_bytes(&file[..length]), Err(ModelError::Format(_))), "{length}");
    }
    // Any one byte changed: refused, or a model that still predicts without a panic.
    for at in (0..file.len()).step_by(13) {
        let mut damaged = file.to_vec();
        damaged[at] ^= 0x41;
        if let Ok(model) = Model::from_bytes(&damaged) {
            let _ = model.predict(&train.matrix, &Device::Cpu);
        }
    }
}
