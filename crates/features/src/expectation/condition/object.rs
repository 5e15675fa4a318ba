//! The conditions of Great Expectations 1.x, which are objects.

use serde_json::Value;

use super::{Comparison, Expression, parser};

/// An object as an expression.
///
/// # Errors
/// What was expected and what was found.
pub fn expression(object: &Value) -> Result<Expression, String> {
    match object["type"].as_str() {
        Some("comparison") => compared(object),
        Some("nullity") => {
            let is_null = Expression::IsNull(Box::new(column(object)?));
            match object["is_null"].as_bool() {
                Some(true) => Ok(is_null),
                Some(false) => Ok(Expression::Not(Box::new(is_null))),
                None => Err(format!("expected `is_null` true or false, found {}", object["is_null"])),
            }
        }
        Some("and") => joined(object, |a, b| Expression::And(Box::new(a), Box::new(b))),
        Some("or") => joined(object, |a, b| Expression::Or(Box::new(a), Box::new(b))),
        Some("pass_through") => match object["pass_through_filter"].as_str() {
            Some(text) => parser::parse(text),
            None => Err(format!("expected text under `pass_through_filter`, found {}", object["pass_through_filter"])),
        },
        _ => Err(format!("expected a condition of type comparison, nullity, and, or, pass_through, found {object}")),
    }
}

fn column(object: &Value) -> Result<Expression, String> {
    let name = object["column"]["name"].as_str().or(object["column"].as_str());
    name.map(|name| Expression::Column(name.to_owned()))
        .ok_or_else(|| format!("expected a column, found {}", object["column"]))
}

fn compared(object: &Value) -> Result<Expression, String> {
    let (column, parameter) = (Box::new(column(object)?), &object["parameter"]);
    let comparison = match object["operator"].as_str() {
        Some("==") => Comparison::Equal,
        Some("!=") => Comparison::Unequal,
        Some("<") => Comparison::Less,
        Some("<=") => Comparison::LessOrEqual,
        Some(">") => Comparison::Greater,
        Some(">=") => Comparison::GreaterOrEqual,
        Some("IN") => return Ok(Expression::In(column, list(parameter)?)),
        Some("NOT_IN") => return Ok(Expression::Not(Box::new(Expression::In(column, list(parameter)?)))),
        _ => return Err(format!("expected one of ==, !=, <, <=, >, >=, IN, NOT_IN, found {}", object["operator"])),
    };
    Ok(Expression::Compare(comparison, column, Box::new(value(parameter)?)))
}

fn list(parameter: &Value) -> Result<Vec<Expression>, String> {
    let items = parameter.as_array().ok_or_else(|| format!("expected a list, found {parameter}"))?;
    items.iter().map(value).collect()
}

fn value(value: &Value) -> Result<Expression, String> {
    Ok(match value {
        Value::Bool(flag) => Expression::Truth(*flag),
        Value::Number(number) => Expression::Number(number.as_f64().unwrap_or(f64::NAN)),
        Value::String(text) => Expression::Text(text.clone()),
        other => return Err(format!("expected a number, text, true or false, found {other}")),
    })
}

fn joined(object: &Value, join: impl Fn(Expression, Expression) -> Expression) -> Result<Expression, String> {
    let parts = object["conditions"].as_array().filter(|parts| !parts.is_empty());
    let parts = parts.ok_or_else(|| format!("expected a list of `conditions`, found {}", object["conditions"]))?;
    let parts: Vec<Expression> = parts.iter().map(expression).collect::<Result<_, _>>()?;
    Ok(parts.into_iter().reduce(join).expect("at least one"))
}
