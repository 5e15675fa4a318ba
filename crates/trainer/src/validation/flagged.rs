//! Files of rows with what they break, as DQX writes its tables.

use std::path::PathBuf;

use trainer_data::{Compression, DataError, Sink, SinkOptions, Table, sink};
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

/// The files while they are written: they appear when all rows are in them.
pub struct Flagged<'s> {
    set: &'s RuleSet,
    mark: &'s Mark,
    annotate: Option<Box<dyn Sink>>,
    valid: Option<Box<dyn Sink>>,
    quarantine: Option<Box<dyn Sink>>,
}

impl<'s> Flagged<'s> {
    /// Opens the files for tables like this one; `none` is what was found in no rows of it.
    ///
    /// # Errors
    /// With the path: when a file cannot be written.
    pub fn open(
        like: &Table,
        none: &Judged,
        set: &'s RuleSet,
        mark: &'s Mark,
        splits: &Splits,
    ) -> Result<Self, DataError> {
        let options = SinkOptions { compression: Compression::Zstd, ..SinkOptions::default() };
        let (plain, flagged) = (like.take(&[]).to_batch(), none.annotated(like, set, mark, &[]));
        let open = |path: &Option<PathBuf>, schema| {
            path.as_ref().map(|path| sink(&path.display().to_string(), &schema, &options)).transpose()
        };
        Ok(Self {
            set,
            mark,
            annotate: open(&splits.annotate, flagged.schema())?,
            valid: open(&splits.valid, plain.schema())?,
            quarantine: open(&splits.quarantine, flagged.schema())?,
        })
    }

    /// Writes the next rows.
    ///
    /// # Errors
    /// With the path: when a file cannot be written.
    pub fn write(&mut self, table: &Table, judged: &Judged) -> Result<(), DataError> {
        if let Some(sink) = &mut self.annotate {
            let all: Vec<u32> = (0..table.rows() as u32).collect();
            sink.write(&judged.annotated(table, self.set, self.mark, &all))?;
        }
        if let Some(sink) = &mut self.quarantine {
            sink.write(&judged.annotated(table, self.set, self.mark, &judged.quarantined_rows()))?;
        }
        if let Some(sink) = &mut self.valid {
            sink.write(&table.take(&judged.valid_rows(self.set)).to_batch())?;
        }
        Ok(())
    }

    /// Gives the files their names.
    ///
    /// # Errors
    /// With the path: when a file cannot be written.
    pub fn finish(self) -> Result<(), DataError> {
        [self.annotate, self.quarantine, self.valid].into_iter().flatten().try_for_each(|sink| sink.finish().map(drop))
    }
}
