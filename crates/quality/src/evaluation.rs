use serde::Serialize;
use trainer_data::Label;

use crate::average::divide;
use crate::calibration::bins;
use crate::curve::Sweep;
use crate::model_quality::{Measured, model_quality};
use crate::values::defined;
use crate::{Average, CalibrationBin, Confusion, Curve, Scores, ThresholdRow, Values, measure};

/// All that is known about how good a model is on some rows.
#[derive(Debug, Clone, Serialize)]
pub struct Evaluation {
    /// Number of rows.
    pub rows: usize,
    /// Their weight in all: the number of rows when there are no weights.
    pub weight: f64,
    /// The classes, in order; indices below refer to them.
    pub classes: Vec<Label>,
    /// With two classes: the index of the positive one.
    pub positive: Option<usize>,
    /// How precision, recall and F1 of the classes became one number.
    pub average: Average,
    /// With two classes: the threshold that decided; `None` = the most probable class.
    pub decision_threshold: Option<f64>,
    /// All metrics, by name.
    pub metrics: Values,
    /// Weighted rows: `[actual][predicted]`.
    pub confusion: Confusion,
    /// One row for each class.
    pub per_class: Vec<ClassRow>,
    /// ROC curves: of the positive class, or of each class against the rest.
    pub roc: Vec<Curve>,
    /// Precision-recall curves, likewise.
    pub precision_recall: Vec<Curve>,
    /// The bins of the calibration figure that have rows.
    pub calibration: Vec<CalibrationBin>,
    /// With two classes: what is found at the usual thresholds.
    pub thresholds: Vec<ThresholdRow>,
    /// The numbers of a SageMaker model quality report, in its order.
    pub model_quality: Vec<Measured>,
}

/// How good a model is for one class (`None` = undefined).
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ClassRow {
    /// The class.
    pub label: Label,
    /// Share of its predictions that are right.
    pub precision: Option<f64>,
    /// Share of its rows that was found.
    pub recall: Option<f64>,
    /// Harmonic mean of both.
    pub f1_score: Option<f64>,
    /// Weight of its rows.
    pub support: f64,
    /// Weight of its predictions.
    pub predicted: f64,
}

/// All metrics, tables and curves of some rows.
pub fn evaluate(scores: &Scores<'_>) -> Evaluation {
    let sweeps: Vec<Sweep<'_, '_>> =
        scores.ranked_classes().into_iter().map(|class| Sweep::new(scores, class)).collect();
    let confusion = scores.confusion().clone();
    Evaluation {
        rows: scores.rows(),
        weight: confusion.total(),
        classes: scores.classes().to_vec(),
        positive: scores.positive(),
        average: scores.averaging().average(),
        decision_threshold: scores.threshold(),
        metrics: measure(scores),
        per_class: (0..confusion.classes()).map(|class| class_row(&confusion, class, scores.classes())).collect(),
        confusion,
        roc: sweeps.iter().map(Sweep::roc).collect(),
        precision_recall: sweeps.iter().map(Sweep::precision_recall).collect(),
        calibration: bins(scores),
        thresholds: scores.positive().map_or_else(Vec::new, |_| sweeps[0].table(scores.threshold())),
        model_quality: model_quality(scores),
    }
}

fn class_row(confusion: &Confusion, class: usize, classes: &[Label]) -> ClassRow {
    ClassRow {
        label: classes[class].clone(),
        precision: defined(divide(confusion.precision(class))),
        recall: defined(divide(confusion.recall(class))),
        f1_score: defined(divide(confusion.f_score(class, 1.0))),
        support: confusion.actual(class),
        predicted: confusion.predicted(class),
    }
}
