//! Count, extremes, and exact sums.
//!
//! A float is a whole mantissa times a power of two. Mantissas of equal exponents add up exactly as integers, and so do their
//! squares; what is learned is rounded once, from the exact sums. So neither the order of adding nor how the rows were cut
//! can be seen in it.

use exact::parts;
use serde::{Deserialize, Serialize};

use super::natural::Natural;

/// Numbers in sum.
#[derive(Debug, Clone, Default)]
pub struct Moments {
    /// Cells that hold a number.
    pub count: u64,
    /// Cells that do not.
    pub missing: u64,
    /// The least number, and the greatest; zeros have no sign.
    pub extremes: Option<(f64, f64)>,
    /// Those of numbers with one exponent; the first is that of `first`.
    bins: Vec<Bin>,
    first: i32,
    /// Sums that were read or added up before, in units of `2^-1074` and `2^-2148`.
    above: Natural,
    below: Natural,
    squares: Natural,
}

#[derive(Debug, Clone, Copy, Default)]
struct Bin {
    sum: i128,
    /// Squares of mantissas have up to 106 bits: both halves have room for 2^64 of them.
    low: u128,
    high: u128,
}

/// The exponent of the least unit, and of that of squares.
const UNIT: i32 = -1074;
const SQUARE_UNIT: i32 = 2 * UNIT;

impl Moments {
    /// Takes finite numbers, `NaN` = missing.
    pub fn add(&mut self, numbers: &[f64]) {
        let (mut least, mut greatest) = self.extremes.unwrap_or((f64::INFINITY, f64::NEG_INFINITY));
        let mut count = 0;
        for &x in numbers {
            if x.is_nan() {
                continue;
            }
            count += 1;
            (least, greatest) = (least.min(x + 0.0), greatest.max(x + 0.0));
            let (mantissa, exponent) = parts(x).expect("a finite number");
            let bin = self.bin(exponent);
            bin.sum += i128::from(mantissa);
            let square = u128::from(mantissa.unsigned_abs()).pow(2);
            bin.low += square & u128::from(u64::MAX);
            bin.high += square >> 64;
        }
        self.count += count;
        self.missing += numbers.len() as u64 - count;
        self.extremes = (self.count > 0).then_some((least, greatest));
    }

    fn bin(&mut self, exponent: i32) -> &mut Bin {
        let place = exponent.wrapping_sub(self.first);
        if (place as usize) < self.bins.len() {
            return &mut self.bins[place as usize];
        }
        self.widen(exponent)
    }

    #[cold]
    fn widen(&mut self, exponent: i32) -> &mut Bin {
        if self.bins.is_empty() {
            self.first = exponent;
        }
        if exponent < self.first {
            let more = (self.first - exponent) as usize;
            self.bins.splice(0..0, std::iter::repeat_n(Bin::default(), more));
            self.first = exponent;
        }
        let place = (exponent - self.first) as usize;
        self.bins.resize(self.bins.len().max(place + 1), Bin::default());
        &mut self.bins[place]
    }

    /// Moves the bins into the long sums.
    fn settle(&mut self) {
        for (place, bin) in std::mem::take(&mut self.bins).into_iter().enumerate() {
            let exponent = self.first + place as i32;
            let side = if bin.sum < 0 { &mut self.below } else { &mut self.above };
            side.add_at(bin.sum.unsigned_abs(), (exponent - UNIT) as usize);
            let bit = (2 * exponent - SQUARE_UNIT) as usize;
            self.squares.add_at(bin.low, bit);
            self.squares.add_at(bin.high, bit + 64);
        }
        // One of the two sides holds the whole sum.
        let (above, below) = (&self.above, &self.below);
        (self.above, self.below) = match above >= below {
            true => (above.minus(below), Natural::default()),
            false => (Natural::default(), below.minus(above)),
        };
    }

    /// The same as if both had been one.
    pub fn merge(&mut self, mut other: Self) {
        other.settle();
        self.settle();
        self.count += other.count;
        self.missing += other.missing;
        self.extremes = match (self.extremes, other.extremes) {
            (Some(a), Some(b)) => Some((a.0.min(b.0), a.1.max(b.1))),
            (a, b) => a.or(b),
        };
        self.above.add(&other.above);
        self.below.add(&other.below);
        self.squares.add(&other.squares);
        self.settle();
    }

    /// The mean, and the variance (divided by the number of cells), each the float that is nearest to the exact one.
    pub fn mean_and_variance(&self) -> Option<(f64, f64)> {
        let mut settled = self.clone();
        settled.settle();
        let Self { count, above, below, squares, .. } = settled;
        if count == 0 {
            return None;
        }
        let mean = above.quotient(UNIT, &[count]) - below.quotient(UNIT, &[count]);
        let sum = if above.is_zero() { below } else { above };
        let mut cells = Natural::default();
        cells.add_at(u128::from(count), 0);
        // n times the squares' sum, less the sum's square, over n twice: never below zero.
        let spread = squares.times(&cells).minus(&sum.times(&sum));
        Some((mean, spread.quotient(SQUARE_UNIT, &[count, count])))
    }
}

/// The form in files: sums in hexadecimal.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Saved {
    count: u64,
    missing: u64,
    extremes: Option<(f64, f64)>,
    sum: String,
    squares: String,
}

impl Serialize for Moments {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut settled = self.clone();
        settled.settle();
        let sum = match settled.below.is_zero() {
            true => settled.above.to_hex(),
            false => format!("-{}", settled.below.to_hex()),
        };
        let Self { count, missing, extremes, .. } = settled;
        Saved { count, missing, extremes, sum, squares: settled.squares.to_hex() }.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Moments {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        use serde::de::Error;
        let Saved { count, missing, extremes, sum, squares } = Saved::deserialize(deserializer)?;
        let read = |text: &str| Natural::from_hex(text).ok_or_else(|| D::Error::custom("a sum that is no number"));
        let (above, below) = match sum.strip_prefix('-') {
            Some(below) => (Natural::default(), read(below)?),
            None => (read(&sum)?, Natural::default()),
        };
        Ok(Self { count, missing, extremes, above, below, squares: read(&squares)?, ..Self::default() })
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    fn of(numbers: &[f64]) -> Moments {
        let mut moments = Moments::default();
        moments.add(numbers);
        moments
    }

    #[test]
    fn large_means_and_large_numbers_do_not_drown_the_small() {
        let numbers: Vec<f64> = (0..1000).map(|i| 1e9 + f64::from(i % 2)).collect();
        assert_eq!(of(&numbers).mean_and_variance(), Some((1e9 + 0.5, 0.25)));
        assert_eq!(of(&[1e300, 1.0, -1e300, f64::NAN, 2.0]).mean_and_variance().unwrap().0, 0.75);
        assert_eq!(of(&[0.1; 7]).mean_and_variance(), Some((0.1, 0.0)));
        assert_eq!(of(&[5e-324, 5e-324]).mean_and_variance(), Some((5e-324, 0.0)));
        assert_eq!(of(&[f64::NAN]).mean_and_variance(), None);
        assert_eq!(of(&[-0.0, 3.0, f64::NAN]).extremes, Some((0.0, 3.0)));
    }

    proptest! {
        #[test]
        fn cuts_and_orders_change_nothing(numbers in vec(prop_oneof![any::<f64>().prop_filter("finite", |x| x.is_finite()), Just(f64::NAN), -9.0..9.0f64], 0..60), cut in 0usize..60) {
            let cut = cut.min(numbers.len());
            let mut one = of(&numbers[..cut]);
            one.merge(of(&numbers[cut..]));
            let mut reversed = numbers.clone();
            reversed.reverse();
            let mut other = of(&reversed[..cut]);
            let text = serde_json::to_string(&of(&reversed[cut..])).unwrap();
            other.merge(serde_json::from_str(&text).unwrap());
            let json = |moments: &Moments| serde_json::to_string(moments).unwrap();
            prop_assert_eq!(json(&one), json(&of(&numbers)));
            prop_assert_eq!(json(&other), json(&of(&numbers)));
        }

        #[test]
        fn small_numbers_have_the_mean_and_variance_of_integers(numbers in vec(-1000i32..1000, 1..200)) {
            let floats: Vec<f64> = numbers.iter().map(|&x| f64::from(x)).collect();
            let (n, sum) = (numbers.len() as i64, numbers.iter().map(|&x| i64::from(x)).sum::<i64>());
            let squares: i64 = numbers.iter().map(|&x| i64::from(x) * i64::from(x)).sum();
            let (mean, variance) = of(&floats).mean_and_variance().unwrap();
            prop_assert_eq!(mean, sum as f64 / n as f64);
            prop_assert_eq!(variance, (n * squares - sum * sum) as f64 / (n * n) as f64);
        }
    }
}
