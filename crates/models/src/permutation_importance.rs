use ndarray::Array2;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use trainer_data::Matrix;
use trainer_kernels::{Device, Permutation, Purpose, philox};

use crate::{Model, ModelError};

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
    let whole = score(&model.predict(matrix, device)?);
    (0..matrix.features.len())
        .into_par_iter()
        .map(|j| {
            let mut dealt = matrix.clone();
            let mut falls = Vec::with_capacity(repeats as usize);
            for repeat in 0..repeats {
                let key = philox(seed, repeat, j as u32, 0, Purpose::Permutation);
                let order = Permutation::new(matrix.rows() as u32, key);
                let values = matrix.column(j);
                for (i, cell) in dealt.x.column_mut(j).iter_mut().enumerate() {
                    *cell = values[order.at(i as u32) as usize];
                }
                falls.push(whole - score(&model.predict(&dealt, device)?));
            }
            let mean = falls.iter().sum::<f64>() / f64::from(repeats);
            let variance = falls.iter().map(|fall| (fall - mean) * (fall - mean)).sum::<f64>() / f64::from(repeats);
            Ok(Importance { feature: matrix.features[j].name.clone(), mean, std: variance.sqrt() })
        })
        .collect()
}
