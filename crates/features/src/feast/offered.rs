//! New rows for a view, brought to what its files hold.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef};
use arrow::compute::{cast, concat};
use arrow::datatypes::{DataType, TimeUnit};
use trainer_data::{Column, Fault, Kind, Table};

use super::store::{Store, View};
use crate::FeatureError;
use crate::error::unknown_column;
use crate::point_in_time::{Moment, moments};

/// Rows that may be put where a view's rows are.
#[derive(Debug, Clone)]
pub struct Offered {
    /// The rows, with the types that are declared and with times in UTC.
    pub table: Table,
    /// Rows of which another has key, time and created time: only the last of them is ever taken.
    pub repeated: u64,
    /// Columns of times that had no zone, and are taken as UTC.
    pub without_zone: Vec<String>,
}

/// New rows after those that were there.
#[derive(Debug, Clone)]
pub struct Merged {
    /// All rows.
    pub table: Table,
    /// Rows that were there, and of which a new one has key, time and created time.
    pub replaced: u64,
}

/// Checks rows, and brings them to what the view's files hold. Columns that no view has are kept.
///
/// # Errors
/// `Config` for a view that is not there; `Data`: columns that a view of the same files needs and that are missing
/// (`unknown_column`), keys or times that are null (`null_key`, `no_time`), times that are none (`not_a_time`), and values
/// that the declared type does not hold (`column_type`).
pub fn offered(store: &Store, view: &str, rows: &Table) -> Result<Offered, FeatureError> {
    let view = store.view(view)?;
    // Other views may read the same files.
    let alike: Vec<&View> = store.views.iter().filter(|other| other.source.uri == view.source.uri).collect();
    for name in alike.iter().flat_map(|view| columns(view)) {
        if rows.column(name).is_none() {
            return Err(FeatureError::data(unknown_column(name, rows.names())));
        }
    }
    let mut without_zone = Vec::new();
    let mut out = Vec::new();
    for column in rows.columns() {
        let of = |view: &&&View| times(view).contains(&column.name());
        out.push(match alike.iter().find(of) {
            Some(_) => in_utc(column, &mut without_zone)?,
            None => match alike.iter().find_map(|view| declared(view, column.name())) {
                Some(kind) => as_declared(column, &kind)?,
                None => column.clone(),
            },
        });
    }
    let table = Table::from_columns(out).map_err(|error| FeatureError::data(error.fault().clone()))?;
    let key = |key: &&String| view.source.column(key).to_owned();
    for name in view.keys.iter().map(|name| key(&name)) {
        refuse_null(&table, &name, "null_key", "expected a key in every row, found none")?;
    }
    let time = view.source.column(&view.source.timestamp_field);
    refuse_null(&table, time, "no_time", "expected a time in every row, found none")?;
    let distinct: BTreeSet<_> = identities(view, &table)?.into_iter().collect();
    let repeated = (table.rows() - distinct.len()) as u64;
    Ok(Offered { table, repeated, without_zone })
}

/// Puts new rows after those that are there. A row of the same key, time and created time is replaced, so that the same rows
/// may be brought again.
///
/// # Errors
/// `Data` (`columns_differ`): not the same columns.
pub fn merged(view: &View, there: &Table, new: &Table) -> Result<Merged, FeatureError> {
    let (old_names, new_names): (BTreeSet<&str>, BTreeSet<&str>) = (there.names().collect(), new.names().collect());
    if let Some(name) = old_names.symmetric_difference(&new_names).next() {
        let (with, without) =
            if new_names.contains(name) { ("the new rows", "the view") } else { ("the view", "the new rows") };
        let message = format!("expected the same columns, found one that {with} have and {without} not");
        return Err(FeatureError::data(Fault::new("columns_differ", message).column(*name)));
    }
    let fresh: BTreeSet<_> = identities(view, new)?.into_iter().collect();
    let old = identities(view, there)?;
    let kept: Vec<u32> = (0..there.rows() as u32).filter(|&row| !fresh.contains(&old[row as usize])).collect();
    let old = there.take(&kept);
    let columns = there.names().map(|name| joined(old.column(name).expect("known"), new.column(name).expect("known")));
    let table = Table::from_columns(columns.collect::<Result<_, _>>()?)
        .map_err(|error| FeatureError::data(error.fault().clone()))?;
    Ok(Merged { table, replaced: (there.rows() - kept.len()) as u64 })
}

fn joined(old: &Column, new: &Column) -> Result<Column, FeatureError> {
    let wrong = |message: String| FeatureError::data(Fault::new("column_type", message).column(new.name()));
    let array = converted(new.array(), old.array().data_type()).map_err(wrong)?;
    let array = concat(&[old.array().as_ref(), array.as_ref()]).map_err(|error| wrong(error.to_string()))?;
    Column::new(old.name(), array).map_err(|error| FeatureError::data(error.fault().clone()))
}

/// All columns that a view reads.
fn columns(view: &View) -> Vec<&str> {
    let all = view.keys.iter().chain(&view.features).map(|name| view.source.column(name));
    all.chain(times(view)).collect()
}

/// Its columns of times.
fn times(view: &View) -> Vec<&str> {
    let source = &view.source;
    let created = source.created_timestamp_column.iter();
    created.chain([&source.timestamp_field]).map(|name| source.column(name)).collect()
}

fn declared(view: &View, file_column: &str) -> Option<DataType> {
    let mut known = view.types.iter();
    known.find(|(name, _)| view.source.column(name) == file_column).map(|(_, kind)| kind.data_type())
}

fn in_utc(column: &Column, without_zone: &mut Vec<String>) -> Result<Column, FeatureError> {
    if column.kind() != Kind::Timestamp {
        let fault = Fault::new("not_a_time", format!("expected timestamps, found {}", column.kind()));
        return Err(FeatureError::data(fault.column(column.name())));
    }
    if !column.has_zone() {
        without_zone.push(column.name().to_owned());
    }
    let unit = match column.array().data_type() {
        DataType::Timestamp(TimeUnit::Nanosecond, _) => TimeUnit::Nanosecond,
        _ => TimeUnit::Microsecond,
    };
    as_declared(column, &DataType::Timestamp(unit, Some("UTC".into())))
}

fn as_declared(column: &Column, kind: &DataType) -> Result<Column, FeatureError> {
    let array = converted(column.array(), kind).map_err(|message| {
        FeatureError::data(Fault::new("column_type", format!("expected {kind}: {message}")).column(column.name()))
    })?;
    Column::new(column.name(), array).map_err(|error| FeatureError::data(error.fault().clone()))
}

/// The same values in another type; text becomes no number, and no digit is lost.
fn converted(array: &ArrayRef, to: &DataType) -> Result<ArrayRef, String> {
    let from = array.data_type();
    if from == to {
        return Ok(array.clone());
    }
    let number = |kind: &DataType| kind.is_numeric();
    let time = |kind: &DataType| matches!(kind, DataType::Timestamp(..));
    let fits = *from == DataType::Null || (number(from) && number(to)) || (time(from) && time(to));
    if !fits {
        return Err(format!("found {from}"));
    }
    let out = cast(array, to).map_err(|error| error.to_string())?;
    let back = cast(&out, from).map_err(|error| error.to_string())?;
    // To a float of fewer digits is what a view of such a type asks for; to an integer nothing may be lost.
    let exact = to.is_floating() || back.as_ref() == array.as_ref();
    match exact && out.logical_null_count() == array.logical_null_count() {
        true => Ok(out),
        false => Err(format!("some values of {from} do not fit")),
    }
}

fn refuse_null(table: &Table, name: &str, code: &'static str, message: &str) -> Result<(), FeatureError> {
    let column = table.column(name).expect("a column that was looked for");
    match (0..table.rows()).find(|&row| column.is_null(row)) {
        None => Ok(()),
        Some(row) => Err(FeatureError::data(Fault::new(code, message).row(row as u64 + 1).column(name))),
    }
}

/// What tells one row from another: key, time and created time.
type Identity = (Vec<Arc<str>>, Moment, Moment);

fn identities(view: &View, table: &Table) -> Result<Vec<Identity>, FeatureError> {
    let column = |name: &str| table.column(view.source.column(name)).expect("a column that was looked for");
    let times = moments(column(&view.source.timestamp_field).array(), &view.source.timestamp_field)?;
    let created = match &view.source.created_timestamp_column {
        Some(name) => moments(column(name).array(), name)?,
        None => times.clone(),
    };
    let keys: Vec<&Column> = view.keys.iter().map(|key| column(key)).collect();
    // Keys repeat: each text is kept once.
    let mut known: HashMap<String, Arc<str>> = HashMap::new();
    let mut text = |column: &Column, row: usize| -> Arc<str> {
        let text = column.text(row).unwrap_or_default();
        known.entry(text.clone().into_owned()).or_insert_with(|| text.into()).clone()
    };
    let row = |row: usize| (keys.iter().map(|key| text(key, row)).collect(), times[row], created[row]);
    Ok((0..table.rows()).map(row).collect())
}
