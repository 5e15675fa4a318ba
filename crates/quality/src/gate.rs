//! Gates: what a metric must reach for a model to pass, and the verdicts.

mod written;

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
    /// The bound.
    pub threshold: f64,
    /// Whether the number is defined and within the bound.
    pub passed: bool,
    /// The verdict in words.
    pub reason: String,
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
            threshold,
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

/// Four decimals, or as many as it takes to tell the value from the bound.
fn short(value: f64, bound: f64) -> String {
    (4..17)
        .map(|digits| format!("{value:.digits$}"))
        .find(|text| value == bound || text.parse() != Ok(bound))
        .unwrap_or_else(|| value.to_string())
}
