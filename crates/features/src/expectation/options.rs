//! How much a result tells.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::header::Header;
use super::rows::Listing;

/// How much a result tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ResultFormat {
    /// Whether it holds.
    BooleanOnly,
    /// Counts, and the first 20 unexpected values.
    #[default]
    Basic,
    /// Also how often each of those is among them, and their rows.
    Summary,
    /// Also all values, how often each is there, and all rows.
    Complete,
}

/// How much a result tells, in all that Great Expectations lets one say about it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ResultOptions {
    /// The format.
    #[serde(rename = "result_format", default)]
    pub format: ResultFormat,
    /// At most this many values are listed where not all are.
    #[serde(default = "twenty")]
    pub partial_unexpected_count: usize,
    /// Columns that tell rows apart: their cells are listed in place of row numbers.
    #[serde(default)]
    pub unexpected_index_column_names: Vec<String>,
    /// Whether the first unexpected rows are listed with all their cells.
    #[serde(default)]
    pub include_unexpected_rows: bool,
    /// Whether no values are listed.
    #[serde(default)]
    pub exclude_unexpected_values: bool,
    /// Whether there is a query for the rows that are listed; without a word in complete results only.
    #[serde(default)]
    pub return_unexpected_index_query: Option<bool>,
    /// Columns whose cells are never shown.
    #[serde(skip)]
    pub pii: Vec<String>,
}

fn twenty() -> usize {
    20
}

impl From<ResultFormat> for ResultOptions {
    fn from(format: ResultFormat) -> Self {
        Self {
            format,
            partial_unexpected_count: twenty(),
            unexpected_index_column_names: Vec::new(),
            include_unexpected_rows: false,
            exclude_unexpected_values: false,
            return_unexpected_index_query: None,
            pii: Vec::new(),
        }
    }
}

impl ResultOptions {
    /// The same, but that cells of some columns are never shown.
    pub fn masking(self, pii: Vec<String>) -> Self {
        Self { pii, ..self }
    }

    /// From a checkpoint: the name of a format, or all options.
    ///
    /// # Errors
    /// For anything else, and for an option that is not known.
    pub fn from_json(value: &Value) -> Result<Self, String> {
        let of_name = |name: &Value| serde_json::from_value::<ResultFormat>(name.clone()).map(Self::from);
        let read = if value.is_string() { of_name(value) } else { serde_json::from_value(value.clone()) };
        read.map_err(|problem| format!("expected a result format, found {value}: {problem}"))
    }

    /// The columns that they name.
    pub(super) fn columns(&self) -> impl Iterator<Item = &String> {
        self.unexpected_index_column_names.iter().chain(&self.pii)
    }

    /// What is kept of unexpected rows.
    pub(super) fn listing(&self, header: &Header) -> Listing {
        let named =
            |name: &str| self.include_unexpected_rows || self.unexpected_index_column_names.iter().any(|it| it == name);
        let besides = header.names().enumerate().filter(|(_, name)| named(name)).map(|(at, _)| at).collect();
        let most = match self.format {
            ResultFormat::Complete => usize::MAX,
            ResultFormat::BooleanOnly if self.return_unexpected_index_query != Some(true) => 0,
            _ if self.return_unexpected_index_query == Some(true) => usize::MAX,
            _ => self.partial_unexpected_count,
        };
        Listing { most, besides }
    }
}
