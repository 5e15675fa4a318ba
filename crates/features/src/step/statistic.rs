//! Statistics of one column, over the cells that are not missing.

use crate::statistic::Sketch;

/// The cells that are not missing.
pub(crate) fn present(numbers: &[f64]) -> Vec<f64> {
    numbers.iter().copied().filter(|x| !x.is_nan()).collect()
}

/// How a quantile between two cells is taken; numpy's names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum QuantileMethod {
    /// The cell at which the share of cells below reaches the quantile; the mean of two where it does so exactly.
    #[default]
    AveragedInvertedCdf,
    /// On the line between the two cells.
    Linear,
}

/// Quantiles (0 to 1) of numbers (Hyndman and Fan 1996, types 2 and 7), asked for in ascending order; nothing where there are
/// none.
pub(crate) fn quantiles(numbers: &Sketch, shares: &[f64], method: QuantileMethod) -> Option<Vec<f64>> {
    if numbers.count() == 0 {
        return None;
    }
    let places: Vec<Place> = shares.iter().map(|&share| place(share, numbers.count(), method)).collect();
    let mut wanted: Vec<u64> = places.iter().flat_map(|place| [place.low, place.high]).collect();
    wanted.sort_unstable();
    wanted.dedup();
    let cells = numbers.at(&wanted);
    let cell = |rank: u64| cells[wanted.binary_search(&rank).expect("it was asked for")];
    Some(places.iter().map(|place| between(cell(place.low), cell(place.high), place.weight)).collect())
}

/// The middle number, or the mean of the middle two.
pub(crate) fn median_of(numbers: &Sketch) -> Option<f64> {
    let count = numbers.count().checked_sub(1)?;
    let middle = numbers.at(&[count / 2, count.div_ceil(2)]);
    Some((middle[0] + middle[1]) / 2.0)
}

/// A quantile of cells in ascending order.
pub(crate) fn quantile(sorted: &[f64], q: f64, method: QuantileMethod) -> f64 {
    let Place { low, high, weight } = place(q, sorted.len() as u64, method);
    between(sorted[low as usize], sorted[high as usize], weight)
}

/// Two neighbours in ascending order, and how far towards the second a quantile lies.
struct Place {
    low: u64,
    high: u64,
    weight: f64,
}

fn place(share: f64, count: u64, method: QuantileMethod) -> Place {
    let last = (count - 1) as f64;
    let (place, weight) = match method {
        QuantileMethod::Linear => {
            let place = share * last;
            (place.floor(), place - place.floor())
        }
        QuantileMethod::AveragedInvertedCdf => {
            let place = share * count as f64 - 1.0;
            (place.floor(), if place == place.floor() { 0.5 } else { 1.0 })
        }
    };
    let at = |place: f64| place.clamp(0.0, last) as u64;
    Place { low: at(place), high: at(place + 1.0), weight }
}

/// From the nearer end, so that a weight of one is exactly the upper cell.
fn between(low: f64, high: f64, weight: f64) -> f64 {
    if weight >= 0.5 { high - (high - low) * (1.0 - weight) } else { low + (high - low) * weight }
}

/// The middle cell, or the mean of the middle two.
pub(crate) fn median(mut present: Vec<f64>) -> f64 {
    let half = present.len() / 2;
    let odd = present.len() % 2 == 1;
    let (below, middle, _) = present.select_nth_unstable_by(half, f64::total_cmp);
    if odd { *middle } else { (below.iter().copied().fold(f64::NEG_INFINITY, f64::max) + *middle) / 2.0 }
}

/// The cells in ascending order.
pub(crate) fn sorted(mut present: Vec<f64>) -> Vec<f64> {
    present.sort_unstable_by(f64::total_cmp);
    present
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    fn sketch(cells: &[f64]) -> Sketch {
        let mut sketch = Sketch::new(1 << 10);
        sketch.add(cells);
        sketch.settled()
    }

    /// Values of `numpy.quantile` 2.4 on the same cells.
    #[test]
    fn quantiles_are_numpys() {
        let cells = sketch(&[4.0, f64::NAN, 1.0, 8.0, 2.0]);
        let both = |q| {
            [QuantileMethod::Linear, QuantileMethod::AveragedInvertedCdf]
                .map(|method| quantiles(&cells, &[q], method).unwrap()[0])
        };
        assert_eq!(both(0.0), [1.0, 1.0]);
        assert_eq!(both(0.25), [1.75, 1.5]);
        assert_eq!(both(0.3), [1.9, 2.0]);
        assert_eq!(both(0.5), [3.0, 3.0]);
        assert_eq!(both(1.0), [8.0, 8.0]);
    }

    #[test]
    fn nothing_has_no_quantile() {
        assert_eq!(quantiles(&sketch(&[f64::NAN]), &[0.5], QuantileMethod::Linear), None);
        assert_eq!(quantiles(&sketch(&[-0.0]), &[0.0, 1.0], QuantileMethod::Linear), Some(vec![0.0, 0.0]));
        assert_eq!((median_of(&sketch(&[])), median_of(&sketch(&[3.0, 1.0, 9.0]))), (None, Some(3.0)));
    }

    #[test]
    fn the_median_of_few_cells() {
        assert_eq!(median(vec![3.0, 1.0]), 2.0);
        assert_eq!(median(vec![9.0, -1.0, 4.0]), 4.0);
        assert_eq!(median(vec![-0.0]), 0.0);
    }

    proptest! {
        #[test]
        fn the_median_is_the_middle_of_the_sorted_cells(cells in vec(-1e6..1e6f64, 1..200)) {
            let sorted = sorted(cells.clone());
            let half = sorted.len() / 2;
            let expected = if sorted.len() % 2 == 1 { sorted[half] } else { (sorted[half - 1] + sorted[half]) / 2.0 };
            prop_assert_eq!(median_of(&sketch(&cells)), Some(expected));
            prop_assert_eq!(median(cells), expected);
        }

        #[test]
        fn quantiles_are_those_of_the_sorted_cells(cells in vec(-1e6..1e6f64, 1..300), shares in vec(0.0..=1.0f64, 1..40)) {
            let sorted = sorted(cells.clone());
            for method in [QuantileMethod::Linear, QuantileMethod::AveragedInvertedCdf] {
                let expected = shares.iter().map(|&share| quantile(&sorted, share, method)).collect();
                prop_assert_eq!(quantiles(&sketch(&cells), &shares, method), Some(expected));
            }
        }

        #[test]
        fn an_inverted_quantile_has_its_share_below(cells in vec(-50i32..50, 1..100), q in 0.0..=1.0f64) {
            let sorted = sorted(cells.into_iter().map(f64::from).collect());
            let value = quantiles(&sketch(&sorted), &[q], QuantileMethod::AveragedInvertedCdf).unwrap()[0];
            let count = sorted.len() as f64;
            let at_or_below = sorted.iter().filter(|&&x| x <= value).count() as f64;
            let below = sorted.iter().filter(|&&x| x < value).count() as f64;
            prop_assert!(at_or_below + 1e-9 >= q * count && below <= q * count + 1e-9);
        }
    }
}
