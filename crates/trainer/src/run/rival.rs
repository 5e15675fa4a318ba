use trainer_data::Label;
use trainer_features::FittedPlan;
use trainer_kernels::Device;
use trainer_models::Model;
use trainer_quality::{Averaging, Scores, Verdict, compare};

use super::{Part, Predicted};
use crate::config::Config;

/// Another model that this one is held against, such as the present champion.
pub struct Rival {
    /// The alias that it was found by.
    pub alias: String,
    /// Its version.
    pub version: u64,
    /// The model.
    pub model: Model,
    /// How a table becomes its matrix.
    pub plan: FittedPlan,
}

impl Rival {
    /// One verdict for each metric that has a gate; those of a rival that cannot be scored on these rows fail.
    pub fn verdicts(
        &self,
        config: &Config,
        scores: &Scores<'_>,
        part: &Part,
        device: &Device,
        averaging: Averaging,
    ) -> Vec<Verdict> {
        let truth = part.all_truth();
        let predicted = self.predict(part, &truth.classes, device, averaging);
        let theirs = predicted.as_ref().map(|predicted| predicted.scores(&truth));
        let scored = theirs.as_ref().map_err(|why| why.as_str());
        let rival = trainer_quality::Rival { name: &self.alias, scores: scored, tolerance: config.registry.tolerance };
        compare(&config.quality_gates, scores, &rival)
    }

    fn predict(
        &self,
        part: &Part,
        classes: &[Label],
        device: &Device,
        averaging: Averaging,
    ) -> Result<Predicted, String> {
        let first = |error: &dyn std::error::Error| error.to_string().lines().next().unwrap_or_default().to_owned();
        let matrix = self.plan.apply(&part.table, device).map_err(|error| first(&error))?.matrix;
        let proba = self.model.predict(&matrix, device).map_err(|error| first(&error))?;
        let place = |class: &Label| self.model.classes.iter().position(|own| own == class);
        let places: Option<Vec<usize>> = classes.iter().map(place).collect();
        let Some(places) = places.filter(|_| classes.len() == self.model.classes.len()) else {
            return Err(format!("{} tells other classes apart", self.alias));
        };
        // In the order of this run's classes, decided as the rival decides.
        Ok(Predicted::new(&self.model, proba, averaging).ordered(&places))
    }
}
