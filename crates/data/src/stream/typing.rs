//! The types of columns: of each file by its cells, and of all files as one table.

use std::collections::HashSet;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef};

use super::options::{ColumnType, Lenient, ScanOptions};
use super::typed::{Plan, data_type};
use crate::csv::shape::Shape;
use crate::csv::tally::Tally;
use crate::table::{check_name, listed, missing};
use crate::union::{wider, widest};
use crate::{DataError, Fault, Kind, Warning};

/// Of a column's first values so many must be numbers for it to be one of [`Lenient::Numeric`].
const MOSTLY: f64 = 0.95;

/// A column of one file.
#[derive(Debug, Clone)]
pub(super) struct FileColumn {
    pub(super) name: String,
    pub(super) data_type: DataType,
    /// Text that holds nothing but digits.
    pub(super) is_digits: bool,
    /// How its cells are read, in text files.
    pub(super) plan: Option<Plan>,
    /// What its cells are, as far as they were looked at.
    pub(super) tally: Option<Tally>,
}

/// All files as one table.
#[derive(Debug)]
pub(super) struct Union {
    pub(super) schema: SchemaRef,
    pub(super) warnings: Vec<Warning>,
}

impl FileColumn {
    /// A column of a text file, typed by what is declared or by the cells that were looked at.
    pub(super) fn of_tally(name: &str, tally: Tally, options: &ScanOptions) -> Self {
        let plan = plan(name, &tally, options);
        let is_digits = plan.shape == Shape::Text && !options.types.contains_key(name) && tally.is_digits();
        Self {
            name: name.to_owned(),
            data_type: data_type(plan.shape),
            is_digits,
            plan: Some(plan),
            tally: Some(tally),
        }
    }

    /// The column's warnings, as reading the whole file gives them.
    pub(super) fn warnings(&self, file: &str, options: &ScanOptions) -> Vec<Warning> {
        match (&self.tally, self.plan) {
            (Some(tally), Some(plan)) if !options.types.contains_key(&self.name) && plan.shape == Shape::Text => {
                tally.warnings(&self.name, file, plan.shape)
            }
            _ => Vec::new(),
        }
    }
}

fn plan(name: &str, tally: &Tally, options: &ScanOptions) -> Plan {
    let is_lenient = match &options.lenient {
        Lenient::Nothing => false,
        Lenient::Numeric => !options.types.contains_key(name) && tally.are_numbers(MOSTLY),
        Lenient::Columns(columns) => columns.iter().any(|column| column == name),
    };
    if is_lenient {
        return Plan { is_lenient, ..Plan::of(Shape::Float) };
    }
    match options.types.get(name) {
        Some(declared) => Plan::of(declared_shape(*declared, tally)),
        None => Plan { is_provisional: tally.is_provisional(), ..Plan::of(tally.shape()) },
    }
}

fn declared_shape(declared: ColumnType, tally: &Tally) -> Shape {
    match declared {
        ColumnType::Boolean => Shape::Boolean,
        ColumnType::Integer if tally.shape() == Shape::Unsigned => Shape::Unsigned,
        ColumnType::Integer => Shape::Integer,
        ColumnType::Float => Shape::Float,
        ColumnType::Text => Shape::Text,
        ColumnType::Date => Shape::Date,
        ColumnType::Timestamp => tally.instants(),
    }
}

/// Options that name columns no file has, or that contradict each other.
///
/// # Errors
/// `Options` (`lenient_type`), `Mismatch` (`missing_column`).
pub(super) fn check(options: &ScanOptions, names: &[&str], file: &str) -> Result<(), DataError> {
    let lenient: &[String] = if let Lenient::Columns(columns) = &options.lenient { columns } else { &[] };
    for column in lenient {
        if options.types.get(column).is_some_and(|declared| *declared != ColumnType::Float) {
            let message = "expected a lenient column to be of floats, found it declared as another type";
            return Err(DataError::options(Fault::new("lenient_type", message).column(column)));
        }
    }
    let selected = options.columns.iter().flatten();
    match options.types.keys().chain(lenient).chain(selected).find(|name| !names.contains(&name.as_str())) {
        Some(name) => Err(missing(name, names.iter().copied(), Some(file))),
        None => Ok(()),
    }
}

impl Union {
    /// One table of the columns of all files: those of the first, then new ones as they appear; a file that lacks a
    /// column has nulls there.
    ///
    /// # Errors
    /// `Mismatch` (`files_differ`): types that have no wider one. `Malformed`: names that are empty or stand twice.
    pub(super) fn of(files: &[(&str, &[FileColumn])], options: &ScanOptions) -> Result<Self, DataError> {
        let mut names: Vec<&str> = Vec::new();
        let mut known = HashSet::new();
        for (file, columns) in files {
            let mut seen = HashSet::new();
            for (position, column) in columns.iter().enumerate() {
                check_name(&column.name, position + 1, &mut seen)
                    .map_err(|error| error.map(|fault| fault.file(*file)))?;
                if known.insert(column.name.as_str()) {
                    names.push(&column.name);
                }
            }
        }
        check(options, &names, files[0].0)?;
        if let Some(selected) = &options.columns {
            names = selected.iter().map(String::as_str).collect();
        }
        let mut warnings = Vec::new();
        let mut fields = Vec::new();
        for name in names {
            let of_name: Vec<(&str, &FileColumn)> = files
                .iter()
                .filter_map(|(file, columns)| Some((*file, columns.iter().find(|column| column.name == name)?)))
                .collect();
            if of_name.len() < files.len() {
                warnings.push(absent(name, files, &of_name));
            }
            fields.push(Field::new(name, joined(name, &of_name, &mut warnings)?, true));
        }
        Ok(Self { schema: Schema::new(fields).into(), warnings })
    }
}

fn absent(name: &str, files: &[(&str, &[FileColumn])], of_name: &[(&str, &FileColumn)]) -> Warning {
    let has = |file: &str| of_name.iter().any(|(known, _)| *known == file);
    let lacking = files.iter().map(|(file, _)| *file).filter(|file| !has(file));
    let message = format!("not a column of {}: null there", listed(lacking));
    Warning::new("column_absent", name, (files.len() - of_name.len()) as u64, message)
}

/// The type that holds a column of all files.
fn joined(name: &str, pieces: &[(&str, &FileColumn)], warnings: &mut Vec<Warning>) -> Result<DataType, DataError> {
    let typed: Vec<_> = pieces.iter().filter(|(_, column)| column.data_type != DataType::Null).collect();
    let Some(((first_file, first), rest)) = typed.split_first().map(|(first, rest)| (**first, rest)) else {
        return Ok(DataType::Null);
    };
    let digits = pieces.iter().any(|(_, column)| column.is_digits);
    let mut kind = kind(&first.data_type);
    for (file, column) in rest {
        let found = self::kind(&column.data_type);
        let disagree = || {
            let message =
                format!("expected {} as in {first_file}, found {}", shown(&first.data_type), shown(&column.data_type));
            DataError::mismatch(Fault::new("files_differ", message).file(*file).column(name))
        };
        let wide = wider(kind, found, digits).ok_or_else(disagree)?;
        if zone(&first.data_type) != zone(&column.data_type) && kind == Kind::Timestamp {
            return Err(disagree());
        }
        if wide != kind || wide != found {
            let message = format!("{kind} in {first_file}, {found} in {file}: read as {wide}");
            warnings.push(Warning::new("widened", name, 1, message));
        }
        kind = wide;
    }
    let types: Vec<&DataType> = typed.iter().map(|(_, column)| &column.data_type).collect();
    Ok(match widest(kind, &types) {
        DataType::LargeUtf8 => DataType::Utf8View,
        other => other,
    })
}

/// What the cells of a column of a plain type are.
pub(super) fn kind(data_type: &DataType) -> Kind {
    match data_type {
        DataType::Null => Kind::Null,
        DataType::Boolean => Kind::Boolean,
        DataType::Float32 | DataType::Float64 => Kind::Float,
        DataType::Utf8View => Kind::Text,
        DataType::Date32 => Kind::Date,
        DataType::Timestamp(..) => Kind::Timestamp,
        _ => Kind::Integer,
    }
}

fn zone(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Timestamp(_, Some(_)))
}

fn shown(data_type: &DataType) -> String {
    match (kind(data_type), zone(data_type)) {
        (Kind::Timestamp, true) => "timestamp in UTC".to_owned(),
        (Kind::Timestamp, false) => "timestamp without zone".to_owned(),
        (kind, _) => kind.to_string(),
    }
}

/// The shape of cells that are read into a column of this type.
pub(super) fn shape(data_type: &DataType) -> Shape {
    use arrow::datatypes::TimeUnit;
    match data_type {
        DataType::UInt64 => Shape::Unsigned,
        DataType::Timestamp(unit, zone) => {
            Shape::Instant { nanoseconds: *unit == TimeUnit::Nanosecond, zone: zone.is_some() }
        }
        other => match kind(other) {
            Kind::Null => Shape::Null,
            Kind::Boolean => Shape::Boolean,
            Kind::Integer => Shape::Integer,
            Kind::Float => Shape::Float,
            Kind::Date => Shape::Date,
            Kind::Text | Kind::Timestamp => Shape::Text,
        },
    }
}
