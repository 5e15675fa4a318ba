//! How good a split is, exactly. Weights are integers, their sum in a tree is below 2^31; nothing here rounds but the
//! fixed-point logarithm, which is defined by integers itself.
//!
//! * **Gini**: a split is better when `S_L / N_L + S_R / N_R` is larger, `S` the sum of squared class weights, `N` their
//!   sum (Breiman et al., "Classification and regression trees", 1984, rewritten without the constant of the parent).
//!   With two classes that is the order of `D^2 / (N_L * N_R)`, `D = P_L * N_R - P_R * N_L`.
//! * **Entropy**: a split is better when `F_L + F_R` is larger, `F = sum of n log2 n over classes - N log2 N`.

use std::cmp::Ordering;

use crate::entropy::{FRACTION_BITS, n_log2_n};
use crate::wide::compare_products;

/// What a split must improve.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Criterion {
    /// Gini impurity.
    Gini,
    /// Shannon entropy in bits.
    Entropy,
}

/// Sums of weights stay below this.
pub const MAX_WEIGHT: u64 = 1 << 31;
/// Moves the (never positive) entropy score above zero.
const ENTROPY_OFFSET: u128 = 1 << 64;

/// The exact goodness of a split: `num / den`, comparable within one node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Score {
    num: u128,
    den: u64,
}

impl Score {
    /// The better of two splits of one node is the greater.
    pub fn compare(&self, other: &Self) -> Ordering {
        compare_products(self.num, other.den.into(), other.num, self.den.into())
    }

    /// Of two classes, by Gini: `left = [class 0, class 1]`.
    pub fn gini_of_two(left: [u64; 2], right: [u64; 2]) -> Self {
        let (left_sum, right_sum) = (left[0] + left[1], right[0] + right[1]);
        let d = u128::from((left[1] * right_sum).abs_diff(right[1] * left_sum));
        Self { num: d * d, den: left_sum * right_sum }
    }

    /// Of any number of classes, by the criterion.
    pub fn of(criterion: Criterion, left: &[u64], right: &[u64]) -> Self {
        match (criterion, left, right) {
            (Criterion::Gini, &[a, b], &[c, d]) => Self::gini_of_two([a, b], [c, d]),
            (Criterion::Gini, ..) => {
                let (left_sum, right_sum) = (sum(left), sum(right));
                let num = u128::from(squares(left)) * u128::from(right_sum)
                    + u128::from(squares(right)) * u128::from(left_sum);
                Self { num, den: left_sum * right_sum }
            }
            (Criterion::Entropy, ..) => Self { num: ENTROPY_OFFSET - information(left) - information(right), den: 1 },
        }
    }
}

/// A floating-point stand-in for [`Score`], in its order up to [`NEAR`].
pub fn estimate(criterion: Criterion, left: &[u64], right: &[u64]) -> f64 {
    match (criterion, left, right) {
        (Criterion::Gini, &[a, b], &[c, d]) => {
            let (left_sum, right_sum) = (a + b, c + d);
            let d = (b * right_sum).abs_diff(d * left_sum) as f64;
            d * d / (left_sum * right_sum) as f64
        }
        (Criterion::Gini, ..) => squares(left) as f64 / sum(left) as f64 + squares(right) as f64 / sum(right) as f64,
        (Criterion::Entropy, ..) => -((information(left) + information(right)) as f64),
    }
}

/// Two estimates that differ relatively by less are compared exactly. An estimate has at most five roundings of 2^-53.
pub const NEAR: f64 = 1.0 / (1u64 << 48) as f64;

/// Whether estimate `a` is too near to `b` to tell.
pub fn is_near(a: f64, b: f64) -> bool {
    (a - b).abs() <= NEAR * a.abs().max(b.abs())
}

fn sum(weights: &[u64]) -> u64 {
    weights.iter().sum()
}

/// Sum of squares: below 2^62.
fn squares(weights: &[u64]) -> u64 {
    weights.iter().map(|&weight| weight * weight).sum()
}

/// `N log2 N - sum of n log2 n`: the entropy of a node times its weight, in fixed point.
fn information(weights: &[u64]) -> u128 {
    let parts: u64 = weights.iter().map(|&weight| n_log2_n(weight)).sum();
    // The table rounds down, so a node of one class may come out a hair below zero.
    n_log2_n(sum(weights)).saturating_sub(parts).into()
}

/// By how much a split lowers the impurity of its node, times the node's weight: `num / den`, exact, comparable within
/// one tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decrease {
    num: u128,
    den: u128,
}

impl Decrease {
    /// Of a split by its two sides.
    pub fn of(criterion: Criterion, left: &[u64], right: &[u64]) -> Self {
        let score = Score::of(criterion, left, right);
        let node_sum = u128::from(sum(left) + sum(right));
        match (criterion, left.len()) {
            // 2 D^2 / (N N_L N_R)
            (Criterion::Gini, 2) => Self { num: 2 * score.num, den: node_sum * u128::from(score.den) },
            // S_L / N_L + S_R / N_R - S / N
            (Criterion::Gini, _) => {
                let node: Vec<u64> = left.iter().zip(right).map(|(a, b)| a + b).collect();
                let parent = u128::from(squares(&node)) * u128::from(score.den);
                Self { num: score.num * node_sum - parent, den: node_sum * u128::from(score.den) }
            }
            (Criterion::Entropy, _) => {
                let node: Vec<u64> = left.iter().zip(right).map(|(a, b)| a + b).collect();
                let num = (information(&node) + score.num).saturating_sub(ENTROPY_OFFSET);
                Self { num, den: 1 << FRACTION_BITS }
            }
        }
    }

    /// Orders the splits of one tree.
    pub fn compare(&self, other: &Self) -> Ordering {
        compare_products(self.num, other.den, other.num, self.den)
    }

    /// Whether it is at least `threshold / 2^32` of the tree's weight `root`.
    pub fn reaches(&self, threshold: u64, root: u64) -> bool {
        // num / den >= threshold * root / 2^32
        compare_products(self.num, 1 << 32, u128::from(threshold) * u128::from(root), self.den).is_ge()
    }

    /// As a part of the tree's weight `root`: scikit-learn's weighted impurity decrease.
    pub fn share(&self, root: u64) -> f64 {
        self.num as f64 / self.den as f64 / root as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Numbers of any length, little end first: the slow and plain reference.
    #[derive(Clone, PartialEq, Eq, Debug)]
    struct Big(Vec<u32>);

    impl Big {
        fn of(value: u64) -> Self {
            Self(vec![value as u32, (value >> 32) as u32])
        }
        fn times(&self, other: &Self) -> Self {
            let mut out = vec![0u64; self.0.len() + other.0.len() + 1];
            for (i, &a) in self.0.iter().enumerate() {
                for (j, &b) in other.0.iter().enumerate() {
                    let product = u64::from(a) * u64::from(b);
                    out[i + j] += product & 0xffff_ffff;
                    out[i + j + 1] += product >> 32;
                }
                carry(&mut out);
            }
            Self(out.into_iter().map(|limb| limb as u32).collect())
        }
        fn plus(&self, other: &Self) -> Self {
            let len = self.0.len().max(other.0.len()) + 1;
            let at = |it: &Self, i: usize| u64::from(it.0.get(i).copied().unwrap_or(0));
            let mut out: Vec<u64> = (0..len).map(|i| at(self, i) + at(other, i)).collect();
            carry(&mut out);
            Self(out.into_iter().map(|limb| limb as u32).collect())
        }
        fn order(&self, other: &Self) -> Ordering {
            let len = self.0.len().max(other.0.len());
            let at = |it: &Self, i: usize| it.0.get(i).copied().unwrap_or(0);
            (0..len).rev().map(|i| at(self, i).cmp(&at(other, i))).find(|it| it.is_ne()).unwrap_or(Ordering::Equal)
        }
    }

    fn carry(limbs: &mut [u64]) {
        for i in 1..limbs.len() {
            limbs[i] += limbs[i - 1] >> 32;
            limbs[i - 1] &= 0xffff_ffff;
        }
    }

    /// `S_L / N_L + S_R / N_R` as a fraction of big numbers.
    fn gini_reference(left: &[u64], right: &[u64]) -> (Big, Big) {
        let squares = |side: &[u64]| side.iter().fold(Big::of(0), |s, &c| s.plus(&Big::of(c).times(&Big::of(c))));
        let (n_left, n_right) = (Big::of(sum(left)), Big::of(sum(right)));
        (squares(left).times(&n_right).plus(&squares(right).times(&n_left)), n_left.times(&n_right))
    }

    /// Two splits of one node: class weights of both left sides, and of the node.
    fn splits(classes: impl Into<proptest::sample::SizeRange>) -> impl Strategy<Value = [Vec<u64>; 4]> {
        let weight = prop_oneof![0u64..6, 0u64..1 << 27];
        proptest::collection::vec((weight.clone(), weight, 0u64..=4, 0u64..=4), classes).prop_map(|classes| {
            let pick = |f: fn(&(u64, u64, u64, u64)) -> u64| classes.iter().map(f).collect::<Vec<_>>();
            // The second split moves a few rows of each class over.
            [pick(|c| c.0), pick(|c| c.1 + c.2 + c.3), pick(|c| c.0 + c.2), pick(|c| c.1 + c.3)]
        })
    }

    fn filled(sides: &[Vec<u64>; 4]) -> bool {
        sides.iter().all(|side| sum(side) > 0)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn gini_orders_as_big_integers_do(sides in splits(2..6)) {
            prop_assume!(filled(&sides));
            let [l1, r1, l2, r2] = &sides;
            let ((a, b), (c, d)) = (gini_reference(l1, r1), gini_reference(l2, r2));
            let expected = a.times(&d).order(&c.times(&b));
            let found = Score::of(Criterion::Gini, l1, r1).compare(&Score::of(Criterion::Gini, l2, r2));
            prop_assert_eq!(found, expected);
            // A clear difference of estimates never contradicts it.
            let (x, y) = (estimate(Criterion::Gini, l1, r1), estimate(Criterion::Gini, l2, r2));
            if !is_near(x, y) {
                prop_assert_eq!(x.partial_cmp(&y), Some(expected));
            }
            prop_assert_eq!(
                Decrease::of(Criterion::Gini, l1, r1).compare(&Decrease::of(Criterion::Gini, l2, r2)), expected);
        }

        #[test]
        fn entropy_orders_as_big_integers_do(sides in splits(2..6)) {
            prop_assume!(filled(&sides));
            let [l1, r1, l2, r2] = &sides;
            let f = |side: &[u64]| side.iter().map(|&c| i128::from(n_log2_n(c))).sum::<i128>()
                - i128::from(n_log2_n(sum(side)));
            let clamp = |side: &[u64]| f(side).min(0);
            let expected = (clamp(l1) + clamp(r1)).cmp(&(clamp(l2) + clamp(r2)));
            let found = Score::of(Criterion::Entropy, l1, r1).compare(&Score::of(Criterion::Entropy, l2, r2));
            prop_assert_eq!(found, expected);
        }

        #[test]
        fn decrease_is_the_textbook_formula(sides in splits(2..5), entropy: bool) {
            prop_assume!(filled(&sides));
            let [left, right, ..] = &sides;
            let criterion = if entropy { Criterion::Entropy } else { Criterion::Gini };
            let impurity = |side: &[u64]| {
                let n = sum(side) as f64;
                let p = side.iter().map(|&c| c as f64 / n);
                if entropy { p.filter(|&p| p > 0.0).map(|p| -p * p.log2()).sum() } else { 1.0 - p.map(|p| p * p).sum::<f64>() }
            };
            let node: Vec<u64> = left.iter().zip(right).map(|(a, b)| a + b).collect();
            let n = sum(&node);
            let part = |side: &[u64]| sum(side) as f64 / n as f64 * impurity(side);
            let textbook: f64 = impurity(&node) - part(left) - part(right);
            let found = Decrease::of(criterion, left, right);
            prop_assert!((found.share(n) - textbook).abs() < 1e-6, "{} {}", found.share(n), textbook);
            let threshold = (found.share(n) * f64::from(1u32 << 31) * 2.0) as u64;
            if threshold > 1000 {
                prop_assert!(found.reaches(threshold - 300, n) && !found.reaches(threshold + 300, n));
            }
        }
    }

    #[test]
    fn the_largest_weights_do_not_overflow() {
        let half = MAX_WEIGHT / 2 - 1;
        for criterion in [Criterion::Gini, Criterion::Entropy] {
            for sides in [[[half, 0], [0, half]], [[half, 1], [1, half - 2]], [[1, 0], [half, half]]] {
                let score = Score::of(criterion, &sides[0], &sides[1]);
                assert!(score.compare(&score).is_eq());
                let decrease = Decrease::of(criterion, &sides[0], &sides[1]);
                assert!(decrease.share(MAX_WEIGHT) <= 1.0);
            }
            let thirds = [half / 3; 3];
            assert!(Decrease::of(criterion, &thirds, &thirds).share(MAX_WEIGHT) < 1e-9);
        }
    }
}
