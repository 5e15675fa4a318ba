//! The end of the road: the rows, what was learned from them, and what was done.

use trainer_data::{Scan, ScanError, SinkOptions, WrittenFile, sink, write_bytes};

use super::Shard;
use super::summary::Summary;
use crate::config::{FeatureConfig, Store};

/// Where everything goes.
#[derive(Debug, Clone)]
pub struct Places {
    /// The rows.
    pub rows: String,
    /// What was learned first.
    state: String,
    /// What was done.
    pub summary: String,
    /// What the expectations found.
    pub validation: String,
    /// Rows that were set aside.
    pub quarantine: String,
}

impl Places {
    /// What the config says, else beside the rows.
    pub fn of(config: &FeatureConfig, shard: Option<Shard>) -> Self {
        let Store { path, state, summary, .. } = &config.store;
        let own = |path: &str| shard.map_or_else(|| path.to_owned(), |shard| shard.path(path));
        let rows = own(path);
        let beside = |given: &Option<String>, ending: &str| match given {
            Some(given) => own(given),
            None => format!("{}.{ending}", stem(&rows)),
        };
        Self {
            state: beside(state, "state.json"),
            summary: beside(summary, "summary.json"),
            validation: beside(&None, "validation.json"),
            quarantine: beside(&config.validate.quarantine, "quarantine.csv"),
            rows,
        }
    }
}

impl Places {
    /// Where the state goes that is learned as this one, from 1: steps of columns on both sides of a step of rows learn
    /// apart.
    pub fn state(&self, number: usize) -> String {
        match (number, self.state.rsplit_once('.')) {
            (1, _) => self.state.clone(),
            (_, Some((stem, extension))) => format!("{stem}-{number}.{extension}"),
            (_, None) => format!("{}-{number}", self.state),
        }
    }
}

/// A path without the extension of its file.
fn stem(path: &str) -> &str {
    let path = path.trim_end_matches('/');
    let name = path.rsplit('/').next().unwrap_or(path);
    let end = name.rfind('.').filter(|&dot| dot > 0).map_or(path.len(), |dot| path.len() - name.len() + dot);
    &path[..end]
}

/// Writes all rows, and gives the files their names when the last one has been read.
pub fn rows(scan: &dyn Scan, store: &Store, path: &str) -> Result<Vec<WrittenFile>, ScanError> {
    let schema = scan.schema();
    let all: Vec<usize> = (0..schema.fields().len()).collect();
    let batches = scan.open(&all)?;
    let options = SinkOptions {
        format: store.format,
        compression: store.compression,
        partition_by: store.partition_by.clone(),
        ..SinkOptions::default()
    };
    let mut sink = sink(path, &schema, &options)?;
    for batch in batches {
        sink.write(&batch?)?;
    }
    Ok(sink.finish()?)
}

/// Writes a small file, whole or not at all.
pub fn text(path: &str, text: &str) -> Result<(), ScanError> {
    Ok(write_bytes(path, text.as_bytes())?)
}

/// Writes what was done.
pub fn summarize(path: &str, summary: &Summary) -> Result<(), ScanError> {
    text(path, &format!("{}\n", serde_json::to_string_pretty(summary)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lies_beside_the_rows_has_their_name() {
        assert_eq!(stem("a/b.parquet"), "a/b");
        assert_eq!(stem("s3://x.y/b"), "s3://x.y/b");
        assert_eq!(stem("a.d/.hidden"), "a.d/.hidden");
        assert_eq!(stem("out.parquet/"), "out");
    }
}
