//! Steps: what a config can ask to be done to columns. Each learns column programs from the training rows.
//!
//! A config lists them under `features.steps`, each as one key with its parameters: `- impute: {columns: [age], strategy:
//! median}`. `columns` may be left out; each step says which columns it then takes. Steps run in order, and a step sees the
//! columns as those before it left them. Columns that the learner cannot take as the steps leave them (text, and for some
//! learners missing cells) are brought to it after the last step.

use one_of::one_of;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::FeatureError;
use crate::Learned;
use crate::frame::Frame;
use crate::program::CellType;

mod bound;
pub(crate) mod statistic;

pub use bound::{AtLeastTwo, Buckets, Fraction, Positive};
pub use statistic::QuantileMethod;

one_of! {
    /// One step of a feature plan.
    #[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
    #[serde(rename_all = "snake_case")]
    pub enum Step: Transform {
        impute::Impute,
        standardize::Standardize,
        min_max::MinMax,
        clip::Clip,
        log1p::Log1p,
        quantile_bin::QuantileBin,
        ordinal::Ordinal,
        one_hot::OneHot,
        hash::Hash,
        row_sum::RowSum,
        ratio::Ratio,
        coerce::Coerce,
        mask::Mask,
        cross::Cross,
        date_parts::DateParts,
        recency::Recency,
        target_mean::TargetMean,
    }
}

/// What every step can do.
pub trait Transform {
    /// The columns that it names; empty when it takes all that fit.
    fn columns(&self) -> Vec<&str>;

    /// Whether its parameters make sense together; each alone is checked by its type.
    ///
    /// # Errors
    /// What was expected and what was found.
    fn check(&self) -> Result<(), String> {
        Ok(())
    }

    /// Whether its columns come beside those that it takes, and these stay as they are.
    fn is_beside(&self) -> bool {
        false
    }

    /// Whether it makes columns of other names of those that it takes.
    fn spreads(&self) -> bool {
        false
    }

    /// What the cells of a column are after it, where it changes a column.
    fn leaves(&self, _cell_type: CellType) -> CellType {
        CellType::Number
    }

    /// Learns from what is known of the columns, as the steps before it left them. What it asks for and is not known yet,
    /// it is asked again for later; what it learns without is thrown away.
    ///
    /// # Errors
    /// When its columns are not there, are of another type, or hold nothing to learn from.
    fn fit(&self, frame: &Frame<'_>) -> Result<Learned, FeatureError>;
}

impl Step {
    /// The columns that it names; none when it takes all that fit.
    pub fn columns(&self) -> impl Iterator<Item = &str> {
        self.as_dyn().columns().into_iter()
    }
}

/// The names in a list that may be left out.
fn named(columns: &Option<Vec<String>>) -> Vec<&str> {
    columns.iter().flatten().map(String::as_str).collect()
}
