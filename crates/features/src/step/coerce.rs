//! Text as the numbers that it says.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use trainer_data::{Kind, Table};

use super::{Step, Transform};
use crate::FeatureError;
use crate::frame::{Frame, FrameColumn, Takes};
use crate::learned::Learned;
use crate::program::CellType;
use crate::program::coerce::Coerce as Program;
use crate::program::fill::{Constant, Fill};
use crate::statistic::Numerals;

pub use crate::program::coerce::Unparsable;

/// Brings columns to numbers. Each cell that is replaced is counted: those that were missing, and those that said no number.
///
/// Numbers are written as in CSV files, with a decimal point; booleans are 0 and 1, and infinite numbers are none.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Coerce {
    /// The columns, or `numeric`: all columns of numbers and booleans, and all columns of text in which at least 95 of 100
    /// cells that are not missing say a number.
    pub columns: Columns,
    /// What is added to the name of a column for the name of the new one, which then comes beside it; when left out, the
    /// column itself is replaced.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub suffix: Option<String>,
    /// What becomes of a cell that says no number.
    pub unparsable: Unparsable,
}

/// Columns by name, or those that are numeric.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Columns {
    /// Those that are numeric.
    These(Numeric),
    /// By name.
    Named(Vec<String>),
}

/// The word `numeric`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Numeric {
    /// All columns that are numeric.
    Numeric,
}

impl Default for Coerce {
    fn default() -> Self {
        Self { columns: Columns::These(Numeric::Numeric), suffix: None, unparsable: Unparsable::default() }
    }
}

/// Says which columns are `numeric` to steps that ask, where their types say it: whether that is so. `numbers_are_read`:
/// whether text that says numbers has become numbers while it was read.
pub fn resolve(steps: &mut [Step], table: &Table, numbers_are_read: bool) -> bool {
    let has_text = table.columns().iter().any(|column| column.kind() == Kind::Text);
    for step in steps {
        let Step::Coerce(step) = step else { continue };
        if !matches!(step.columns, Columns::These(_)) {
            continue;
        }
        if has_text && !numbers_are_read {
            return false;
        }
        let is_number = |kind: Kind| matches!(kind, Kind::Boolean | Kind::Integer | Kind::Float | Kind::Null);
        let numeric = table.columns().iter().filter(|column| is_number(column.kind()));
        step.columns = Columns::Named(numeric.map(|column| column.name().to_owned()).collect());
    }
    true
}

impl Coerce {
    fn learn(&self, column: &FrameColumn, learned: &mut Learned) {
        let suffix = self.suffix.as_deref();
        let made = format!("{}{}", column.name, suffix.unwrap_or_default());
        let is_text = column.cell_type == CellType::Text;
        if is_text {
            learned.put(&column.name, suffix, Program { unparsable: self.unparsable });
        }
        if self.unparsable == Unparsable::Zero {
            let fill = Fill { value: Constant::Number(0.0), counted: true };
            match is_text {
                true => learned.in_place(&made, fill),
                false => learned.put(&column.name, suffix, fill),
            }
        }
    }
}

impl Transform for Coerce {
    fn columns(&self) -> Vec<&str> {
        match &self.columns {
            Columns::These(_) => Vec::new(),
            Columns::Named(names) => names.iter().map(String::as_str).collect(),
        }
    }

    fn is_beside(&self) -> bool {
        self.suffix.is_some()
    }

    fn fit(&self, frame: &Frame<'_>) -> Result<Learned, FeatureError> {
        let named = match &self.columns {
            Columns::These(_) => None,
            Columns::Named(names) => Some(names.as_slice()),
        };
        let chosen = frame.choose("coerce", named, Takes::Any)?;
        let is_numeric = |column: &FrameColumn| match column.cell_type {
            CellType::Number => column.levels.is_none(),
            CellType::Text => frame.numerals(&column.name).is_some_and(Numerals::is_numeric),
        };
        let mut learned = Learned::default();
        for column in chosen.iter().filter(|column| named.is_some() || is_numeric(column)) {
            self.learn(column, &mut learned);
        }
        Ok(learned)
    }
}
