//! New rows of a view whose files are in a bucket.

use anyhow::Context as _;
use trainer_data::{DataError, FileScan, ReadOptions, ScanOptions, Table, parquet_bytes, write_bytes_in};
use trainer_features::feast::{View, merged};

use super::{Materialized, not_replaced};
use crate::exit::Failure;
use crate::input::{read_place, variables};
use crate::lock::hex_sha256;

/// What is at a place.
#[derive(Debug, PartialEq, Eq)]
enum There {
    Nothing,
    Object,
    Objects,
}

/// Puts rows there: the object appears, or replaces the one before, when all its parts have come.
pub fn materialize(
    view: &View,
    place: &str,
    mut table: Table,
    append: bool,
    mut told: Materialized,
) -> anyhow::Result<Materialized> {
    let endpoint = view.source.s3_endpoint.as_deref();
    match there(place, endpoint)? {
        There::Objects if !append => return Err(not_replaced(view, place).into()),
        There::Objects => {
            let bytes = parquet_bytes(&table)?;
            let name = format!("{}/rows-{}.parquet", place.trim_end_matches('/'), &hex_sha256(&bytes)[..16]);
            write_bytes_in(&name, &bytes, variables(endpoint))?;
            told.path = name.into();
            return Ok(told);
        }
        There::Object if append => {
            let there = read_place(place, &ReadOptions::default(), endpoint)?;
            let merged = merged(view, &there.table, &table).with_context(|| place.to_owned())?;
            (table, told.rows_replaced) = (merged.table, merged.replaced);
            told.rows_in_file = table.rows() as u64;
        }
        There::Nothing if !(place.ends_with(".parquet") || place.ends_with(".pq")) => {
            let message = format!("feature view `{}`: expected a name that ends in .parquet, found {place}", view.name);
            let hint = "a folder of a bucket is there when an object is in it";
            return Err(Failure::usage(format!("{message}\n  hint: {hint}")).into());
        }
        There::Object | There::Nothing => {}
    }
    write_bytes_in(place, &parquet_bytes(&table)?, variables(endpoint))?;
    Ok(told)
}

fn there(place: &str, endpoint: Option<&str>) -> Result<There, DataError> {
    // No column is asked for: little is read.
    let options = ScanOptions { columns: Some(Vec::new()), ..ScanOptions::default() };
    match FileScan::open_in(place, &options, variables(endpoint)) {
        Ok(scan) => {
            let files = scan.report().files;
            let is_object = files.iter().all(|file| file.path.trim_end_matches('/') == place.trim_end_matches('/'));
            Ok(if is_object { There::Object } else { There::Objects })
        }
        Err(error) if error.code() == "not_found" => Ok(There::Nothing),
        Err(error) => Err(error),
    }
}
