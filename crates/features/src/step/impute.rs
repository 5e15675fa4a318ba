//! Missing cells get a value.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use trainer_data::Fault;

use super::ordinal::too_many_values;
use super::statistic::median_of;
use super::{Transform, named};
use crate::FeatureError;
use crate::frame::{Frame, FrameColumn, Takes};
use crate::learned::Learned;
use crate::program::CellType;
use crate::program::fill::{Constant, Fill};
use crate::statistic::{Moments, TextLevels};

/// Fills missing cells with a constant that is learned per column (scikit-learn's `SimpleImputer`).
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Impute {
    /// The columns; when left out, all columns of numbers (for `most_frequent` all columns; for `constant` all columns of the
    /// type of `fill_value`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub columns: Option<Vec<String>>,
    /// What is added to the name of a column for the name of the new one, which then comes beside it; when left out, the
    /// column itself is replaced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suffix: Option<String>,
    /// What a missing cell becomes.
    #[serde(default)]
    pub strategy: Strategy,
    /// The constant of the strategy `constant`; when left out, 0 for numbers and `missing_value` for text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fill_value: Option<FillValue>,
}

/// What a missing cell becomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Strategy {
    /// The mean of the column; numbers only.
    #[default]
    Mean,
    /// The median of the column; numbers only.
    Median,
    /// The value that the column has most often; the least of them where several are.
    MostFrequent,
    /// `fill_value`.
    Constant,
}

/// A number or text.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum FillValue {
    /// For columns of numbers.
    Number(f64),
    /// For columns of text.
    Text(String),
}

impl Impute {
    fn takes(&self) -> Takes {
        match (self.strategy, &self.fill_value) {
            (Strategy::Mean | Strategy::Median, _) | (Strategy::Constant, Some(FillValue::Number(_))) => Takes::Numbers,
            (Strategy::Constant, Some(FillValue::Text(_))) => Takes::Categories,
            (Strategy::MostFrequent, _) | (Strategy::Constant, None) => Takes::Any,
        }
    }

    /// None where nothing is known yet, or no cell has a value.
    fn constant(&self, frame: &Frame<'_>, column: &FrameColumn) -> Result<Option<Constant>, FeatureError> {
        let text = column.cell_type == CellType::Text;
        Ok(match (self.strategy, &self.fill_value) {
            (Strategy::Constant, Some(FillValue::Text(value))) if text => Some(Constant::Text(value.clone())),
            (Strategy::Constant, Some(FillValue::Number(value))) if !text => Some(Constant::Number(*value)),
            (Strategy::Constant, Some(_)) => return Err(wrong_constant(column)),
            (Strategy::Constant, None) if text => Some(Constant::Text("missing_value".into())),
            (Strategy::Constant, None) => Some(Constant::Number(0.0)),
            (_, _) if text => match frame.levels(&column.name) {
                Some(levels) => most_frequent_text(levels, column)?.map(Constant::Text),
                None => None,
            },
            (strategy, _) => number(strategy, frame, column)?.map(Constant::Number),
        })
    }
}

fn number(strategy: Strategy, frame: &Frame<'_>, column: &FrameColumn) -> Result<Option<f64>, FeatureError> {
    let name = &column.name;
    Ok(match strategy {
        Strategy::Mean => frame.moments(name).and_then(Moments::mean_and_variance).map(|(mean, _)| mean),
        Strategy::Median => frame.quantiles(name).and_then(median_of),
        _ => match frame.values(name).map(|values| values.distinct().ok_or_else(|| too_many_values("impute", column))) {
            Some(values) => most_frequent(values?.into_iter()),
            None => None,
        },
    })
}

/// The first of the most frequent, which is the least.
fn most_frequent<T>(values: impl Iterator<Item = (T, u64)>) -> Option<T> {
    values.reduce(|best, next| if next.1 > best.1 { next } else { best }).map(|(value, _)| value)
}

fn most_frequent_text(levels: &TextLevels, column: &FrameColumn) -> Result<Option<String>, FeatureError> {
    let levels = levels.levels().ok_or_else(|| too_many_values("impute", column))?;
    Ok(most_frequent(levels.iter().map(|(value, &count)| (value, count))).cloned())
}

fn wrong_constant(column: &FrameColumn) -> FeatureError {
    let (expected, found) = if column.cell_type == CellType::Text { ("text", "a number") } else { ("a number", "text") };
    let message = format!("step `impute`: expected {expected} as `fill_value`, found {found}");
    FeatureError::config(Fault::new("fill_value", message).column(&column.name))
}

impl Transform for Impute {
    fn columns(&self) -> Vec<&str> {
        named(&self.columns)
    }

    fn check(&self) -> Result<(), String> {
        match &self.fill_value {
            Some(_) if self.strategy != Strategy::Constant => {
                Err("expected `fill_value` with the strategy `constant` only".into())
            }
            Some(FillValue::Number(value)) if !value.is_finite() => Err(format!("expected a finite `fill_value`, found {value}")),
            _ => Ok(()),
        }
    }

    fn leaves(&self, cell_type: CellType) -> CellType {
        cell_type
    }

    fn is_beside(&self) -> bool {
        self.suffix.is_some()
    }

    fn fit(&self, frame: &Frame<'_>) -> Result<Learned, FeatureError> {
        let chosen = frame.choose("impute", self.columns.as_deref(), self.takes())?;
        frame.learn_each(&chosen, |column, learned| {
            let value = self.constant(frame, column)?;
            if frame.must_wait() {
                return Ok(());
            }
            let Some(value) = value else {
                let fault = Fault::new("nothing_to_learn", "step `impute`: expected a cell with a value, found none");
                return Err(FeatureError::data(fault.column(&column.name)));
            };
            learned.put(&column.name, self.suffix.as_deref(), Fill::with(value));
            column.levels.iter().for_each(|levels| learned.coded(levels.clone()));
            Ok(())
        })
    }
}
