//! Levels as columns of zeros and ones.

use std::num::NonZeroU32;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use trainer_data::Fault;

use super::ordinal::levels;
use super::{Transform, named};
use crate::FeatureError;
use crate::frame::{Frame, FrameColumn, Takes};
use crate::learned::Learned;
use crate::program;
use crate::program::lookup::Keys;

/// Replaces a column by one column of zeros and ones per level (scikit-learn's `OneHotEncoder` with
/// `handle_unknown="infrequent_if_exist"`), named `column_level`.
///
/// Rare levels share the column `column_rare`, which also takes levels that were not in training; without it such a row has
/// zeros only. Either is counted in a warning. Missing cells are a level of their own, `column_missing`, where training had
/// any.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct OneHot {
    /// The columns; when left out, all columns of text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub columns: Option<Vec<String>>,
    /// What is added to the name of a column in the names of the new ones, which then come beside it; when left out, the
    /// column itself is replaced.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub suffix: Option<String>,
    /// The greatest number of columns that one column may become, the rare one included: the levels that fewer rows have are
    /// rare. When left out there is no such limit, and a column of more than 1000 levels is refused.
    #[serde(alias = "max_categories", skip_serializing_if = "Option::is_none")]
    pub max_levels: Option<NonZeroU32>,
    /// Levels that fewer rows have are rare: a number of rows, or a fraction of them when below 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_frequency: Option<f64>,
}

/// More levels than this need a limit that was asked for.
const MANY: usize = 1000;

impl OneHot {
    /// Which levels are rare, in the order of `counts`.
    fn rare(&self, counts: &[u64], rows: u64) -> Vec<bool> {
        let least = match self.min_frequency {
            Some(fraction) if fraction < 1.0 => fraction * rows as f64,
            Some(count) => count,
            None => 0.0,
        };
        let mut rare: Vec<bool> = counts.iter().map(|&count| (count as f64) < least).collect();
        let columns = rare.iter().filter(|rare| !**rare).count() + 1;
        if let Some(limit) = self.max_levels.map(|limit| limit.get() as usize)
            && limit < columns
        {
            let mut order: Vec<usize> = (0..counts.len()).collect();
            order.sort_by_key(|&level| counts[level]);
            let few = counts.len() - (limit - 1).min(counts.len());
            order[..few].iter().for_each(|&level| rare[level] = true);
        }
        rare
    }

    /// Nothing when the levels are not known yet.
    fn program(&self, frame: &Frame<'_>, column: &FrameColumn) -> Result<Option<(program::one_hot::OneHot, Vec<String>)>, FeatureError> {
        let Some((keys, mut counts, missing)) = levels("one_hot", frame, column)? else { return Ok(None) };
        let rows = counts.iter().sum::<u64>() + missing;
        if self.max_levels.is_none() && counts.len() > MANY {
            return Err(many_levels(column, counts.len()));
        }
        // Missing is the last level, where there is any.
        if missing > 0 {
            counts.push(missing);
        }
        let rare = self.rare(&counts, rows);
        let any_rare = rare.contains(&true);
        let mut names: Vec<String> = Vec::new();
        let name = format!("{}{}", column.name, self.suffix.as_deref().unwrap_or_default());
        let level_names = level_names(&keys, &name).into_iter().chain([format!("{name}_missing")]);
        let mut columns: Vec<u32> = Vec::with_capacity(counts.len());
        for (level, &rare) in level_names.zip(&rare) {
            columns.push(if rare { u32::MAX } else { names.len() as u32 });
            names.extend((!rare).then_some(level));
        }
        let shared = any_rare.then_some(names.len() as u32);
        names.extend(any_rare.then(|| format!("{name}_rare")));
        columns.iter_mut().filter(|column| **column == u32::MAX).for_each(|column| *column = shared.expect("a rare column"));
        let own_missing = if missing > 0 { columns.pop() } else { shared };
        let width = names.len() as u32;
        Ok(Some((program::one_hot::OneHot { keys, columns, width, missing: own_missing, unknown: shared }, names)))
    }
}

fn level_names(keys: &Keys, name: &str) -> Vec<String> {
    keys.names().into_iter().map(|level| format!("{name}_{level}")).collect()
}

fn many_levels(column: &FrameColumn, found: usize) -> FeatureError {
    let message = format!("step `one_hot`: expected at most {MANY} levels, found {found}");
    let fault = Fault::new("too_many_levels", message).column(&column.name);
    FeatureError::data(fault.hint("set `max_levels`, or use the step `hash`"))
}

impl Transform for OneHot {
    fn columns(&self) -> Vec<&str> {
        named(&self.columns)
    }

    fn check(&self) -> Result<(), String> {
        match self.min_frequency {
            Some(least) if !(least > 0.0 && least.is_finite()) => Err(format!("expected a `min_frequency` above 0, found {least}")),
            _ => Ok(()),
        }
    }

    fn spreads(&self) -> bool {
        true
    }

    fn is_beside(&self) -> bool {
        self.suffix.is_some()
    }

    fn fit(&self, frame: &Frame<'_>) -> Result<Learned, FeatureError> {
        let chosen = frame.choose("one_hot", self.columns.as_deref(), Takes::Categories)?;
        frame.learn_each(&chosen, |column, learned| {
            let Some((op, outputs)) = self.program(frame, column)? else { return Ok(()) };
            let inputs = vec![column.name.clone()];
            match self.suffix {
                Some(_) => learned.add_beside(op, inputs, outputs),
                None => learned.add(op, inputs, outputs),
            }
            Ok(())
        })
    }
}
