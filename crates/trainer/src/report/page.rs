//! The report as the template wants it: text, already rounded and cut to what is read.

use askama::Template;
use trainer_quality::{GateReport, ThresholdRow};

use super::confusion::{ClassTable, ConfusionTable, class_table, confusion_table};
use super::curves::{Figure, figures};
use super::metric_table::{Card, MetricTable, cards, metric_table};
use super::number::{NONE, count, more, ratio};
use super::profile_table::{ProfileTable, profile_table};
use super::{Expected, Importance, InputFact, Report};

const IMPORTANCES: usize = 30;
const EXPECTATIONS: usize = 100;
const WARNINGS: usize = 50;
const INPUTS: usize = 50;

#[derive(Template)]
#[template(path = "report.html")]
struct Page<'a> {
    title: String,
    subtitle: String,
    judged_phrase: String,
    verdict: Verdict,
    cards: Vec<Card>,
    gates: Vec<GateLine<'a>>,
    metrics: MetricTable,
    confusion: ConfusionTable,
    classes: ClassTable,
    figures: Vec<Figure>,
    thresholds: Vec<ThresholdLine>,
    threshold_note: String,
    importances: Importances<'a>,
    expectations: Shown<&'a Expected>,
    warnings: Shown<WarningLine<'a>>,
    profile: ProfileTable,
    facts: &'a [(String, String)],
    stages: Vec<Stage<'a>>,
    inputs: Shown<InputLine<'a>>,
}

/// The first rows of a table, and how many more there are.
struct Shown<T> {
    rows: Vec<T>,
    more: String,
}

impl<T> Shown<T> {
    fn new(items: impl ExactSizeIterator<Item = T>, most: usize, what: &str) -> Self {
        let all = items.len();
        let rows: Vec<T> = items.take(most).collect();
        Self { more: more(all, rows.len(), what), rows }
    }
}

struct Verdict {
    class: &'static str,
    sign: &'static str,
    word: &'static str,
    detail: String,
}

struct GateLine<'a> {
    passed: bool,
    metric: &'a str,
    on: String,
    found: String,
    needed: String,
    reason: &'a str,
}

struct ThresholdLine {
    chosen: bool,
    threshold: String,
    precision: String,
    recall: String,
    f1_score: String,
    specificity: String,
    accuracy: String,
    true_positives: String,
    false_positives: String,
}

/// A bar and the number beside it.
struct Bar {
    /// Percent of the whole width.
    width: String,
    text: String,
}

struct Importances<'a> {
    rows: Vec<ImportanceLine<'a>>,
    note: String,
}

struct ImportanceLine<'a> {
    feature: &'a str,
    impurity: Bar,
    permutation: Bar,
}

struct WarningLine<'a> {
    code: &'a str,
    column: &'a str,
    count: String,
    message: &'a str,
}

struct Stage<'a> {
    name: &'a str,
    seconds: Bar,
}

struct InputLine<'a> {
    part: &'a str,
    path: &'a str,
    rows: String,
    bytes: String,
    sha256: &'a str,
}

pub fn render(report: &Report) -> anyhow::Result<String> {
    let version = report.version.as_ref().map(|version| format!(" {version}")).unwrap_or_default();
    let page = Page {
        title: format!("{}{version}", report.project),
        subtitle: format!("{} · run {} · {}", report.learner, report.run, report.created),
        judged_phrase: format!("judged on {} {} rows", count(report.evaluation.rows as f64), report.judged),
        verdict: verdict(&report.gates),
        cards: cards(report),
        gates: gates(&report.gates),
        metrics: metric_table(report),
        confusion: confusion_table(&report.evaluation),
        classes: class_table(&report.evaluation),
        figures: figures(&report.evaluation),
        thresholds: report.evaluation.thresholds.iter().map(threshold).collect(),
        threshold_note: threshold_note(report),
        importances: importances(&report.importances),
        expectations: Shown::new(sorted(&report.expectations).into_iter(), EXPECTATIONS, "expectations"),
        warnings: warnings(report),
        profile: profile_table(&report.profile),
        facts: &report.facts,
        stages: stages(&report.seconds),
        inputs: Shown::new(report.inputs.iter().map(input), INPUTS, "files"),
    };
    Ok(page.render()?)
}

fn verdict(gates: &GateReport) -> Verdict {
    let all = gates.verdicts.len();
    let failed = gates.verdicts.iter().filter(|verdict| !verdict.passed).count();
    let plural = if all == 1 { "gate" } else { "gates" };
    match (all, gates.passed) {
        (0, _) => Verdict { class: "ungated", sign: "○", word: "No gates", detail: "nothing was required".into() },
        (_, true) => {
            Verdict { class: "passed", sign: "✓", word: "Passed", detail: format!("{all} of {all} {plural} passed") }
        }
        (_, false) => {
            Verdict {
                class: "failed", sign: "✗", word: "Failed", detail: format!("{failed} of {all} {plural} failed")
            }
        }
    }
}

fn gates(gates: &GateReport) -> Vec<GateLine<'_>> {
    let on = |on: &str| match on {
        "lower_bound" => "lower end of the 95 % interval".to_owned(),
        "upper_bound" => "upper end of the 95 % interval".to_owned(),
        "point" => "the judged rows".to_owned(),
        alias => format!("the judged rows, beside {alias}"),
    };
    let lines = gates.verdicts.iter().map(|verdict| GateLine {
        passed: verdict.passed,
        metric: &verdict.metric,
        on: on(&verdict.on),
        found: ratio(verdict.value),
        needed: verdict.needs(),
        reason: &verdict.reason,
    });
    lines.collect()
}

fn threshold(row: &ThresholdRow) -> ThresholdLine {
    let decimals = if row.chosen { 4 } else { 2 };
    ThresholdLine {
        chosen: row.chosen,
        threshold: format!("{:.decimals$}", row.threshold),
        precision: ratio(row.precision),
        recall: ratio(row.recall),
        f1_score: ratio(row.f1_score),
        specificity: ratio(row.specificity),
        accuracy: ratio(row.accuracy),
        true_positives: count(row.true_positives),
        false_positives: count(row.false_positives),
    }
}

fn threshold_note(report: &Report) -> String {
    let evaluation = &report.evaluation;
    let class = evaluation.positive.map(|positive| evaluation.classes[positive].to_string()).unwrap_or_default();
    let decides = match evaluation.decision_threshold {
        Some(_) => "the marked row is the one that decides",
        None => "the model predicts the more probable class, which is the threshold 0.5",
    };
    format!("class {class} is predicted where its probability is at least the threshold; {decides}")
}

/// A bar of `value` where `greatest` fills the width.
fn bar(value: f64, greatest: f64, text: String) -> Bar {
    let share = if greatest > 0.0 { (value / greatest).clamp(0.0, 1.0) } else { 0.0 };
    Bar { width: format!("{:.1}", 100.0 * share), text }
}

fn importances(all: &[Importance]) -> Importances<'_> {
    let mut order: Vec<&Importance> = all.iter().collect();
    order.sort_by(|a, b| b.impurity.total_cmp(&a.impurity));
    let permuted = |importance: &Importance| importance.permutation.map_or(0.0, |(mean, _)| mean);
    let greatest = order.first().map_or(0.0, |first| first.impurity);
    let greatest_permuted = all.iter().map(permuted).fold(0.0, f64::max);
    let spread = |(mean, std)| format!("{mean:.4} ± {std:.4}");
    let lines = order.iter().take(IMPORTANCES).map(|importance| ImportanceLine {
        feature: &importance.feature,
        impurity: bar(importance.impurity, greatest, ratio(Some(importance.impurity))),
        permutation: bar(
            permuted(importance),
            greatest_permuted,
            importance.permutation.map_or_else(|| NONE.to_owned(), spread),
        ),
    });
    let rows: Vec<ImportanceLine<'_>> = lines.collect();
    let mut note =
        "impurity: share of the impurity that splits on the feature removed, on training rows; permutation: \
        what the score loses on judged rows when the feature's values are shuffled"
            .to_owned();
    let rest = more(all.len(), rows.len(), "features");
    if !rest.is_empty() {
        note = format!("{note}; {rest}");
    }
    Importances { rows, note }
}

/// Those that were not met first.
fn sorted(expectations: &[Expected]) -> Vec<&Expected> {
    let mut order: Vec<&Expected> = expectations.iter().collect();
    order.sort_by_key(|expected| expected.met);
    order
}

fn warnings(report: &Report) -> Shown<WarningLine<'_>> {
    let lines = report.warnings.iter().map(|warning| WarningLine {
        code: &warning.code,
        column: warning.column.as_deref().unwrap_or(NONE),
        count: count(warning.count as f64),
        message: &warning.message,
    });
    Shown::new(lines, WARNINGS, "warnings")
}

fn stages(seconds: &[(String, f64)]) -> Vec<Stage<'_>> {
    let greatest = seconds.iter().map(|(_, seconds)| *seconds).fold(0.0, f64::max);
    let bar = |taken: f64| bar(taken, greatest, format!("{taken:.3}"));
    seconds.iter().map(|(name, taken)| Stage { name, seconds: bar(*taken) }).collect()
}

fn input(input: &InputFact) -> InputLine<'_> {
    InputLine {
        part: &input.part,
        path: &input.path,
        rows: count(input.rows as f64),
        bytes: count(input.bytes as f64),
        sha256: &input.sha256,
    }
}
