//! Text that has one of several patterns, or all of them.

use regex::Regex;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::check::Check;
use super::header::Header;
use super::regex::pattern;
use super::rows::{Listing, RowCheck};
use super::{Expectation, Severity, all, is_all};
use crate::step::Fraction;

/// How many of the patterns a value must have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum MatchOn {
    /// One is enough.
    #[default]
    Any,
    /// All.
    All,
}

impl MatchOn {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

fn patterns(list: &[String]) -> Result<Vec<Regex>, String> {
    if list.is_empty() {
        return Err("expected a `regex_list`, found an empty one".into());
    }
    list.iter().map(|one| pattern(one)).collect()
}

/// Every value, written as text, has the patterns. Missing cells are passed over.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MatchRegexList {
    /// The column.
    pub column: String,
    /// The patterns, as in `column_values_to_match_regex`.
    pub regex_list: Vec<String>,
    /// How many of them a value must have: any or all.
    #[serde(default, skip_serializing_if = "MatchOn::is_default")]
    pub match_on: MatchOn,
    /// The least share of rows with a value that must be so.
    #[serde(default = "all", skip_serializing_if = "is_all")]
    pub mostly: Fraction,
    /// What a failure means for the run.
    #[serde(default, skip_serializing_if = "Severity::is_default")]
    pub severity: Severity,
}

impl Expectation for MatchRegexList {
    fn column(&self) -> Option<&str> {
        Some(&self.column)
    }

    fn severity(&self) -> Severity {
        self.severity
    }

    fn check(&self) -> Result<(), String> {
        patterns(&self.regex_list).map(|_| ())
    }

    fn plan(&self, header: &Header, listing: &Listing) -> Result<Box<dyn Check>, String> {
        let (position, patterns, match_on) =
            (header.position(&self.column)?, patterns(&self.regex_list)?, self.match_on);
        let odd = move |text: &str| match match_on {
            MatchOn::Any => !patterns.iter().any(|pattern| pattern.is_match(text)),
            MatchOn::All => !patterns.iter().all(|pattern| pattern.is_match(text)),
        };
        Ok(Box::new(RowCheck::text(header, position, self.mostly, listing, odd)))
    }
}

/// No value, written as text, has one of the patterns. Missing cells are passed over.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NotMatchRegexList {
    /// The column.
    pub column: String,
    /// The patterns, as in `column_values_to_match_regex`.
    pub regex_list: Vec<String>,
    /// The least share of rows with a value that must be so.
    #[serde(default = "all", skip_serializing_if = "is_all")]
    pub mostly: Fraction,
    /// What a failure means for the run.
    #[serde(default, skip_serializing_if = "Severity::is_default")]
    pub severity: Severity,
}

impl Expectation for NotMatchRegexList {
    fn column(&self) -> Option<&str> {
        Some(&self.column)
    }

    fn severity(&self) -> Severity {
        self.severity
    }

    fn check(&self) -> Result<(), String> {
        patterns(&self.regex_list).map(|_| ())
    }

    fn plan(&self, header: &Header, listing: &Listing) -> Result<Box<dyn Check>, String> {
        let (position, patterns) = (header.position(&self.column)?, patterns(&self.regex_list)?);
        let odd = move |text: &str| patterns.iter().any(|pattern| pattern.is_match(text));
        Ok(Box::new(RowCheck::text(header, position, self.mostly, listing, odd)))
    }
}
