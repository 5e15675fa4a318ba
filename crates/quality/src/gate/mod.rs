//! Gates: what a metric must reach for a model to pass, and the verdicts.

mod compared;
mod written;

pub use compared::{Rival, compare};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::values::defined;
use crate::{Better, Bootstrap, Interval, Metric, QualityError, Scores};

/// Bounds on one metric. Under `quality_gates` in a config: `accuracy: 0.85`, or
/// `{metric: recall, min: 0.75, on: lower_bound}`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Gate {
    /// The metric's name.
    pub metric: String,
    /// The least value that passes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min: Option<f64>,
    /// The greatest value that passes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<f64>,
    /// Which number is held against the bounds.
    #[serde(default)]
    pub on: On,
}

/// Which number a gate looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum On {
    /// The metric on the judged rows.
    #[default]
    Point,
    /// The worse end of its 95 % bootstrap interval: the lower end for `min`, the upper end for `max`.
    LowerBound,
}

/// All gates of a run, in the order in which they were written.
///
/// Written as a map, `{accuracy: 0.85, log_loss: 0.4}`, where a bare number is the minimum of a metric of which more
/// is better and the maximum of one of which less is better, and `{recall: {min: 0.75, on: lower_bound}}` says more;
/// or as a list of [`Gate`]s, where such small maps may stand too.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
#[serde(transparent)]
pub struct Gates(pub Vec<Gate>);

/// What the gates said.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct GateReport {
    /// Whether every verdict passed; true without gates.
    pub passed: bool,
    /// One for each bound, in the order of the gates.
    pub verdicts: Vec<Verdict>,
}

/// What one bound said.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    /// The metric.
    pub metric: String,
    /// What was compared: `point`, `lower_bound` or `upper_bound`.
    pub on: String,
    /// The number that was compared; `None` when it is undefined.
    pub value: Option<f64>,
    /// `>=` or `<=`.
    pub comparison: String,
    /// The bound; `None` when it is not known, and nothing reaches it.
    pub threshold: Option<f64>,
    /// Whether the number is defined and within the bound.
    pub passed: bool,
    /// The verdict in words.
    pub reason: String,
}

impl Verdict {
    /// What was asked for: `>= 0.85`, or why that cannot be said.
    pub fn needs(&self) -> String {
        match self.threshold {
            Some(threshold) => format!("{} {threshold}", self.comparison),
            None => self.reason.clone(),
        }
    }
}

impl Gate {
    /// The gate that a bare number means.
    pub fn bare(metric: &str, bound: f64) -> Self {
        let lower = Metric::named(metric).is_ok_and(|metric| metric.better == Better::Lower);
        let (min, max) = if lower { (None, Some(bound)) } else { (Some(bound), None) };
        Self { metric: metric.to_owned(), min, max, on: On::Point }
    }

    /// Whether this gate can be judged at all.
    ///
    /// # Errors
    /// An unknown metric, no bound, a bound outside the metric's range, or `min` above `max`.
    pub fn check(&self) -> Result<(), QualityError> {
        let (low, high) = Metric::named(&self.metric)?.range;
        let metric = self.metric.clone();
        if self.min.is_none() && self.max.is_none() {
            return Err(QualityError::NoBound { metric });
        }
        let outside = |bound: &f64| !bound.is_finite() || *bound < low || *bound > high;
        if let Some(bound) = self.min.into_iter().chain(self.max).find(outside) {
            return Err(QualityError::BoundOutOfRange { metric, bound, low, high });
        }
        match (self.min, self.max) {
            (Some(min), Some(max)) if min > max => Err(QualityError::EmptyRange { metric, min, max }),
            _ => Ok(()),
        }
    }
}

impl Gates {
    /// What is wrong with the gates: for each the index of the gate and the error.
    pub fn check(&self) -> Vec<(usize, QualityError)> {
        self.0.iter().enumerate().filter_map(|(i, gate)| gate.check().err().map(|error| (i, error))).collect()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Holds the gates against the judged rows. The bootstrap runs only when a gate asks for a bound of the interval.
///
/// A gate whose metric is unknown or undefined fails, and says so.
pub fn judge(gates: &Gates, scores: &Scores<'_>, bootstrap: &Bootstrap) -> GateReport {
    let known = |gate: &&Gate| gate.on == On::LowerBound && Metric::named(&gate.metric).is_ok();
    let drawn: Vec<&Metric> =
        gates.0.iter().filter(known).filter_map(|gate| Metric::named(&gate.metric).ok()).collect();
    let intervals = if drawn.is_empty() { Vec::new() } else { bootstrap.intervals(scores, &drawn) };
    let mut intervals = intervals.into_iter();
    let mut verdicts = Vec::new();
    for gate in &gates.0 {
        match Metric::named(&gate.metric) {
            Ok(metric) => {
                let point = (metric.compute)(scores);
                let interval = (gate.on == On::LowerBound).then(|| intervals.next()).flatten();
                verdicts.extend(bounds(gate).map(|bound| bound.verdict(metric, point, interval)));
            }
            Err(error) => verdicts.extend(bounds(gate).map(|bound| bound.unknown(&gate.metric, &error))),
        }
    }
    GateReport { passed: verdicts.iter().all(|verdict| verdict.passed), verdicts }
}

/// One side of a gate.
#[derive(Clone, Copy)]
enum Side {
    Min(f64),
    Max(f64),
}

fn bounds(gate: &Gate) -> impl Iterator<Item = Side> {
    // A gate without a bound is refused with the config; were one to come this far, it must not pass.
    let none = (gate.min.is_none() && gate.max.is_none()).then_some(Side::Min(f64::INFINITY));
    gate.min.map(Side::Min).into_iter().chain(gate.max.map(Side::Max)).chain(none)
}

impl Side {
    fn verdict(self, metric: &Metric, point: f64, interval: Option<Interval>) -> Verdict {
        let (on, value) = match (self, interval) {
            (_, None) => ("point", point),
            (Self::Min(_), Some(interval)) => ("lower_bound", interval.low),
            (Self::Max(_), Some(interval)) => ("upper_bound", interval.high),
        };
        let passed = match self {
            Self::Min(min) => value >= min,
            Self::Max(max) => value <= max,
        };
        let reason = match defined(value) {
            Some(value) => self.reason(metric, on, value, passed),
            None => format!("{} is undefined on these rows{}", metric.name, undefined_in(interval)),
        };
        Verdict { passed, reason, value: defined(value), ..self.blank(metric.name, on) }
    }

    fn unknown(self, name: &str, error: &QualityError) -> Verdict {
        let text = error.to_string();
        Verdict { reason: text.lines().next().unwrap_or_default().to_owned(), ..self.blank(name, "point") }
    }

    fn blank(self, metric: &str, on: &str) -> Verdict {
        let (comparison, threshold) = match self {
            Self::Min(min) => (">=", min),
            Self::Max(max) => ("<=", max),
        };
        Verdict {
            metric: metric.to_owned(),
            on: on.to_owned(),
            value: None,
            comparison: comparison.to_owned(),
            threshold: defined(threshold),
            passed: false,
            reason: String::new(),
        }
    }

    fn reason(self, metric: &Metric, on: &str, value: f64, passed: bool) -> String {
        let what = match on {
            "lower_bound" => format!("the lower end of the 95 % interval of {}", metric.name),
            "upper_bound" => format!("the upper end of the 95 % interval of {}", metric.name),
            _ => metric.name.to_owned(),
        };
        let (relation, kind, bound) = match (self, passed) {
            (Self::Min(min), true) => ("at least", "minimum", min),
            (Self::Min(min), false) => ("below", "minimum", min),
            (Self::Max(max), true) => ("at most", "maximum", max),
            (Self::Max(max), false) => ("above", "maximum", max),
        };
        format!("{what} is {}, {relation} the {kind} {bound}", short(value, bound))
    }
}

fn undefined_in(interval: Option<Interval>) -> String {
    interval.map(|interval| format!(": in {} of the bootstrap's draws", interval.undefined)).unwrap_or_default()
}

/// Four decimals, or as many as it takes to show on which side of the bound the value is.
fn short(value: f64, bound: f64) -> String {
    let side =
        |shown: &String| shown.parse::<f64>().is_ok_and(|shown| shown.total_cmp(&bound) == value.total_cmp(&bound));
    (4..17).map(|digits| format!("{value:.digits$}")).find(side).unwrap_or_else(|| value.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::Rows;

    fn read(json: &str) -> Gates {
        serde_json::from_str(json).unwrap_or_else(|error| panic!("{json}: {error}"))
    }

    fn rows() -> Rows {
        let y: Vec<u32> = (0..200).map(|row| u32::from(row % 4 == 0)).collect();
        let positive: Vec<f32> = (0..200).map(|row| if row % 4 == 0 || row % 10 == 1 { 0.75 } else { 0.25 }).collect();
        Rows::binary(&y, &positive)
    }

    fn report(json: &str) -> GateReport {
        judge(&read(json), &rows().scores(), &Bootstrap::seeded(1))
    }

    #[test]
    fn a_bare_number_is_a_minimum_or_a_maximum_by_the_metric() {
        let gates = read(r#"{"accuracy": 0.85, "log_loss": 0.4, "recall": {"min": 0.75, "on": "lower_bound"}}"#);
        assert_eq!((gates.0[0].min, gates.0[0].max), (Some(0.85), None));
        assert_eq!((gates.0[1].min, gates.0[1].max), (None, Some(0.4)));
        assert_eq!((gates.0[2].min, gates.0[2].on), (Some(0.75), On::LowerBound));
    }

    #[test]
    fn a_list_says_the_same_and_reads_as_it_writes() {
        let list = r#"[{"metric": "recall", "min": 0.75, "on": "lower_bound"}, {"accuracy": 0.85}, {"metric": "log_loss", "max": 0.4}]"#;
        let gates = read(list);
        assert_eq!(gates.0.len(), 3);
        assert_eq!(gates.0[1], Gate::bare("accuracy", 0.85));
        assert_eq!(read(&serde_json::to_string(&gates).unwrap()), gates);
        assert!(read("null").is_empty() && read("{}").is_empty());
    }

    #[test]
    fn what_is_not_a_gate_is_refused() {
        for json in [
            r#"{"accuracy": "high"}"#,
            r#"{"accuracy": {"least": 1}}"#,
            r#"[{"metric": "recall", "least": 0.5}]"#,
            "0.8",
            r#"[0.8]"#,
        ] {
            assert!(serde_json::from_str::<Gates>(json).is_err(), "{json}");
        }
        let wrong = read(
            r#"[{"acuracy": 0.8}, {"accuracy": 85}, {"metric": "recall"}, {"metric": "mcc", "min": 0.5, "max": 0.4}, {"f1_score": 0.5}]"#,
        );
        let errors: Vec<String> = wrong.check().into_iter().map(|(i, error)| format!("{i}: {error}")).collect();
        assert_eq!(errors.len(), 4, "{errors:?}");
        assert!(errors[0].starts_with("0: unknown metric `acuracy`, expected one of accuracy, balanced_accuracy,"));
        assert!(errors[0].ends_with("hint: did you mean `accuracy`?"));
        assert_eq!(
            errors[1],
            "1: the gate on `accuracy` asks for 85, expected a number within 0 .. 1\n  hint: 85 % is written 0.85"
        );
        assert_eq!(errors[2], "2: the gate on `recall` has no bound, expected `min`, `max` or both");
        assert_eq!(errors[3], "3: the gate on `mcc` has min 0.5 above max 0.4: nothing can pass it");
    }

    #[test]
    fn verdicts_say_what_was_compared() {
        let report = report(r#"{"accuracy": 0.9, "log_loss": 0.2, "recall": {"min": 0.9, "max": 0.93333}}"#);
        assert!(!report.passed);
        let said: Vec<(bool, &str)> = report.verdicts.iter().map(|v| (v.passed, v.reason.as_str())).collect();
        assert_eq!(
            said,
            [
                (true, "accuracy is 0.9000, at least the minimum 0.9"),
                (false, "log_loss is 0.3975, above the maximum 0.2"),
                (true, "recall is 0.9333, at least the minimum 0.9"),
                (false, "recall is 0.933333, above the maximum 0.93333"),
            ]
        );
        let first = serde_json::to_value(&report.verdicts[0]).unwrap();
        assert_eq!(
            first,
            serde_json::json!({"metric": "accuracy", "on": "point", "value": 0.9, "comparison": ">=", "threshold": 0.9,
                "passed": true, "reason": "accuracy is 0.9000, at least the minimum 0.9"})
        );
    }

    #[test]
    fn the_bound_is_the_worse_end_of_the_interval() {
        let report = report(
            r#"[{"metric": "accuracy", "min": 0.5, "on": "lower_bound"}, {"metric": "log_loss", "max": 1, "on": "lower_bound"}]"#,
        );
        let [low, high] = &report.verdicts[..] else { panic!("{report:?}") };
        assert_eq!((low.on.as_str(), high.on.as_str()), ("lower_bound", "upper_bound"));
        // accuracy 0.9 of 200 rows: standard error sqrt(0.9 * 0.1 / 200) = 0.0212
        assert!((low.value.unwrap() - (0.9 - 1.96 * 0.0212)).abs() < 0.01, "{low:?}");
        assert!(high.value.unwrap() > 0.3976 && high.value.unwrap() < 0.46, "{high:?}");
        assert!(report.passed);
    }

    #[test]
    fn what_is_undefined_or_unknown_never_passes() {
        let one_class = Rows::binary(&[0, 0, 0], &[0.1, 0.2, 0.3]);
        let gates = read(
            r#"[{"roc_auc": 0.0}, {"metric": "mcc", "max": 1.0, "on": "lower_bound"}, {"glamour": 0.0}, {"metric": "recall"}]"#,
        );
        let report = judge(&gates, &one_class.scores(), &Bootstrap::seeded(1));
        assert!(!report.passed && report.verdicts.iter().all(|verdict| !verdict.passed), "{report:?}");
        assert_eq!(report.verdicts[0].value, None);
        let reasons: Vec<&str> = report.verdicts.iter().map(|verdict| verdict.reason.as_str()).collect();
        assert_eq!(reasons[0], "roc_auc is undefined on these rows");
        assert_eq!(reasons[1], "mcc is undefined on these rows: in 1000 of the bootstrap's draws");
        assert!(reasons[2].starts_with("unknown metric `glamour`"));
    }

    #[test]
    fn no_gates_pass() {
        assert_eq!(report("{}"), GateReport { passed: true, verdicts: Vec::new() });
    }
}
