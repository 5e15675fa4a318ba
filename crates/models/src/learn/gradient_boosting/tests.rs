//! What holds for boosting alone.

use std::ops::ControlFlow;

use ndarray::Array2;
use trainer_data::{Dataset, Matrix};
use trainer_kernels::Device;

use super::*;
use crate::contract::data;

fn small() -> GradientBoosting {
    GradientBoosting { max_iter: 20, ..GradientBoosting::default() }
}

fn fitted(boosting: &GradientBoosting, train: &Dataset) -> Result<Fitted, ModelError> {
    let on_round = |_: &_| ControlFlow::Continue(());
    boosting.fit(Job { train, valid: None, device: &Device::Cpu, seed: 1, on_round: &on_round })
}

fn predicted(boosting: &GradientBoosting, train: &Dataset, matrix: &Matrix) -> Array2<f32> {
    fitted(boosting, train).unwrap().model.predict(matrix, &Device::Cpu).unwrap()
}

fn resolved(fitted: &Fitted, name: &str) -> String {
    fitted.resolved.iter().find(|(own, _)| *own == name).unwrap().1.clone()
}

#[test]
fn a_row_without_weight_is_no_row() {
    for classes in [2, 3] {
        let train = data(900, classes, true);
        let weight = train.weight.as_ref().unwrap();
        let kept: Vec<u32> = (0..900).filter(|&row| weight[row as usize] > 0.0).collect();
        assert!(kept.len() < 800);
        let stopping = GradientBoosting { early_stopping: EarlyStopping::Always(true), ..small() };
        for boosting in [small(), stopping] {
            let bytes = |train: &Dataset| fitted(&boosting, train).unwrap().model.to_bytes();
            assert_eq!(bytes(&train), bytes(&train.take(&kept)));
        }
    }
}

#[test]
fn weights_count_as_rows_do() {
    let mut train = data(600, 2, false);
    // Few values: the bins of repeated rows are the same.
    train.matrix.x.mapv_inplace(f32::floor);
    train.weight = Some((0..600).map(|row| if row % 2 == 0 { 3.0 } else { 1.0 }).collect());
    let rows: Vec<u32> = (0..600).flat_map(|row| vec![row; if row % 2 == 0 { 3 } else { 1 }]).collect();
    let repeated = Dataset { weight: None, ..train.take(&rows) };
    let boosting = GradientBoosting { min_samples_leaf: 1, min_child_weight: 5.0, ..small() };
    let (one, other) = (predicted(&boosting, &train, &train.matrix), predicted(&boosting, &repeated, &train.matrix));
    // Not to the bit: gradients are rounded at random, and those of lighter rows more coarsely.
    let far = |other: &Array2<f32>| one.iter().zip(other).map(|(a, b)| (a - b).abs()).sum::<f32>() / 1200.0;
    let even = predicted(&boosting, &Dataset { weight: None, ..train.clone() }, &train.matrix);
    assert!(3.0 * far(&other) < far(&even), "{} {}", far(&other), far(&even));
}

#[test]
fn the_order_of_columns_is_not_seen() {
    let train = data(700, 2, false);
    let turned: Vec<usize> = vec![3, 2, 1, 0];
    let columns = turned.iter().map(|&j| train.matrix.x.column(j).to_vec()).collect();
    let features = turned.iter().map(|&j| train.matrix.features[j].clone()).collect();
    let other = Dataset { matrix: Matrix::from_columns(700, columns, features), ..train.clone() };
    // Later rounds find nothing more, and split by ties, which the order of columns decides.
    let short = GradientBoosting { max_iter: 6, ..small() };
    assert_eq!(predicted(&short, &train, &train.matrix), predicted(&short, &other, &other.matrix));
}

#[test]
fn a_monotone_feature_moves_answers_one_way() {
    let train = data(900, 2, false);
    for direction in [1i8, -1] {
        let monotonic_cst = BTreeMap::from([("x0".to_owned(), direction), ("x1".to_owned(), -direction)]);
        let boosting = GradientBoosting { monotonic_cst, min_samples_leaf: 5, max_iter: 60, ..small() };
        let model = fitted(&boosting, &train).unwrap().model;
        for (feature, direction) in [(0, direction), (1, -direction)] {
            for row in 0..40 {
                let mut matrix = train.matrix.take(&[row; 50]);
                (0..50).for_each(|i| matrix.x[[i, feature]] = i as f32 / 5.0 - 5.0);
                let proba = model.predict(&matrix, &Device::Cpu).unwrap();
                for pair in proba.column(1).to_vec().windows(2) {
                    assert!((pair[1] - pair[0]) * f32::from(direction) >= 0.0, "{feature} {direction} {pair:?}");
                }
            }
        }
    }
}

#[test]
fn it_stops_at_the_best_round() {
    let train = data(2_000, 2, false);
    let eager = GradientBoosting {
        early_stopping: EarlyStopping::Always(true),
        n_iter_no_change: 5,
        max_iter: 400,
        learning_rate: 0.5,
        ..small()
    };
    let stopped = fitted(&eager, &train).unwrap();
    let rounds: u32 = resolved(&stopped, "n_iter").parse().unwrap();
    assert!((2..100).contains(&rounds), "{rounds}");
    let exactly = GradientBoosting { max_iter: rounds, ..eager.clone() };
    assert_eq!(fitted(&exactly, &train).unwrap().model, stopped.model);
    let patient = GradientBoosting { n_iter_no_change: 50, ..eager };
    let loss = |fitted: &Fitted| resolved(fitted, "best_validation_loss").parse::<f64>().unwrap();
    assert!(loss(&fitted(&patient, &train).unwrap()) <= loss(&stopped));
    let auto = GradientBoosting { early_stopping: EarlyStopping::Rule(EarlyStoppingRule::Auto), ..small() };
    assert_eq!(fitted(&auto, &train).unwrap().model, fitted(&small(), &train).unwrap().model);
}

#[test]
fn what_cannot_be_is_refused() {
    let train = data(300, 3, false);
    let cases: Vec<(GradientBoosting, &str)> = vec![
        (GradientBoosting { learning_rate: 0.0, ..small() }, "learning_rate"),
        (GradientBoosting { subsample: 1.5, ..small() }, "subsample"),
        (GradientBoosting { l2_regularization: -1.0, ..small() }, "l2_regularization"),
        (GradientBoosting { monotonic_cst: BTreeMap::from([("x0".into(), 1)]), ..small() }, "two classes"),
        (GradientBoosting { monotonic_cst: BTreeMap::from([("x2".into(), 1)]), ..small() }, "category `x2`"),
        (GradientBoosting { monotonic_cst: BTreeMap::from([("y".into(), 1)]), ..small() }, "found `y`"),
        (GradientBoosting { interaction_cst: Some(vec![vec!["z".into()]]), ..small() }, "found `z`"),
    ];
    for (boosting, says) in cases {
        let error = fitted(&boosting, &train).unwrap_err().to_string();
        assert!(error.contains(says), "{error}");
    }
    let mut nothing = data(100, 2, true);
    nothing.weight = Some(vec![0.0; 100]);
    assert!(matches!(fitted(&small(), &nothing), Err(ModelError::Data(_))));
}
