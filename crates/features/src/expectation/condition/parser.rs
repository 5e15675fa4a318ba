//! From words to an expression, by the binding powers of the operators (Pratt 1973).

use super::token::{Token, tokens};
use super::{Comparison, Expression, Function, Pattern};

/// Reads a condition.
///
/// # Errors
/// What was expected and what was found.
pub fn parse(text: &str) -> Result<Expression, String> {
    let mut parser = Parser { tokens: tokens(text)?, at: 0, text, depth: 0, joined: 0 };
    let expression = parser.expression(0)?;
    match parser.peek() {
        None => Ok(expression),
        Some(_) => Err(parser.unexpected("the end or an operator")),
    }
}

/// How deep brackets and negations may be nested.
const DEEPEST: usize = 200;
/// How many conditions may be joined.
const LONGEST: usize = 500;

struct Parser<'t> {
    tokens: Vec<Token>,
    at: usize,
    text: &'t str,
    depth: usize,
    joined: usize,
}

/// Binding powers, the loosest first.
const OR: u8 = 1;
const AND: u8 = 2;
const NOT: u8 = 3;
const COMPARE: u8 = 4;
const SUM: u8 = 5;
const PRODUCT: u8 = 6;
const SIGN: u8 = 7;

fn comparison(sign: &str) -> Option<Comparison> {
    Some(match sign {
        "=" | "==" => Comparison::Equal,
        "!=" | "<>" => Comparison::Unequal,
        "<" => Comparison::Less,
        "<=" => Comparison::LessOrEqual,
        ">" => Comparison::Greater,
        ">=" => Comparison::GreaterOrEqual,
        _ => return None,
    })
}

fn function(name: &str) -> Option<Function> {
    Some(match name {
        "length" | "len" | "char_length" => Function::Length,
        "lower" => Function::Lower,
        "upper" => Function::Upper,
        "trim" => Function::Trim,
        "abs" => Function::Abs,
        _ => return None,
    })
}

impl Parser<'_> {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at)
    }

    /// Whether the next word is this sign or, in any case, this keyword.
    fn is(&self, wanted: &str) -> bool {
        match self.peek() {
            Some(Token::Sign(sign)) => *sign == wanted,
            Some(Token::Word(word)) => word.eq_ignore_ascii_case(wanted),
            _ => false,
        }
    }

    fn take(&mut self, wanted: &str) -> bool {
        let there = self.is(wanted);
        self.at += usize::from(there);
        there
    }

    fn take_any(&mut self, wanted: &[&str]) -> bool {
        wanted.iter().any(|wanted| self.take(wanted))
    }

    fn need(&mut self, wanted: &str) -> Result<(), String> {
        if self.take(wanted) { Ok(()) } else { Err(self.unexpected(&format!("`{wanted}`"))) }
    }

    fn unexpected(&self, expected: &str) -> String {
        let found = match self.peek() {
            None => "the end".to_owned(),
            Some(Token::Number(number)) => format!("`{number}`"),
            Some(Token::Text(text)) => format!("'{text}'"),
            Some(Token::Quoted(name) | Token::Word(name)) => format!("`{name}`"),
            Some(Token::Sign(sign)) => format!("`{sign}`"),
        };
        format!("expected {expected}, found {found} in the condition `{}`", self.text)
    }

    fn expression(&mut self, least: u8) -> Result<Expression, String> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(format!("expected a condition of at most {DEEPEST} nested brackets, found more"));
        }
        let expression = self.operators(least);
        self.depth -= 1;
        expression
    }

    /// Another condition is joined.
    fn join(&mut self) -> Result<(), String> {
        self.joined += 1;
        match self.joined > LONGEST {
            true => Err(format!("expected at most {LONGEST} operators in a condition, found more")),
            false => Ok(()),
        }
    }

    fn operators(&mut self, least: u8) -> Result<Expression, String> {
        let mut left = self.prefix()?;
        loop {
            left = if least <= OR && self.take_any(&["or", "||", "|"]) {
                self.join()?;
                Expression::Or(Box::new(left), Box::new(self.expression(OR + 1)?))
            } else if least <= AND && self.take_any(&["and", "&&", "&"]) {
                self.join()?;
                Expression::And(Box::new(left), Box::new(self.expression(AND + 1)?))
            } else if least <= COMPARE && self.begins_test() {
                self.test(left)?
            } else if least <= SUM && (self.is("+") || self.is("-")) {
                self.arithmetic(left, SUM)?
            } else if least <= PRODUCT && (self.is("*") || self.is("/") || self.is("%")) {
                self.arithmetic(left, PRODUCT)?
            } else {
                return Ok(left);
            }
        }
    }

    fn arithmetic(&mut self, left: Expression, power: u8) -> Result<Expression, String> {
        let Some(Token::Sign(sign)) = self.peek() else { return Err(self.unexpected("an operator")) };
        let operator = sign.chars().next().expect("a sign");
        self.join()?;
        self.at += 1;
        Ok(Expression::Arithmetic(operator, Box::new(left), Box::new(self.expression(power + 1)?)))
    }

    fn prefix(&mut self) -> Result<Expression, String> {
        if self.take_any(&["not", "~"]) {
            return Ok(Expression::Not(Box::new(self.expression(NOT)?)));
        }
        if self.take("-") {
            return Ok(Expression::Negative(Box::new(self.expression(SIGN)?)));
        }
        if self.take("+") {
            return self.expression(SIGN);
        }
        let mut primary = self.primary()?;
        while self.take(".") {
            primary = self.method(primary)?;
        }
        Ok(primary)
    }

    fn primary(&mut self) -> Result<Expression, String> {
        let Some(token) = self.peek().cloned() else { return Err(self.unexpected("a column or a value")) };
        self.at += 1;
        Ok(match token {
            Token::Number(number) => Expression::Number(number),
            Token::Text(text) => Expression::Text(text),
            Token::Quoted(name) => Expression::Column(name),
            Token::Sign("(") => {
                let inner = self.expression(0)?;
                self.need(")")?;
                inner
            }
            Token::Word(word) if self.is("(") => self.call(&word)?,
            Token::Word(word) => match word.to_ascii_lowercase().as_str() {
                "true" => Expression::Truth(true),
                "false" => Expression::Truth(false),
                "null" | "none" => Expression::Null,
                "and" | "or" | "in" | "is" | "like" | "between" | "case" | "select" => {
                    self.at -= 1;
                    return Err(self.unexpected("a column or a value"));
                }
                // In SQL a date may be written so: the type of the column says the same.
                "date" | "timestamp" if matches!(self.peek(), Some(Token::Text(_))) => return self.primary(),
                _ => Expression::Column(word),
            },
            Token::Sign(_) => {
                self.at -= 1;
                return Err(self.unexpected("a column or a value"));
            }
        })
    }

    /// A function, or Great Expectations' `col("name")`.
    fn call(&mut self, name: &str) -> Result<Expression, String> {
        let lower = name.to_ascii_lowercase();
        let known = function(&lower);
        if known.is_none() && !["col", "date"].contains(&lower.as_str()) {
            return Err(format!(
                "expected one of the functions length, lower, upper, trim, abs and col, found `{name}` in the condition `{}`",
                self.text
            ));
        }
        self.need("(")?;
        let argument = self.expression(0)?;
        self.need(")")?;
        match (known, argument) {
            (Some(function), argument) => Ok(Expression::Call(function, Box::new(argument))),
            (None, Expression::Text(name)) if lower == "col" => Ok(Expression::Column(name)),
            (None, text @ Expression::Text(_)) => Ok(text),
            _ => Err(format!("expected text within `{name}(...)` in the condition `{}`", self.text)),
        }
    }

    /// What comes after a dot: a method, or more of a name.
    fn method(&mut self, of: Expression) -> Result<Expression, String> {
        let Some(Token::Word(name)) = self.peek().cloned() else { return Err(self.unexpected("a method")) };
        self.at += 1;
        let null = match name.to_ascii_lowercase().as_str() {
            "notnull" | "notna" | "is_not_null" => false,
            "isnull" | "isna" | "is_null" => true,
            "isin" | "is_in" => {
                self.need("(")?;
                let values = self.list()?;
                self.need(")")?;
                return Ok(Expression::In(Box::new(of), values));
            }
            _ => {
                return Err(format!(
                    "expected one of notnull(), isnull() and isin([...]) after the dot, found `{name}` in the condition `{}`",
                    self.text
                ));
            }
        };
        self.need("(")?;
        self.need(")")?;
        let is_null = Expression::IsNull(Box::new(of));
        Ok(if null { is_null } else { Expression::Not(Box::new(is_null)) })
    }

    fn list(&mut self) -> Result<Vec<Expression>, String> {
        let close = if self.take("[") { "]" } else { ")" };
        if close == ")" {
            self.need("(")?;
        }
        let mut values = Vec::new();
        while !self.take(close) {
            if !values.is_empty() {
                self.need(",")?;
            }
            values.push(self.expression(SUM)?);
        }
        Ok(values)
    }

    fn begins_test(&self) -> bool {
        let sign = matches!(self.peek(), Some(Token::Sign(sign)) if comparison(sign).is_some());
        sign || ["in", "not", "between", "like", "ilike", "rlike", "regexp", "is"].iter().any(|word| self.is(word))
    }

    /// A comparison or another test of what stands left.
    fn test(&mut self, left: Expression) -> Result<Expression, String> {
        if let Some(Token::Sign(sign)) = self.peek()
            && let Some(comparison) = comparison(sign)
        {
            self.at += 1;
            return self.compared(left, comparison);
        }
        let left = Box::new(left);
        if self.take("is") {
            let not = self.take("not");
            self.need("null")?;
            return Ok(negated(not, Expression::IsNull(left)));
        }
        let not = self.take("not");
        let pattern = [
            ("like", Pattern::Like),
            ("ilike", Pattern::LikeInAnyCase),
            ("rlike", Pattern::Regex),
            ("regexp", Pattern::Regex),
        ];
        if self.take("in") {
            return Ok(negated(not, Expression::In(left, self.list()?)));
        }
        if self.take("between") {
            let low = self.expression(SUM)?;
            self.need("and")?;
            let high = self.expression(SUM)?;
            let above = Expression::Compare(Comparison::GreaterOrEqual, left.clone(), Box::new(low));
            let below = Expression::Compare(Comparison::LessOrEqual, left, Box::new(high));
            return Ok(negated(not, Expression::And(Box::new(above), Box::new(below))));
        }
        for (word, kind) in pattern {
            if self.take(word) {
                let Some(Token::Text(text)) = self.peek().cloned() else {
                    return Err(self.unexpected("a pattern in quotes"));
                };
                self.at += 1;
                return Ok(negated(not, Expression::Like(left, text, kind)));
            }
        }
        Err(self.unexpected("`in`, `between` or `like`"))
    }

    /// A comparison; in a chain each is compared with the next.
    fn compared(&mut self, left: Expression, comparison: Comparison) -> Result<Expression, String> {
        self.join()?;
        let right = self.expression(SUM)?;
        let one = Expression::Compare(comparison, Box::new(left), Box::new(right.clone()));
        match self.peek() {
            Some(Token::Sign(sign)) => match self::comparison(sign) {
                Some(next) => {
                    self.at += 1;
                    Ok(Expression::And(Box::new(one), Box::new(self.compared(right, next)?)))
                }
                None => Ok(one),
            },
            _ => Ok(one),
        }
    }
}

fn negated(not: bool, expression: Expression) -> Expression {
    if not { Expression::Not(Box::new(expression)) } else { expression }
}
