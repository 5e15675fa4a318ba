//! ROC, precision-recall and calibration figures.

use trainer_quality::{Curve, CurvePoint, Evaluation};

use super::confusion::largest;
use super::figure::{Chart, Stroke};
use super::number::{count, percent, ratio};

/// As many lines as there are colours.
const LINES: usize = 8;

pub struct Figure {
    pub title: &'static str,
    pub caption: String,
    pub svg: String,
    pub legend: Vec<Entry>,
}

pub struct Entry {
    pub colour: usize,
    pub text: String,
}

pub fn figures(evaluation: &Evaluation) -> Vec<Figure> {
    vec![roc(evaluation), precision_recall(evaluation), calibration(evaluation)]
}

fn roc(evaluation: &Evaluation) -> Figure {
    let mut chart = Chart::new("false positive rate", "true positive rate");
    chart.line(Stroke::Chance, [(0.0, 0.0), (1.0, 1.0)]);
    let lines = draw(&mut chart, evaluation, &evaluation.roc, |p| (p.false_positive_rate, p.true_positive_rate));
    if let Some((false_positive_rate, recall, _)) = decided(evaluation) {
        chart.dot((false_positive_rate, recall), 5.0, 1, "where the model decides");
    }
    let area = ratio(evaluation.metrics.get("roc_auc"));
    let caption = match evaluation.positive {
        Some(_) => format!("area {area}; the dot is where the model decides"),
        None => format!("each class against the rest; mean area {area}{}", left_out(evaluation)),
    };
    let title = "ROC curve";
    let svg = chart.svg("roc", title, &format!("True against false positive rate. {caption}."));
    Figure { title, caption, svg, legend: legend(evaluation, &lines) }
}

fn precision_recall(evaluation: &Evaluation) -> Figure {
    let mut chart = Chart::new("recall", "precision");
    if let Some(positive) = evaluation.positive {
        let share = evaluation.per_class[positive].support / evaluation.weight;
        chart.line(Stroke::Chance, [(0.0, share), (1.0, share)]);
    }
    let curves = &evaluation.precision_recall;
    let lines = draw(&mut chart, evaluation, curves, |p| (p.true_positive_rate, p.precision));
    if let Some((_, recall, Some(precision))) = decided(evaluation) {
        chart.dot((recall, precision), 5.0, 1, "where the model decides");
    }
    let area = ratio(evaluation.metrics.get("pr_auc"));
    let caption = match evaluation.positive {
        Some(_) => format!("average precision {area}; dashed: the share of positive rows"),
        None => format!("each class against the rest; mean average precision {area}{}", left_out(evaluation)),
    };
    let title = "Precision and recall";
    let svg = chart.svg("pr", title, &format!("Precision against recall. {caption}."));
    Figure { title, caption, svg, legend: legend(evaluation, &lines) }
}

fn calibration(evaluation: &Evaluation) -> Figure {
    let mut chart = Chart::new("predicted probability", "observed share");
    let bins = &evaluation.calibration;
    let greatest = bins.iter().map(|bin| bin.weight).fold(0.0, f64::max);
    for bin in bins {
        chart.bar(bin.low, bin.high, 0.25 * bin.weight / greatest);
    }
    chart.line(Stroke::Chance, [(0.0, 0.0), (1.0, 1.0)]);
    chart.line(Stroke::Curve(0), bins.iter().map(|bin| (bin.mean_probability, bin.observed_share)));
    for bin in bins {
        let text = format!(
            "{} rows predicted {}, observed {}",
            count(bin.weight),
            percent(bin.mean_probability),
            percent(bin.observed_share)
        );
        chart.dot((bin.mean_probability, bin.observed_share), 3.5, 0, &text);
    }
    let of = if evaluation.positive.is_some() { "the positive class" } else { "the most probable class" };
    let error = ratio(evaluation.metrics.get("ece"));
    let caption = format!("of {of}; calibration error {error}; grey: where the rows are");
    let title = "Calibration";
    let svg = chart.svg("calibration", title, &format!("Observed share against predicted probability. {caption}."));
    Figure { title, caption, svg, legend: Vec::new() }
}

/// Draws the curves of the largest classes; returns the colour of each that was drawn.
fn draw<'e>(
    chart: &mut Chart,
    evaluation: &Evaluation,
    curves: &'e [Curve],
    place: impl Fn(&CurvePoint) -> (f64, f64),
) -> Vec<(usize, &'e Curve)> {
    let shown = largest(evaluation, LINES);
    let drawn = curves.iter().filter(|curve| evaluation.positive.is_some() || shown.contains(&curve.class));
    let lines: Vec<(usize, &Curve)> = drawn.filter(|curve| !curve.points.is_empty()).enumerate().collect();
    for (colour, curve) in &lines {
        chart.line(Stroke::Curve(*colour), curve.points.iter().map(&place));
    }
    lines
}

fn legend(evaluation: &Evaluation, lines: &[(usize, &Curve)]) -> Vec<Entry> {
    if evaluation.positive.is_some() {
        return Vec::new();
    }
    let text = |curve: &Curve| format!("{} {}", evaluation.classes[curve.class], ratio(curve.area));
    lines.iter().map(|(colour, curve)| Entry { colour: *colour, text: text(curve) }).collect()
}

fn left_out(evaluation: &Evaluation) -> String {
    match evaluation.classes.len() {
        classes if classes > LINES => format!("; drawn for the {LINES} classes with most rows of {classes}"),
        _ => String::new(),
    }
}

/// With two classes: false positive rate, recall and precision of what was decided.
fn decided(evaluation: &Evaluation) -> Option<(f64, f64, Option<f64>)> {
    let positive = evaluation.positive?;
    let (row, rest) = (&evaluation.per_class[positive], &evaluation.per_class[1 - positive]);
    Some((1.0 - rest.recall?, row.recall?, row.precision))
}
