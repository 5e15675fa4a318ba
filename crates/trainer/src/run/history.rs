use anyhow::Context as _;
use trainer_models::{Model, OutOfBag};
use trainer_quality::METRICS;

use super::{Part, Predicted, Setting};

/// What is told of a model in the making: enough to see whether more rounds would help.
const TOLD: [&str; 2] = ["accuracy", "log_loss"];

/// A metric after some rounds.
#[derive(Debug, Clone, PartialEq)]
pub struct Point {
    /// `by_trees/<part>_<metric>`.
    pub name: String,
    /// How many rounds there were.
    pub rounds: u32,
    /// The metric; finite.
    pub value: f64,
}

/// The scores of a model in the making, by the number of its trees.
#[derive(Default)]
pub struct History(pub Vec<Point>);

impl History {
    /// On rows that the model has not seen; what it says about them after its last round.
    ///
    /// # Errors
    /// Those of predicting.
    pub fn of_part(
        &mut self,
        setting: &Setting<'_>,
        model: &Model,
        name: &str,
        part: &Part,
    ) -> anyhow::Result<Predicted> {
        let truth = part.all_truth();
        let mut last = None;
        let mut each = |rounds: u32, proba: &ndarray::Array2<f32>| {
            let predicted = Predicted::new(model, proba.clone(), setting.averaging);
            self.push(name, rounds, &predicted.scores(&truth));
            last = Some(predicted);
        };
        model.predict_staged(&part.data.matrix, setting.device, &mut each)?;
        last.context("a model without rounds")
    }

    /// On the rows that each tree did not draw.
    pub fn out_of_bag(&mut self, setting: &Setting<'_>, model: &Model, part: &Part, stages: &[OutOfBag]) {
        for stage in stages {
            let truth = part.truth(&stage.rows);
            let predicted = Predicted::new(model, stage.proba.clone(), setting.averaging);
            self.push("oob", stage.trees, &predicted.scores(&truth));
        }
    }

    fn push(&mut self, part: &str, rounds: u32, scores: &trainer_quality::Scores<'_>) {
        for metric in METRICS.iter().filter(|metric| TOLD.contains(&metric.name)) {
            let value = (metric.compute)(scores);
            if value.is_finite() {
                self.0.push(Point { name: format!("by_trees/{part}_{}", metric.name), rounds, value });
            }
        }
    }
}
