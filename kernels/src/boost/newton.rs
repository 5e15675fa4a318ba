//! What a leaf answers, and what a split is worth: Newton's step on the log loss with L2, in integers.
//!
//! A node whose rows have the gradients' sum G and the curvatures' sum H answers v = -G / (H + lambda), rounded to 2^-24,
//! and at most [`LARGEST`] in size. It lowers twice the loss by -(2 G v + (H + lambda) v^2), which is an integer in units
//! of 2^-64 and computed as one: two splits are compared by the answers that their leaves will give, without any rounding.
//! With the best v this is the G^2 / (H + lambda) of the textbooks (Chen and Guestrin, "XGBoost", KDD 2016, equation 7).

use super::fixed::MARGIN_BITS;
use super::gradient::{CURVATURE_BITS, GRADIENT_BITS};

/// The largest answer, before it is shrunk by the learning rate: 32.
pub const LARGEST: i64 = 32 << MARGIN_BITS;
/// Bits behind the point of a gain.
const GAIN_BITS: u32 = CURVATURE_BITS + 2 * MARGIN_BITS;

/// Sums over the rows of a node. At most 2^28 rows: the sums stay below 2^43.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Sums {
    /// Of gradients, in 2^-15.
    pub gradient: i64,
    /// Of curvatures, in 2^-16.
    pub curvature: u64,
    /// Rows.
    pub rows: u32,
}

impl Sums {
    /// Both together.
    pub fn plus(self, other: Self) -> Self {
        Self {
            gradient: self.gradient + other.gradient,
            curvature: self.curvature + other.curvature,
            rows: self.rows + other.rows,
        }
    }

    /// What is left without `part`.
    pub fn minus(self, part: Self) -> Self {
        Self {
            gradient: self.gradient - part.gradient,
            curvature: self.curvature - part.curvature,
            rows: self.rows - part.rows,
        }
    }
}

/// Between what a node's answer must lie: where features are monotone, its neighbours' answers bound it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// The least.
    pub least: i64,
    /// The most.
    pub most: i64,
}

impl Bounds {
    /// As wide as any answer.
    pub const WIDE: Self = Self { least: -LARGEST, most: LARGEST };

    /// Bounds of the children of a split on a feature of that direction: -1, 0 or 1.
    pub fn of_children(self, direction: i8, left: i64, right: i64) -> [Self; 2] {
        let middle = (left + right).div_euclid(2);
        let (low, high) = (Self { most: middle, ..self }, Self { least: middle, ..self });
        match direction {
            1 => [low, high],
            -1 => [high, low],
            _ => [self, self],
        }
    }
}

/// The answer of a node, in 2^-24; `lambda` in 2^-16.
pub fn answer(sums: Sums, lambda: u64, bounds: Bounds) -> i64 {
    let below = i128::from(sums.curvature + lambda);
    let above = -i128::from(sums.gradient) << (CURVATURE_BITS - GRADIENT_BITS + MARGIN_BITS);
    let free = match below {
        // No curvature left: as far as the gradient points.
        0 => i128::from(LARGEST) * above.signum(),
        _ => (2 * above + below).div_euclid(2 * below).clamp(-i128::from(LARGEST), LARGEST.into()),
    };
    (free as i64).clamp(bounds.least, bounds.most)
}

/// By how much that answer lowers twice the loss, in 2^-64.
pub fn gain(sums: Sums, lambda: u64, answer: i64) -> i128 {
    let v = i128::from(answer);
    let slope = (2 * i128::from(sums.gradient) * v) << (GAIN_BITS - GRADIENT_BITS - MARGIN_BITS);
    -(slope + i128::from(sums.curvature + lambda) * v * v)
}

/// A gain as a number.
pub fn gain_number(gain: i128) -> f64 {
    // A power of two: exact.
    gain as f64 / 2f64.powi(GAIN_BITS as i32)
}

/// An answer shrunk by the learning rate (in 2^-24), rounded to the nearest.
pub fn shrunk(answer: i64, rate: u32) -> i32 {
    ((answer * i64::from(rate) + (1 << 23)) >> 24) as i32
}

/// Floating estimates of [`gain`], for whole rows of candidates at once.
#[derive(Clone, Copy)]
pub struct Estimator {
    lambda: f64,
    least: f64,
    most: f64,
}

impl Estimator {
    pub fn new(lambda: u64, bounds: Bounds) -> Self {
        let number = |margin: i64| margin as f64 / f64::from(1 << MARGIN_BITS);
        Self { lambda: unit(lambda), least: number(bounds.least), most: number(bounds.most) }
    }

    /// Near [`gain_number`] of the exact gain, by [`is_near`]'s measure.
    #[inline(always)]
    pub fn gain(&self, gradient: f64, curvature: f64) -> f64 {
        let below = curvature + self.lambda;
        let free = -gradient / if below > 0.0 { below } else { f64::MIN_POSITIVE };
        let v = if free > self.most { self.most } else { free };
        let v = if v < self.least { self.least } else { v };
        -(2.0 * gradient * v + below * v * v)
    }
}

/// A curvature as a number.
#[inline(always)]
pub fn unit(curvature: u64) -> f64 {
    curvature as f64 / f64::from(1 << CURVATURE_BITS)
}

/// How far an estimate may lie from the exact gain: part of the gain for the floats, and what the rounding of both leaves'
/// answers to half of 2^-24 loses, which is its square times the curvature.
pub fn slack(estimate: f64, curvature: u64, lambda: u64) -> f64 {
    estimate.abs() * 1e-11 + (unit(curvature) + 2.0 * unit(lambda) + 1.0) * 2f64.powi(-49)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn sums(gradient: i64, curvature: u64) -> Sums {
        Sums { gradient, curvature, rows: 1 }
    }

    proptest! {
        #[test]
        fn answers_and_gains_are_the_textbooks(g in -(1i64 << 43)..1 << 43, h in 1u64..1 << 43, l in 0u64..1 << 24) {
            let sums = sums(g, h);
            let (real_g, real_h) = (g as f64 / 32768.0, unit(h) + unit(l));
            let v = answer(sums, l, Bounds::WIDE);
            let real = (-real_g / real_h).clamp(-32.0, 32.0);
            prop_assert!((v as f64 / f64::from(1 << 24) - real).abs() <= 2f64.powi(-25) * 1.0001);
            let exact = gain_number(gain(sums, l, v));
            let textbook = if real.abs() < 32.0 { real_g * real_g / real_h } else { -(2.0 * real_g * real + real_h * real * real) };
            prop_assert!((exact - textbook).abs() <= slack(textbook, h, l), "{} {}", exact, textbook);
            let estimate = Estimator::new(l, Bounds::WIDE).gain(real_g, unit(h));
            prop_assert!((exact - estimate).abs() <= slack(estimate, h, l), "{} {}", exact, estimate);
        }

        #[test]
        fn an_answer_within_bounds_is_the_best_there(g in -9000i64..9000, h in 1u64..90_000, a in -40i64..40, b in 0i64..40) {
            let bounds = Bounds { least: a << 20, most: (a + b) << 20 };
            let sums = sums(g, h);
            let best = gain(sums, 5, answer(sums, 5, bounds));
            for other in [bounds.least, bounds.most, (bounds.least + bounds.most) / 2] {
                prop_assert!(gain(sums, 5, other) <= best);
            }
        }
    }

    #[test]
    fn the_largest_sums_do_not_overflow() {
        for g in [-(1i64 << 43), 1 << 43] {
            for (h, l) in [(0, 0), (1 << 43, 1 << 43), (1, 0)] {
                let v = answer(sums(g, h), l, Bounds::WIDE);
                assert!(v.abs() <= LARGEST && gain(sums(g, h), l, v) >= 0);
            }
        }
        assert_eq!(answer(sums(0, 0), 0, Bounds::WIDE), 0);
        assert_eq!(answer(sums(-7, 0), 0, Bounds::WIDE), LARGEST);
        assert_eq!(shrunk(LARGEST, 1 << 24), LARGEST as i32);
        assert_eq!(shrunk(-3, 1 << 23), -1);
    }

    #[test]
    fn children_of_a_monotone_split_keep_apart() {
        let [left, right] = Bounds::WIDE.of_children(1, 10, 21);
        assert_eq!((left.most, right.least), (15, 15));
        let [left, right] = Bounds::WIDE.of_children(-1, 21, 10);
        assert_eq!((left.least, right.most), (15, 15));
    }
}
