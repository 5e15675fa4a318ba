//! The metrics: one file each, one row in [`METRICS`]. Definitions are scikit-learn's; each file says where it differs.

mod accuracy;
mod balanced_accuracy;
mod brier;
mod ece;
mod f1_score;
mod log_loss;
mod mcc;
mod pr_auc;
mod precision;
mod recall;
mod roc_auc;

pub(crate) use pr_auc::average_precision;
pub(crate) use roc_auc::area;

use crate::{QualityError, Scores};

/// Which way a metric improves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Better {
    /// More is better.
    Higher,
    /// Less is better.
    Lower,
}

/// One named number.
#[derive(Debug)]
pub struct Metric {
    /// The name in configs, gates, files and trackers.
    pub name: &'static str,
    /// What it says, in one line.
    pub about: &'static str,
    /// Which way it improves.
    pub better: Better,
    /// The least and the greatest value that it takes.
    pub range: (f64, f64),
    /// The number, or `NaN` where it is undefined.
    pub compute: fn(&Scores<'_>) -> f64,
}

/// All metrics, in the order in which they are shown.
pub const METRICS: &[Metric] = &[
    accuracy::METRIC,
    balanced_accuracy::METRIC,
    precision::METRIC,
    recall::METRIC,
    f1_score::METRIC,
    roc_auc::METRIC,
    pr_auc::METRIC,
    log_loss::METRIC,
    brier::METRIC,
    ece::METRIC,
    mcc::METRIC,
];

impl Metric {
    /// The metric of that name.
    ///
    /// # Errors
    /// [`QualityError::UnknownMetric`], with the nearest name there is.
    pub fn named(name: &str) -> Result<&'static Self, QualityError> {
        METRICS.iter().find(|metric| metric.name == name).ok_or_else(|| QualityError::UnknownMetric {
            name: name.to_owned(),
            nearest: nearest(name),
            known: METRICS.iter().map(|metric| metric.name).collect(),
        })
    }
}

/// The known name most like `name`, if any is like it.
fn nearest(name: &str) -> Option<&'static str> {
    let like = |metric: &Metric| strsim::jaro_winkler(metric.name, &name.to_lowercase());
    let best = METRICS.iter().max_by(|a, b| like(a).total_cmp(&like(b)))?;
    (like(best) >= 0.75).then_some(best.name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_found() {
        for metric in METRICS {
            assert_eq!(Metric::named(metric.name).unwrap().name, metric.name);
            assert_eq!(METRICS.iter().filter(|other| other.name == metric.name).count(), 1, "{}", metric.name);
        }
    }

    #[test]
    fn an_unknown_name_is_told_its_nearest() {
        for (typed, meant) in [("acuracy", "accuracy"), ("f1", "f1_score"), ("logloss", "log_loss"), ("AUC_ROC", "")] {
            let error = Metric::named(typed).unwrap_err();
            let QualityError::UnknownMetric { nearest, known, .. } = error else { panic!("{error}") };
            assert_eq!(nearest.unwrap_or_default(), meant);
            assert_eq!(known.len(), METRICS.len());
        }
    }
}
