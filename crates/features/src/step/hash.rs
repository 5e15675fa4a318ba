//! Many levels as few buckets.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Buckets, Transform, named};
use crate::FeatureError;
use crate::frame::{Frame, Takes};
use crate::learned::{Learned, LevelNames};
use crate::program;

/// Replaces a level by one of a fixed number of buckets, for columns with many levels.
///
/// The bucket is that of scikit-learn's `FeatureHasher` for the same text (MurmurHash3); the result is a category, as if the
/// buckets were levels. Nothing is learned, so no level is unknown. Missing cells stay missing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Hash {
    /// The columns; when left out, all columns of text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub columns: Option<Vec<String>>,
    /// What is added to the name of a column for the name of the new one, which then comes beside it; when left out, the
    /// column itself is replaced.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub suffix: Option<String>,
    /// How many buckets.
    #[serde(alias = "n_features")]
    pub buckets: Buckets,
}

impl Default for Hash {
    fn default() -> Self {
        Self { columns: None, suffix: None, buckets: Buckets::try_from(64).expect("64 is at least two") }
    }
}

impl Transform for Hash {
    fn columns(&self) -> Vec<&str> {
        named(&self.columns)
    }

    fn is_beside(&self) -> bool {
        self.suffix.is_some()
    }

    fn fit(&self, frame: &Frame<'_>) -> Result<Learned, FeatureError> {
        let mut learned = Learned::default();
        let buckets = u32::from(self.buckets);
        for column in frame.choose("hash", self.columns.as_deref(), Takes::Categories)? {
            learned.put(&column.name, self.suffix.as_deref(), program::hash::Hash { buckets });
            learned.coded(LevelNames::Numbered(buckets));
        }
        Ok(learned)
    }
}
