//! Quantiles between bounds.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use trainer_data::Table;

use super::cell::{PandasColumn, PandasType};
use super::{Expectation, Outcome, Severity, column};
use crate::step::{Fraction, statistic};

/// Each quantile lies between its two bounds, or within 1e-4 of one of them.
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

    fn json(cells: &PandasColumn<'_>, value: f64, keeps_cells: bool) -> Value {
        match cells.pandas {
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

    fn judge<'t>(&self, table: &'t Table) -> Result<Outcome<'t>, String> {
        let cells = PandasColumn::of(column(table, &self.column)?);
        if !cells.is_numeric() {
            return Err(format!("expected a column of numbers, found {}", cells.kind()));
        }
        let sorted = statistic::sorted(statistic::present(&cells.numbers().unwrap_or_default()));
        let method = self.allow_relative_error.method();
        let quantiles = self.quantile_ranges.quantiles.iter().map(|&q| f64::from(q));
        let value = |q| if sorted.is_empty() { f64::NAN } else { method.of(&sorted, q) };
        let values: Vec<f64> = quantiles.map(value).collect();
        let details: Vec<bool> = values
            .iter()
            .zip(&self.quantile_ranges.value_ranges)
            .map(|(&value, &range)| Self::within(value, range))
            .collect();
        let shown: Vec<Value> = values.iter().map(|&value| Self::json(&cells, value, method.keeps_cells())).collect();
        let success = details.iter().all(|&holds| holds);
        let result = Map::from_iter([
            ("observed_value".to_owned(), json!({"quantiles": self.quantile_ranges.quantiles, "values": shown})),
            ("details".to_owned(), json!({ "success_details": details })),
        ]);
        Ok(Outcome::Observed { success, result })
    }
}
