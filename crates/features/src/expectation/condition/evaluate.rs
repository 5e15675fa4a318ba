//! A condition on a block of rows.

use std::borrow::Cow;
use std::cmp::Ordering;

use regex::Regex;
use trainer_data::Kind;

use super::super::check::Block;
use super::super::header::Header;
use super::super::strftime::instant;
use super::{Comparison, Expression, Function, Logic, Pattern};

/// A condition whose columns are found and whose types fit.
#[derive(Debug, Clone, PartialEq)]
pub struct Bound {
    node: Node,
    logic: Logic,
}

#[derive(Debug, Clone, PartialEq)]
enum Node {
    Number(f64),
    Text(String),
    Truth(Option<bool>),
    Column(usize, Type),
    Negative(Box<Node>),
    Arithmetic(char, Box<Node>, Box<Node>),
    /// Whether as text.
    Compare(Comparison, Box<Node>, Box<Node>, bool),
    And(Box<Node>, Box<Node>),
    Or(Box<Node>, Box<Node>),
    Not(Box<Node>),
    /// One of them is true.
    Any(Vec<Node>),
    Matches(Box<Node>, Matcher),
    IsNull(Box<Node>),
    Call(Function, Box<Node>),
}

#[derive(Debug, Clone)]
struct Matcher(Regex);

impl PartialEq for Matcher {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_str() == other.0.as_str()
    }
}

/// What an expression yields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Type {
    Number,
    Text,
    Truth,
    /// Days or seconds: numbers that are compared with dates as text.
    Date,
    Timestamp,
    Null,
}

impl Type {
    fn name(self) -> &'static str {
        match self {
            Self::Number => "a number",
            Self::Text => "text",
            Self::Truth => "true or false",
            Self::Date => "a date",
            Self::Timestamp => "a timestamp",
            Self::Null => "null",
        }
    }
}

/// Values of a block's rows.
enum Vector<'b> {
    Numbers(Vec<f64>),
    Text(Vec<Option<Cow<'b, str>>>),
    Truth(Vec<Option<bool>>),
}

impl Bound {
    pub fn new(expression: &Expression, logic: Logic, header: &Header) -> Result<Self, String> {
        let (node, kind) = bind(expression, header)?;
        match kind {
            Type::Truth => Ok(Self { node, logic }),
            kind => Err(format!("expected a condition that is true or false, found {}", kind.name())),
        }
    }

    /// Which of a block's rows it holds for.
    pub fn holds(&self, block: &Block<'_>) -> Vec<bool> {
        self.truth(block).into_iter().map(|truth| truth == Some(true)).collect()
    }

    /// For each of a block's rows whether it holds; `None` = neither, for want of a value.
    pub fn truth(&self, block: &Block<'_>) -> Vec<Option<bool>> {
        truths(evaluate(&self.node, self.logic, block))
    }
}

fn bind(expression: &Expression, header: &Header) -> Result<(Node, Type), String> {
    let typed = |expression: &Expression, wanted: Type| {
        let (node, found) = bind(expression, header)?;
        let fits = found == wanted || found == Type::Null;
        if fits { Ok(Box::new(node)) } else { Err(format!("expected {}, found {}", wanted.name(), found.name())) }
    };
    Ok(match expression {
        Expression::Column(name) => {
            let position = header.position(name)?;
            let kind = match header.kind(position) {
                Kind::Boolean => Type::Truth,
                Kind::Integer | Kind::Float => Type::Number,
                Kind::Null => Type::Null,
                Kind::Text => Type::Text,
                Kind::Date => Type::Date,
                Kind::Timestamp => Type::Timestamp,
            };
            (Node::Column(position, kind), kind)
        }
        Expression::Number(number) => (Node::Number(*number), Type::Number),
        Expression::Text(text) => (Node::Text(text.clone()), Type::Text),
        Expression::Truth(truth) => (Node::Truth(Some(*truth)), Type::Truth),
        Expression::Null => (Node::Truth(None), Type::Null),
        Expression::Negative(inner) => (Node::Negative(typed(inner, Type::Number)?), Type::Number),
        Expression::Arithmetic(operator, a, b) => {
            (Node::Arithmetic(*operator, typed(a, Type::Number)?, typed(b, Type::Number)?), Type::Number)
        }
        Expression::Compare(comparison, a, b) => {
            (compare(*comparison, bind(a, header)?, bind(b, header)?)?, Type::Truth)
        }
        Expression::And(a, b) => (Node::And(typed(a, Type::Truth)?, typed(b, Type::Truth)?), Type::Truth),
        Expression::Or(a, b) => (Node::Or(typed(a, Type::Truth)?, typed(b, Type::Truth)?), Type::Truth),
        Expression::Not(inner) => (Node::Not(typed(inner, Type::Truth)?), Type::Truth),
        Expression::In(of, values) => {
            let equal = |value: &Expression| compare(Comparison::Equal, bind(of, header)?, bind(value, header)?);
            (Node::Any(values.iter().map(equal).collect::<Result<_, _>>()?), Type::Truth)
        }
        Expression::Like(of, pattern, kind) => {
            (Node::Matches(typed(of, Type::Text)?, matcher(pattern, *kind)?), Type::Truth)
        }
        Expression::IsNull(of) => (Node::IsNull(Box::new(bind(of, header)?.0)), Type::Truth),
        Expression::Call(function, of) => {
            let (takes, gives) = match function {
                Function::Abs => (Type::Number, Type::Number),
                Function::Length => (Type::Text, Type::Number),
                _ => (Type::Text, Type::Text),
            };
            (Node::Call(*function, typed(of, takes)?), gives)
        }
    })
}

/// A comparison of two values of one type; text is brought to the type of a date beside it.
fn compare(comparison: Comparison, a: (Node, Type), b: (Node, Type)) -> Result<Node, String> {
    let (a, b) = match (a, b) {
        ((a, kind @ (Type::Date | Type::Timestamp)), (Node::Text(text), Type::Text)) => {
            ((a, kind), (Node::Number(time(&text, kind)?), kind))
        }
        ((Node::Text(text), Type::Text), (b, kind @ (Type::Date | Type::Timestamp))) => {
            ((Node::Number(time(&text, kind)?), kind), (b, kind))
        }
        other => other,
    };
    let as_text = match (a.1, b.1) {
        (Type::Text, Type::Text) => true,
        (Type::Null, Type::Text) | (Type::Text, Type::Null) => return Ok(nothing(comparison, a.0, b.0)),
        (x, y) if x == y || x == Type::Null || y == Type::Null => false,
        // In Python and SQL a boolean is a number.
        (Type::Number | Type::Truth, Type::Number | Type::Truth) => false,
        (x, y) => {
            return Err(format!("expected two values of one type to compare, found {} and {}", x.name(), y.name()));
        }
    };
    Ok(Node::Compare(comparison, Box::new(a.0), Box::new(b.0), as_text))
}

/// A comparison with null, which text is compared with as nothing.
fn nothing(comparison: Comparison, a: Node, b: Node) -> Node {
    let null = |node: Node| {
        if matches!(node, Node::Text(_) | Node::Column(_, Type::Text)) { Node::Number(f64::NAN) } else { node }
    };
    Node::Compare(comparison, Box::new(null(a)), Box::new(null(b)), false)
}

fn time(text: &str, kind: Type) -> Result<f64, String> {
    let seconds = instant(text).ok_or_else(|| format!("expected a date or time such as 2026-01-31, found '{text}'"))?;
    Ok(if kind == Type::Date { seconds / 86_400.0 } else { seconds })
}

/// SQL's `%` stands for any text and `_` for any character, unless after a backslash.
fn matcher(pattern: &str, kind: Pattern) -> Result<Matcher, String> {
    if kind == Pattern::Regex {
        return super::super::regex::pattern(pattern).map(Matcher);
    }
    let mut regex = String::from(if kind == Pattern::Like { r"(?s)\A" } else { r"(?si)\A" });
    let mut chars = pattern.chars();
    while let Some(c) = chars.next() {
        match c {
            '%' => regex.push_str(".*"),
            '_' => regex.push('.'),
            '\\' => regex.push_str(&regex::escape(&chars.next().map_or_else(|| "\\".to_owned(), String::from))),
            c => regex.push_str(&regex::escape(c.encode_utf8(&mut [0; 4]))),
        }
    }
    regex.push_str(r"\z");
    Regex::new(&regex).map(Matcher).map_err(|problem| format!("expected a pattern, found '{pattern}': {problem}"))
}

fn evaluate<'b>(node: &'b Node, logic: Logic, block: &'b Block<'_>) -> Vector<'b> {
    let rows = block.rows().len();
    let numeric = |node: &'b Node| numbers(evaluate(node, logic, block));
    let truth = |node: &'b Node| truths(evaluate(node, logic, block));
    match node {
        Node::Number(number) => Vector::Numbers(vec![*number; rows]),
        Node::Text(text) => Vector::Text(vec![Some(Cow::Borrowed(text.as_str())); rows]),
        Node::Truth(truth) => Vector::Truth(vec![*truth; rows]),
        Node::Column(position, Type::Text) => {
            let column = block.column(*position);
            Vector::Text(block.rows().map(|row| column.text(row)).collect())
        }
        Node::Column(position, Type::Truth) => {
            Vector::Truth(block.numbers(*position).into_iter().map(of_number).collect())
        }
        Node::Column(position, _) => Vector::Numbers(block.numbers(*position)),
        Node::Negative(inner) => Vector::Numbers(numeric(inner).into_iter().map(|x| -x).collect()),
        Node::Arithmetic(operator, a, b) => {
            Vector::Numbers(numeric(a).into_iter().zip(numeric(b)).map(|(a, b)| arithmetic(*operator, a, b)).collect())
        }
        Node::Compare(comparison, a, b, as_text) => {
            let orders = if *as_text {
                text_orders(a, b, logic, block)
            } else {
                numeric(a).into_iter().zip(numeric(b)).map(|(a, b)| a.partial_cmp(&b)).collect()
            };
            Vector::Truth(orders.into_iter().map(|order| compared(*comparison, order, logic)).collect())
        }
        Node::And(a, b) => Vector::Truth(truth(a).into_iter().zip(truth(b)).map(|(a, b)| and(a, b)).collect()),
        // De Morgan.
        Node::Or(a, b) => {
            Vector::Truth(truth(a).into_iter().zip(truth(b)).map(|(a, b)| not(and(not(a), not(b)))).collect())
        }
        Node::Any(nodes) => {
            let none = vec![Some(false); rows];
            let or = |all: Vec<Option<bool>>, one: &'b Node| {
                all.into_iter().zip(truth(one)).map(|(a, b)| not(and(not(a), not(b)))).collect()
            };
            Vector::Truth(nodes.iter().fold(none, or))
        }
        Node::Not(inner) => Vector::Truth(truth(inner).into_iter().map(not).collect()),
        Node::Matches(of, matcher) => {
            let matched = |text: Option<Cow<'_, str>>| match (text, logic) {
                (Some(text), _) => Some(matcher.0.is_match(&text)),
                (None, Logic::Pandas) => Some(false),
                (None, Logic::Sql) => None,
            };
            Vector::Truth(texts(evaluate(of, logic, block), rows).into_iter().map(matched).collect())
        }
        Node::IsNull(of) => Vector::Truth(match evaluate(of, logic, block) {
            Vector::Numbers(numbers) => numbers.into_iter().map(|x| Some(x.is_nan())).collect(),
            Vector::Text(texts) => texts.into_iter().map(|text| Some(text.is_none())).collect(),
            Vector::Truth(truths) => truths.into_iter().map(|truth| Some(truth.is_none())).collect(),
        }),
        Node::Call(Function::Abs, of) => Vector::Numbers(numeric(of).into_iter().map(f64::abs).collect()),
        Node::Call(Function::Length, of) => {
            let length = |text: Option<Cow<'_, str>>| text.map_or(f64::NAN, |text| text.chars().count() as f64);
            Vector::Numbers(texts(evaluate(of, logic, block), rows).into_iter().map(length).collect())
        }
        Node::Call(function, of) => {
            let changed = |text: Cow<'_, str>| match function {
                Function::Lower => text.to_lowercase(),
                Function::Upper => text.to_uppercase(),
                _ => text.trim().to_owned(),
            };
            let texts = texts(evaluate(of, logic, block), rows).into_iter();
            Vector::Text(texts.map(|text| text.map(|text| Cow::Owned(changed(text)))).collect())
        }
    }
}

fn text_orders<'b>(a: &'b Node, b: &'b Node, logic: Logic, block: &'b Block<'_>) -> Vec<Option<Ordering>> {
    let rows = block.rows().len();
    let (a, b) = (texts(evaluate(a, logic, block), rows), texts(evaluate(b, logic, block), rows));
    a.into_iter().zip(b).map(|(a, b)| Some(a?.cmp(&b?))).collect()
}

fn compared(comparison: Comparison, order: Option<Ordering>, logic: Logic) -> Option<bool> {
    let Some(order) = order else {
        return (logic == Logic::Pandas).then_some(comparison == Comparison::Unequal);
    };
    Some(match comparison {
        Comparison::Equal => order.is_eq(),
        Comparison::Unequal => order.is_ne(),
        Comparison::Less => order.is_lt(),
        Comparison::LessOrEqual => order.is_le(),
        Comparison::Greater => order.is_gt(),
        Comparison::GreaterOrEqual => order.is_ge(),
    })
}

/// Of SQL's three values: false wins.
fn and(a: Option<bool>, b: Option<bool>) -> Option<bool> {
    match (a, b) {
        (Some(false), _) | (_, Some(false)) => Some(false),
        (Some(true), Some(true)) => Some(true),
        _ => None,
    }
}

fn not(truth: Option<bool>) -> Option<bool> {
    truth.map(|truth| !truth)
}

/// What cannot be computed is missing: division by zero, as in SQL.
fn arithmetic(operator: char, a: f64, b: f64) -> f64 {
    match operator {
        '+' => a + b,
        '-' => a - b,
        '*' => a * b,
        _ if b == 0.0 => f64::NAN,
        '/' => a / b,
        _ => a % b,
    }
}

fn of_number(x: f64) -> Option<bool> {
    (!x.is_nan()).then_some(x != 0.0)
}

fn numbers(vector: Vector<'_>) -> Vec<f64> {
    match vector {
        Vector::Numbers(numbers) => numbers,
        Vector::Text(texts) => vec![f64::NAN; texts.len()],
        Vector::Truth(truths) => {
            truths.into_iter().map(|truth| truth.map_or(f64::NAN, |truth| f64::from(u8::from(truth)))).collect()
        }
    }
}

fn truths(vector: Vector<'_>) -> Vec<Option<bool>> {
    match vector {
        Vector::Truth(truths) => truths,
        other => numbers(other).into_iter().map(of_number).collect(),
    }
}

fn texts(vector: Vector<'_>, rows: usize) -> Vec<Option<Cow<'_, str>>> {
    match vector {
        Vector::Text(texts) => texts,
        _ => vec![None; rows],
    }
}
