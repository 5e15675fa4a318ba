//! Expected calibration error (Naeini et al. 2015; Guo et al. 2017): over the 15 equal bins of the calibration figure,
//! the weighted mean distance between the mean predicted probability and the observed share. Two classes: of the
//! positive class. More: of the most probable class, against whether it is the true one.
use super::{Better, Metric};
use crate::Scores;

pub(super) const METRIC: Metric = Metric {
    name: "ece",
    about: "mean distance between predicted probability and observed share, over bins",
    better: Better::Lower,
    range: (0.0, 1.0),
    compute,
};

fn compute(scores: &Scores<'_>) -> f64 {
    let bins = crate::calibration::bins(scores);
    let distance = |bin: &crate::CalibrationBin| bin.weight * (bin.mean_probability - bin.observed_share).abs();
    crate::average::divide((bins.iter().map(distance).sum(), bins.iter().map(|bin| bin.weight).sum()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::sample::{Rows, rows, same};

    fn naive(rows: &Rows) -> f64 {
        let event = |row: usize| {
            let p = rows.proba.row(row);
            let class = if p.len() == 2 { 1 } else { crate::decision::first_greatest(p) };
            (f64::from(p[class]), rows.y[row] as usize == class)
        };
        let bin = |row: usize| (0..15).rev().find(|&bin| event(row).0 * 15.0 >= f64::from(bin)).unwrap();
        let sum = |of: i32, value: &dyn Fn(usize) -> f64| {
            (0..rows.y.len()).filter(|&row| bin(row) == of).map(|row| rows.weight(row) * value(row)).sum::<f64>()
        };
        let gap = |of: i32| (sum(of, &|row| event(row).0) - sum(of, &|row| f64::from(u8::from(event(row).1)))).abs();
        (0..15).map(gap).sum::<f64>() / rows.count(|_| true)
    }

    proptest! {
        #[test]
        fn it_is_the_naive_number(rows in rows()) {
            let (fast, slow) = (compute(&rows.scores()), naive(&rows));
            prop_assert!(same(fast, slow), "{fast} for {slow}");
        }
    }

    #[test]
    fn one_belongs_to_the_last_bin() {
        let bins = crate::calibration::bins(&Rows::binary(&[1, 0, 1], &[1.0, 0.95, 0.0]).scores());
        assert_eq!(bins.iter().map(|bin| bin.weight).collect::<Vec<_>>(), [1.0, 2.0]);
        assert_eq!((bins[1].high, bins[1].observed_share), (1.0, 0.5));
    }
}
