//! Weights of classes, for every learner that has them.

use std::collections::BTreeMap;

use trainer_data::Dataset;

use crate::ModelError;

/// Rows of each class.
pub fn counts(data: &Dataset) -> Vec<u64> {
    let mut counts = vec![0; data.classes.len()];
    data.y.iter().for_each(|&class| counts[class as usize] += 1);
    counts
}

/// The weight of each class by its name; classes that are not named weigh one.
pub fn weights_of(map: &BTreeMap<String, f64>, data: &Dataset) -> Result<Vec<f64>, ModelError> {
    let names: Vec<String> = data.classes.iter().map(ToString::to_string).collect();
    for (class, weight) in map {
        if !names.contains(class) {
            let message = format!("class_weight: expected one of the classes {}, found `{class}`", names.join(", "));
            return Err(ModelError::Parameter(message));
        }
        if !(0.0..1e30).contains(weight) {
            let message = format!(
                "class_weight: class `{class}`: expected a weight of at least 0 and below 1e30, found {weight}"
            );
            return Err(ModelError::Parameter(message));
        }
    }
    let weights: Vec<f64> = names.iter().map(|name| map.get(name).copied().unwrap_or(1.0)).collect();
    if weights.iter().all(|&weight| weight == 0.0) {
        return Err(ModelError::Parameter("class_weight: expected a weight above 0 for some class, found none".into()));
    }
    Ok(weights)
}

/// scikit-learn's `balanced`: samples / (classes * samples of the class).
pub fn balanced(counts: &[u64]) -> Vec<f64> {
    let all: u64 = counts.iter().sum();
    let of = |count: u64| if count == 0 { 0.0 } else { all as f64 / (counts.len() as f64 * count as f64) };
    counts.iter().copied().map(of).collect()
}
