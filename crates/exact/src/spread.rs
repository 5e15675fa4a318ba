use crate::{ExactSquares, ExactSum, Whole, parts};

/// How many numbers there are, their exact sum, and that of their squares.
#[derive(Debug, Default, Clone)]
pub struct Spread {
    /// How many there are.
    pub count: u64,
    /// Their sum.
    pub sum: ExactSum,
    /// The sum of their squares.
    pub squares: ExactSquares,
}

impl Spread {
    /// Bytes on the heap.
    pub fn heap_bytes(&self) -> usize {
        self.sum.heap_bytes() + self.squares.heap_bytes()
    }

    /// Adds a number.
    pub fn add(&mut self, number: f64) {
        self.count += 1;
        self.sum.add(number);
        if let Some((mantissa, exponent)) = parts(number) {
            self.squares.add_scaled(mantissa, exponent);
        }
    }

    /// Adds what another has seen.
    pub fn merge(&mut self, other: &Self) {
        self.count += other.count;
        self.sum.merge(&other.sum);
        self.squares.merge(&other.squares);
    }

    /// What was written: the count, the sum and the squares, one after the other.
    pub fn read(mut bytes: &[u8]) -> Option<Self> {
        let (count, rest) = bytes.split_first_chunk()?;
        bytes = rest;
        let (sum, squares) = (ExactSum::read(&mut bytes)?, ExactSquares::read(&mut bytes)?);
        Some(Self { count: u64::from_le_bytes(*count), sum, squares })
    }

    /// Adds a whole number.
    pub fn add_integer(&mut self, number: i64) {
        self.count += 1;
        self.sum.add_scaled(number.into(), 0);
        self.squares.add_scaled(number, 0);
    }

    /// `(n * sum(x * x) - sum(x)^2) / (n * (n - freedom))`, where `freedom` is lost; `None` when nothing is left.
    pub fn variance(&self, freedom: u64) -> Option<f64> {
        if self.count <= freedom {
            return None;
        }
        if !self.sum.is_finite() {
            return Some(f64::NAN);
        }
        let sum = self.sum.whole();
        let scaled = Whole::new(self.count.into(), 0).times(&self.squares.whole());
        let pairs = u128::from(self.count) * u128::from(self.count - freedom);
        Some(scaled.minus(&sum.times(&sum)).round() / pairs as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variances_do_not_cancel() {
        let of = |numbers: &[f64]| {
            let mut spread = Spread::default();
            numbers.iter().for_each(|&number| spread.add(number));
            spread.variance(1)
        };
        assert_eq!(of(&[1e15 + 1.0, 1e15 + 2.0, 1e15 + 3.0]), Some(1.0));
        assert_eq!(of(&[2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0]), Some(32.0 / 7.0));
        assert_eq!(of(&[-0.1; 5]), Some(0.0));
        assert_eq!(of(&[1.0]), None);
    }
}
