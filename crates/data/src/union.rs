//! Several files as one table: equal columns, equal types.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef};
use arrow::datatypes::{DataType, TimeUnit};

use crate::file::Part;
use crate::table::{check_name, listed};
use crate::{Column, DataError, Fault, Input, Kind, Table, Warning};

/// One table of the parts, which must hold equal columns in any order.
pub(crate) fn of_parts(parts: Vec<Part>) -> Result<Input, DataError> {
    let first = &parts[0];
    // A file's own faults first: names are unique from here on.
    for part in &parts {
        let mut seen = Default::default();
        for (position, column) in part.columns.iter().enumerate() {
            check_name(column.name(), position + 1, &mut seen)
                .map_err(|error| error.map(|fault| fault.file(part.info.path.as_str())))?;
        }
        same_names(first, part)?;
    }
    let names: Vec<String> = first.columns.iter().map(|column| column.name().to_owned()).collect();
    let files: Vec<_> = parts.iter().map(|part| part.info.clone()).collect();
    let rows: u64 = files.iter().map(|file| file.rows).sum();
    if rows > Table::MAX_ROWS as u64 {
        let message = format!("expected at most {} rows in all files, found {rows}", Table::MAX_ROWS);
        return Err(DataError::malformed(Fault::new("too_many_rows", message)));
    }
    let mut warnings = Vec::new();
    let mut pieces: Vec<HashMap<String, Piece>> = Vec::new();
    for part in parts {
        warnings.extend(part.warnings);
        let file: Arc<str> = part.info.path.into();
        let digits = part.digits;
        let piece = |column: Column| {
            let digits = digits.contains(column.name());
            (column.name().to_owned(), Piece { file: file.clone(), digits, column })
        };
        pieces.push(part.columns.into_iter().map(piece).collect());
    }
    let mut columns = Vec::new();
    for name in &names {
        // Taken out, so that a column's parts are freed before the next is joined.
        let of_name = pieces.iter_mut().map(|piece| piece.remove(name).expect("equal names")).collect();
        columns.push(join(name, of_name, &mut warnings)?);
    }
    let table = Table::from_columns(columns)?
        .with_files(files.iter().map(|file| (file.path.as_str().into(), file.rows)).collect());
    Ok(Input { table, files, warnings: merged(warnings) })
}

/// A column of one file.
struct Piece {
    file: Arc<str>,
    digits: bool,
    column: Column,
}

fn same_names(first: &Part, part: &Part) -> Result<(), DataError> {
    let has = |part: &Part, name: &str| part.columns.iter().any(|column| column.name() == name);
    for (with, without) in [(first, part), (part, first)] {
        let lacking: Vec<&str> = with.columns.iter().map(Column::name).filter(|name| !has(without, name)).collect();
        if !lacking.is_empty() {
            let message = format!(
                "expected the columns of {}, found none named {}",
                with.info.path,
                listed(lacking.iter().copied())
            );
            return Err(DataError::mismatch(Fault::new("files_differ", message).file(without.info.path.clone())));
        }
    }
    Ok(())
}

/// The column's parts as one, of the widest of their types.
fn join(name: &str, pieces: Vec<Piece>, warnings: &mut Vec<Warning>) -> Result<Column, DataError> {
    if let [piece] = pieces.as_slice() {
        return Ok(piece.column.clone());
    }
    let mut kind = Kind::Null;
    let mut first: Option<&Piece> = None;
    for piece in pieces.iter().filter(|piece| piece.column.kind() != Kind::Null) {
        let Some(known) = first else {
            (first, kind) = (Some(piece), piece.column.kind());
            continue;
        };
        let wider = wider(kind, piece.column.kind(), pieces.iter().any(|piece| piece.digits))
            .ok_or_else(|| disagree(name, known, piece))?;
        if wider != kind || wider != piece.column.kind() {
            let message =
                format!("{kind} in {}, {} in {}: read as {wider}", known.file, piece.column.kind(), piece.file);
            warnings.push(Warning::new("widened", name, 1, message));
        }
        if kind == Kind::Timestamp && known.column.has_zone() != piece.column.has_zone() {
            return Err(disagree(name, known, piece));
        }
        kind = wider;
    }
    let typed = pieces.iter().filter(|piece| piece.column.kind() != Kind::Null);
    let to = widest(kind, &typed.map(|piece| piece.column.array().data_type()).collect::<Vec<_>>());
    let arrays = pieces.iter().map(|piece| as_type(name, piece, &to)).collect::<Result<Vec<_>, _>>()?;
    drop(pieces);
    let array =
        arrow::compute::concat(&arrays.iter().map(|array| array.as_ref()).collect::<Vec<_>>()).map_err(|error| {
            DataError::malformed(Fault::new("too_large", format!("the files' parts do not join: {error}")).column(name))
        })?;
    Column::new(name, array)
}

/// The kind that holds the values of both: integers are floats too, and text where their digits are.
pub(crate) fn wider(a: Kind, b: Kind, digits: bool) -> Option<Kind> {
    match (a, b) {
        _ if a == b => Some(a),
        (Kind::Integer, Kind::Float) | (Kind::Float, Kind::Integer) => Some(Kind::Float),
        (Kind::Integer, Kind::Text) | (Kind::Text, Kind::Integer) if digits => Some(Kind::Text),
        _ => None,
    }
}

fn disagree(name: &str, known: &Piece, piece: &Piece) -> DataError {
    let shown = |piece: &Piece| match (piece.column.kind(), piece.column.has_zone()) {
        (Kind::Timestamp, true) => "timestamp in UTC".to_owned(),
        (Kind::Timestamp, false) => "timestamp without zone".to_owned(),
        (kind, _) => kind.to_string(),
    };
    let message = format!("expected {} as in {}, found {}", shown(known), known.file, shown(piece));
    DataError::mismatch(Fault::new("files_differ", message).file(piece.file.to_string()).column(name))
}

/// The arrow type of the joined column, given those of its parts that have any value.
pub(crate) fn widest(kind: Kind, types: &[&DataType]) -> DataType {
    if let [one, rest @ ..] = types
        && rest.iter().all(|other| other == one)
    {
        return (*one).clone();
    }
    match kind {
        Kind::Null => DataType::Null,
        Kind::Boolean => DataType::Boolean,
        Kind::Integer if types.contains(&&DataType::UInt64) && !types.iter().any(|kind| kind.is_signed_integer()) => {
            DataType::UInt64
        }
        Kind::Integer => DataType::Int64,
        Kind::Float => DataType::Float64,
        Kind::Text => DataType::LargeUtf8,
        Kind::Date => DataType::Date32,
        Kind::Timestamp => {
            let zone = types.iter().find_map(|kind| match kind {
                DataType::Timestamp(_, zone) => zone.clone(),
                _ => None,
            });
            let nanoseconds = types.iter().any(|kind| matches!(kind, DataType::Timestamp(TimeUnit::Nanosecond, _)));
            DataType::Timestamp(if nanoseconds { TimeUnit::Nanosecond } else { TimeUnit::Microsecond }, zone)
        }
    }
}

fn as_type(name: &str, piece: &Piece, to: &DataType) -> Result<ArrayRef, DataError> {
    let array = piece.column.array();
    if array.data_type() == to {
        return Ok(array.clone());
    }
    let refused = |found: String| {
        let message = format!("expected values that fit the type of the other files ({to}), found {found}");
        DataError::mismatch(Fault::new("files_differ", message).file(piece.file.to_string()).column(name))
    };
    let cast = arrow::compute::cast(array, to).map_err(|error| refused(error.to_string()))?;
    // A cast makes nulls of what does not fit.
    if piece.column.kind() != Kind::Null && cast.null_count() != array.null_count() {
        return Err(refused(array.data_type().to_string()));
    }
    Ok(cast)
}

/// Warnings of several files as one each: counts are added, the first message stays.
fn merged(warnings: Vec<Warning>) -> Vec<Warning> {
    let mut merged: Vec<Warning> = Vec::new();
    for warning in warnings {
        match merged.iter_mut().find(|known| known.code == warning.code && known.column == warning.column) {
            Some(known) => known.count += warning.count,
            None => merged.push(warning),
        }
    }
    merged
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ReadOptions, file};

    fn union(texts: &[&str]) -> Result<Input, DataError> {
        let part = |(position, text): (usize, &&str)| {
            file::read(&format!("{position}.csv"), text.to_string().into(), &ReadOptions::default()).unwrap()
        };
        of_parts(texts.iter().enumerate().map(part).collect())
    }

    #[test]
    fn columns_join_by_name() {
        let input = union(&["a,b\n1,x\n", "b,a\ny,2\nz,3\n"]).unwrap();
        assert_eq!(input.table.column("a").unwrap().numbers().unwrap(), [1.0, 2.0, 3.0]);
        assert_eq!(input.table.column("b").unwrap().text(2).unwrap(), "z");
        assert_eq!(input.table.place(2).to_string(), "1.csv, row 2");
        assert_eq!(input.files.iter().map(|file| file.rows).collect::<Vec<_>>(), [1, 2]);
        assert_eq!(input.warnings, []);
    }

    #[test]
    fn integers_widen_to_floats_and_nulls_to_anything() {
        let input = union(&["a,b\n1,\n", "a,b\n0.5,true\n"]).unwrap();
        assert_eq!(input.table.column("a").unwrap().numbers().unwrap(), [1.0, 0.5]);
        assert_eq!(input.table.column("b").unwrap().kind(), Kind::Boolean);
        assert_eq!(input.warnings.len(), 1);
        assert_eq!(input.warnings[0].message, "integer in 0.csv, float in 1.csv: read as float");
    }

    #[test]
    fn digits_stay_text_in_every_file() {
        let input = union(&["zip,n\n90210,1\n", "zip,n\n02134,2\n"]).unwrap();
        let zip = input.table.column("zip").unwrap();
        assert_eq!((zip.text(0).unwrap(), zip.text(1).unwrap()), ("90210".into(), "02134".into()));
    }

    #[test]
    fn files_that_differ_are_both_named() {
        let message = |texts: &[&str]| union(texts).unwrap_err().to_string();
        assert_eq!(message(&["a,b\n1,2\n", "a\n1\n"]), "1.csv: expected the columns of 0.csv, found none named `b`");
        assert_eq!(message(&["a\n1\n", "a,b\n1,2\n"]), "0.csv: expected the columns of 1.csv, found none named `b`");
        assert_eq!(message(&["a\n1\n", "a\nx\n"]), "1.csv, column `a`: expected integer as in 0.csv, found text");
        assert!(message(&["a\n2024-01-01T00:00:00\n", "a\n2024-01-01T00:00:00Z\n"]).contains("timestamp in UTC"));
    }
}
