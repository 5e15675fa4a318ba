use std::borrow::Cow;

use ndarray::{ArrayView1, ArrayView2};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::average::divide;
use crate::ranking::Step;
use crate::{QualityError, Scores};

/// How a probability becomes a decision between two classes: predicted positive when its probability is at least the
/// threshold. Without one the most probable class is predicted, the first of equals.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum DecisionThreshold {
    /// That number, between 0 and 1.
    Fixed(f64),
    /// The threshold with the greatest F1 of the positive class; the highest of equals.
    MaxF1,
    /// The threshold with the greatest mean of both classes' recall; the highest of equals.
    MaxBalancedAccuracy,
    /// The lowest threshold whose precision reaches that number: of those that do, the one that finds the most.
    Precision(f64),
}

impl DecisionThreshold {
    /// The threshold, chosen on rows that the model was not fitted on (and that are not the test rows).
    ///
    /// # Errors
    /// [`QualityError::NotBinary`] with more than two classes, [`QualityError::OneClass`] when one has no rows (a fixed
    /// threshold needs none), [`QualityError::UnreachablePrecision`].
    pub fn choose(&self, scores: &Scores<'_>) -> Result<f64, QualityError> {
        let classes = scores.classes().len();
        let asked = "training.decision_threshold";
        let positive = scores.positive().ok_or(QualityError::NotBinary { asked, classes })?;
        let steps = || steps(scores, positive);
        match *self {
            Self::Fixed(threshold) => Ok(threshold),
            Self::MaxF1 => steps()?.best(|step, all| divide((2.0 * step.hits, step.hits + step.misses + all.hits))),
            Self::MaxBalancedAccuracy => steps()?.best(|step, all| step.hits * all.misses - step.misses * all.hits),
            Self::Precision(asked) => steps()?.reaching_precision(asked),
        }
    }
}

/// The candidates for a threshold, with what is found at each.
struct Steps {
    steps: Vec<(f64, Step)>,
    /// What there is in all.
    all: Step,
}

fn steps(scores: &Scores<'_>, positive: usize) -> Result<Steps, QualityError> {
    let proba = scores.proba();
    let mut steps = Vec::new();
    scores.ranking(positive).walk(scores, |step| {
        steps.push((f64::from(proba[[step.row, positive]]), step));
    });
    match steps.last() {
        Some(&(_, all)) if all.hits > 0.0 && all.misses > 0.0 => Ok(Steps { steps, all }),
        _ => Err(QualityError::OneClass { rows: scores.rows() }),
    }
}

impl Steps {
    fn best(&self, value: impl Fn(&Step, &Step) -> f64) -> Result<f64, QualityError> {
        let mut best = (f64::NEG_INFINITY, 0.0);
        for (threshold, step) in &self.steps {
            let value = value(step, &self.all);
            if value > best.0 {
                best = (value, *threshold);
            }
        }
        Ok(best.1)
    }

    fn reaching_precision(&self, asked: f64) -> Result<f64, QualityError> {
        let precision = |step: &Step| step.hits / (step.hits + step.misses);
        if let Some((threshold, _)) = self.steps.iter().rev().find(|(_, step)| precision(step) >= asked) {
            return Ok(*threshold);
        }
        let best = self.best(|step, _| precision(step))?;
        let found = self.steps.iter().find(|(threshold, _)| *threshold == best).map(|(_, step)| precision(step));
        Err(QualityError::UnreachablePrecision { asked, best: found.unwrap_or(f64::NAN), threshold: best })
    }
}

/// The most probable class of each row, the first of equals, as scikit-learn's `predict` has it.
pub fn most_probable(proba: ArrayView2<'_, f32>) -> Vec<u32> {
    proba.rows().into_iter().map(|row| first_greatest(row) as u32).collect()
}

/// With two classes: `positive` where its probability is at least `threshold`, else the other.
///
/// # Panics
/// When there are not two classes.
pub fn positive_at_least(threshold: f64, proba: ArrayView2<'_, f32>, positive: usize) -> Vec<u32> {
    assert_eq!(proba.ncols(), 2, "a decision threshold is for two classes");
    // As a float of the probabilities' own size: 0.7 is reached by 7 votes of 10.
    let threshold = threshold as f32;
    let class = |&p: &f32| if p >= threshold { positive } else { 1 - positive } as u32;
    proba.column(positive).iter().map(class).collect()
}

pub(crate) fn first_greatest(row: ArrayView1<'_, f32>) -> usize {
    let mut best = 0;
    for (class, &probability) in row.iter().enumerate() {
        if probability > row[best] {
            best = class;
        }
    }
    best
}

/// As a config writes it: a number, a name, or `{precision: number}`.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Written {
    Number(f64),
    Name(Name),
    Target { precision: f64 },
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Name {
    MaxF1,
    MaxBalancedAccuracy,
}

impl Serialize for DecisionThreshold {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match *self {
            Self::Fixed(number) => Written::Number(number),
            Self::MaxF1 => Written::Name(Name::MaxF1),
            Self::MaxBalancedAccuracy => Written::Name(Name::MaxBalancedAccuracy),
            Self::Precision(precision) => Written::Target { precision },
        }
        .serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for DecisionThreshold {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let expected = || {
            D::Error::custom("expected a number between 0 and 1, max_f1, max_balanced_accuracy, or {precision: number}")
        };
        match Written::deserialize(deserializer).map_err(|_| expected())? {
            Written::Number(number) if number > 0.0 && number < 1.0 => Ok(Self::Fixed(number)),
            Written::Target { precision } if precision > 0.0 && precision <= 1.0 => Ok(Self::Precision(precision)),
            Written::Name(Name::MaxF1) => Ok(Self::MaxF1),
            Written::Name(Name::MaxBalancedAccuracy) => Ok(Self::MaxBalancedAccuracy),
            Written::Number(_) | Written::Target { .. } => Err(expected()),
        }
    }
}

impl JsonSchema for DecisionThreshold {
    fn schema_name() -> Cow<'static, str> {
        "DecisionThreshold".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "two classes only: the positive class is predicted when its probability is at least this; \
                chosen on validation or out-of-fold rows, never on test rows; absent: the most probable class",
            "anyOf": [
                { "type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1, "description": "that threshold" },
                { "type": "string", "enum": ["max_f1", "max_balanced_accuracy"],
                  "description": "the threshold with the greatest value of that metric" },
                { "type": "object", "required": ["precision"], "additionalProperties": false,
                  "properties": { "precision": { "type": "number", "exclusiveMinimum": 0, "maximum": 1,
                    "description": "the lowest threshold that reaches this precision" } } }
            ]
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::sample::{Rows, rows};

    fn read(text: &str) -> Result<DecisionThreshold, serde_json::Error> {
        serde_json::from_str(text)
    }

    #[test]
    fn it_reads_as_it_writes() {
        for text in ["0.25", "\"max_f1\"", "\"max_balanced_accuracy\"", "{\"precision\":0.8}"] {
            assert_eq!(serde_json::to_string(&read(text).unwrap()).unwrap(), text);
        }
        for text in ["0", "1", "1.5", "\"max_f2\"", "{\"precision\":0}", "{\"recall\":0.5}", "null", "[0.5]"] {
            let error = read(text).unwrap_err().to_string();
            assert!(error.starts_with("expected a number between 0 and 1, max_f1,"), "{text}: {error}");
        }
    }

    #[test]
    fn the_threshold_is_the_one_asked_for() {
        let rows = Rows::binary(&[0, 0, 1, 0, 1, 1], &[0.1, 0.2, 0.3, 0.4, 0.6, 0.6]);
        let choose = |threshold: DecisionThreshold| threshold.choose(&rows.scores()).unwrap() as f32;
        assert_eq!(choose(DecisionThreshold::Fixed(0.25)), 0.25);
        assert_eq!(choose(DecisionThreshold::MaxF1), 0.3);
        assert_eq!(choose(DecisionThreshold::MaxBalancedAccuracy), 0.6);
        assert_eq!(choose(DecisionThreshold::Precision(0.75)), 0.3);
        assert_eq!(choose(DecisionThreshold::Precision(0.8)), 0.6);
    }

    #[test]
    fn what_cannot_be_reached_is_an_error() {
        let rows = Rows::binary(&[1, 0, 1], &[0.1, 0.9, 0.8]);
        let error = DecisionThreshold::Precision(0.9).choose(&rows.scores()).unwrap_err();
        let QualityError::UnreachablePrecision { asked, best, threshold } = error else { panic!("{error}") };
        assert_eq!((asked, best, threshold as f32), (0.9, 2.0 / 3.0, 0.1));
        let one = Rows::binary(&[1, 1], &[0.1, 0.9]);
        assert_eq!(DecisionThreshold::MaxF1.choose(&one.scores()), Err(QualityError::OneClass { rows: 2 }));
    }

    #[test]
    fn decisions_at_equal_probabilities() {
        let proba = ndarray::arr2(&[[0.5, 0.5], [0.25, 0.75]]);
        assert_eq!(most_probable(proba.view()), [0, 1], "the first of equals");
        assert_eq!(positive_at_least(0.5, proba.view(), 1), [1, 1], "at least the threshold");
        assert_eq!(positive_at_least(0.5, proba.view(), 0), [0, 1]);
    }

    proptest! {
        #[test]
        fn no_observed_threshold_does_better(rows in rows().prop_filter("two classes", |rows| rows.classes.len() == 2)) {
            let metrics = |threshold: f64| {
                let predicted = positive_at_least(threshold, rows.proba.view(), 1);
                let decided = Rows { predicted, average: crate::Average::Binary, ..rows.clone() };
                let values = crate::measure(&decided.scores());
                ["f1_score", "balanced_accuracy", "precision"].map(|name| values.get(name).unwrap_or(0.0))
            };
            let counted = (0..rows.y.len()).filter(|&row| rows.weight(row) > 0.0);
            let thresholds: Vec<f64> = counted.map(|row| f64::from(rows.proba[[row, 1]])).collect();
            let observed = || thresholds.iter().copied();
            let choose = |threshold: DecisionThreshold| threshold.choose(&rows.scores());
            if let (Ok(f1), Ok(balanced)) = (choose(DecisionThreshold::MaxF1), choose(DecisionThreshold::MaxBalancedAccuracy)) {
                let (f1, balanced) = (metrics(f1)[0], metrics(balanced)[1]);
                prop_assert!(observed().all(|t| metrics(t)[0] <= f1 + 1e-9 && metrics(t)[1] <= balanced + 1e-9));
                match choose(DecisionThreshold::Precision(0.6)) {
                    Ok(at) => prop_assert!(observed().all(|t| t >= at || metrics(t)[2] < 0.6 + 1e-9) && metrics(at)[2] >= 0.6 - 1e-9),
                    Err(_) => prop_assert!(observed().all(|t| metrics(t)[2] < 0.6 + 1e-9)),
                }
            }
        }
    }
}
