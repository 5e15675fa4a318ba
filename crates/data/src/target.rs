use arrow::array::AsArray;
use arrow::datatypes::{DataType, Float32Type, Float64Type};

use crate::column::integers;
use crate::table::listed;
use crate::{Column, DataError, Fault, Kind, Label, Levels, Table, Warning};

/// What is to be learned: the classes, and the class of each row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// The class of each row, an index into `classes`.
    pub y: Vec<u32>,
    /// The classes: numbers by value, text by code point, `false` before `true`.
    pub classes: Vec<Label>,
}

/// Floats with more distinct values than this are taken for a quantity.
const MOST_FLOAT_CLASSES: usize = 20;

/// The target of a table to train on.
///
/// # Errors
/// - `Mismatch` (`missing_column`): no such column.
/// - `Unusable` (`target_nulls`): rows without a class; their number and the first few places.
/// - `Unusable` (`target_not_classes`): floats that are not whole numbers, dates, timestamps, or whole numbers beyond 64 bits.
/// - `Unusable` (`single_class`): fewer than two classes.
/// - `Unusable` (`rare_class`): a class of a single row, which cannot be in both parts of a split.
/// - `Unusable` (`target_unique`): every row has a class of its own.
pub fn target(table: &Table, name: &str) -> Result<Target, DataError> {
    let column = table.require(name)?;
    no_nulls(table, column)?;
    let target = of_column(table, column)?;
    enough_of_each(table, column, &target)?;
    Ok(target)
}

/// The target of a table to judge on, by the classes that were learned: a value that is none of them is an error.
///
/// # Errors
/// - `Mismatch` (`missing_column`), `Unusable` (`target_nulls`, `target_not_classes`): as [`target`].
/// - `Unusable` (`unknown_class`): a value that is none of the classes, with its place.
pub fn target_of_classes(table: &Table, name: &str, classes: &[Label]) -> Result<Vec<u32>, DataError> {
    let column = table.require(name)?;
    no_nulls(table, column)?;
    let found = of_column(table, column)?;
    let codes: Vec<_> = found.classes.iter().map(|label| classes.iter().position(|class| class == label)).collect();
    let mut y = Vec::with_capacity(found.y.len());
    for (row, &class) in found.y.iter().enumerate() {
        let Some(code) = codes[class as usize] else {
            let known: Vec<String> = classes.iter().map(Label::to_string).collect();
            let message = format!(
                "expected one of the classes that were learned ({}), found `{}`",
                listed(known.iter().map(String::as_str)),
                found.classes[class as usize]
            );
            let fault = Fault::new("unknown_class", message).place(&table.place(row)).column(name);
            return Err(DataError::unusable(fault));
        };
        y.push(code as u32);
    }
    Ok(y)
}

/// Warns of classes that differ only in case and blanks (`alike_classes`): `Yes`, `yes` and ` yes` are three classes.
pub fn alike_classes(target: &Target, column: &str) -> Option<Warning> {
    let plain = |label: &Label| label.to_string().trim().to_lowercase();
    let is_alike = |label: &&Label| target.classes.iter().any(|other| other != *label && plain(other) == plain(label));
    let alike: Vec<String> = target.classes.iter().filter(is_alike).map(Label::to_string).collect();
    (!alike.is_empty()).then(|| {
        let message = format!("classes differ only in case or blanks: {}", listed(alike.iter().map(String::as_str)));
        Warning::new("alike_classes", column, alike.len() as u64, message)
    })
}

fn no_nulls(table: &Table, column: &Column) -> Result<(), DataError> {
    let nulls = column.null_count();
    if nulls == 0 {
        return Ok(());
    }
    let rows: Vec<usize> = (0..column.len()).filter(|&row| column.is_null(row)).take(5).collect();
    let places: Vec<String> = rows.iter().map(|&row| table.place(row).row.to_string()).collect();
    let more = if nulls > places.len() { ", ..." } else { "" };
    let message = format!(
        "expected a class in every row, found {nulls} of {} without (rows {}{more})",
        column.len(),
        places.join(", ")
    );
    let fault = Fault::new("target_nulls", message).place(&table.place(rows[0])).column(column.name());
    Err(DataError::unusable(fault.hint("remove these rows, or fill the column")))
}

fn of_column(table: &Table, column: &Column) -> Result<Target, DataError> {
    let Levels { codes, values } = column.levels();
    let classes = match column.kind() {
        Kind::Boolean => values.iter().map(|value| Label::Bool(value == "true")).collect(),
        Kind::Text => values.into_iter().map(Label::Text).collect(),
        Kind::Integer | Kind::Float => {
            let mut first_row = vec![0; values.len()];
            codes.iter().enumerate().rev().for_each(|(row, &code)| first_row[code as usize] = row);
            let label = |(&row, value): (&usize, &String)| {
                whole(column, row)
                    .map(Label::Integer)
                    .ok_or_else(|| not_classes(table, column, value, row, values.len()))
            };
            first_row.iter().zip(&values).map(label).collect::<Result<_, _>>()?
        }
        kind @ (Kind::Date | Kind::Timestamp | Kind::Null) => {
            let message = format!("expected classes (text, whole numbers or booleans), found {kind}");
            return Err(DataError::unusable(Fault::new("target_not_classes", message).column(column.name())));
        }
    };
    Ok(Target { y: codes, classes })
}

/// The whole number in a row of a number column, where it is one of 64 bits.
fn whole(column: &Column, row: usize) -> Option<i64> {
    let array = column.array().as_ref();
    let number = match array.data_type() {
        DataType::Float32 => f64::from(array.as_primitive::<Float32Type>().value(row)),
        DataType::Float64 => array.as_primitive::<Float64Type>().value(row),
        _ => return integers!(array, cells => i64::try_from(i128::from(cells.value(row))).ok(), else None),
    };
    // Up to 2^53 every whole number is one float.
    (number.fract() == 0.0 && number.abs() <= 9_007_199_254_740_992.0).then_some(number as i64)
}

fn not_classes(table: &Table, column: &Column, value: &str, row: usize, distinct: usize) -> DataError {
    let fault = if column.kind() == Kind::Integer {
        Fault::new("target_not_classes", format!("expected class numbers of at most 64 bits with sign, found {value}"))
    } else {
        let message = format!("expected classes (text, whole numbers or booleans), found {value}");
        let looks = if distinct > MOST_FLOAT_CLASSES {
            format!(
                "{distinct} distinct values that are not whole look like a quantity (regression), which is not supported"
            )
        } else {
            "store the classes as text or whole numbers".to_owned()
        };
        Fault::new("target_not_classes", message).hint(looks)
    };
    DataError::unusable(fault.place(&table.place(row)).column(column.name()))
}

fn enough_of_each(table: &Table, column: &Column, target: &Target) -> Result<(), DataError> {
    let fault = |code, message: String| {
        Err(DataError::unusable(in_files(table, Fault::new(code, message)).column(column.name())))
    };
    let (rows, classes) = (target.y.len(), target.classes.len());
    if classes < 2 {
        let found = target.classes.first().map_or_else(|| "none".to_owned(), |class| format!("only `{class}`"));
        return fault("single_class", format!("expected at least two classes, found {found} in {rows} rows"));
    }
    if classes == rows {
        return fault(
            "target_unique",
            format!("expected several rows of each class, found {rows} classes in {rows} rows"),
        );
    }
    let mut counts = vec![0u64; classes];
    target.y.iter().for_each(|&class| counts[class as usize] += 1);
    let rare: Vec<String> = target
        .classes
        .iter()
        .zip(&counts)
        .filter(|(_, count)| **count < 2)
        .map(|(class, _)| class.to_string())
        .collect();
    if rare.is_empty() {
        return Ok(());
    }
    let message =
        format!("expected at least two rows of each class, found one of {}", listed(rare.iter().map(String::as_str)));
    fault("rare_class", message)
}

/// The fault, in the first file of the table where there is one.
fn in_files(table: &Table, fault: Fault) -> Fault {
    match table.files().next() {
        Some(file) => fault.file(file),
        None => fault,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(column: Column) -> Result<Target, DataError> {
        target(&Table::from_columns(vec![column.renamed("y")]).unwrap(), "y")
    }

    fn code(column: Column) -> &'static str {
        of(column).unwrap_err().code()
    }

    #[test]
    fn classes_of_every_type() {
        let text = of(Column::from_text("", vec![Some("b"), Some("a"), Some("b"), Some("a")])).unwrap();
        assert_eq!(text.classes, [Label::Text("a".into()), Label::Text("b".into())]);
        assert_eq!(text.y, [1, 0, 1, 0]);
        let numbers = of(Column::from_numbers("", vec![Some(10.0), Some(-1.0), Some(10.0), Some(-1.0)])).unwrap();
        assert_eq!(numbers.classes, [Label::Integer(-1), Label::Integer(10)]);
        assert_eq!(numbers.y, [1, 0, 1, 0]);
        let booleans = of(Column::from_booleans("", vec![Some(true), Some(false), Some(true), Some(false)])).unwrap();
        assert_eq!(booleans.classes, [Label::Bool(false), Label::Bool(true)]);
    }

    #[test]
    fn what_cannot_be_learned_is_refused() {
        assert_eq!(code(Column::from_text("", vec![Some("a"), None])), "target_nulls");
        assert_eq!(code(Column::from_text("", vec![Some("a"), Some("a")])), "single_class");
        assert_eq!(code(Column::from_text("", vec![Some("a"), Some("b"), Some("b")])), "rare_class");
        assert_eq!(code(Column::from_text("", vec![Some("a"), Some("b"), Some("c")])), "target_unique");
        assert_eq!(code(Column::from_numbers("", vec![Some(0.5), Some(1.0), Some(1.0)])), "target_not_classes");
        assert_eq!(
            code(Column::from_numbers("", vec![Some(f64::INFINITY), Some(1.0), Some(1.0)])),
            "target_not_classes"
        );
        let price: Vec<_> = (0..100).map(|row| Some(f64::from(row) / 7.0)).collect();
        assert!(of(Column::from_numbers("", price)).unwrap_err().to_string().contains("regression"));
    }

    #[test]
    fn nulls_are_named_by_row() {
        let error = of(Column::from_integers("", vec![Some(1), None, Some(2), None])).unwrap_err();
        assert!(error.to_string().contains("found 2 of 4 without (rows 2, 4)"), "{error}");
    }

    #[test]
    fn classes_that_look_alike_are_said() {
        let target = of(Column::from_text("", ["Yes", "no", " yes", "Yes", "no", " yes"].map(Some).to_vec())).unwrap();
        let warning = alike_classes(&target, "y").unwrap();
        assert_eq!((warning.count, warning.message.contains("` yes`, `Yes`")), (2, true));
        let target = of(Column::from_integers("", [1, 2, 1, 2].map(Some).to_vec())).unwrap();
        assert_eq!(alike_classes(&target, "y"), None);
    }

    #[test]
    fn judged_by_the_classes_that_were_learned() {
        let table = Table::from_columns(vec![Column::from_text("y", vec![Some("c"), Some("a")])]).unwrap();
        let label = |text: &str| Label::Text(text.into());
        assert_eq!(target_of_classes(&table, "y", &[label("a"), label("b"), label("c")]).unwrap(), [2, 0]);
        let error = target_of_classes(&table, "y", &[label("b"), label("c")]).unwrap_err();
        assert_eq!((error.code(), error.fault().row), ("unknown_class", Some(2)));
    }
}
