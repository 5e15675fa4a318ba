//! From parameters in the words of scikit-learn to the integers that trees are boosted by.

use std::borrow::Cow;

use trainer_data::{Dataset, FeatureKind, Warning};
use trainer_kernels::boost::{Boosting, CURVATURE_BITS, Policy, Shape, WEIGHT_ONE, fixed};
use trainer_kernels::{Permutation, Purpose, Records, philox};

use super::stopping::Judge;
use super::{BalancedOrMap, EarlyStopping, EarlyStoppingRule, GradientBoosting, GrowPolicy};
use crate::ModelError;
use crate::learn::class_weight::{balanced, counts, weights_of};
use crate::learn::random_forest::resolve::{check_shape, max_features};

/// Rows above which `early_stopping: auto` stops.
const MANY_ROWS: usize = 10_000;

/// Parameters that were checked against the data.
pub struct Resolved {
    pub seed: u64,
    pub warnings: Vec<Warning>,
    /// Whether rounds may end early.
    pub stops: bool,
    /// The weight of each class.
    pub class_weights: Vec<f64>,
    /// The weight of the heaviest row, which counts as one.
    heaviest: f64,
    features: u32,
    outputs: usize,
    monotone: Vec<i8>,
    groups: Vec<Vec<u32>>,
    own: GradientBoosting,
}

impl Resolved {
    pub fn new(own: &GradientBoosting, data: &Dataset, seed: u64) -> Result<Self, ModelError> {
        let (rows, features) = data.matrix.x.dim();
        check_shape(rows, features, data.classes.len())?;
        check_numbers(own)?;
        let class_weights = match &own.class_weight {
            None => vec![1.0; data.classes.len()],
            Some(BalancedOrMap::Rule(_)) => balanced(&counts(data)),
            Some(BalancedOrMap::Map(map)) => weights_of(map, data)?,
        };
        let heaviest = real_weights(data, &class_weights).fold(0.0, f64::max);
        if heaviest <= 0.0 {
            return Err(ModelError::Data("expected a row of more than no weight, found none".into()));
        }
        Ok(Self {
            seed: own.random_state.unwrap_or(seed),
            warnings: vec![],
            stops: match own.early_stopping {
                EarlyStopping::Always(stops) => stops,
                EarlyStopping::Rule(EarlyStoppingRule::Auto) => rows > MANY_ROWS,
            },
            class_weights,
            heaviest,
            features: max_features(own.max_features, features)?,
            outputs: if data.classes.len() == 2 { 1 } else { data.classes.len() },
            monotone: monotone(own, data)?,
            groups: groups(own, data)?,
            own: own.clone(),
        })
    }

    /// What rules and fractions came to on these rows, by the parameters' names.
    pub fn parameters(&self, rounds: usize, judge: Option<&Judge<'_>>) -> Vec<(&'static str, String)> {
        let mut resolved = vec![
            ("random_state", self.seed.to_string()),
            ("max_features", self.features.to_string()),
            ("n_iter", rounds.to_string()),
        ];
        if let Some(judge) = judge {
            resolved.push(("best_validation_loss", judge.best_loss().to_string()));
        }
        if self.own.class_weight.is_some() {
            let weights: Vec<String> = self.class_weights.iter().map(f64::to_string).collect();
            resolved.push(("class_weight", weights.join(", ")));
        }
        resolved
    }

    /// The rows to learn from, and those kept aside to know when to stop. Rows without weight are in neither.
    pub fn parts<'a>(&self, data: &'a Dataset) -> (Cow<'a, Dataset>, Option<Dataset>) {
        let weighs: Vec<bool> = real_weights(data, &self.class_weights).map(|weight| weight > 0.0).collect();
        let with = |rows: &dyn Fn(u32) -> bool| -> Vec<u32> {
            (0..weighs.len() as u32).filter(|&row| weighs[row as usize] && rows(row)).collect()
        };
        if !self.stops {
            let all = weighs.iter().all(|&weighs| weighs);
            return (if all { Cow::Borrowed(data) } else { Cow::Owned(data.take(&with(&|_| true))) }, None);
        }
        let mut is_aside = vec![false; weighs.len()];
        for class in 0..data.classes.len() as u32 {
            let rows = with(&|row| data.y[row as usize] == class);
            let order = Permutation::new(rows.len() as u32, philox(self.seed, 0, class, 0, Purpose::Validation));
            // At least one row of a class is learned from.
            let take = (self.own.validation_fraction * rows.len() as f64).round() as u32;
            let take = take.min((rows.len() as u32).saturating_sub(1));
            (0..take).for_each(|k| is_aside[rows[order.at(k) as usize] as usize] = true);
        }
        let train = data.take(&with(&|row| !is_aside[row as usize]));
        let aside = with(&|row| is_aside[row as usize]);
        (Cow::Owned(train), (!aside.is_empty()).then(|| data.take(&aside)))
    }

    /// The integer weight of each row; none where all are one.
    pub fn weights(&self, train: &Dataset) -> Vec<u32> {
        let real: Vec<f64> = real_weights(train, &self.class_weights).collect();
        if real.iter().all(|&weight| weight == self.heaviest) {
            return vec![];
        }
        let integer = |weight: &f64| ((weight / self.heaviest * f64::from(WEIGHT_ONE)).round() as u32).max(1);
        real.iter().map(integer).collect()
    }

    /// Each margin without trees: the log of the odds, or of each class's share.
    pub fn start(&self, classes: &[u8], weights: &[u32]) -> Vec<i64> {
        let mut sums = vec![0u64; self.class_weights.len()];
        for (row, &class) in classes.iter().enumerate() {
            sums[usize::from(class)] += u64::from(weights.get(row).copied().unwrap_or(WEIGHT_ONE));
        }
        let all: u64 = sums.iter().sum();
        // A class without rows is as rare as half a row would be.
        let least = f64::from(WEIGHT_ONE) / 2.0;
        let log = |sum: u64| fixed::ln((sum as f64).max(least) / all as f64);
        match sums[..] {
            [first, second] => vec![fixed::margin(log(second) - log(first))],
            _ => sums.iter().map(|&sum| fixed::margin(log(sum))).collect(),
        }
    }

    pub fn boosting<'a>(&'a self, records: &'a Records, classes: &'a [u8], weights: &'a [u32]) -> Boosting<'a> {
        let own = &self.own;
        let curvature = |real: f64| (real / self.heaviest * f64::from(1 << CURVATURE_BITS)).round().min(MOST) as u64;
        let shape = Shape {
            policy: match own.grow_policy {
                GrowPolicy::Lossguide => Policy::Lossguide,
                GrowPolicy::Depthwise => Policy::Depthwise,
            },
            max_depth: own.max_depth.unwrap_or(u32::MAX),
            max_leaves: own.max_leaf_nodes.unwrap_or(u32::MAX),
            lambda: curvature(own.l2_regularization),
            min_leaf: own.min_samples_leaf,
            min_curvature: curvature(own.min_child_weight),
            max_features: self.features,
            monotone: &self.monotone,
            groups: &self.groups,
            rate: (own.learning_rate * f64::from(1 << 24)).round().max(1.0) as u32,
        };
        let subsample = (own.subsample < 1.0).then(|| (own.subsample * 2f64.powi(32)) as u32);
        Boosting { records, classes, weights, outputs: self.outputs, shape, subsample, seed: self.seed }
    }
}

/// Sums of curvatures stay below; what is asked for beyond is never reached.
const MOST: f64 = (1u64 << 44) as f64;

/// What each row weighs, its class's weight included.
pub fn real_weights<'a>(data: &'a Dataset, class_weights: &'a [f64]) -> impl Iterator<Item = f64> + 'a {
    let own = |row: usize| data.weight.as_ref().map_or(1.0, |weight| f64::from(weight[row]));
    data.y.iter().enumerate().map(move |(row, &class)| own(row) * class_weights[class as usize])
}

/// Bounds that the schema states, for those who fill the struct in code.
fn check_numbers(own: &GradientBoosting) -> Result<(), ModelError> {
    let part = |value: f64| value > 0.0 && value <= 1.0;
    let size = |value: f64| value >= 0.0 && value.is_finite();
    let wrong = [
        (!part(own.learning_rate), "learning_rate", "above 0 and at most 1", own.learning_rate),
        (!part(own.subsample), "subsample", "above 0 and at most 1", own.subsample),
        (!part(own.validation_fraction) || own.validation_fraction == 1.0, "validation_fraction", "above 0 and below 1", own.validation_fraction),
        (!size(own.l2_regularization), "l2_regularization", "at least 0", own.l2_regularization),
        (!size(own.min_child_weight), "min_child_weight", "at least 0", own.min_child_weight),
        (!size(own.tol), "tol", "at least 0", own.tol),
    ];
    match wrong.iter().find(|(is_wrong, ..)| *is_wrong) {
        Some((_, name, expected, found)) => {
            Err(ModelError::Parameter(format!("{name}: expected a number {expected}, found {found}")))
        }
        None => Ok(()),
    }
}

/// The direction of each feature; empty where none has one.
fn monotone(own: &GradientBoosting, data: &Dataset) -> Result<Vec<i8>, ModelError> {
    let mut directions = vec![0; data.matrix.features.len()];
    for (name, &direction) in &own.monotonic_cst {
        let at = place(data, "monotonic_cst", name)?;
        if !(-1..=1).contains(&direction) {
            let message = format!("monotonic_cst: `{name}`: expected -1, 0 or 1, found {direction}");
            return Err(ModelError::Parameter(message));
        }
        if direction != 0 && matches!(data.matrix.features[at].kind, FeatureKind::Category { .. }) {
            let message = format!("monotonic_cst: expected a feature of numbers, found the category `{name}`");
            return Err(ModelError::Parameter(message));
        }
        directions[at] = direction;
    }
    if directions.iter().all(|&direction| direction == 0) {
        return Ok(vec![]);
    }
    if data.classes.len() > 2 {
        let message = format!("monotonic_cst: expected two classes, found {}", data.classes.len());
        return Err(ModelError::Parameter(message));
    }
    Ok(directions)
}

fn groups(own: &GradientBoosting, data: &Dataset) -> Result<Vec<Vec<u32>>, ModelError> {
    let Some(groups) = &own.interaction_cst else { return Ok(vec![]) };
    let of = |group: &Vec<String>| group.iter().map(|name| Ok(place(data, "interaction_cst", name)? as u32)).collect();
    let groups: Vec<Vec<u32>> = groups.iter().map(of).collect::<Result<_, ModelError>>()?;
    // No group at all: no two features meet.
    Ok(if groups.is_empty() { vec![vec![]] } else { groups })
}

fn place(data: &Dataset, parameter: &str, name: &str) -> Result<usize, ModelError> {
    let names = || data.matrix.features.iter().map(|feature| feature.name.as_str());
    names().position(|other| other == name).ok_or_else(|| {
        let known: Vec<&str> = names().take(20).collect();
        ModelError::Parameter(format!("{parameter}: expected one of the features {}, found `{name}`", known.join(", ")))
    })
}
