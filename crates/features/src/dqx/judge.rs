//! Rules held against a table.

use std::collections::{BTreeMap, HashMap};

use exact::Spread;
use rayon::prelude::*;
use serde::Serialize;
use trainer_data::{Fault, Table, Warning};

use super::function::{Aggregate, Function, fails_name};
use super::rule::{Criticality, Rule, RuleSet};
use super::test::{Broken, Held, by_row, java_double, kept};
use crate::FeatureError;
use crate::expectation::condition::Comparison;
use crate::expectation::fingerprint::{self, ByFingerprint, Fingerprint, Fingerprints};
use crate::expectation::number::mean;
use crate::expectation::{Block, Header};

/// What rules found in a table.
#[derive(Debug, Clone, PartialEq)]
pub struct Judged {
    /// The rows that there are.
    pub rows: usize,
    /// For each rule of the set the rows that break it, in order, with what is said of them.
    pub(super) broken: Vec<Broken>,
    /// What was odd about the rules.
    pub warnings: Vec<Warning>,
}

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

impl RuleSet {
    /// Holds the rules against a table; `references` are the tables of foreign keys, by name.
    ///
    /// # Errors
    /// `Config` for a rule that the table cannot be held against: a column is not there, types do not fit.
    pub fn judge(
        &self,
        table: &Table,
        references: &BTreeMap<String, Table>,
        pii: &[String],
    ) -> Result<Judged, FeatureError> {
        let held = Held { table, header: Header::of(table), pii };
        let judged: Vec<_> = self.rules.par_iter().map(|rule| judge(rule, &held, references)).collect();
        let mut all = Judged { rows: table.rows(), broken: Vec::new(), warnings: Vec::new() };
        for (rule, judged) in self.rules.iter().zip(judged) {
            let (broken, warnings) = judged.map_err(|problem| {
                FeatureError::config(Fault::new("dqx_rules", format!("rule `{}`: {problem}", rule.name)))
            })?;
            all.broken.push(broken);
            all.warnings.extend(warnings);
        }
        Ok(all)
    }
}

impl Judged {
    /// How many rows break each rule, in the order of the set.
    pub fn counts(&self, set: &RuleSet) -> Vec<RuleCount> {
        let count = |(rule, broken): (&Rule, &Broken)| RuleCount {
            name: rule.name.clone(),
            function: rule.function.name().to_owned(),
            criticality: rule.criticality,
            columns: rule.function.columns(),
            filter: rule.filter.as_ref().and_then(|filter| filter.source.as_str()).map(str::to_owned),
            rows: broken.len() as u64,
            example: broken.first().map(|(_, message)| message.clone()),
        };
        set.rules.iter().zip(&self.broken).map(count).collect()
    }

    /// Whether some row breaks a rule of this criticality.
    pub fn breaks(&self, set: &RuleSet, criticality: Criticality) -> bool {
        set.rules.iter().zip(&self.broken).any(|(rule, broken)| rule.criticality == criticality && !broken.is_empty())
    }

    /// The rows that break no rule that makes a row invalid.
    pub fn valid_rows(&self, set: &RuleSet) -> Vec<u32> {
        self.rows_without(|at| set.rules[at].criticality == Criticality::Error)
    }

    /// The rows that break no rule.
    pub fn clean_rows(&self) -> Vec<u32> {
        self.rows_without(|_| true)
    }

    /// The rows that break some rule.
    pub fn quarantined_rows(&self) -> Vec<u32> {
        let mut rows: Vec<u32> = self.broken.iter().flatten().map(|(row, _)| *row).collect();
        rows.sort_unstable();
        rows.dedup();
        rows
    }

    fn rows_without(&self, counts: impl Fn(usize) -> bool) -> Vec<u32> {
        let mut without = vec![true; self.rows];
        let broken = self.broken.iter().enumerate().filter(|(at, _)| counts(*at)).flat_map(|(_, broken)| broken);
        broken.for_each(|(row, _)| without[*row as usize] = false);
        (0..self.rows as u32).filter(|&row| without[row as usize]).collect()
    }
}

fn judge(rule: &Rule, held: &Held<'_>, references: &BTreeMap<String, Table>) -> Result<(Broken, Vec<Warning>), String> {
    let kept = kept(rule.filter.as_ref(), held)?;
    let mut warnings = Vec::new();
    let broken = match &rule.function {
        Function::Unique { columns, nulls_distinct } => repeated(held, columns, *nulls_distinct, &kept)?,
        function @ Function::Aggregate { .. } => aggregated(held, function, &kept)?,
        function @ Function::ForeignKey { reference, .. } => {
            let table = references.get(reference).ok_or_else(|| {
                let given = if references.is_empty() {
                    "none".to_owned()
                } else {
                    crate::error::listed(references.keys().map(String::as_str))
                };
                format!("expected the table `{reference}` that its keys are in, found {given}")
            })?;
            foreign(held, function, table, &kept)?
        }
        function => by_row(function, held, &kept, &mut warnings)?,
    };
    Ok((broken, warnings))
}

/// Each row's values of some columns as one hash; `None` where a value is missing.
fn keys(table: &Table, header: &Header, columns: &[String]) -> Result<Vec<(Fingerprint, bool)>, String> {
    let block = Block::of(table, 0..table.rows(), 0);
    let positions = header.positions(columns)?;
    let hashes: Vec<_> = positions.iter().map(|&position| fingerprint::of_cells(&block, position)).collect();
    let row = |row: usize| {
        let cells = || hashes.iter().map(|column| column[row]);
        (fingerprint::joined(cells()), cells().any(|cell| cell.is_none()))
    };
    Ok((0..table.rows()).map(row).collect())
}

/// The values of a row as DQX shows them: one alone, several in braces.
fn shown(held: &Held<'_>, columns: &[String], row: usize) -> Result<String, String> {
    let cells: Vec<String> =
        columns.iter().map(|name| Ok(held.shown(held.column(name)?, row))).collect::<Result<_, String>>()?;
    Ok(if let [one] = cells.as_slice() { one.clone() } else { format!("{{{}}}", cells.join(", ")) })
}

fn name_of(columns: &[String]) -> String {
    if let [one] = columns { one.clone() } else { format!("struct({})", columns.join(", ")) }
}

fn repeated(held: &Held<'_>, columns: &[String], nulls_distinct: bool, kept: &[bool]) -> Result<Broken, String> {
    let keys = keys(held.table, &held.header, columns)?;
    let counts_in = |row: usize| kept[row] && !(nulls_distinct && keys[row].1);
    let mut counts: ByFingerprint<u64> = HashMap::default();
    for row in (0..keys.len()).filter(|&row| counts_in(row)) {
        *counts.entry(keys[row].0).or_insert(0) += 1;
    }
    let broken = (0..keys.len()).filter(|&row| counts_in(row) && counts[&keys[row].0] > 1);
    let told = |row: usize| {
        let (value, count) = (shown(held, columns, row)?, counts[&keys[row].0]);
        let message =
            format!("Value '{value}' in column '{}' is not unique, found {count} duplicates", name_of(columns));
        Ok((row as u32, message))
    };
    broken.map(told).collect()
}

/// Values of one group on the way to a number.
#[derive(Default)]
struct Group {
    rows: u64,
    moments: Spread,
    least: Option<f64>,
    greatest: Option<f64>,
    distinct: Fingerprints,
}

impl Group {
    fn value(&self, aggregate: Aggregate) -> Option<f64> {
        match aggregate {
            Aggregate::Count => Some(self.rows as f64),
            Aggregate::CountDistinct => Some(self.distinct.len() as f64),
            Aggregate::Sum => (self.moments.count > 0).then(|| self.moments.sum.round()),
            Aggregate::Average => (self.moments.count > 0).then(|| mean(&self.moments)),
            Aggregate::Least => self.least,
            Aggregate::Greatest => self.greatest,
        }
    }
}

/// Every row of a group whose number is beyond the limit; a filter picks what is counted, not what is flagged.
fn aggregated(held: &Held<'_>, function: &Function, kept: &[bool]) -> Result<Broken, String> {
    let Function::Aggregate { column, limit, aggregate, fails, group_by } = function else { return Ok(Vec::new()) };
    let block = Block::of(held.table, 0..held.table.rows(), 0);
    let rows = held.table.rows();
    let all = *aggregate == Aggregate::Count && column == "*";
    let position = if all { None } else { Some(held.header.position(column)?) };
    let counts = matches!(aggregate, Aggregate::Count | Aggregate::CountDistinct);
    if let Some(position) = position.filter(|&position| !counts && !held.header.is_numeric(position)) {
        return Err(format!("expected a column of numbers, found {}", held.header.kind(position)));
    }
    let hashes = position.map(|position| fingerprint::of_cells(&block, position));
    let numbers = position.map(|position| block.numbers(position));
    let keys = if group_by.is_empty() { vec![(0, false); rows] } else { keys(held.table, &held.header, group_by)? };
    let mut groups: ByFingerprint<Group> = HashMap::default();
    for row in 0..rows {
        let group = groups.entry(keys[row].0).or_default();
        let hash = hashes.as_ref().map_or(Some(0), |hashes| hashes[row]);
        let Some(hash) = hash.filter(|_| kept[row]) else { continue };
        group.rows += 1;
        if *aggregate == Aggregate::CountDistinct {
            group.distinct.insert(hash);
        }
        if let Some(x) = numbers.as_ref().map(|numbers| numbers[row]).filter(|x| !x.is_nan()) {
            group.moments.count += 1;
            group.moments.sum.add(x);
            group.least = Some(group.least.map_or(x, |least| least.min(x)));
            group.greatest = Some(group.greatest.map_or(x, |greatest| greatest.max(x)));
        }
    }
    let beyond = |value: f64| match fails {
        Comparison::Greater => value > *limit,
        Comparison::Less => value < *limit,
        Comparison::Unequal => value != *limit,
        _ => value == *limit,
    };
    let whole = |value: f64| if counts { format!("{value}") } else { java_double(value) };
    let by =
        if group_by.is_empty() { String::new() } else { format!(" per group of columns '{}'", group_by.join(", ")) };
    let label = fails_name(*fails).replace('_', " ");
    let told = |value: f64| {
        format!("{} value {} in column '{column}'{by} is {label} limit: {limit}", aggregate.shown(), whole(value))
    };
    let flagged =
        (0..rows).filter_map(|row| Some((row, groups[&keys[row].0].value(*aggregate).filter(|x| beyond(*x))?)));
    Ok(flagged.map(|(row, value)| (row as u32, told(value))).collect())
}

fn foreign(held: &Held<'_>, function: &Function, reference: &Table, kept: &[bool]) -> Result<Broken, String> {
    let Function::ForeignKey { columns, ref_columns, negate, null_safe, .. } = function else { return Ok(Vec::new()) };
    let there =
        keys(reference, &Header::of(reference), ref_columns).map_err(|problem| format!("`ref_columns`: {problem}"))?;
    let there: Fingerprints = there.into_iter().filter(|(_, null)| *null_safe || !null).map(|(key, _)| key).collect();
    let keys = keys(held.table, &held.header, columns)?;
    let broken = |row: &usize| {
        let (key, null) = keys[*row];
        kept[*row] && (*null_safe || !null) && there.contains(&key) == *negate
    };
    let not = if *negate { "" } else { "not " };
    let told = |row: usize| {
        let value = shown(held, columns, row)?;
        let (own, other) = (name_of(columns), name_of(ref_columns));
        Ok((row as u32, format!("Value '{value}' in column '{own}' {not}found in reference column '{other}'")))
    };
    (0..keys.len()).filter(broken).map(told).collect()
}
