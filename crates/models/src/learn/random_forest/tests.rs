//! What scikit-learn's parameters mean here.

use super::*;
use crate::contract::{data, fit};
use crate::{AnyLearner, Split};
use trainer_kernels::Purpose;

fn fitted(train: &Dataset, forest: RandomForest) -> Fitted {
    fit(&AnyLearner::RandomForest(forest), train).unwrap()
}

fn refused(train: &Dataset, forest: RandomForest) -> String {
    fit(&AnyLearner::RandomForest(forest), train).unwrap_err().to_string()
}

fn trees(fitted: &Fitted) -> &Ensemble {
    let Form::Trees(trees) = &fitted.model.form;
    trees
}

/// Leaves and levels of each tree.
fn shapes(fitted: &Fitted) -> Vec<(usize, u32)> {
    let trees = trees(fitted);
    let walk = |&root: &u32| {
        let (mut leaves, mut deepest) = (0, 0);
        let mut open = vec![(root, 0)];
        while let Some((at, depth)) = open.pop() {
            deepest = deepest.max(depth);
            match trees.split_at(at) {
                Split::Leaf => leaves += 1,
                _ => {
                    let left = trees.nodes[at as usize].step.left;
                    open.extend([(left, depth + 1), (left + 1, depth + 1)]);
                }
            }
        }
        (leaves, deepest)
    };
    trees.roots.iter().map(walk).collect()
}

#[test]
fn limits_hold() {
    let train = data(600, 2, false);
    let small = RandomForest { n_estimators: 8, ..RandomForest::default() };
    let free = shapes(&fitted(&train, small.clone()));
    assert!(free.iter().all(|&(leaves, depth)| leaves > 40 && depth > 6), "{free:?}");
    let shallow = shapes(&fitted(&train, RandomForest { max_depth: Some(4), ..small.clone() }));
    assert!(shallow.iter().all(|&(leaves, depth)| leaves > 8 && depth == 4), "{shallow:?}");
    let few = shapes(&fitted(&train, RandomForest { max_leaf_nodes: Some(7), ..small.clone() }));
    assert!(few.iter().all(|&(leaves, _)| leaves == 7), "{few:?}");
    for min_samples_leaf in [MinLeaf::Count(30), MinLeaf::Fraction(0.05)] {
        let forest = fitted(&train, RandomForest { min_samples_leaf, bootstrap: false, ..small.clone() });
        let smallest = trees(&forest).nodes.iter().map(|node| node.cover).fold(1.0, f64::min);
        assert!((0.05..0.1).contains(&smallest), "{smallest}");
    }
    let large = RandomForest { min_samples_split: MinSplit::Fraction(0.5), bootstrap: false, ..small.clone() };
    let forest = fitted(&train, large);
    let split = trees(&forest).nodes.iter().enumerate().filter(|(at, node)| node.step.left as usize != *at);
    assert!(split.map(|(_, node)| node.cover).all(|cover| cover >= 0.5));
    let strict = fitted(&train, RandomForest { min_impurity_decrease: 0.02, ..small });
    let split: Vec<f64> = trees(&strict).nodes.iter().map(|node| node.decrease).filter(|&it| it > 0.0).collect();
    assert!(!split.is_empty() && split.iter().all(|&decrease| decrease >= 0.02 - 1e-9), "{split:?}");
}

#[test]
fn out_of_bag_rows_are_those_that_trees_did_not_draw() {
    let train = data(900, 3, false);
    let forest = RandomForest { n_estimators: 40, oob_score: true, ..RandomForest::default() };
    let fitted = fitted(&train, forest);
    let stages: Vec<u32> = fitted.out_of_bag.iter().map(|stage| stage.trees).collect();
    assert_eq!(stages, [1, 2, 4, 8, 16, 32, 40]);
    let out_of_bag = fitted.out_of_bag.last().unwrap();
    // 40 trees leave a row out with probability 0.632^40.
    assert_eq!(out_of_bag.rows.len(), 900);
    let right = |proba: &ndarray::Array2<f32>| {
        fitted.model.decide(proba).iter().zip(&train.y).filter(|(a, b)| a == b).count() as f64 / 900.0
    };
    let seen = right(&fitted.model.predict(&train.matrix, &Device::Cpu).unwrap());
    let unseen = right(&out_of_bag.proba);
    // One row in ten has a random class: a forest knows those that it saw.
    assert!(seen > 0.97 && (0.80..0.95).contains(&unseen), "{seen} {unseen}");
    assert!(out_of_bag.proba.rows().into_iter().all(|row| (row.sum() - 1.0).abs() < 1e-6));
}

#[test]
fn the_first_trees_are_a_smaller_forest() {
    let train = data(500, 3, false);
    let of = |trees: u32| {
        fitted(&train, RandomForest { n_estimators: trees, oob_score: true, max_depth: Some(6), ..Default::default() })
    };
    let (whole, start) = (of(13), of(8));
    assert_eq!(whole.out_of_bag[3], start.out_of_bag[3]);
    assert!(whole.out_of_bag[0].rows.len() < 300, "one tree draws most rows");
    let mut stages = Vec::new();
    let mut each = |trees: u32, proba: &ndarray::Array2<f32>| stages.push((trees, proba.clone()));
    whole.model.predict_staged(&train.matrix, &Device::Cpu, &mut each).unwrap();
    let predicted = |fitted: &Fitted| fitted.model.predict(&train.matrix, &Device::Cpu).unwrap();
    assert_eq!(stages[3], (8, predicted(&start)));
    assert_eq!(stages[4], (13, predicted(&whole)));
}

#[test]
fn weights_are_repeated_rows() {
    let mut train = data(240, 3, false);
    // Few enough rows for a bin each: repeated rows would move the cuts. Weights are not samples: a level with enough of those has a share of its own.
    train.matrix.features[2].kind = FeatureKind::Number;
    let twice: Vec<u32> = (0..240).flat_map(|row| std::iter::repeat_n(row, 1 + row as usize % 3)).collect();
    let weight = (0..240).map(|row| (1 + row % 3) as f32).collect();
    let forest = RandomForest { n_estimators: 3, bootstrap: false, max_depth: Some(5), ..RandomForest::default() };
    let weighted = fitted(&Dataset { weight: Some(weight), ..train.clone() }, forest.clone());
    let repeated = fitted(&train.take(&twice), forest);
    assert_eq!(trees(&weighted).values, trees(&repeated).values);
}

#[test]
fn class_weights_move_the_leaves() {
    let mut train = data(4000, 2, false);
    // One row in about ten is of class 1, whatever its features: only weights can move the leaves.
    let random = |row: u32| trainer_kernels::philox(3, row, 0, 0, Purpose::BinSample)[0];
    train.y = (0..4000).map(|row| u32::from(random(row).is_multiple_of(10))).collect();
    let share = |class_weight| {
        let forest = RandomForest { n_estimators: 20, max_depth: Some(1), class_weight, ..RandomForest::default() };
        let proba = fitted(&train, forest).model.predict(&train.matrix, &Device::Cpu).unwrap();
        f64::from(proba.column(1).sum()) / 4000.0
    };
    assert!((share(None) - 0.1).abs() < 0.02);
    for rule in [ClassWeightRule::Balanced, ClassWeightRule::BalancedSubsample] {
        let balanced = share(Some(ClassWeight::Rule(rule)));
        assert!((balanced - 0.5).abs() < 0.03, "{balanced}");
    }
    let map = |ones: f64, zeros: f64| {
        Some(ClassWeight::Map([("class 1".to_owned(), ones), ("class 0".to_owned(), zeros)].into()))
    };
    // 9 to 1 evens it out, in whatever unit.
    for unit in [1.0, 1e-7, 1e5] {
        let even = share(map(9.0 * unit, unit));
        assert!((even - 0.5).abs() < 0.03, "{unit}: {even}");
    }
}

#[test]
fn only_the_ratios_of_row_weights_count() {
    let train = data(500, 2, true);
    let scaled = |unit: f32| {
        let weight = train.weight.as_ref().map(|weight| weight.iter().map(|weight| weight * unit).collect());
        let train = Dataset { weight, ..train.clone() };
        let dummy = fit(&AnyLearner::Dummy(crate::learn::dummy::Dummy::default()), &train).unwrap().model;
        let forest = RandomForest { n_estimators: 5, ..RandomForest::default() };
        (fitted(&train, forest).model.to_bytes(), dummy.to_bytes())
    };
    let unit = scaled(1.0);
    for power in [-30, -20, 10, 60] {
        assert!(scaled(2f32.powi(power)) == unit, "2^{power}");
    }
}

#[test]
fn what_does_not_fit_is_refused() {
    let train = data(100, 2, false);
    let forest = RandomForest { n_estimators: 2, ..RandomForest::default() };
    let says = |forest: RandomForest, expected: &str| {
        let message = refused(&train, forest);
        assert!(message.contains(expected), "{message}");
    };
    says(RandomForest { oob_score: true, bootstrap: false, ..forest.clone() }, "oob_score needs `bootstrap: true`");
    says(RandomForest { max_features: Some(MaxFeatures::Count(9)), ..forest.clone() }, "at most the 4 features, found 9");
    says(RandomForest { max_samples: Some(MaxSamples::Count(101)), ..forest.clone() }, "at most the 100 training rows");
    says(RandomForest { n_jobs: Some(0), ..forest.clone() }, "found 0");
    let map = [("nobody".to_owned(), 2.0)].into();
    says(RandomForest { class_weight: Some(ClassWeight::Map(map)), ..forest.clone() }, "found `nobody`");
    let rule = Some(ClassWeight::Rule(ClassWeightRule::BalancedSubsample));
    let weighted = refused(&data(100, 2, true), RandomForest { class_weight: rule, ..forest });
    assert!(weighted.contains("can't be combined with a weight column"), "{weighted}");
}
