//! What a rule checks, with its columns found in a table: which rows break it, and what is said of them.

use trainer_data::{Column, Kind, Table, Warning};

use super::date::{JavaFormat, is_instant};
use super::function::{Function, Limit, Limits};
use crate::expectation::condition::{Comparison, Condition, Expression, Pattern};
use crate::expectation::{Block, Header, MASK};

/// Rows that break a rule, each with its message.
pub(super) type Broken = Vec<(u32, String)>;

/// A table that rules are held against.
pub(super) struct Held<'t> {
    pub table: &'t Table,
    pub header: Header,
    /// Columns whose cells are never shown.
    pub pii: &'t [String],
}

impl Held<'_> {
    /// A cell as Spark's cast to text writes it.
    pub fn shown(&self, column: &Column, row: usize) -> String {
        if column.is_null(row) {
            return "null".into();
        }
        if self.pii.iter().any(|name| name == column.name()) {
            return MASK.into();
        }
        match column.kind() {
            Kind::Float => {
                let mut number = [f64::NAN];
                column.read_numbers(row..row + 1, &mut number);
                java_double(number[0])
            }
            Kind::Timestamp => column.text(row).unwrap_or_default().replace('T', " ").trim_end_matches('Z').to_owned(),
            _ => column.text(row).unwrap_or_default().into_owned(),
        }
    }

    pub fn column(&self, name: &str) -> Result<&Column, String> {
        let position = self.header.position(name)?;
        Ok(&self.table.columns()[position])
    }

    /// For each row whether a condition is true.
    pub fn holds(&self, condition: &Condition) -> Result<Vec<bool>, String> {
        let bound = condition.bind(&self.header)?;
        Ok(bound.holds(&Block::of(self.table, 0..self.table.rows(), 0)))
    }
}

/// A float as Java writes it: with an exponent below 10^-3 and from 10^7.
pub(super) fn java_double(value: f64) -> String {
    if value == 0.0 || (1e-3..1e7).contains(&value.abs()) {
        let text = value.to_string();
        return if text.contains('.') { text } else { text + ".0" };
    }
    if !value.is_finite() {
        return if value.is_nan() {
            "NaN"
        } else if value > 0.0 {
            "Infinity"
        } else {
            "-Infinity"
        }
        .into();
    }
    let text = format!("{value:e}");
    let (digits, exponent) = text.split_once('e').expect("scientific form");
    let point = if digits.contains('.') { "" } else { ".0" };
    format!("{digits}{point}E{exponent}")
}

/// The rows that break a rule which is about each row by itself.
pub(super) fn by_row(
    function: &Function,
    held: &Held<'_>,
    kept: &[bool],
    warnings: &mut Vec<Warning>,
) -> Result<Broken, String> {
    if let Function::Date { column, format, timestamp } = function {
        return dates(held, column, format.as_deref(), *timestamp, kept);
    }
    let violation = violation(function, held, warnings)?;
    let broken = held.holds(&violation)?;
    let message = message(function, held)?;
    let rows = (0..held.table.rows()).filter(|&row| broken[row] && kept[row]);
    Ok(rows.map(|row| (row as u32, message(row))).collect())
}

/// The condition that is true where the rule is broken.
fn violation(function: &Function, held: &Held<'_>, warnings: &mut Vec<Warning>) -> Result<Condition, String> {
    let cell = |name: &str| Box::new(Expression::Column(name.to_owned()));
    let is_null = |name: &str| Expression::IsNull(cell(name));
    let or = |a, b| Expression::Or(Box::new(a), Box::new(b));
    let not = |a| Expression::Not(Box::new(a));
    Ok(Condition::of(match function {
        Function::Empty { column, null, empty, negated, trim } => {
            let position = held.header.position(column)?;
            let is_text = held.header.kind(position) == Kind::Text;
            let text = match trim {
                true => Box::new(Expression::Call(crate::expectation::condition::Function::Trim, cell(column))),
                false => cell(column),
            };
            let is_empty = Expression::Compare(Comparison::Equal, text, Box::new(Expression::Text(String::new())));
            let found = match (*null, *empty && is_text) {
                (true, true) => or(is_null(column), is_empty),
                (true, false) => is_null(column),
                (false, true) => is_empty,
                (false, false) => Expression::Truth(false),
            };
            if *negated { not(found) } else { found }
        }
        Function::List { column, values, forbidden, null_fails, in_any_case } => {
            let lower = |it: Box<Expression>| match in_any_case {
                true => Box::new(Expression::Call(crate::expectation::condition::Function::Lower, it)),
                false => it,
            };
            let values = values.iter().map(|value| *lower(Box::new(literal(value, held, column, warnings)))).collect();
            let within = Expression::In(lower(cell(column)), values);
            let found = if *forbidden { within } else { not(within) };
            if *null_fails { or(is_null(column), found) } else { found }
        }
        Function::Limits { column, kind, null_fails } => {
            let mut compare = |comparison, limit: &Limit| {
                Expression::Compare(comparison, cell(column), Box::new(literal(limit, held, column, warnings)))
            };
            let found = match kind {
                Limits::Within(low, high) => or(compare(Comparison::Less, low), compare(Comparison::Greater, high)),
                Limits::Outside(low, high) => Expression::And(
                    Box::new(compare(Comparison::GreaterOrEqual, low)),
                    Box::new(compare(Comparison::LessOrEqual, high)),
                ),
                Limits::NotLess(limit) => compare(Comparison::Less, limit),
                Limits::NotGreater(limit) => compare(Comparison::Greater, limit),
                Limits::Equal(value) => compare(Comparison::Unequal, value),
                Limits::NotEqual(value) => compare(Comparison::Equal, value),
            };
            if *null_fails { or(is_null(column), found) } else { found }
        }
        Function::Regex { column, regex, negate } => {
            let found = Expression::Like(cell(column), regex.clone(), Pattern::Regex);
            if *negate { found } else { not(found) }
        }
        Function::Sql { expression, negate: true, .. } => expression.expression().clone(),
        Function::Sql { expression, .. } => not(expression.expression().clone()),
        _ => return Err("expected a rule about single rows".into()),
    }))
}

/// A value to compare with. Text without quotes of its own is a column, as DQX has it since 0.16; where there is none of
/// that name it is text, as DQX had it before.
fn literal(limit: &Limit, held: &Held<'_>, column: &str, warnings: &mut Vec<Warning>) -> Expression {
    let is_column = held.header.position(&limit.shown).is_ok();
    if !limit.bare {
        return limit.expression.clone();
    }
    let shown = &limit.shown;
    let message = match is_column {
        true => format!("`{shown}` is taken for the column of that name; write \"'{shown}'\" if it is text"),
        false => {
            format!("`{shown}` is taken for text; since 0.16 DQX itself takes it for a column: write \"'{shown}'\"")
        }
    };
    warnings.push(Warning::new("bare_text", column, 1, message));
    if is_column { limit.expression.clone() } else { Expression::Text(shown.clone()) }
}

type Message<'m> = Box<dyn Fn(usize) -> String + 'm>;

/// What is said of a row, in DQX's words.
fn message<'m>(function: &'m Function, held: &'m Held<'_>) -> Result<Message<'m>, String> {
    let fixed = |text: String| Ok(Box::new(move |_| text.clone()) as Message<'m>);
    let of_value = |name: &str, after: String| {
        let column = held.column(name)?;
        Ok(Box::new(move |row| format!("Value '{}'{after}", held.shown(column, row))) as Message<'m>)
    };
    match function {
        Function::Empty { column, null, empty, negated, .. } => {
            let what = match (null, empty, negated) {
                (true, false, false) => "null",
                (true, false, true) => "not null",
                (true, true, false) => "null or empty",
                (false, _, false) => "empty",
                (true, true, true) => "not null and not empty",
                (false, _, true) => "not empty",
            };
            fixed(format!("Column '{column}' value is {what}"))
        }
        Function::List { column, values, forbidden, null_fails, .. } => {
            let list: Vec<&str> = values.iter().map(|value| value.shown.as_str()).collect();
            let what = match (forbidden, null_fails) {
                (true, _) => "is in the forbidden list",
                (false, true) => "is null or not in the allowed list",
                (false, false) => "is not in the allowed list",
            };
            of_value(column, format!(" in Column '{column}' {what}: [{}]", list.join(", ")))
        }
        Function::Limits { column, kind, .. } => {
            let what = match kind {
                Limits::Within(low, high) => format!("not in range: [{}, {}]", low.shown, high.shown),
                Limits::Outside(low, high) => format!("in range: [{}, {}]", low.shown, high.shown),
                Limits::NotLess(limit) => format!("is less than limit: {}", limit.shown),
                Limits::NotGreater(limit) => format!("is greater than limit: {}", limit.shown),
                Limits::Equal(value) => format!("is not equal to value: {}", value.shown),
                Limits::NotEqual(value) => format!("is equal to value: {}", value.shown),
            };
            let (cells, told) = (held.column(column)?, of_value(column, format!(" in Column '{column}' {what}"))?);
            let null = format!("Column '{column}' value is null");
            Ok(Box::new(move |row| if cells.is_null(row) { null.clone() } else { told(row) }))
        }
        Function::Regex { column, negate, .. } => {
            fixed(format!("Column '{column}' is {}matching regex", if *negate { "" } else { "not " }))
        }
        Function::Sql { expression, message, negate, .. } => {
            let text = expression.source.as_str().unwrap_or_default();
            fixed(message.clone().unwrap_or_else(|| match negate {
                true => format!("Value is matching expression: ~({text})"),
                false => format!("Value is not matching expression: {text}"),
            }))
        }
        _ => fixed(String::new()),
    }
}

fn dates(held: &Held<'_>, name: &str, format: Option<&str>, timestamp: bool, kept: &[bool]) -> Result<Broken, String> {
    let column = held.column(name)?;
    let pattern = format.map(JavaFormat::new).transpose()?;
    let what = if timestamp { "timestamp" } else { "date" };
    let with = format.map(|format| format!(" with format '{format}'")).unwrap_or_default();
    let is_one = |text: &str| pattern.as_ref().map_or_else(|| is_instant(text), |pattern| pattern.holds(text));
    let odd = |row: &usize| kept[*row] && column.text(*row).is_some_and(|text| !is_one(&text));
    // Dates and timestamps are what they are.
    if matches!(column.kind(), Kind::Date | Kind::Timestamp) {
        return Ok(Vec::new());
    }
    let told =
        |row: usize| format!("Value '{}' in Column '{name}' is not a valid {what}{with}", held.shown(column, row));
    Ok((0..held.table.rows()).filter(odd).map(|row| (row as u32, told(row))).collect())
}

/// For each row whether a rule is about it.
pub(super) fn kept(filter: Option<&Condition>, held: &Held<'_>) -> Result<Vec<bool>, String> {
    match filter {
        Some(filter) => held.holds(filter).map_err(|problem| format!("`filter`: {problem}")),
        None => Ok(vec![true; held.table.rows()]),
    }
}
