//! Levels as numbers in order.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use trainer_data::Fault;

use super::{Transform, named};
use crate::FeatureError;
use crate::frame::{Frame, FrameColumn, Takes};
use crate::learned::Learned;
use crate::program::CellType;
use crate::program::lookup::{Keys, Lookup};
use crate::statistic::MOST_LEVELS;

/// Replaces a level by its number in order (scikit-learn's `OrdinalEncoder`): 0, 1, 2, ...
///
/// The result is a number, whose order a learner uses; text columns that no step touches are given to a forest as
/// categories, which have none.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Ordinal {
    /// The columns; when left out, all columns of text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub columns: Option<Vec<String>>,
    /// What is added to the name of a column for the name of the new one, which then comes beside it; when left out, the
    /// column itself is replaced.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub suffix: Option<String>,
    /// The levels in their order, such as `[low, middle, high]`; when left out, those of the training rows: numbers by value,
    /// text by code point.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub categories: Option<Vec<String>>,
    /// What a level that is not in the list becomes (counted in a warning either way); when left out, missing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unknown_value: Option<f64>,
    /// What a missing cell becomes; when left out, it stays missing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub encoded_missing_value: Option<f64>,
}

/// The distinct values of a column in order, each with how many rows have it, and how many rows have none; nothing when that
/// is not known yet.
pub(super) fn levels(
    step: &str,
    frame: &Frame<'_>,
    column: &FrameColumn,
) -> Result<Option<(Keys, Vec<u64>, u64)>, FeatureError> {
    let too_many = || too_many_values(step, column);
    if column.cell_type == CellType::Text {
        let Some(found) = frame.levels(&column.name) else { return Ok(None) };
        let (values, counts) = found.levels().ok_or_else(too_many)?.iter().map(|(value, &count)| (value.clone(), count)).unzip();
        return Ok(Some((Keys::Text(values), counts, found.missing)));
    }
    let Some(found) = frame.values(&column.name) else { return Ok(None) };
    let (values, counts) = found.distinct().ok_or_else(too_many)?.into_iter().unzip();
    Ok(Some((Keys::Numbers(values), counts, found.missing)))
}

/// An error for a column with more distinct values than are kept apart.
pub(crate) fn too_many_values(step: &str, column: &FrameColumn) -> FeatureError {
    let message = format!("step `{step}`: expected at most {MOST_LEVELS} distinct values, found more");
    let fault = Fault::new("too_many_levels", message).column(&column.name);
    FeatureError::data(fault.hint("bring them to fewer with the step `hash`"))
}

impl Ordinal {
    /// The keys in ascending order, with each one's place in the list.
    fn listed(&self, categories: &[String], column: &FrameColumn) -> Result<(Keys, Vec<f64>), FeatureError> {
        let places = |order: &[usize]| order.iter().map(|&place| place as f64).collect();
        let mut order: Vec<usize> = (0..categories.len()).collect();
        if column.cell_type == CellType::Text {
            order.sort_by_key(|&place| &categories[place]);
            return Ok((Keys::Text(order.iter().map(|&place| categories[place].clone()).collect()), places(&order)));
        }
        let numbers: Result<Vec<f64>, _> = categories.iter().map(|text| text.parse::<f64>()).collect();
        let numbers = numbers.map_err(|_| {
            let fault = Fault::new("categories", "step `ordinal`: expected numbers as `categories`, found text");
            FeatureError::config(fault.column(&column.name))
        })?;
        order.sort_by(|&a, &b| numbers[a].total_cmp(&numbers[b]));
        Ok((Keys::Numbers(order.iter().map(|&place| numbers[place]).collect()), places(&order)))
    }
}

impl Transform for Ordinal {
    fn columns(&self) -> Vec<&str> {
        named(&self.columns)
    }

    fn check(&self) -> Result<(), String> {
        let mut seen = std::collections::HashSet::new();
        match self.categories.iter().flatten().find(|category| !seen.insert(category.as_str())) {
            Some(twice) => Err(format!("expected every category once, found `{twice}` again")),
            None => Ok(()),
        }
    }

    fn is_beside(&self) -> bool {
        self.suffix.is_some()
    }

    fn fit(&self, frame: &Frame<'_>) -> Result<Learned, FeatureError> {
        let chosen = frame.choose("ordinal", self.columns.as_deref(), Takes::Categories)?;
        frame.learn_each(&chosen, |column, learned| {
            let (keys, values) = match &self.categories {
                Some(categories) => self.listed(categories, column)?,
                None => {
                    let Some((keys, _, _)) = levels("ordinal", frame, column)? else { return Ok(()) };
                    let values = (0..keys.len()).map(|code| code as f64).collect();
                    (keys, values)
                }
            };
            let op = Lookup { keys, values, missing: self.encoded_missing_value, unknown: self.unknown_value };
            learned.put(&column.name, self.suffix.as_deref(), op);
            Ok(())
        })
    }
}
