//! Parts of dates as numbers.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use trainer_data::{Fault, Kind};

use super::Transform;
use crate::FeatureError;
use crate::frame::{Frame, FrameColumn, Takes};
use crate::learned::Learned;
use crate::program::date_part::{Circle, DatePart, Unit};

pub use crate::program::date_part::Part;

/// Adds columns: parts of a date or a time (in UTC), named `column_part`. The column itself stays, and is no feature.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DateParts {
    /// The columns, of dates or times.
    pub columns: Vec<String>,
    /// The parts; Monday is weekday 0.
    #[serde(default = "usual")]
    pub parts: Vec<Part>,
    /// Whether month, weekday, hour and day of the year also come as points on a circle, `column_part_sin` and
    /// `column_part_cos`: December is then beside January.
    #[serde(default)]
    pub cyclic: bool,
}

fn usual() -> Vec<Part> {
    vec![Part::Year, Part::Month, Part::Day, Part::Weekday]
}

fn name(part: Part) -> &'static str {
    match part {
        Part::Year => "year",
        Part::Month => "month",
        Part::Day => "day",
        Part::Weekday => "weekday",
        Part::Hour => "hour",
        Part::IsWeekend => "is_weekend",
        Part::DayOfYear => "day_of_year",
    }
}

/// What the numbers of a column of the table count, if it is of dates or times.
///
/// # Errors
/// When it is of something else.
pub(super) fn unit(step: &str, frame: &Frame<'_>, column: &str) -> Result<Unit, FeatureError> {
    match frame.input_kind(column) {
        Some(Kind::Date) => Ok(Unit::Days),
        Some(Kind::Timestamp) => Ok(Unit::Seconds),
        Some(kind) => {
            let message = format!("step `{step}`: expected dates or times, found {kind}");
            Err(FeatureError::config(Fault::new("no_dates", message).column(column)))
        }
        None => {
            let message = format!("step `{step}`: expected a column of the table as it is, found one that a step has changed");
            Err(FeatureError::config(Fault::new("changed_column", message).column(column)))
        }
    }
}

impl DateParts {
    fn learn(&self, frame: &Frame<'_>, column: &FrameColumn, learned: &mut Learned) -> Result<(), FeatureError> {
        let unit = unit("date_parts", frame, &column.name)?;
        if unit == Unit::Days && self.parts.contains(&Part::Hour) {
            let fault = Fault::new("no_hours", "step `date_parts`: expected times for the part `hour`, found dates");
            return Err(FeatureError::config(fault.column(&column.name)));
        }
        let mut add = |part: Part, circle: Option<Circle>, end: &str| {
            let output = format!("{}_{}{end}", column.name, name(part));
            learned.add_beside(DatePart { part, unit, circle }, vec![column.name.clone()], vec![output]);
        };
        for &part in &self.parts {
            add(part, None, "");
            if self.cyclic && matches!(part, Part::Month | Part::Weekday | Part::Hour | Part::DayOfYear) {
                add(part, Some(Circle::Sin), "_sin");
                add(part, Some(Circle::Cos), "_cos");
            }
        }
        learned.retired.push(column.name.clone());
        Ok(())
    }
}

impl Transform for DateParts {
    fn columns(&self) -> Vec<&str> {
        self.columns.iter().map(String::as_str).collect()
    }

    fn check(&self) -> Result<(), String> {
        if self.parts.is_empty() { Err("expected at least one part, found none".into()) } else { Ok(()) }
    }

    fn is_beside(&self) -> bool {
        true
    }

    fn fit(&self, frame: &Frame<'_>) -> Result<Learned, FeatureError> {
        let mut learned = Learned::default();
        for column in frame.choose("date_parts", Some(&self.columns), Takes::Numbers)? {
            self.learn(frame, &column, &mut learned)?;
        }
        Ok(learned)
    }
}
