use ndarray::Array2;
use trainer_data::{Dataset, Warning, split};
use trainer_models::{Decision, Model, Round};
use trainer_quality::{DecisionThreshold, FoldSummary, measure};

use super::part::Part;
use super::predicted::Predicted;
use super::{Recipe, Setting, Watch};
use crate::exit::Failure;

/// What each row is predicted as by the model that did not see it.
pub struct OutOfFold {
    fold_of: Vec<u32>,
    folds: u32,
    /// The probability of each class: rows x classes.
    pub proba: Array2<f32>,
}

impl OutOfFold {
    /// Learns plan and model again for each fold of the training part, from the rows of the other folds.
    ///
    /// # Errors
    /// More folds than rows; whatever stops a fit.
    pub fn of(
        setting: &Setting<'_>,
        part: &Part,
        recipe: &Recipe,
        folds: u32,
        watch: &dyn Watch,
    ) -> anyhow::Result<Self> {
        let (rows, classes) = part.proba_shape();
        if folds < 2 || folds as usize > rows {
            let message = format!("training.cv_folds: expected 0, or 2 to the {rows} training rows, found {folds}");
            return Err(Failure::usage(message).into());
        }
        let fold_of = split::folds(&part.data.y, classes, folds, setting.seed);
        let mut all = Self { fold_of, folds, proba: Array2::zeros((rows, classes)) };
        for fold in 0..folds {
            let (train, held_out) = (all.rows(fold, false), all.rows(fold, true));
            let proba = predict_fold(setting, part, recipe, [&train, &held_out], |round| {
                let done = u64::from(fold) * u64::from(round.total) + u64::from(round.done);
                watch.step(done, u64::from(folds) * u64::from(round.total));
                watch.flow()
            })?;
            for (row, proba) in held_out.iter().zip(proba.rows()) {
                all.proba.row_mut(*row as usize).assign(&proba);
            }
        }
        Ok(all)
    }

    /// The rows of a fold, or all others.
    fn rows(&self, fold: u32, held_out: bool) -> Vec<u32> {
        let rows = 0..self.fold_of.len() as u32;
        rows.filter(|&row| (self.fold_of[row as usize] == fold) == held_out).collect()
    }

    /// Mean and spread of each metric over the folds, decided as the model decides.
    pub fn summary(&self, setting: &Setting<'_>, model: &Model, part: &Part) -> FoldSummary {
        let values: Vec<_> = (0..self.folds)
            .map(|fold| {
                let rows = self.rows(fold, true);
                let proba =
                    self.proba.select(ndarray::Axis(0), &rows.iter().map(|&row| row as usize).collect::<Vec<_>>());
                let truth = part.truth(&rows);
                measure(&Predicted::new(model, proba, setting.averaging).scores(&truth))
            })
            .collect();
        FoldSummary::of(&values)
    }
}

/// Warns of classes that cannot be in every fold.
pub fn few_rows(data: &Dataset, folds: u32) -> Option<Warning> {
    let mut counts = vec![0u32; data.classes.len()];
    data.y.iter().for_each(|&class| counts[class as usize] += 1);
    let few = data.classes.iter().zip(&counts).filter(|(_, count)| **count < folds);
    let few: Vec<String> = few.map(|(class, count)| format!("`{class}` ({count})")).collect();
    (!few.is_empty()).then(|| {
        let message = format!("fewer rows than the {folds} folds in class {}: some folds have none", few.join(", "));
        Warning::of_table("few_rows_for_folds", few.len() as u64, message)
    })
}

fn predict_fold(
    setting: &Setting<'_>,
    part: &Part,
    recipe: &Recipe,
    [train, held_out]: [&[u32]; 2],
    on_round: impl Fn(&Round) -> std::ops::ControlFlow<()> + Sync,
) -> anyhow::Result<Array2<f32>> {
    let table = part.table.take(train);
    let truth = part.truth(train);
    let (plan, _) = recipe.fit(&table, &truth.y)?;
    let data = truth.with(plan.apply_training(&table, setting.device)?.matrix);
    let model = setting.fit(&data, &on_round)?.model;
    let matrix = plan.apply(&part.table.take(held_out), setting.device)?.matrix;
    Ok(model.predict(&matrix, setting.device)?)
}

/// What a decision threshold may be chosen on: rows that the model did not see, and that are not the test rows.
pub struct Unseen<'a> {
    /// The probability of each class: rows x classes.
    pub proba: &'a Array2<f32>,
    /// What is true of the rows.
    pub truth: super::part::Truth,
}

/// The threshold that the config asks for, if it does.
///
/// # Errors
/// More than two classes, nothing to choose on, or a precision that no threshold reaches.
pub fn choose_decision(
    setting: &Setting<'_>,
    asked: Option<&DecisionThreshold>,
    model: &Model,
    unseen: Option<Unseen<'_>>,
) -> anyhow::Result<Option<Decision>> {
    let Some(asked) = asked else { return Ok(None) };
    let positive = setting.averaging.positive();
    if let (DecisionThreshold::Fixed(threshold), Some(positive)) = (asked, positive) {
        return Ok(Some(Decision { positive, threshold: *threshold }));
    }
    let Some(Unseen { proba, truth }) = unseen else {
        let message = "training.decision_threshold needs rows that the model did not see and that are not judged, found none\n  hint: set training.cv_folds above 0, or give data.test_path and data.validation_split";
        return Err(Failure::usage(message).into());
    };
    let predicted = Predicted::new(model, proba.clone(), setting.averaging);
    let threshold = asked.choose(&predicted.scores(&truth))?;
    Ok(positive.map(|positive| Decision { positive, threshold }))
}
