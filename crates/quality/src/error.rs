use std::fmt::Write;

/// What the caller asked for cannot be judged: each is a mistake in the config, to be shown at the key it names.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum QualityError {
    /// A gate names a metric that does not exist.
    #[error("unknown metric `{name}`, expected one of {}{}", listed(known), nearest_hint(nearest))]
    UnknownMetric {
        /// The name that was found.
        name: String,
        /// The nearest name there is, if one is near.
        nearest: Option<&'static str>,
        /// All names.
        known: Vec<&'static str>,
    },
    /// A gate with neither `min` nor `max`.
    #[error("the gate on `{metric}` has no bound, expected `min`, `max` or both")]
    NoBound {
        /// The gated metric.
        metric: String,
    },
    /// A bound that the metric can never reach, or always meets.
    #[error("the gate on `{metric}` asks for {bound}, expected a number within {}{}", within(*low, *high), percent_hint(*bound, *high))]
    BoundOutOfRange {
        /// The gated metric.
        metric: String,
        /// The bound that was found.
        bound: f64,
        /// The least value that the metric takes.
        low: f64,
        /// The greatest value that the metric takes (may be infinite).
        high: f64,
    },
    /// `min` above `max`.
    #[error("the gate on `{metric}` has min {min} above max {max}: nothing can pass it")]
    EmptyRange {
        /// The gated metric.
        metric: String,
        /// Its lower bound.
        min: f64,
        /// Its upper bound.
        max: f64,
    },
    /// `average: binary` (or a decision threshold) with more than two classes.
    #[error(
        "`{asked}` needs two classes, found {classes}\n  hint: with more than two classes use average macro, weighted or micro, and no decision threshold"
    )]
    NotBinary {
        /// The setting that needs two classes.
        asked: &'static str,
        /// How many there are.
        classes: usize,
    },
    /// `positive_label` is none of the classes.
    #[error("positive_label `{asked}` is none of the target's classes: {}", classes.join(", "))]
    UnknownPositive {
        /// The label that was asked for.
        asked: String,
        /// The classes that the target has.
        classes: Vec<String>,
    },
    /// No threshold reaches the precision that was asked for.
    #[error(
        "no decision threshold reaches precision {asked} on the rows it is chosen on; the best is {best} at threshold {threshold}\n  hint: lower the asked precision, or improve the model"
    )]
    UnreachablePrecision {
        /// The precision that was asked for.
        asked: f64,
        /// The best that some threshold reaches.
        best: f64,
        /// That threshold.
        threshold: f64,
    },
    /// A decision threshold cannot be chosen on such rows.
    #[error("a decision threshold cannot be chosen on rows of one class only ({rows} rows)")]
    OneClass {
        /// How many rows there were.
        rows: usize,
    },
}

fn listed(names: &[&str]) -> String {
    names.join(", ")
}

fn nearest_hint(nearest: &Option<&'static str>) -> String {
    nearest.map(|name| format!("\n  hint: did you mean `{name}`?")).unwrap_or_default()
}

fn within(low: f64, high: f64) -> String {
    let mut text = format!("{low} .. ");
    if high.is_finite() {
        let _ = write!(text, "{high}");
    } else {
        text.push_str("any finite number");
    }
    text
}

fn percent_hint(bound: f64, high: f64) -> String {
    if high == 1.0 && bound > 1.0 && bound <= 100.0 {
        format!("\n  hint: {bound} % is written {}", bound / 100.0)
    } else {
        String::new()
    }
}
