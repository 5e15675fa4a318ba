use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use ndarray::Array2;
use serde::{Deserialize, Serialize};
use trainer_data::Matrix;
use trainer_kernels::{Device, Permutation, Purpose, philox};

use crate::{Form, Model, ModelError, Progress, Round};

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
/// `on_round` is asked before each repeat of each feature.
///
/// The host computes it, on whatever device the model was trained: a changed column touches few nodes, only the ways through
/// those are walked again, and what is remembered of them lives in the host's caches. The device is taken all the same,
/// so that a form without such ways can use it.
///
/// # Errors
/// Those of [`Model::predict`], and a stop that was asked for.
pub fn permutation_importance(
    model: &Model,
    matrix: &Matrix,
    _device: &Device,
    repeats: u32,
    seed: u64,
    score: &(dyn Fn(&Array2<f32>) -> f64 + Sync),
    on_round: &Progress<'_>,
) -> Result<Vec<Importance>, ModelError> {
    model.check_features(matrix)?;
    let total = matrix.features.len() as u32 * repeats;
    let done = AtomicU32::new(0);
    let stopped = AtomicBool::new(false);
    let deal = |feature: usize, try_values: &mut dyn FnMut(&[f32])| {
        let values = matrix.column(feature);
        for repeat in 0..repeats {
            let round = Round::of(done.fetch_add(1, Ordering::Relaxed), total);
            if stopped.load(Ordering::Relaxed) || on_round(&round).is_break() {
                stopped.store(true, Ordering::Relaxed);
                return;
            }
            let key = philox(seed, repeat, feature as u32, 0, Purpose::Permutation);
            let order = Permutation::new(matrix.rows() as u32, key);
            let dealt: Vec<f32> = (0..matrix.rows() as u32).map(|row| values[order.at(row) as usize]).collect();
            try_values(&dealt);
        }
    };
    let Form::Trees(trees) = &model.form;
    let (whole, dealt) = trees.predict_changed(matrix.x.view(), &deal, score);
    if stopped.into_inner() {
        return Err(ModelError::Stopped { done: done.into_inner().min(total), total });
    }
    let names = matrix.features.iter().map(|feature| feature.name.clone());
    Ok(names.zip(dealt).map(|(feature, scores)| of_scores(feature, whole, &scores)).collect())
}

fn of_scores(feature: String, whole: f64, scores: &[f64]) -> Importance {
    let count = scores.len() as f64;
    let mean = scores.iter().map(|score| whole - score).sum::<f64>() / count;
    let variance = scores.iter().map(|score| (whole - score - mean).powi(2)).sum::<f64>() / count;
    Importance { feature, mean, std: variance.sqrt() }
}
