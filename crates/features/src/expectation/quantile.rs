//! Quantiles between bounds.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::cell::PandasType;
use super::check::{Block, Check, Counting};
use super::header::{Facts, Header, MASK};
use super::rows::Listing;
use super::{Expectation, Outcome, Severity};
use crate::step::{Fraction, statistic};

/// Each quantile lies between its two bounds, or within 1e-4 of one of them. Needs memory: 8 bytes a cell.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct QuantilesBetween {
    /// The column.
    pub column: String,
    /// The quantiles and their bounds.
    pub quantile_ranges: QuantileRanges,
    /// How a quantile between two cells is taken: `false` for the nearest cell, or the name of a method.
    #[serde(default, skip_serializing_if = "Interpolation::is_default")]
    pub allow_relative_error: Interpolation,
    /// What a failure means for the run.
    #[serde(default, skip_serializing_if = "Severity::is_default")]
    pub severity: Severity,
}

/// Quantiles, and the bounds of each.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct QuantileRanges {
    /// From 0 to 1.
    pub quantiles: Vec<Fraction>,
    /// Lower and upper bound of each; null = no bound.
    pub value_ranges: Vec<[Option<f64>; 2]>,
}

/// How a quantile between two cells is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Interpolation {
    /// `false`: the nearest cell. `true` has no meaning here.
    Nearest(bool),
    /// A method by name.
    Named(Method),
}

/// The methods of pandas' `quantile`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// On the line between the two cells.
    Linear,
    /// The lower cell.
    Lower,
    /// The higher cell.
    Higher,
    /// Half way between the two cells.
    Midpoint,
    /// The nearer cell; of two equally near, the one with the even place.
    Nearest,
}

impl Default for Interpolation {
    fn default() -> Self {
        Self::Nearest(false)
    }
}

impl Interpolation {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }

    fn method(self) -> Method {
        match self {
            Self::Nearest(_) => Method::Nearest,
            Self::Named(method) => method,
        }
    }
}

impl Method {
    fn of(self, sorted: &[f64], q: f64) -> f64 {
        let place = q * (sorted.len() - 1) as f64;
        let at = |place: f64| sorted[place as usize];
        match self {
            Self::Linear => statistic::quantile(sorted, q, statistic::QuantileMethod::Linear),
            Self::Lower => at(place.floor()),
            Self::Higher => at(place.ceil()),
            Self::Midpoint => (at(place.floor()) + at(place.ceil())) * 0.5,
            Self::Nearest => at(place.round_ties_even()),
        }
    }

    /// Whether it answers with a cell as it is.
    fn keeps_cells(self) -> bool {
        matches!(self, Self::Lower | Self::Higher | Self::Nearest)
    }
}

/// As far from a bound as counts for being on it.
fn close(value: f64, bound: f64) -> bool {
    (value - bound).abs() <= 1e-8 + 1e-4 * bound.abs()
}

impl QuantilesBetween {
    fn within(value: f64, [low, high]: [Option<f64>; 2]) -> bool {
        let near = [low, high].into_iter().flatten().any(|bound| close(value, bound));
        near || (low.is_none_or(|low| low <= value) && high.is_none_or(|high| value <= high) && !value.is_nan())
    }

    fn json(pandas: PandasType, value: f64, keeps_cells: bool) -> Value {
        match pandas {
            _ if value.is_nan() => Value::Null,
            PandasType::Boolean | PandasType::BooleanObject if keeps_cells => Value::Bool(value != 0.0),
            PandasType::Integer if keeps_cells => json!(value as i64),
            _ => json!(value),
        }
    }
}

impl Expectation for QuantilesBetween {
    fn column(&self) -> Option<&str> {
        Some(&self.column)
    }

    fn severity(&self) -> Severity {
        self.severity
    }

    fn check(&self) -> Result<(), String> {
        let QuantileRanges { quantiles, value_ranges } = &self.quantile_ranges;
        if quantiles.is_empty() || quantiles.len() != value_ranges.len() {
            return Err(format!(
                "expected a range for each quantile, found {} and {}",
                quantiles.len(),
                value_ranges.len()
            ));
        }
        let odd = value_ranges.iter().find(|range| matches!(range, [Some(low), Some(high)] if low > high));
        match (odd, self.allow_relative_error) {
            (Some([low, high]), _) => Err(format!("expected a range in ascending order, found {low:?} and {high:?}")),
            (None, Interpolation::Nearest(true)) => {
                Err("expected `allow_relative_error` false, linear, lower, higher, midpoint or nearest, found true"
                    .into())
            }
            _ => Ok(()),
        }
    }

    fn plan(&self, header: &Header, _listing: &Listing) -> Result<Box<dyn Check>, String> {
        let position = header.position(&self.column)?;
        if !header.is_numeric(position) {
            return Err(format!("expected a column of numbers, found {}", header.kind(position)));
        }
        Ok(Box::new(QuantileCheck { position, expected: self.clone() }))
    }
}

/// Quantiles are exact: all cells are kept.
struct QuantileCheck {
    position: usize,
    expected: QuantilesBetween,
}

impl Counting for QuantileCheck {
    type Part = Vec<f64>;
    type State = Vec<f64>;

    fn look(&self, block: &Block<'_>) -> Vec<f64> {
        statistic::present(&block.numbers(self.position))
    }

    fn merge(&self, state: &mut Vec<f64>, part: Vec<f64>) {
        state.extend(part);
    }

    fn finish(&self, state: Vec<f64>, facts: &Facts<'_>) -> Result<Outcome, String> {
        let sorted = statistic::sorted(state);
        let (pandas, ranges) = (facts.pandas(self.position), &self.expected.quantile_ranges);
        let method = self.expected.allow_relative_error.method();
        let value = |q| if sorted.is_empty() { f64::NAN } else { method.of(&sorted, q) };
        let values: Vec<f64> = ranges.quantiles.iter().map(|&q| value(f64::from(q))).collect();
        let pairs = values.iter().zip(&ranges.value_ranges);
        let details: Vec<bool> = pairs.map(|(&value, &range)| QuantilesBetween::within(value, range)).collect();
        let shown = values.iter().map(|&value| match facts.masks(self.position) {
            true => MASK.into(),
            false => QuantilesBetween::json(pandas, value, method.keeps_cells()),
        });
        let observed = json!({"quantiles": ranges.quantiles, "values": shown.collect::<Vec<Value>>()});
        let result = Map::from_iter([
            ("observed_value".to_owned(), observed),
            ("details".to_owned(), json!({ "success_details": details })),
        ]);
        Ok(Outcome::Observed { success: details.iter().all(|&holds| holds), result })
    }
}
