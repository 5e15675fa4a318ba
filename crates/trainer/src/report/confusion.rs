//! The confusion matrix and the table by class.

use trainer_quality::Evaluation;

use super::number::{count, more, percent, ratio};

/// More classes than this make a matrix that nobody reads.
const CLASSES: usize = 16;
/// Rows of the table by class.
const CLASS_ROWS: usize = 50;

pub struct ConfusionTable {
    pub labels: Vec<String>,
    pub rows: Vec<ConfusionRow>,
    pub note: String,
}

pub struct ConfusionRow {
    pub label: String,
    pub cells: Vec<ConfusionCell>,
}

pub struct ConfusionCell {
    pub count: String,
    pub share: String,
    /// Shade of the cell: blue on the diagonal, red beside it, by the share of the row.
    pub colour: String,
    /// `strong` where only white text can be read.
    pub class: &'static str,
}

pub struct ClassTable {
    pub rows: Vec<ClassLine>,
    pub more: String,
}

pub struct ClassLine {
    pub label: String,
    pub precision: String,
    pub recall: String,
    pub f1_score: String,
    pub support: String,
    pub predicted: String,
}

/// The classes with most rows, at most `most` of them, in their own order.
pub fn largest(evaluation: &Evaluation, most: usize) -> Vec<usize> {
    let mut classes: Vec<usize> = (0..evaluation.classes.len()).collect();
    classes.sort_by(|&a, &b| evaluation.per_class[b].support.total_cmp(&evaluation.per_class[a].support));
    classes.truncate(most);
    classes.sort_unstable();
    classes
}

pub fn confusion_table(evaluation: &Evaluation) -> ConfusionTable {
    let shown = largest(evaluation, CLASSES);
    let labels = shown.iter().map(|&class| evaluation.classes[class].to_string()).collect();
    let rows = shown.iter().map(|&actual| ConfusionRow {
        label: evaluation.classes[actual].to_string(),
        cells: shown.iter().map(|&predicted| cell(evaluation, actual, predicted)).collect(),
    });
    let counted = if evaluation.weight == evaluation.rows as f64 { "rows" } else { "weight of the rows" };
    let mut note = format!("{counted} of the judged part; percent of the actual class");
    let rest = more(evaluation.classes.len(), shown.len(), "classes with fewer rows");
    if !rest.is_empty() {
        note = format!("{note}; {rest}");
    }
    ConfusionTable { labels, rows: rows.collect(), note }
}

fn cell(evaluation: &Evaluation, actual: usize, predicted: usize) -> ConfusionCell {
    let weight = evaluation.confusion.cells()[actual][predicted];
    let support = evaluation.confusion.actual(actual);
    let share = if support > 0.0 { weight / support } else { 0.0 };
    let alpha = 0.06 + 0.84 * share;
    let colour = if actual == predicted { "36,87,197" } else { "179,38,30" };
    ConfusionCell {
        count: count(weight),
        share: if weight > 0.0 { percent(share) } else { String::new() },
        colour: format!("rgba({colour},{:.2})", if weight > 0.0 { alpha } else { 0.04 }),
        class: if share > 0.8 { "strong" } else { "" },
    }
}

pub fn class_table(evaluation: &Evaluation) -> ClassTable {
    let shown = largest(evaluation, CLASS_ROWS);
    let rows = shown.iter().map(|&class| {
        let row = &evaluation.per_class[class];
        let positive = if evaluation.positive == Some(class) { " (positive)" } else { "" };
        ClassLine {
            label: format!("{}{positive}", row.label),
            precision: ratio(row.precision),
            recall: ratio(row.recall),
            f1_score: ratio(row.f1_score),
            support: count(row.support),
            predicted: count(row.predicted),
        }
    });
    let rows: Vec<ClassLine> = rows.collect();
    ClassTable { more: more(evaluation.classes.len(), rows.len(), "classes with fewer rows"), rows }
}
