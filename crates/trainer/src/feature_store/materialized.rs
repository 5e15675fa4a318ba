//! New rows put where a view's rows are.

mod bucket;

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde::Serialize;
use trainer_data::{ReadOptions, Table};
use trainer_features::feast::{View, merged, offered};

use super::opened::OpenStore;
use crate::exit::Failure;
use crate::input::read_place;
use crate::lock::hex_sha256;

/// What was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Materialized {
    /// The view.
    pub view: String,
    /// The file.
    pub path: PathBuf,
    /// New rows.
    pub rows: u64,
    /// Rows that are there now, in that file.
    pub rows_in_file: u64,
    /// Rows that a new one of the same key and times replaced.
    pub rows_replaced: u64,
    /// New rows of which another new one has key and times.
    pub rows_repeated: u64,
    /// Columns of times without a zone, taken as UTC.
    pub without_zone: Vec<String>,
}

/// Writes rows at the view's source path, local or on S3, whole or not at all: instead of the file that is there, or with
/// `append` after its rows. In a folder of files they become one more file, called by its content.
///
/// # Errors
/// A view that is not there or has its files elsewhere; rows that do not fit the view.
pub fn materialize(store: &OpenStore, view: &str, rows: &Table, append: bool) -> anyhow::Result<Materialized> {
    let offered = offered(&store.store, view, rows)?;
    let view = store.store.view(view)?;
    let place = store.place(&view.source);
    let in_bucket = place.starts_with("s3://");
    if (place.contains("://") && !in_bucket) || place.contains(['*', '?', '[']) {
        let message =
            format!("feature view `{}`: expected files in a file or folder, local or on S3, found {place}", view.name);
        return Err(Failure::usage(format!("{message}\n  hint: write the file there, and copy it")).into());
    }
    let path = PathBuf::from(&place);
    let mut told = Materialized {
        view: view.name.clone(),
        path: path.clone(),
        rows: offered.table.rows() as u64,
        rows_in_file: offered.table.rows() as u64,
        rows_replaced: 0,
        rows_repeated: offered.repeated,
        without_zone: offered.without_zone,
    };
    if in_bucket {
        return bucket::materialize(view, &place, offered.table, append, told);
    }
    if path.is_dir() {
        told.path = into_folder(view, &path, &offered.table, append)?;
        return Ok(told);
    }
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        fs_err::create_dir_all(folder)?;
    }
    let mut table = offered.table;
    if append && path.exists() {
        let there = read_place(&place, &ReadOptions::default(), None)?;
        let merged = merged(view, &there.table, &table).with_context(|| place.clone())?;
        (table, told.rows_replaced) = (merged.table, merged.replaced);
        told.rows_in_file = table.rows() as u64;
    }
    trainer_data::write_parquet(&table, &path)?;
    Ok(told)
}

/// Files of a folder are not taken away.
fn not_replaced(view: &View, folder: &str) -> Failure {
    let message = format!("feature view `{}`: its files are in folder {folder}", view.name);
    let hint = "with --append the rows become one more file there; take the others away to replace them";
    Failure::usage(format!("{message}\n  hint: {hint}"))
}

/// One more file: its name is that of its content, so that the same rows are there once.
fn into_folder(view: &View, folder: &Path, table: &Table, append: bool) -> anyhow::Result<PathBuf> {
    if !append {
        return Err(not_replaced(view, &folder.display().to_string()).into());
    }
    let aside = folder.join(format!(".rows-{}.parquet", std::process::id()));
    trainer_data::write_parquet(table, &aside)?;
    let named = (|| {
        let hash = hex_sha256(&fs_err::read(&aside)?);
        let path = folder.join(format!("rows-{}.parquet", &hash[..16]));
        fs_err::rename(&aside, &path)?;
        Ok(path)
    })();
    if named.is_err() {
        // The first trouble is told; that the file aside stays is the lesser one.
        let _ = fs_err::remove_file(&aside);
    }
    named
}
