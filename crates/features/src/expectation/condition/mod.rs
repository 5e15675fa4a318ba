//! Conditions on rows: the common part of what pandas' `query`, Great Expectations' own forms and SQL can say.
//!
//! Comparisons (`=`, `==`, `!=`, `<>`, `<`, `<=`, `>`, `>=`, also in chains), `and`/`&`, `or`/`|`, `not`/`~`, `in`, `between`,
//! `like`, `rlike`, `is null`, arithmetic, `length`, `lower`, `upper`, `trim`, `abs`; columns by name, in backticks, or as
//! `col("name")`, with `.notnull()`, `.isnull()` and `.isin([...])`. What is beyond that is refused, never passed over.

mod evaluate;
mod object;
mod parser;
mod token;

use serde_json::Value;

pub use evaluate::Bound;

use super::header::Header;

/// What a missing cell does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Logic {
    /// As in pandas: it differs from every value, and no other comparison holds.
    Pandas,
    /// As in SQL: every comparison with it is neither true nor false, and a row is kept only where the condition is true.
    Sql,
}

/// An expression over a row's cells.
#[derive(Debug, Clone, PartialEq)]
pub enum Expression {
    Column(String),
    Number(f64),
    Text(String),
    Truth(bool),
    Null,
    Negative(Box<Expression>),
    Arithmetic(char, Box<Expression>, Box<Expression>),
    Compare(Comparison, Box<Expression>, Box<Expression>),
    And(Box<Expression>, Box<Expression>),
    Or(Box<Expression>, Box<Expression>),
    Not(Box<Expression>),
    In(Box<Expression>, Vec<Expression>),
    /// Text with a pattern: of SQL's `like`, or a regular expression.
    Like(Box<Expression>, String, Pattern),
    IsNull(Box<Expression>),
    Call(Function, Box<Expression>),
}

/// How two values are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    Equal,
    Unequal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// What kind of pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pattern {
    Like,
    LikeInAnyCase,
    Regex,
}

/// The functions that are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Function {
    Length,
    Lower,
    Upper,
    Trim,
    Abs,
}

/// A condition with the form in which it was written.
#[derive(Debug, Clone, PartialEq)]
pub struct Condition {
    expression: Expression,
    logic: Logic,
    /// As it was written.
    pub source: Value,
}

impl Condition {
    /// A condition of SQL.
    ///
    /// # Errors
    /// What was expected and what was found.
    pub fn sql(text: &str) -> Result<Self, String> {
        let expression = parser::parse(text)?;
        Ok(Self { expression, logic: Logic::Sql, source: text.into() })
    }

    /// An expression as a condition of SQL.
    pub fn of(expression: Expression) -> Self {
        Self { expression, logic: Logic::Sql, source: Value::Null }
    }

    /// An expression of SQL that is a value.
    ///
    /// # Errors
    /// What was expected and what was found.
    pub fn value(text: &str) -> Result<Expression, String> {
        parser::parse(text)
    }

    /// A `row_condition` of Great Expectations with its `condition_parser`: a text, or an object of 1.x.
    ///
    /// # Errors
    /// What was expected and what was found.
    pub fn of_gx(condition: &Value, parser: Option<&str>) -> Result<Self, String> {
        let logic = match parser {
            None | Some("pandas") => Logic::Pandas,
            Some("great_expectations" | "great_expectations__experimental__" | "spark") => Logic::Sql,
            Some(other) => {
                return Err(format!(
                    "expected a `condition_parser` pandas, great_expectations, great_expectations__experimental__ or spark, found `{other}`"
                ));
            }
        };
        let expression = match condition {
            Value::String(text) => parser::parse(text)?,
            object => object::expression(object)?,
        };
        Ok(Self { expression, logic, source: condition.clone() })
    }

    /// What it says.
    pub fn expression(&self) -> &Expression {
        &self.expression
    }

    /// Looks its columns up.
    ///
    /// # Errors
    /// For a column that is not there, and for what cannot be compared.
    pub fn bind(&self, header: &Header) -> Result<Bound, String> {
        Bound::new(&self.expression, self.logic, header)
    }
}

#[cfg(test)]
mod tests;
