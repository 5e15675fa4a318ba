use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use trainer_data::Label;

use crate::{Confusion, QualityError};

/// How precision, recall and F1 of the classes become one number. The other metrics do not depend on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Average {
    /// The plain mean over the classes that occur among the labels or the predictions.
    #[default]
    Macro,
    /// The mean over the classes, weighted by their true rows.
    Weighted,
    /// One number from the counts of all classes together.
    Micro,
    /// The number of the positive class alone; needs two classes.
    Binary,
}

/// An average that fits the classes, and the class that counts as positive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Averaging {
    average: Average,
    positive: Option<usize>,
}

impl Averaging {
    /// Fits `average` and `positive_label` to the classes of the target.
    ///
    /// With two classes one is positive: the one asked for, else the second in order, as scikit-learn has it.
    /// With more there is none. A label is found by its text, so that `"1"` in a config finds the integer class 1.
    ///
    /// # Errors
    /// [`QualityError::NotBinary`] for `average: binary` or a positive label with more than two classes,
    /// [`QualityError::UnknownPositive`] for a label that is no class.
    pub fn new(average: Average, positive_label: Option<&Label>, classes: &[Label]) -> Result<Self, QualityError> {
        let positive = positive_label.map(|asked| find(asked, classes)).transpose()?;
        if classes.len() == 2 {
            return Ok(Self { average, positive: Some(positive.unwrap_or(1)) });
        }
        match (average, positive) {
            (Average::Binary, _) => Err(QualityError::NotBinary { asked: "average: binary", classes: classes.len() }),
            (_, Some(_)) => Err(QualityError::NotBinary { asked: "positive_label", classes: classes.len() }),
            (_, None) => Ok(Self { average, positive: None }),
        }
    }

    /// The average.
    pub fn average(&self) -> Average {
        self.average
    }

    /// With two classes: the index of the positive one.
    pub fn positive(&self) -> Option<usize> {
        self.positive
    }

    /// One number from a ratio of each class: `ratio(class)` is its numerator and denominator.
    ///
    /// A class whose own ratio is undefined (0/0) counts as 0 in the macro and weighted averages, as in scikit-learn
    /// (which warns); when that leaves no defined class, or in the binary and micro averages, the result is `NaN`
    /// where scikit-learn would warn and say 0.
    pub(crate) fn of(&self, confusion: &Confusion, ratio: impl Fn(usize) -> (f64, f64)) -> f64 {
        let classes = || (0..confusion.classes()).filter(|&class| confusion.occurs(class));
        match (self.average, self.positive) {
            (Average::Binary, Some(positive)) => divide(ratio(positive)),
            (Average::Micro, _) => divide(classes().map(ratio).fold((0.0, 0.0), |a, b| (a.0 + b.0, a.1 + b.1))),
            (Average::Weighted, _) => mean(classes().map(|class| (divide(ratio(class)), confusion.actual(class)))),
            _ => mean(classes().map(|class| (divide(ratio(class)), 1.0))),
        }
    }
}

fn find(asked: &Label, classes: &[Label]) -> Result<usize, QualityError> {
    let text = asked.to_string();
    classes.iter().position(|class| class.to_string() == text).ok_or_else(|| QualityError::UnknownPositive {
        asked: text,
        classes: classes.iter().map(Label::to_string).collect(),
    })
}

/// `a / b`, `NaN` when `b` is 0.
pub(crate) fn divide((a, b): (f64, f64)) -> f64 {
    if b == 0.0 { f64::NAN } else { a / b }
}

/// Weighted mean of values, `NaN` counting as 0, unless all that have weight are `NaN`.
pub(crate) fn mean(values: impl Iterator<Item = (f64, f64)>) -> f64 {
    let (mut sum, mut total, mut defined) = (0.0, 0.0, false);
    for (value, weight) in values {
        total += weight;
        if !value.is_nan() && weight > 0.0 {
            sum += value * weight;
            defined = true;
        }
    }
    if defined { sum / total } else { f64::NAN }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_positive_class_is_the_second_unless_named() {
        let classes = [Label::Text("no".into()), Label::Text("yes".into())];
        assert_eq!(Averaging::new(Average::Macro, None, &classes).unwrap().positive(), Some(1));
        let named = Averaging::new(Average::Binary, Some(&classes[0]), &classes).unwrap();
        assert_eq!(named.positive(), Some(0));
        let integers = [Label::Integer(0), Label::Integer(1)];
        let text = Label::Text("0".into());
        assert_eq!(Averaging::new(Average::Binary, Some(&text), &integers).unwrap().positive(), Some(0));
    }

    #[test]
    fn what_does_not_fit_the_classes_is_refused() {
        let three = [Label::Integer(0), Label::Integer(1), Label::Integer(2)];
        let error = Averaging::new(Average::Binary, None, &three).unwrap_err();
        assert!(error.to_string().starts_with("`average: binary` needs two classes, found 3"), "{error}");
        let error = Averaging::new(Average::Macro, Some(&three[1]), &three).unwrap_err();
        assert!(error.to_string().starts_with("`positive_label` needs two classes"), "{error}");
        let unknown = Label::Text("maybe".into());
        let error = Averaging::new(Average::Macro, Some(&unknown), &three[..2]).unwrap_err();
        assert_eq!(error.to_string(), "positive_label `maybe` is none of the target's classes: 0, 1");
    }
}
