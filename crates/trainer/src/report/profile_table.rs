//! The profile of the training data as a table.

use trainer_data::Kind;

use super::figure::histogram;
use super::number::{cell, count, more, percent};
use super::profile::{ColumnProfile, NumberProfile, Profile, ValueProfile};

/// Columns that are shown: a histogram is some 2 KB, and nobody reads thousands.
const COLUMNS: usize = 100;
/// Letters of a level that are shown.
const LETTERS: usize = 40;

pub struct ProfileTable {
    pub rows: Vec<ProfileRow>,
    pub note: String,
}

pub struct ProfileRow {
    pub name: String,
    pub role: String,
    pub kind: &'static str,
    pub missing: String,
    pub distinct: String,
    pub numbers: Option<NumberCells>,
    /// What stands where there are no numbers.
    pub levels: String,
}

pub struct NumberCells {
    pub min: String,
    pub median: String,
    pub mean: String,
    pub max: String,
    pub histogram: String,
}

pub fn profile_table(profile: &Profile) -> ProfileTable {
    let rows: Vec<ProfileRow> = profile.columns.iter().take(COLUMNS).map(|column| row(column, profile.rows)).collect();
    let mut note = format!("{} rows, {} columns", count(profile.rows as f64), count(profile.columns.len() as f64));
    let rest = more(profile.columns.len(), rows.len(), "columns are not shown");
    if !rest.is_empty() {
        note = format!("{note}; {rest}");
    }
    ProfileTable { rows, note }
}

fn row(column: &ColumnProfile, rows: usize) -> ProfileRow {
    let (numbers, levels) = match &column.values {
        ValueProfile::Numbers(numbers) => (Some(number_cells(&column.name, numbers)), String::new()),
        ValueProfile::Levels(levels) => (None, levels_text(levels, column.distinct, rows)),
        ValueProfile::Span(first, last) => (None, format!("{first} … {last}")),
    };
    ProfileRow {
        name: column.name.clone(),
        role: column.role.clone(),
        kind: kind(column.kind),
        missing: match column.missing {
            0 => "0".to_owned(),
            missing => format!("{} ({})", count(missing as f64), percent(missing as f64 / rows.max(1) as f64)),
        },
        distinct: count(column.distinct as f64),
        numbers,
        levels,
    }
}

fn number_cells(name: &str, numbers: &NumberProfile) -> NumberCells {
    NumberCells {
        min: cell(numbers.min),
        median: cell(numbers.median),
        mean: cell(numbers.mean),
        max: cell(numbers.max),
        histogram: histogram(&numbers.histogram, &format!("how the values of {name} lie")),
    }
}

fn levels_text(levels: &[(String, u64)], distinct: usize, rows: usize) -> String {
    let share = |rows_of: u64| percent(rows_of as f64 / rows.max(1) as f64);
    let mut parts: Vec<String> =
        levels.iter().map(|(level, rows)| format!("{} {}", short(level), share(*rows))).collect();
    let rest = more(distinct, levels.len(), "levels");
    if !rest.is_empty() {
        parts.push(rest);
    }
    parts.join(", ")
}

fn short(text: &str) -> String {
    let mut letters = text.chars();
    let mut start: String = letters.by_ref().take(LETTERS).collect();
    if letters.next().is_some() {
        start.push('…');
    }
    start
}

fn kind(kind: Kind) -> &'static str {
    match kind {
        Kind::Boolean => "boolean",
        Kind::Integer => "integer",
        Kind::Float => "number",
        Kind::Text => "text",
        Kind::Date => "date",
        Kind::Timestamp => "time",
        Kind::Null => "no values",
    }
}
