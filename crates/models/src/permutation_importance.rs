use ndarray::Array2;
use serde::{Deserialize, Serialize};
use trainer_data::Matrix;
use trainer_kernels::{Device, Permutation, Purpose, philox};

use crate::{Form, Model, ModelError};

/// How much a score falls when one feature's values are dealt out to other rows (Breiman, "Random forests", 2001).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Importance {
    /// The feature's name.
    pub feature: String,
    /// Mean fall of the score over the repeats.
    pub mean: f64,
    /// Its standard deviation (population).
    pub std: f64,
}

/// The importance of each feature for `score`, a function of the predicted probabilities where larger is better.
/// scikit-learn's `permutation_importance`, with rows dealt by a keyed permutation, so that threads do not matter.
///
/// # Errors
/// Those of [`Model::predict`].
pub fn permutation_importance(
    model: &Model,
    matrix: &Matrix,
    device: &Device,
    repeats: u32,
    seed: u64,
    score: &(dyn Fn(&Array2<f32>) -> f64 + Sync),
) -> Result<Vec<Importance>, ModelError> {
    model.check_features(matrix)?;
    let deal = |feature: usize, try_values: &mut dyn FnMut(&[f32])| {
        let values = matrix.column(feature);
        for repeat in 0..repeats {
            let key = philox(seed, repeat, feature as u32, 0, Purpose::Permutation);
            let order = Permutation::new(matrix.rows() as u32, key);
            let dealt: Vec<f32> = (0..matrix.rows() as u32).map(|row| values[order.at(row) as usize]).collect();
            try_values(&dealt);
        }
    };
    let Form::Trees(trees) = &model.form;
    let Device::Cpu = device;
    let (whole, dealt) = trees.predict_changed(matrix.x.view(), &deal, score);
    let names = matrix.features.iter().map(|feature| feature.name.clone());
    Ok(names.zip(dealt).map(|(feature, scores)| of_scores(feature, whole, &scores)).collect())
}

fn of_scores(feature: String, whole: f64, scores: &[f64]) -> Importance {
    let count = scores.len() as f64;
    let mean = scores.iter().map(|score| whole - score).sum::<f64>() / count;
    let variance = scores.iter().map(|score| (whole - score - mean).powi(2)).sum::<f64>() / count;
    Importance { feature, mean, std: variance.sqrt() }
}
