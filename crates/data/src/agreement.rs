//! Whether tables fit each other, and whether columns have anything to say.

use arrow::array::make_comparator;

use crate::{Column, DataError, Fault, Kind, Table, Warning};

/// Checks that another table has the columns of the one that is trained on, in types that mean the same.
///
/// Integers and floats agree with each other, and columns without any value with everything; order does not matter, nor
/// do columns that only the other has.
///
/// # Errors
/// `Mismatch`: `missing_column`, or `types_differ` with both types and files.
pub fn check_agreement(train: &Table, other: &Table, columns: &[&str]) -> Result<(), DataError> {
    for &name in columns {
        let (expected, found) = (train.require(name)?, other.require(name)?);
        if !agree(expected, found) {
            let trained = train.files().next().map_or_else(|| "the training table".to_owned(), str::to_owned);
            let message = format!("expected {} as in {trained}, found {}", described(expected), described(found));
            let fault = Fault::new("types_differ", message).column(name);
            return Err(DataError::mismatch(match other.files().next() {
                Some(file) => fault.file(file),
                None => fault,
            }));
        }
    }
    Ok(())
}

fn agree(a: &Column, b: &Column) -> bool {
    match (a.kind(), b.kind()) {
        (Kind::Null, _) | (_, Kind::Null) | (Kind::Integer, Kind::Float) | (Kind::Float, Kind::Integer) => true,
        (Kind::Timestamp, Kind::Timestamp) => a.has_zone() == b.has_zone(),
        (a, b) => a == b,
    }
}

fn described(column: &Column) -> String {
    match (column.kind(), column.has_zone()) {
        (Kind::Timestamp, true) => "timestamp in UTC".to_owned(),
        (Kind::Timestamp, false) => "timestamp without zone".to_owned(),
        (kind, _) => kind.to_string(),
    }
}

/// Warns of columns without any value (`all_null_column`), and of those with one value in every row
/// (`constant_column`): nothing can be learned from them.
///
/// # Errors
/// `Mismatch` (`missing_column`).
pub fn dull_columns(table: &Table, columns: &[&str]) -> Result<Vec<Warning>, DataError> {
    let mut warnings = Vec::new();
    for &name in columns {
        let column = table.require(name)?;
        let rows = column.len() as u64;
        if column.null_count() == column.len() {
            let message = "no row has a value: nothing can be learned from it";
            warnings.push(Warning::new("all_null_column", name, rows, message));
        } else if is_constant(column) {
            let value = column.text(0).unwrap_or_default();
            let message = format!("every row has the value `{value}`: nothing can be learned from it");
            warnings.push(Warning::new("constant_column", name, rows, message));
        }
    }
    Ok(warnings)
}

/// Whether all rows have the same value; a column with nulls beside a value has two.
fn is_constant(column: &Column) -> bool {
    if column.null_count() > 0 {
        return false;
    }
    let array = column.array();
    match make_comparator(array, array, Default::default()) {
        Ok(compare) => (1..column.len()).all(|row| compare(0, row).is_eq()),
        Err(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(columns: Vec<Column>) -> Table {
        Table::from_columns(columns).unwrap()
    }

    #[test]
    fn columns_and_types_must_agree() {
        let integers = Column::from_integers("a", vec![Some(1)]);
        let train = table(vec![integers.clone(), Column::from_text("b", vec![Some("x")])]);
        let check = |other: Vec<Column>, columns: &[&str]| check_agreement(&train, &table(other), columns);
        assert!(check(vec![Column::from_numbers("a", vec![Some(0.5)])], &["a"]).is_ok());
        assert!(
            check(vec![Column::new("b", std::sync::Arc::new(arrow::array::NullArray::new(1))).unwrap()], &["b"])
                .is_ok()
        );
        assert_eq!(check(vec![integers.renamed("A")], &["a"]).unwrap_err().code(), "missing_column");
        let error = check(vec![integers.renamed("b")], &["b"]).unwrap_err();
        assert_eq!(error.to_string(), "column `b`: expected text as in the training table, found integer");
    }

    #[test]
    fn dull_columns_are_counted() {
        let table = table(vec![
            Column::from_integers("constant", vec![Some(1), Some(1)]),
            Column::from_text::<&str>("null", vec![None, None]),
            Column::from_text("with null", vec![Some("x"), None]),
            Column::from_numbers("fine", vec![Some(1.0), Some(2.0)]),
        ]);
        let warnings = dull_columns(&table, &table.names().collect::<Vec<_>>()).unwrap();
        let found: Vec<_> = warnings.iter().map(|warning| (warning.code.as_str(), warning.count)).collect();
        assert_eq!(found, [("constant_column", 2), ("all_null_column", 2)]);
    }
}
