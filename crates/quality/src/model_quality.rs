use serde::Serialize;

use crate::average::{divide, mean};
use crate::sampling::Draws;
use crate::values::defined;
use crate::{Confusion, Scores};

/// Below this many rows SageMaker gives no standard deviation.
const LEAST_ROWS: usize = 200;
/// The seed of the five samples: fixed, for they describe the rows and not the training.
const SEED: u64 = 5;

/// One number of a SageMaker model quality report.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Measured {
    /// Its name there.
    pub name: &'static str,
    /// The number; `None` = undefined.
    pub value: Option<f64>,
    /// Its standard deviation over five random samples of 80 % of the rows (ddof 0); `None` below 200 rows.
    pub standard_deviation: Option<f64>,
}

type Number = (&'static str, fn(&Scores<'_>) -> f64);

/// With two classes, in the report's order; all of the positive class. By "best constant classifier" SageMaker means
/// the one that always predicts the positive class.
const BINARY: &[Number] = &[
    ("recall", |s| divide(s.confusion().recall(positive(s)))),
    ("precision", |s| divide(s.confusion().precision(positive(s)))),
    ("accuracy", accuracy),
    ("recall_best_constant_classifier", |s| divide((share(s, positive(s)), share(s, positive(s))))),
    ("precision_best_constant_classifier", |s| share(s, positive(s))),
    ("accuracy_best_constant_classifier", |s| share(s, positive(s))),
    ("true_positive_rate", |s| divide(s.confusion().recall(positive(s)))),
    ("true_negative_rate", |s| divide(s.confusion().recall(1 - positive(s)))),
    ("false_positive_rate", |s| 1.0 - divide(s.confusion().recall(1 - positive(s)))),
    ("false_negative_rate", |s| 1.0 - divide(s.confusion().recall(positive(s)))),
    ("auc", |s| crate::metric::area(s, positive(s))),
    ("f0_5", |s| divide(s.confusion().f_score(positive(s), 0.5))),
    ("f1", |s| divide(s.confusion().f_score(positive(s), 1.0))),
    ("f2", |s| divide(s.confusion().f_score(positive(s), 2.0))),
    ("f0_5_best_constant_classifier", |s| f_of_share(share(s, positive(s)), 0.5)),
    ("f1_best_constant_classifier", |s| f_of_share(share(s, positive(s)), 1.0)),
    ("f2_best_constant_classifier", |s| f_of_share(share(s, positive(s)), 2.0)),
];

/// With more classes, in the report's order. The best constant classifier predicts the most frequent class: its own
/// class alone adds to the weighted means.
const MULTICLASS: &[Number] = &[
    ("accuracy", accuracy),
    ("weighted_recall", |s| weighted(s.confusion(), |class| s.confusion().recall(class))),
    ("weighted_precision", |s| weighted(s.confusion(), |class| s.confusion().precision(class))),
    ("weighted_f0_5", |s| weighted(s.confusion(), |class| s.confusion().f_score(class, 0.5))),
    ("weighted_f1", |s| weighted(s.confusion(), |class| s.confusion().f_score(class, 1.0))),
    ("weighted_f2", |s| weighted(s.confusion(), |class| s.confusion().f_score(class, 2.0))),
    ("accuracy_best_constant_classifier", greatest_share),
    ("weighted_recall_best_constant_classifier", greatest_share),
    ("weighted_precision_best_constant_classifier", |s| greatest_share(s).powi(2)),
    ("weighted_f0_5_best_constant_classifier", |s| greatest_share(s) * f_of_share(greatest_share(s), 0.5)),
    ("weighted_f1_best_constant_classifier", |s| greatest_share(s) * f_of_share(greatest_share(s), 1.0)),
    ("weighted_f2_best_constant_classifier", |s| greatest_share(s) * f_of_share(greatest_share(s), 2.0)),
];

/// The report's numbers of some rows.
pub(crate) fn model_quality(scores: &Scores<'_>) -> Vec<Measured> {
    let numbers = if scores.positive().is_some() { BINARY } else { MULTICLASS };
    let rows = scores.rows();
    let streams = if rows < LEAST_ROWS { 0 } else { 5 };
    let samples: Vec<Vec<f64>> = (0..streams)
        .map(|stream| {
            let weights = scores.weights().without_replacement(rows, rows * 4 / 5, Draws::new(SEED, stream));
            let sample = scores.reweighted(weights);
            numbers.iter().map(|(_, number)| number(&sample)).collect()
        })
        .collect();
    let measured = |(i, (name, number)): (usize, &Number)| Measured {
        name,
        value: defined(number(scores)),
        standard_deviation: spread(samples.iter().map(|sample| sample[i]).collect()),
    };
    numbers.iter().enumerate().map(measured).collect()
}

fn spread(values: Vec<f64>) -> Option<f64> {
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    defined((values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / count).sqrt())
}

fn positive(scores: &Scores<'_>) -> usize {
    scores.positive().expect("two classes")
}

fn accuracy(scores: &Scores<'_>) -> f64 {
    divide((scores.confusion().right(), scores.confusion().total()))
}

fn weighted(confusion: &Confusion, ratio: impl Fn(usize) -> (f64, f64)) -> f64 {
    mean((0..confusion.classes()).map(|class| (divide(ratio(class)), confusion.actual(class))))
}

/// Share of the rows that are of `class`.
fn share(scores: &Scores<'_>, class: usize) -> f64 {
    divide((scores.confusion().actual(class), scores.confusion().total()))
}

fn greatest_share(scores: &Scores<'_>) -> f64 {
    (0..scores.classes().len()).map(|class| share(scores, class)).fold(f64::NAN, f64::max)
}

/// F-beta of a class that is always predicted and has that share of the rows: precision = share, recall = 1.
fn f_of_share(share: f64, beta: f64) -> f64 {
    let beta2 = beta * beta;
    divide(((1.0 + beta2) * share, beta2 * share + 1.0))
}

#[cfg(test)]
mod tests {
    use ndarray::arr2;
    use trainer_data::Label;

    use super::*;
    use crate::{Average, Averaging};

    fn classes(count: i64) -> Vec<Label> {
        (0..count).map(Label::Integer).collect()
    }

    /// The four rows of the example in SageMaker's guide: three of class 0 (two taken for 1), one of class 1.
    #[test]
    fn the_numbers_are_those_of_the_guides_example() {
        let classes = classes(2);
        let averaging = Averaging::new(Average::Macro, None, &classes).unwrap();
        let proba = arr2(&[[0.9, 0.1], [0.4, 0.6], [0.3, 0.7], [0.1, 0.9]]);
        let scores = Scores::new(&[0, 0, 0, 1], proba.view(), &[0, 1, 1, 1], &classes, averaging);
        let expected = [
            ("recall", 1.0),
            ("precision", 1.0 / 3.0),
            ("accuracy", 0.5),
            ("recall_best_constant_classifier", 1.0),
            ("precision_best_constant_classifier", 0.25),
            ("accuracy_best_constant_classifier", 0.25),
            ("true_positive_rate", 1.0),
            ("true_negative_rate", 1.0 / 3.0),
            ("false_positive_rate", 2.0 / 3.0),
            ("false_negative_rate", 0.0),
            ("auc", 1.0),
            ("f0_5", 0.384_615_384_615_384_6),
            ("f1", 0.5),
            ("f2", 0.714_285_714_285_714_3),
            ("f0_5_best_constant_classifier", 0.294_117_647_058_823_54),
            ("f1_best_constant_classifier", 0.4),
            ("f2_best_constant_classifier", 0.625),
        ];
        let measured = model_quality(&scores);
        assert_eq!(measured.len(), expected.len());
        for (measured, (name, value)) in measured.iter().zip(expected) {
            assert_eq!(measured.name, name);
            assert!((measured.value.unwrap() - value).abs() < 1e-12, "{name}: {measured:?}");
            assert_eq!(measured.standard_deviation, None, "{name}: fewer than 200 rows");
        }
    }

    /// The guide's second example gives its counts only: 1180, 510 / 268, 138.
    #[test]
    fn the_weighted_numbers_are_those_of_the_guides_example() {
        let counts = [(0u32, 0u32, 1180), (0, 1, 510), (1, 0, 268), (1, 1, 138)];
        let rows = || counts.iter().flat_map(|&(y, predicted, count)| std::iter::repeat_n((y, predicted), count));
        let (y, predicted): (Vec<u32>, Vec<u32>) = rows().unzip();
        // A third class without rows makes it a multi-class report.
        let classes = classes(3);
        let averaging = Averaging::new(Average::Macro, None, &classes).unwrap();
        let proba = ndarray::Array2::from_elem((y.len(), 3), 1.0 / 3.0);
        let scores = Scores::new(&y, proba.view(), &predicted, &classes, averaging);
        let measured = model_quality(&scores);
        let value = |name: &str| measured.iter().find(|m| m.name == name).and_then(|m| m.value).unwrap();
        for (name, expected) in [
            ("accuracy", 0.628_816_793_893_129_7),
            ("weighted_recall", 0.628_816_793_893_129_7),
            ("weighted_precision", 0.698_317_226_962_950_5),
            ("weighted_f0_5", 0.680_394_731_717_877_1),
            ("weighted_f1", 0.657_116_234_666_490_4),
            ("weighted_f2", 0.638_402_435_439_460_1),
            ("accuracy_best_constant_classifier", 1690.0 / 2096.0),
        ] {
            assert!((value(name) - expected).abs() < 1e-9, "{name}: {} for {expected}", value(name));
        }
        let deviation = measured[0].standard_deviation.unwrap();
        assert!(deviation > 0.0005 && deviation < 0.02, "{deviation}");
    }
}
