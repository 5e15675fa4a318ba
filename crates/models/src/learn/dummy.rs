//! `dummy`: what a model has to beat.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use trainer_data::{Categories, Needs};
use trainer_kernels::{Node, Tree};

use super::{Job, Learner};
use crate::model::Form;
use crate::{Ensemble, Fitted, Model, ModelError};

/// The majority class for every row: the baseline that a model has to beat.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Dummy {
    /// What it answers as probabilities.
    pub strategy: Strategy,
}

/// How a dummy answers; the labels are the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Strategy {
    /// The share of each class in the training rows.
    #[default]
    Prior,
    /// One for the majority class, zero for the others.
    MostFrequent,
}

impl Learner for Dummy {
    fn needs(&self) -> Needs {
        Needs { categories: Categories::Native { max_levels: u32::MAX }, missing: true, scaled: false }
    }

    fn fit(&self, job: Job<'_>) -> Result<Fitted, ModelError> {
        let data = job.train;
        let mut sums = vec![0f64; data.classes.len()];
        for (i, &class) in data.y.iter().enumerate() {
            sums[class as usize] += data.weight.as_ref().map_or(1.0, |weight| f64::from(weight[i]));
        }
        // A tree's weights are integers: 40 bits for their sum.
        let unit = 2f64.powi(40) / sums.iter().sum::<f64>().max(f64::MIN_POSITIVE);
        let mut weights: Vec<u64> = sums.iter().map(|sum| (sum * unit).round() as u64).collect();
        if self.strategy == Strategy::MostFrequent {
            let heaviest = weights.iter().copied().max().unwrap_or(0);
            let first = weights.iter().position(|&weight| weight == heaviest);
            weights.iter_mut().enumerate().for_each(|(class, weight)| *weight = u64::from(Some(class) == first));
        }
        let mut ensemble = Ensemble::new(data.classes.len());
        ensemble.push(&Tree { nodes: vec![Node::LEAF], weights }, &[]);
        let (features, classes) = (data.matrix.features.clone(), data.classes.clone());
        let model = Model { form: Form::Trees(ensemble), features, classes, decision: None };
        Ok(Fitted { model, out_of_bag: vec![], resolved: vec![], warnings: vec![] })
    }
}
