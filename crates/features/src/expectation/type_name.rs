//! The type of a column, by the names that pandas and numpy use.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use trainer_data::Kind;

use super::carried;
use super::cell::PandasType;
use super::check::{Block, Check, Counting};
use super::header::{Facts, Header};
use super::rows::{Listing, Odd, Shown, UnexpectedRows};
use super::{Expectation, Outcome, Severity, all, is_all};
use crate::step::Fraction;

/// What pandas calls the column's type, and the names that stand for it.
fn names(pandas: PandasType, stored: &str) -> (String, Vec<String>) {
    let own = |name: &str, others: &[&str]| {
        let all = [name].iter().chain(others).map(|name| (*name).to_owned()).collect();
        (name.to_owned(), all)
    };
    match pandas {
        PandasType::Boolean => own("bool", &["bool_"]),
        PandasType::BooleanObject | PandasType::DateObject => own("object_", &["object", "O"]),
        PandasType::Integer if stored == "int64" => own("int64", &["int", "int_"]),
        PandasType::Integer => own(stored, &[]),
        PandasType::Float if stored == "float32" => own("float32", &[]),
        PandasType::Float => own("float64", &["float", "double"]),
        // `str` in pandas 3; before that `object`, by which older suites ask for it.
        PandasType::Text => own("str", &["object", "object_", "O"]),
        PandasType::Timestamp => own("datetime64", &["datetime64[ns]", "Timestamp", "DatetimeTZDtype"]),
    }
}

/// What a column of Python objects holds, and the names that stand for it.
fn object_names(pandas: PandasType) -> Option<&'static [&'static str]> {
    match pandas {
        // In Python a boolean is an integer.
        PandasType::BooleanObject => Some(&["bool", "int"]),
        PandasType::DateObject => Some(&["date"]),
        _ => None,
    }
}

/// The type is known at the end, when it is known whether a cell is missing.
struct TypeCheck {
    shown: Shown,
    expected: Vec<String>,
    mostly: f64,
    listing: Listing,
}

/// Rows so far.
#[derive(Default, Serialize, Deserialize)]
struct Objects {
    elements: u64,
    missing: u64,
    /// Rows with a value, where they may turn out to be Python objects.
    present: Odd,
}

impl Counting for TypeCheck {
    type Part = Objects;
    type State = Objects;

    fn look(&self, block: &Block<'_>) -> Objects {
        let position = self.shown.positions()[0];
        let (elements, missing) = (block.rows().len() as u64, block.missing(position));
        let mut objects = Objects { elements, missing, ..Objects::default() };
        let column = block.column(position);
        if matches!(column.kind(), Kind::Boolean | Kind::Date) {
            let present = block.rows().filter(|&row| !column.is_null(row));
            present.for_each(|row| objects.present.push(block, row, &self.shown, &self.listing));
        }
        objects
    }

    fn merge(&self, state: &mut Objects, part: Objects) {
        state.elements += part.elements;
        state.missing += part.missing;
        state.present.merge(part.present, self.listing.most);
    }

    fn save(&self, state: &Objects) -> Option<serde_json::Value> {
        carried::saved(state)
    }

    fn read(&self, saved: serde_json::Value, first_row: u64) -> Option<Objects> {
        let Objects { elements, missing, present } = carried::read(saved)?;
        Some(Objects { elements, missing, present: present.after(first_row) })
    }

    fn finish(&self, state: Objects, facts: &Facts<'_>) -> Result<Outcome, String> {
        let position = self.shown.positions()[0];
        let pandas = facts.pandas(position);
        let (observed, names) = names(pandas, &facts.header.stored(position));
        let is_type = self.expected.iter().any(|name| names.contains(name));
        let Some(kinds) = object_names(pandas).filter(|_| !is_type) else {
            return Ok(Outcome::observed(is_type, observed));
        };
        // Objects are judged one by one, unless objects are what is asked for.
        let fits = self.expected.iter().any(|name| kinds.contains(&name.as_str()));
        let odd = if fits { Odd::default() } else { state.present };
        let counts = (state.elements, Some(state.missing));
        Ok(Outcome::Rows(UnexpectedRows::new(odd, counts, self.mostly, &self.shown, &self.listing, facts)))
    }
}

fn plan(
    column: &str,
    expected: &[String],
    mostly: Fraction,
    header: &Header,
    listing: &Listing,
) -> Result<Box<dyn Check>, String> {
    let shown = Shown::Cell(header.position(column)?);
    Ok(Box::new(TypeCheck { shown, expected: expected.to_vec(), mostly: mostly.into(), listing: listing.clone() }))
}

/// The column is of a type, such as `int64`, `float64`, `str`, `bool`, `datetime64`.
///
/// Types are those that pandas would give the column: whole numbers with missing cells are `float64`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BeOfType {
    /// The column.
    pub column: String,
    /// The name of the type.
    pub type_: String,
    /// The least share of rows with a value that must be so; counts for columns of Python objects only.
    #[serde(default = "all", skip_serializing_if = "is_all")]
    pub mostly: Fraction,
    /// What a failure means for the run.
    #[serde(default, skip_serializing_if = "Severity::is_default")]
    pub severity: Severity,
}

impl Expectation for BeOfType {
    fn column(&self) -> Option<&str> {
        Some(&self.column)
    }

    fn severity(&self) -> Severity {
        self.severity
    }

    fn plan(&self, header: &Header, listing: &Listing) -> Result<Box<dyn Check>, String> {
        plan(&self.column, std::slice::from_ref(&self.type_), self.mostly, header, listing)
    }
}

/// The column is of one of several types.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BeInTypeList {
    /// The column.
    pub column: String,
    /// The names of the types.
    pub type_list: Vec<String>,
    /// The least share of rows with a value that must be so; counts for columns of Python objects only.
    #[serde(default = "all", skip_serializing_if = "is_all")]
    pub mostly: Fraction,
    /// What a failure means for the run.
    #[serde(default, skip_serializing_if = "Severity::is_default")]
    pub severity: Severity,
}

impl Expectation for BeInTypeList {
    fn column(&self) -> Option<&str> {
        Some(&self.column)
    }

    fn severity(&self) -> Severity {
        self.severity
    }

    fn check(&self) -> Result<(), String> {
        if self.type_list.is_empty() { Err("expected a `type_list`, found an empty one".into()) } else { Ok(()) }
    }

    fn plan(&self, header: &Header, listing: &Listing) -> Result<Box<dyn Check>, String> {
        plan(&self.column, &self.type_list, self.mostly, header, listing)
    }
}
