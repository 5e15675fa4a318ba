//! Rules held against rows that come table by table.

use std::collections::{BTreeMap, HashMap};

use exact::Spread;
use rayon::prelude::*;
use trainer_data::{Fault, Table, Warning};

use super::function::{Aggregate, Function, fails_name};
use super::reference::{Keys, Reference, keys};
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

/// Rules on the way over rows of one schema. Where some rule is about all rows ([`Judge::needs_survey`]), they must go by
/// twice: once to be surveyed, once to be judged.
pub struct Judge<'s> {
    set: &'s RuleSet,
    pii: &'s [String],
    header: Header,
    /// One a rule.
    states: Vec<State>,
    /// What was odd about the rules.
    pub warnings: Vec<Warning>,
}

/// What a rule knows of rows besides the one that it judges.
enum State {
    /// Nothing.
    Row,
    /// How often there are the values of a row: about 50 bytes for each distinct combination.
    Repeated(ByFingerprint<u64>),
    /// What groups add up to.
    Groups(ByFingerprint<Group>),
    /// The keys of another table.
    Foreign(Keys),
}

impl RuleSet {
    /// Gets ready for rows with the columns of a table; `references` are the keys in the tables of foreign keys, by name.
    ///
    /// # Errors
    /// `Config` for a rule that such rows cannot be held against: a column is not there, types do not fit.
    pub fn begin<'s>(
        &'s self,
        like: &Table,
        references: &BTreeMap<String, Reference>,
        pii: &'s [String],
    ) -> Result<Judge<'s>, FeatureError> {
        let states: Result<Vec<_>, _> =
            self.rules.iter().map(|rule| state(rule, references).map_err(|problem| refused(rule, problem))).collect();
        let mut judge = Judge { set: self, pii, header: Header::of(like), states: states?, warnings: Vec::new() };
        // Whatever is wrong with a rule shows without rows.
        let none = like.take(&[]);
        judge.survey(&none)?;
        judge.warnings = judge.each(&none)?.into_iter().flat_map(|(_, warnings)| warnings).collect();
        Ok(judge)
    }

    /// Holds the rules against a whole table; `references` are the tables of foreign keys, by name.
    ///
    /// # Errors
    /// As [`RuleSet::begin`].
    pub fn judge(
        &self,
        table: &Table,
        references: &BTreeMap<String, Table>,
        pii: &[String],
    ) -> Result<Judged, FeatureError> {
        let keys = references.iter().map(|(name, table)| {
            let mut keys = self.reference(name);
            keys.add(table);
            (name.clone(), keys)
        });
        let mut judge = self.begin(table, &keys.collect(), pii)?;
        judge.survey(table)?;
        judge.judge(table)
    }
}

impl Judge<'_> {
    /// Whether all rows must be surveyed before the first is judged.
    pub fn needs_survey(&self) -> bool {
        self.states.iter().any(|state| matches!(state, State::Repeated(_) | State::Groups(_)))
    }

    /// Takes in rows for the rules that are about all of them. The order of tables does not matter.
    ///
    /// # Errors
    /// As [`RuleSet::begin`].
    pub fn survey(&mut self, table: &Table) -> Result<(), FeatureError> {
        let held = Held { table, header: Header::of(table), pii: self.pii };
        let rules = self.states.par_iter_mut().zip(&self.set.rules);
        rules.try_for_each(|(state, rule)| {
            let surveyed = match state {
                State::Repeated(counts) => count(rule, &held, counts),
                State::Groups(groups) => add_up(rule, &held, groups),
                State::Row | State::Foreign(_) => Ok(()),
            };
            surveyed.map_err(|problem| refused(rule, problem))
        })
    }

    /// What the rows of a table break. Several may be judged at a time.
    ///
    /// # Errors
    /// `Data` when the table has other columns than the first.
    pub fn judge(&self, table: &Table) -> Result<Judged, FeatureError> {
        if !self.header.fits(table) {
            let message = "expected the columns of the first rows, found others";
            return Err(FeatureError::data(Fault::new("columns_changed", message)));
        }
        let broken = self.each(table)?.into_iter().map(|(broken, _)| broken).collect();
        Ok(Judged { rows: table.rows(), broken, warnings: self.warnings.clone() })
    }

    fn each(&self, table: &Table) -> Result<Vec<(Broken, Vec<Warning>)>, FeatureError> {
        let held = Held { table, header: Header::of(table), pii: self.pii };
        let rules = self.set.rules.par_iter().zip(&self.states);
        rules.map(|(rule, state)| judge(rule, state, &held).map_err(|problem| refused(rule, problem))).collect()
    }
}

fn refused(rule: &Rule, problem: String) -> FeatureError {
    FeatureError::config(Fault::new("dqx_rules", format!("rule `{}`: {problem}", rule.name)))
}

impl Judged {
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

fn state(rule: &Rule, references: &BTreeMap<String, Reference>) -> Result<State, String> {
    Ok(match &rule.function {
        Function::Unique { .. } => State::Repeated(HashMap::default()),
        Function::Aggregate { .. } => State::Groups(HashMap::default()),
        Function::ForeignKey { reference, ref_columns, .. } => {
            let found = references.get(reference).ok_or_else(|| {
                let given = if references.is_empty() {
                    "none".to_owned()
                } else {
                    crate::error::listed(references.keys().map(String::as_str))
                };
                format!("expected the table `{reference}` that its keys are in, found {given}")
            })?;
            State::Foreign(found.keys(ref_columns)?)
        }
        _ => State::Row,
    })
}

fn judge(rule: &Rule, state: &State, held: &Held<'_>) -> Result<(Broken, Vec<Warning>), String> {
    let kept = kept(rule.filter.as_ref(), held)?;
    let mut warnings = Vec::new();
    let broken = match state {
        State::Repeated(counts) => repeated(rule, held, counts, &kept)?,
        State::Groups(groups) => beyond(rule, held, groups)?,
        State::Foreign(there) => foreign(rule, held, there, &kept)?,
        State::Row => by_row(&rule.function, held, &kept, &mut warnings)?,
    };
    Ok((broken, warnings))
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

fn count(rule: &Rule, held: &Held<'_>, counts: &mut ByFingerprint<u64>) -> Result<(), String> {
    let Function::Unique { columns, nulls_distinct } = &rule.function else { return Ok(()) };
    let (kept, keys) = (kept(rule.filter.as_ref(), held)?, keys(held.table, &held.header, columns)?);
    for (key, null) in keys.into_iter().zip(kept).filter(|(_, kept)| *kept).map(|(key, _)| key) {
        if !(*nulls_distinct && null) {
            *counts.entry(key).or_insert(0) += 1;
        }
    }
    Ok(())
}

fn repeated(rule: &Rule, held: &Held<'_>, counts: &ByFingerprint<u64>, kept: &[bool]) -> Result<Broken, String> {
    let Function::Unique { columns, nulls_distinct } = &rule.function else { return Ok(Vec::new()) };
    let keys = keys(held.table, &held.header, columns)?;
    let counts_in = |row: &usize| kept[*row] && !(*nulls_distinct && keys[*row].1);
    let found = (0..keys.len()).filter(counts_in).map(|row| (row, counts.get(&keys[row].0).copied().unwrap_or(0)));
    let told = |(row, count): (usize, u64)| {
        let (value, name) = (shown(held, columns, row)?, name_of(columns));
        Ok((row as u32, format!("Value '{value}' in column '{name}' is not unique, found {count} duplicates")))
    };
    found.filter(|(_, count)| *count > 1).map(told).collect()
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

/// Adds rows to their groups; a filter picks what is counted, not what is flagged.
fn add_up(rule: &Rule, held: &Held<'_>, groups: &mut ByFingerprint<Group>) -> Result<(), String> {
    let Function::Aggregate { column, aggregate, group_by, .. } = &rule.function else { return Ok(()) };
    let kept = kept(rule.filter.as_ref(), held)?;
    let block = Block::of(held.table, 0..held.table.rows(), 0);
    let all = *aggregate == Aggregate::Count && column == "*";
    let position = if all { None } else { Some(held.header.position(column)?) };
    let counts = aggregate.is_count();
    if let Some(position) = position.filter(|&position| !counts && !held.header.is_numeric(position)) {
        return Err(format!("expected a column of numbers, found {}", held.header.kind(position)));
    }
    let hashes = position.map(|position| fingerprint::of_cells(&block, position));
    let numbers = position.map(|position| block.numbers(position));
    for (row, key) in group_keys(held, group_by)?.into_iter().enumerate() {
        let group = groups.entry(key).or_default();
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
    Ok(())
}

/// The group of each row.
fn group_keys(held: &Held<'_>, group_by: &[String]) -> Result<Vec<Fingerprint>, String> {
    match group_by {
        [] => Ok(vec![0; held.table.rows()]),
        columns => Ok(keys(held.table, &held.header, columns)?.into_iter().map(|(key, _)| key).collect()),
    }
}

/// Every row of a group whose number is beyond the limit.
fn beyond(rule: &Rule, held: &Held<'_>, groups: &ByFingerprint<Group>) -> Result<Broken, String> {
    let Function::Aggregate { column, limit, aggregate, fails, group_by } = &rule.function else {
        return Ok(Vec::new());
    };
    let is_beyond = |value: &f64| match fails {
        Comparison::Greater => value > limit,
        Comparison::Less => value < limit,
        Comparison::Unequal => value != limit,
        _ => value == limit,
    };
    let whole = |value: f64| if aggregate.is_count() { format!("{value}") } else { java_double(value) };
    let by =
        if group_by.is_empty() { String::new() } else { format!(" per group of columns '{}'", group_by.join(", ")) };
    let label = fails_name(*fails).replace('_', " ");
    let told = |value: f64| {
        format!("{} value {} in column '{column}'{by} is {label} limit: {limit}", aggregate.shown(), whole(value))
    };
    let keys = group_keys(held, group_by)?.into_iter().enumerate();
    let value = |key| groups.get(&key).and_then(|group| group.value(*aggregate)).filter(is_beyond);
    Ok(keys.filter_map(|(row, key)| Some((row as u32, told(value(key)?)))).collect())
}

fn foreign(rule: &Rule, held: &Held<'_>, there: &Keys, kept: &[bool]) -> Result<Broken, String> {
    let Function::ForeignKey { columns, ref_columns, negate, null_safe, .. } = &rule.function else {
        return Ok(Vec::new());
    };
    let keys = keys(held.table, &held.header, columns)?;
    let broken = |row: &usize| {
        let (key, null) = keys[*row];
        kept[*row] && (*null_safe || !null) && there.contain(key, *null_safe) == *negate
    };
    let not = if *negate { "" } else { "not " };
    let told = |row: usize| {
        let value = shown(held, columns, row)?;
        let (own, other) = (name_of(columns), name_of(ref_columns));
        Ok((row as u32, format!("Value '{value}' in column '{own}' {not}found in reference column '{other}'")))
    };
    (0..keys.len()).filter(broken).map(told).collect()
}
