//! The metrics of all parts beside each other, and the few that are seen first.

use trainer_quality::{Average, Better, METRICS};

use super::Report;
use super::number::ratio;

pub struct MetricTable {
    pub heads: Vec<String>,
    pub rows: Vec<MetricRow>,
    pub note: String,
}

pub struct MetricRow {
    pub name: &'static str,
    pub cells: Vec<String>,
    pub about: String,
}

/// One number in large type.
pub struct Card {
    pub name: &'static str,
    pub value: String,
    pub beside: String,
}

/// The columns after the judged part's: heading, and the prefix of the flat names.
const PARTS: &[(&str, &str)] =
    &[("baseline", "baseline_"), ("validation", "validation_"), ("out of bag", "oob_"), ("training", "training_")];

pub fn metric_table(report: &Report) -> MetricTable {
    let has = |prefix: &str| METRICS.iter().any(|m| report.metrics.get(&format!("{prefix}{}", m.name)).is_some());
    // The validation part is not shown twice when it is the judged one.
    let parts: Vec<_> = PARTS.iter().filter(|(head, prefix)| *head != report.judged && has(prefix)).collect();
    let folds = has("cv_mean_");
    let mut heads = vec![report.judged.clone()];
    heads.extend(folds.then(|| "cross-validation".to_owned()));
    heads.extend(parts.iter().map(|(head, _)| (*head).to_owned()));
    let rows = METRICS.iter().map(|metric| {
        let number = |prefix: &str| report.metrics.get(&format!("{prefix}{}", metric.name));
        let mut cells = vec![ratio(number(""))];
        cells.extend(folds.then(|| spread(number("cv_mean_"), number("cv_std_"))));
        cells.extend(parts.iter().map(|(_, prefix)| ratio(number(prefix))));
        let better = if metric.better == Better::Lower { " (less is better)" } else { "" };
        MetricRow { name: metric.name, cells, about: format!("{}{better}", metric.about) }
    });
    MetricTable { heads, rows: rows.collect(), note: note(report, folds) }
}

fn spread(mean: Option<f64>, std: Option<f64>) -> String {
    match (mean, std) {
        (Some(mean), Some(std)) => format!("{mean:.4} ± {std:.4}"),
        (mean, _) => ratio(mean),
    }
}

fn note(report: &Report, folds: bool) -> String {
    let average = match report.evaluation.average {
        Average::Macro => "the plain mean over the classes (macro)".to_owned(),
        Average::Weighted => "the mean over the classes, weighted by their rows".to_owned(),
        Average::Micro => "taken over all classes together (micro)".to_owned(),
        Average::Binary => match report.evaluation.positive {
            Some(positive) => format!("those of class {}", report.evaluation.classes[positive]),
            None => "those of the positive class".to_owned(),
        },
    };
    let mut note = format!("precision, recall and f1_score are {average}");
    if folds {
        note.push_str("; cross-validation is mean ± standard deviation over the folds");
    }
    if report.metrics.get("baseline_accuracy").is_some() {
        note.push_str("; the baseline always predicts the most frequent class");
    }
    note + "; – is undefined"
}

pub fn cards(report: &Report) -> Vec<Card> {
    let shown = ["accuracy", "roc_auc", "f1_score", "pr_auc", "log_loss"];
    let metrics = METRICS.iter().filter(|metric| shown.contains(&metric.name));
    metrics
        .map(|metric| Card {
            name: metric.name,
            value: ratio(report.metrics.get(metric.name)),
            beside: match report.metrics.get(&format!("baseline_{}", metric.name)) {
                Some(baseline) => format!("baseline {baseline:.4}"),
                None => "no baseline".to_owned(),
            },
        })
        .collect()
}
