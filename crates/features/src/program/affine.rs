//! Shift, scale and bounds.

use serde::{Deserialize, Serialize};

use super::{CellType, Operator};

/// `y = min(max((x - center) * scale + offset, low), high)`; missing stays missing.
///
/// Standardizing, min-max scaling and clipping are all of this form. The centre is taken off first, so that a column with a
/// large mean and a small spread keeps its digits.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Affine {
    /// Taken off first.
    pub center: f64,
    /// Multiplied by next.
    pub scale: f64,
    /// Added then.
    pub offset: f64,
    /// The least result; none = no bound.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub low: Option<f64>,
    /// The greatest result; none = no bound.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub high: Option<f64>,
}

impl Affine {
    /// Bounds alone.
    pub fn clip(low: Option<f64>, high: Option<f64>) -> Self {
        Self { center: 0.0, scale: 1.0, offset: 0.0, low, high }
    }
}

impl Operator for Affine {
    fn output(&self, input: CellType) -> Result<CellType, &'static str> {
        if input == CellType::Number { Ok(CellType::Number) } else { Err("numbers") }
    }

    fn check(&self) -> Result<(), String> {
        let bounds = [self.low, self.high];
        let all = [self.center, self.scale, self.offset];
        if let Some(odd) = all.iter().chain(bounds.iter().flatten()).find(|value| !value.is_finite()) {
            return Err(format!("the constant {odd} is not finite"));
        }
        match bounds {
            [Some(low), Some(high)] if low > high => Err(format!("the bound {low} is above the bound {high}")),
            _ => Ok(()),
        }
    }

    fn numbers(&self, inputs: &[&[f64]], output: &mut [f64], _unknown: &mut u64) {
        let (low, high) = (self.low.unwrap_or(f64::NEG_INFINITY), self.high.unwrap_or(f64::INFINITY));
        for (y, &x) in output.iter_mut().zip(inputs[0]) {
            // `clamp` keeps NaN, which `max` and `min` would turn into a bound.
            *y = ((x - self.center) * self.scale + self.offset).clamp(low, high);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scales_then_bounds_and_keeps_missing() {
        let op = Affine { center: 10.0, scale: 0.5, offset: 1.0, low: Some(0.0), high: Some(2.0) };
        let mut y = [0.0; 4];
        op.numbers(&[&[10.0, 0.0, 100.0, f64::NAN]], &mut y, &mut 0);
        assert_eq!(y[..3], [1.0, 0.0, 2.0]);
        assert!(y[3].is_nan());
    }

    #[test]
    fn bounds_in_the_wrong_order_are_refused() {
        assert!(Affine::clip(Some(2.0), Some(1.0)).check().is_err());
        assert!(Affine::clip(Some(f64::NAN), None).check().is_err());
        assert!(Affine::clip(Some(1.0), Some(1.0)).check().is_ok());
    }
}
