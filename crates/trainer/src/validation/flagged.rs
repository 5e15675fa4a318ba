//! Files of rows with what they break, as DQX writes its tables.

use std::path::PathBuf;

use trainer_data::{Table, write_parquet_batch};
use trainer_features::dqx::{Judged, Mark, RuleSet};

use crate::exit::Failure;

/// Which files are asked for.
#[derive(Debug, Clone, Default)]
pub struct Splits {
    /// All rows, with `_errors` and `_warnings`.
    pub annotate: Option<PathBuf>,
    /// The rows that break no rule of criticality `error`, as they were.
    pub valid: Option<PathBuf>,
    /// The rows that break some rule, with `_errors` and `_warnings`.
    pub quarantine: Option<PathBuf>,
}

impl Splits {
    /// Whether none is asked for.
    pub fn is_empty(&self) -> bool {
        self.annotate.is_none() && self.valid.is_none() && self.quarantine.is_none()
    }

    /// Whether the files can hold what is to be written.
    ///
    /// # Errors
    /// Lists do not go into CSV.
    pub fn check(&self) -> Result<(), Failure> {
        let lists = [("--annotate", &self.annotate), ("--quarantine", &self.quarantine)];
        for (option, path) in lists {
            if let Some(path) = path
                && !path
                    .extension()
                    .is_some_and(|it| it.eq_ignore_ascii_case("parquet") || it.eq_ignore_ascii_case("pq"))
            {
                return Err(Failure::usage(format!(
                    "{option}: expected a name that ends in .parquet (the columns _errors and _warnings are lists), found {}",
                    path.display()
                )));
            }
        }
        Ok(())
    }
}

/// Writes them.
///
/// # Errors
/// With the path: when a file cannot be written.
pub fn write_splits(table: &Table, set: &RuleSet, judged: &Judged, mark: &Mark, splits: &Splits) -> anyhow::Result<()> {
    let all: Vec<u32> = (0..table.rows() as u32).collect();
    if let Some(path) = &splits.annotate {
        write_parquet_batch(&judged.annotated(table, set, mark, &all), path)?;
    }
    if let Some(path) = &splits.quarantine {
        write_parquet_batch(&judged.annotated(table, set, mark, &judged.quarantined_rows()), path)?;
    }
    if let Some(path) = &splits.valid {
        trainer_data::write(&table.take(&judged.valid_rows(set)), path)?;
    }
    Ok(())
}
