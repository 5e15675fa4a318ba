//! How many rows break what.

use serde::Serialize;

use super::judge::Judged;
use super::rule::{Criticality, Rule, RuleSet};

/// How many rows break a rule.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RuleCount {
    /// The rule's name.
    pub name: String,
    /// The function that it calls.
    pub function: String,
    /// What breaking it means.
    pub criticality: Criticality,
    /// Its columns.
    pub columns: Vec<String>,
    /// Which rows it is about.
    pub filter: Option<String>,
    /// How many rows break it.
    pub rows: u64,
    /// What is said of the first such row.
    pub example: Option<String>,
}

/// What rules found in all tables so far.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tally {
    /// Rows.
    pub rows: u64,
    /// Rows that break no rule that makes a row invalid.
    pub valid: u64,
    /// Rows that break some rule.
    pub flagged: u64,
    /// For each rule how many rows break it, and what is said of the first.
    broken: Vec<(u64, Option<String>)>,
}

impl Tally {
    /// Takes in what was found in the next rows.
    pub fn add(&mut self, set: &RuleSet, judged: &Judged) {
        self.rows += judged.rows as u64;
        self.valid += judged.valid_rows(set).len() as u64;
        self.flagged += judged.quarantined_rows().len() as u64;
        self.broken.resize(set.rules.len(), (0, None));
        for ((count, example), broken) in self.broken.iter_mut().zip(&judged.broken) {
            *count += broken.len() as u64;
            if example.is_none() {
                *example = broken.first().map(|(_, message)| message.clone());
            }
        }
    }

    /// How many rows break each rule, in the order of the set.
    pub fn counts(&self, set: &RuleSet) -> Vec<RuleCount> {
        let count = |(rule, (rows, example)): (&Rule, &(u64, Option<String>))| RuleCount {
            name: rule.name.clone(),
            function: rule.function.name().to_owned(),
            criticality: rule.criticality,
            columns: rule.function.columns(),
            filter: rule.filter.as_ref().and_then(|filter| filter.source.as_str()).map(str::to_owned),
            rows: *rows,
            example: example.clone(),
        };
        set.rules.iter().zip(&self.broken).map(count).collect()
    }

    /// Whether some row breaks a rule of this criticality.
    pub fn breaks(&self, set: &RuleSet, criticality: Criticality) -> bool {
        set.rules.iter().zip(&self.broken).any(|(rule, (rows, _))| rule.criticality == criticality && *rows > 0)
    }
}
