use ndarray::Array2;
use trainer_models::learn::dummy::Dummy;
use trainer_models::{Importance, Model, OutOfBag, Round, permutation_importance};
use trainer_quality::{Bootstrap, FlatMetrics, FoldSummary, METRICS, evaluate, judge, measure};

use super::history::History;
use super::part::{Part, Truth};
use super::{JudgedPart, Outcome, Parts, Predicted, Rival, Setting, Watch};
use crate::config::Config;
use crate::interrupt;

/// Rows that permutation importance looks at: more make it slower, and hardly steadier.
const PERMUTATION_ROWS: usize = 1_000;
/// Rows times features that it looks at.
const PERMUTATION_CELLS: usize = 4_000_000;
/// How often each feature is permuted; scikit-learn's default.
const PERMUTATION_REPEATS: u32 = 5;

/// What is to be judged.
pub struct Judgement<'a> {
    pub setting: &'a Setting<'a>,
    pub config: &'a Config,
    pub model: Model,
    pub out_of_bag: Vec<OutOfBag>,
    pub folds: Option<FoldSummary>,
    pub rival: Option<Rival>,
    pub watch: &'a dyn Watch,
}

impl Judgement<'_> {
    /// Scores all parts, judges the gates, and gathers what the run comes to.
    ///
    /// # Errors
    /// Those of predicting.
    pub fn outcome(self, parts: Parts) -> anyhow::Result<Outcome> {
        let setting = self.setting;
        let (judged, part) = parts.judged()?;
        interrupt::check()?;
        let mut history = History::default();
        let predicted = history.of_part(setting, &self.model, judged.name(), part)?;
        let truth = part.all_truth();
        let scores = predicted.scores(&truth);
        let evaluation = evaluate(&scores);
        let mut gates = judge(&self.config.quality_gates, &scores, &Bootstrap::seeded(setting.seed));
        if let Some(rival) = &self.rival {
            gates.verdicts.extend(rival.verdicts(self.config, &scores, part, setting.device, setting.averaging));
            gates.passed = gates.verdicts.iter().all(|verdict| verdict.passed);
        }
        let baseline = self.baseline(&parts, part)?;

        let mut metrics = FlatMetrics::default().judged(&evaluation.metrics);
        metrics = metrics.training(&self.measure(&parts.train)?);
        metrics = match (&parts.validation, judged) {
            // The judged part under its longer names too.
            (Some(_), JudgedPart::Validation) => metrics.validation(&evaluation.metrics),
            (Some(validation), JudgedPart::Test) => metrics.validation(&self.measure(validation)?),
            (None, _) => metrics,
        };
        if let Some(folds) = &self.folds {
            metrics = metrics.cross_validation(folds);
        }
        if let Some(out_of_bag) = self.out_of_bag.last() {
            let truth = parts.train.truth(&out_of_bag.rows);
            let predicted = Predicted::new(&self.model, out_of_bag.proba.clone(), setting.averaging);
            metrics = metrics.out_of_bag(&measure(&predicted.scores(&truth)));
        }
        metrics = metrics.baseline(&baseline);
        if let Some(decision) = self.model.decision {
            metrics = metrics.number("decision_threshold", decision.threshold);
        }

        history.out_of_bag(setting, &self.model, &parts.train, &self.out_of_bag);

        let importances = self.model.features.iter().map(|feature| feature.name.clone());
        let importances = importances.zip(self.model.importances()).collect();
        let permutation = self.permutation(part)?;
        let warnings = metrics.warnings();
        Ok(Outcome {
            judged_table: part.table.clone(),
            rows: parts.rows(),
            training_table: parts.train.table,
            validation_table: parts.validation.map(|part| part.table),
            history: history.0,
            resolved: Vec::new(),
            plan: parts.plan,
            model: self.model,
            cross_validation: self.folds,
            judged,
            predicted,
            evaluation,
            baseline,
            metrics,
            gates,
            importances,
            permutation,
            warnings,
        })
    }

    fn predict(&self, part: &Part) -> anyhow::Result<(Predicted, Truth)> {
        interrupt::check()?;
        let proba = self.model.predict(&part.data.matrix, self.setting.device)?;
        Ok((Predicted::new(&self.model, proba, self.setting.averaging), part.all_truth()))
    }

    fn measure(&self, part: &Part) -> anyhow::Result<trainer_quality::Values> {
        let (predicted, truth) = self.predict(part)?;
        Ok(measure(&predicted.scores(&truth)))
    }

    /// How good the majority class is on the judged rows.
    fn baseline(&self, parts: &Parts, part: &Part) -> anyhow::Result<trainer_quality::Values> {
        let setting = Setting { learner: &Dummy::default(), ..*self.setting };
        let model = setting.fit(&parts.train.data, &|_: &_| std::ops::ControlFlow::Continue(()))?.model;
        let predicted = Predicted::new(&model, model.predict(&part.data.matrix, setting.device)?, setting.averaging);
        Ok(measure(&predicted.scores(&part.all_truth())))
    }

    /// By how much the area under the ROC curve falls (where that is undefined: the accuracy).
    fn permutation(&self, part: &Part) -> anyhow::Result<Vec<Importance>> {
        let setting = self.setting;
        // Of very many features fewer rows: what is remembered of their ways grows with both.
        let most = PERMUTATION_ROWS.min(PERMUTATION_CELLS / part.data.matrix.features.len().max(1)).max(100);
        let rows = spread(part.data.y.len(), most);
        let (matrix, truth) = (part.data.matrix.take(&rows), part.truth(&rows));
        let metric = |name: &str| METRICS.iter().find(|metric| metric.name == name).expect("a metric of that name");
        let (auc, accuracy) = (metric("roc_auc"), metric("accuracy"));
        let score = |proba: &Array2<f32>| {
            let predicted = Predicted::new(&self.model, proba.clone(), setting.averaging);
            let scores = predicted.scores(&truth);
            let area = (auc.compute)(&scores);
            if area.is_nan() { (accuracy.compute)(&scores) } else { area }
        };
        let device = setting.device;
        let on_round = |round: &Round| {
            self.watch.step(round.done.into(), round.total.into());
            self.watch.flow()
        };
        Ok(permutation_importance(&self.model, &matrix, device, PERMUTATION_REPEATS, setting.seed, &score, &on_round)?)
    }
}

/// At most `most` of the rows, evenly spread.
fn spread(rows: usize, most: usize) -> Vec<u32> {
    let take = rows.min(most);
    (0..take).map(|i| (i * rows / take) as u32).collect()
}
