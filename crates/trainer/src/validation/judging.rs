//! Rules held against rows while they go by.

use std::collections::BTreeMap;

use rayon::prelude::*;
use trainer_data::{ScanError, Warning};
use trainer_features::dqx::{Mark, Reference, RuleSet, Tally};
use trainer_features::expectation::{ResultOptions, Suite, ValidationResult};

use super::flagged::{Flagged, Splits};
use super::passing::Passing;

/// Holds a suite against all rows, which go by once. Also how many they are.
///
/// # Errors
/// Options that name a column which is not there; those of the files.
pub fn judge_suite(
    rows: &Passing<'_>,
    suite: &Suite,
    options: &ResultOptions,
) -> Result<(ValidationResult, u64), ScanError> {
    let mut checks = suite.begin_table(&rows.header()?, options.clone())?;
    rows.each(|some| {
        let parts: Vec<_> = some.par_iter().map(|part| checks.look(&part.table, part.first_row)).collect();
        for part in parts {
            checks.merge(part?);
        }
        Ok(())
    })?;
    let count = checks.rows();
    Ok((checks.finish(), count))
}

/// What came of rules of DQX.
pub struct DqxFound {
    /// How many rows break what.
    pub tally: Tally,
    /// What was odd about the rules.
    pub warnings: Vec<Warning>,
}

/// Rules of DQX, with all that they need besides the rows.
pub struct DqxRules<'a> {
    /// The rules.
    pub set: &'a RuleSet,
    /// Keys of other tables, by name.
    pub references: &'a BTreeMap<String, Reference>,
    /// Columns whose cells are never shown.
    pub pii: &'a [String],
    /// What is the same in every flag.
    pub mark: &'a Mark,
    /// The files that are asked for.
    pub splits: &'a Splits,
}

/// Holds rules of DQX against all rows and writes them to the files that are asked for. The rows go by once, or twice where
/// a rule is about all of them.
///
/// # Errors
/// Rules that do not fit the columns; those of the files.
pub fn judge_dqx(rows: &Passing<'_>, rules: &DqxRules<'_>) -> Result<DqxFound, ScanError> {
    let like = rows.header()?;
    let mut judge = rules.set.begin(&like, rules.references, rules.pii)?;
    if judge.needs_survey() {
        rows.each(|some| Ok(some.iter().try_for_each(|part| judge.survey(&part.table))?))?;
    }
    let mut flagged = Flagged::open(&like, &judge.judge(&like)?, rules.set, rules.mark, rules.splits)?;
    let mut tally = Tally::default();
    rows.each(|some| {
        let judged: Vec<_> = some.par_iter().map(|part| judge.judge(&part.table)).collect();
        for (part, judged) in some.iter().zip(judged) {
            let judged = judged?;
            tally.add(rules.set, &judged);
            flagged.write(&part.table, &judged)?;
        }
        Ok(())
    })?;
    flagged.finish()?;
    Ok(DqxFound { tally, warnings: judge.warnings })
}

/// The keys of a table that rules point into.
///
/// # Errors
/// Those of the files.
pub fn referred(rows: &Passing<'_>, set: &RuleSet, name: &str) -> Result<Reference, ScanError> {
    let mut keys = set.reference(name);
    keys.add(&rows.header()?);
    rows.each(|some| {
        some.iter().for_each(|part| keys.add(&part.table));
        Ok(())
    })?;
    Ok(keys)
}
