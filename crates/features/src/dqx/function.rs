//! The functions that rules call: their arguments and names.

use serde_json::{Map, Value};

use super::rule::known;
use crate::expectation::condition::{Comparison, Condition, Expression};

/// A function with its arguments.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Function {
    /// Cells without a value, or without text.
    Empty {
        column: String,
        null: bool,
        empty: bool,
        negated: bool,
        trim: bool,
    },
    /// Cells in a list or not.
    List {
        column: String,
        values: Vec<Limit>,
        forbidden: bool,
        null_fails: bool,
        in_any_case: bool,
    },
    /// Cells beside limits.
    Limits {
        column: String,
        kind: Limits,
        null_fails: bool,
    },
    Regex {
        column: String,
        regex: String,
        negate: bool,
    },
    Date {
        column: String,
        format: Option<String>,
        timestamp: bool,
    },
    Sql {
        expression: Condition,
        message: Option<String>,
        negate: bool,
        columns: Vec<String>,
        name: Option<String>,
    },
    Unique {
        columns: Vec<String>,
        nulls_distinct: bool,
    },
    Aggregate {
        column: String,
        limit: f64,
        aggregate: Aggregate,
        fails: Comparison,
        group_by: Vec<String>,
    },
    ForeignKey {
        columns: Vec<String>,
        ref_columns: Vec<String>,
        reference: String,
        negate: bool,
        null_safe: bool,
    },
}

/// What a cell is compared with.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Limit {
    /// As DQX shows it.
    pub shown: String,
    pub expression: Expression,
    /// Text without inner quotes: a column's name, or text.
    pub bare: bool,
}

/// Comparisons with limits.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Limits {
    Within(Limit, Limit),
    Outside(Limit, Limit),
    NotLess(Limit),
    NotGreater(Limit),
    Equal(Limit),
    NotEqual(Limit),
}

/// Numbers of all rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Aggregate {
    Count,
    CountDistinct,
    Sum,
    Average,
    Least,
    Greatest,
}

/// The names that rules may use.
pub(super) const NAMES: [&str; 25] = [
    "is_not_null",
    "is_null",
    "is_not_empty",
    "is_empty",
    "is_not_null_and_not_empty",
    "is_null_or_empty",
    "is_in_list",
    "is_not_in_list",
    "is_not_null_and_is_in_list",
    "is_in_range",
    "is_not_in_range",
    "is_not_less_than",
    "is_not_greater_than",
    "is_equal_to",
    "is_not_equal_to",
    "regex_match",
    "is_valid_date",
    "is_valid_timestamp",
    "sql_expression",
    "is_unique",
    "is_aggr_not_greater_than",
    "is_aggr_not_less_than",
    "is_aggr_equal",
    "is_aggr_not_equal",
    "foreign_key",
];

/// The arguments of one call.
struct Arguments<'a>(&'a Map<String, Value>);

impl Arguments<'_> {
    fn known(&self, keys: &[&str]) -> Result<(), String> {
        known(self.0, keys)
    }

    fn given(&self, key: &str) -> Option<&Value> {
        self.0.get(key).filter(|value| !value.is_null())
    }

    fn needed(&self, key: &str) -> Result<&Value, String> {
        self.given(key).ok_or_else(|| format!("expected an argument `{key}`, found none"))
    }

    fn text(&self, key: &str) -> Result<String, String> {
        let value = self.needed(key)?;
        value.as_str().map(str::to_owned).ok_or_else(|| format!("expected text as `{key}`, found {value}"))
    }

    fn maybe_text(&self, key: &str) -> Result<Option<String>, String> {
        self.given(key).map(|_| self.text(key)).transpose()
    }

    fn flag(&self, key: &str, otherwise: bool) -> Result<bool, String> {
        let Some(value) = self.given(key) else { return Ok(otherwise) };
        value.as_bool().ok_or_else(|| format!("expected `{key}` true or false, found {value}"))
    }

    fn names(&self, key: &str) -> Result<Vec<String>, String> {
        let value = self.needed(key)?;
        let names = value.as_array().filter(|names| !names.is_empty());
        let names: Option<Vec<String>> =
            names.and_then(|names| names.iter().map(|name| Some(name.as_str()?.to_owned())).collect());
        names.ok_or_else(|| format!("expected a list of columns as `{key}`, found {value}"))
    }

    fn limit(&self, key: &str) -> Result<Limit, String> {
        Limit::new(self.needed(key)?)
    }
}

impl Limit {
    /// A number, a date as text, or an expression of SQL, in which text is in quotes of its own.
    fn new(value: &Value) -> Result<Self, String> {
        let text = match value {
            Value::Number(number) => {
                let expression = Expression::Number(number.as_f64().unwrap_or(f64::NAN));
                return Ok(Self { shown: number.to_string(), expression, bare: false });
            }
            Value::Bool(flag) => {
                return Ok(Self { shown: flag.to_string(), expression: Expression::Truth(*flag), bare: false });
            }
            Value::String(text) => text,
            other => return Err(format!("expected a number or text to compare with, found {other}")),
        };
        if crate::expectation::strftime::instant(text).is_some() {
            return Ok(Self { shown: text.clone(), expression: Expression::Text(text.clone()), bare: false });
        }
        let parsed = Condition::value(text);
        Ok(match parsed {
            Ok(expression @ Expression::Text(_)) => {
                let shown = if let Expression::Text(inner) = &expression { inner.clone() } else { text.clone() };
                Self { shown, expression, bare: false }
            }
            Ok(Expression::Column(name)) => {
                Self { shown: text.clone(), expression: Expression::Column(name), bare: true }
            }
            Ok(expression) => Self { shown: text.clone(), expression, bare: false },
            // Such as `in transit`: no expression, so text.
            Err(_) => Self { shown: text.clone(), expression: Expression::Column(text.clone()), bare: true },
        })
    }
}

impl Function {
    pub fn new(name: &str, arguments: &Map<String, Value>) -> Result<Self, String> {
        let it = Arguments(arguments);
        let column = || it.text("column");
        match name {
            "is_not_null" | "is_null" => {
                it.known(&["column"])?;
                Ok(Self::Empty { column: column()?, null: true, empty: false, negated: name == "is_null", trim: false })
            }
            "is_not_empty" | "is_not_null_and_not_empty" | "is_empty" | "is_null_or_empty" => {
                it.known(&["column", "trim_strings"])?;
                let negated = matches!(name, "is_empty" | "is_null_or_empty");
                let null = !matches!(name, "is_empty" | "is_not_empty");
                Ok(Self::Empty { column: column()?, null, empty: true, negated, trim: it.flag("trim_strings", false)? })
            }
            "is_in_list" | "is_not_null_and_is_in_list" | "is_not_in_list" => list(name, &it),
            "is_in_range" | "is_not_in_range" => {
                it.known(&["column", "min_limit", "max_limit", "allow_nulls"])?;
                let (low, high) = (it.limit("min_limit")?, it.limit("max_limit")?);
                let kind = if name == "is_in_range" { Limits::Within(low, high) } else { Limits::Outside(low, high) };
                Ok(Self::Limits { column: column()?, kind, null_fails: !it.flag("allow_nulls", true)? })
            }
            "is_not_less_than" | "is_not_greater_than" => {
                it.known(&["column", "limit", "allow_nulls"])?;
                let limit = it.limit("limit")?;
                let kind = if name == "is_not_less_than" { Limits::NotLess(limit) } else { Limits::NotGreater(limit) };
                Ok(Self::Limits { column: column()?, kind, null_fails: !it.flag("allow_nulls", true)? })
            }
            "is_equal_to" | "is_not_equal_to" => {
                it.known(&["column", "value", "allow_nulls"])?;
                let value = it.limit("value")?;
                let kind = if name == "is_equal_to" { Limits::Equal(value) } else { Limits::NotEqual(value) };
                Ok(Self::Limits { column: column()?, kind, null_fails: !it.flag("allow_nulls", true)? })
            }
            "regex_match" => {
                it.known(&["column", "regex", "negate"])?;
                let regex = it.text("regex")?;
                crate::expectation::regex::pattern(&regex)?;
                Ok(Self::Regex { column: column()?, regex, negate: it.flag("negate", false)? })
            }
            "is_valid_date" | "is_valid_timestamp" => date(name, &it),
            "sql_expression" => {
                it.known(&["expression", "msg", "name", "negate", "columns"])?;
                let expression = Condition::sql(&it.text("expression")?)?;
                let columns = if it.given("columns").is_some() { it.names("columns")? } else { Vec::new() };
                let (message, name) = (it.maybe_text("msg")?, it.maybe_text("name")?);
                Ok(Self::Sql { expression, message, negate: it.flag("negate", false)?, columns, name })
            }
            "is_unique" => {
                it.known(&["columns", "nulls_distinct"])?;
                Ok(Self::Unique { columns: it.names("columns")?, nulls_distinct: it.flag("nulls_distinct", true)? })
            }
            "is_aggr_not_greater_than" | "is_aggr_not_less_than" | "is_aggr_equal" | "is_aggr_not_equal" => {
                aggregate(name, &it)
            }
            "foreign_key" => foreign_key(&it),
            _ => Err(match crate::error::nearest(name, NAMES) {
                Some(near) => format!("expected the name of a function, found another; did you mean `{near}`?"),
                None => format!("expected one of the functions {}, found another", NAMES.join(", ")),
            }),
        }
    }

    /// The name of a rule that has none of its own, as DQX makes it.
    pub fn rule_name(&self) -> String {
        match self {
            Self::Empty { column, null, empty, negated, .. } => match (null, empty, negated) {
                (true, false, false) => format!("{column}_is_null"),
                (true, false, true) => format!("{column}_is_not_null"),
                (true, true, false) => format!("{column}_is_null_or_empty"),
                (false, _, false) => format!("{column}_is_empty"),
                (true, true, true) => format!("{column}_is_not_null_and_not_empty"),
                (false, _, true) => format!("{column}_is_not_empty"),
            },
            Self::List { column, forbidden: true, .. } => format!("{column}_is_in_the_forbidden_list"),
            Self::List { column, null_fails: true, .. } => format!("{column}_is_null_or_is_not_in_the_list"),
            Self::List { column, .. } => format!("{column}_is_not_in_the_list"),
            Self::Limits { column, kind, null_fails } => {
                let what = match kind {
                    Limits::Within(..) => "not_in_range",
                    Limits::Outside(..) => "in_range",
                    Limits::NotLess(_) => "less_than_limit",
                    Limits::NotGreater(_) => "greater_than_limit",
                    Limits::Equal(_) => "not_equal_to_value",
                    Limits::NotEqual(_) => "equal_to_value",
                };
                format!("{column}_{}{what}", if *null_fails { "is_null_or_" } else { "" })
            }
            Self::Regex { column, negate: true, .. } => format!("{column}_matching_regex"),
            Self::Regex { column, .. } => format!("{column}_not_matching_regex"),
            Self::Date { column, timestamp, .. } => {
                format!("{column}_is_not_valid_{}", if *timestamp { "timestamp" } else { "date" })
            }
            Self::Sql { expression, negate, name, .. } => name.clone().unwrap_or_else(|| sql_name(expression, *negate)),
            Self::Unique { columns, .. } => format!("{}_is_not_unique", joined(columns)),
            Self::Aggregate { column, aggregate, fails, group_by, .. } => {
                let by = if group_by.is_empty() { String::new() } else { format!("_group_by_{}", group_by.join("_")) };
                let column = if column == "*" { "" } else { column };
                format!("{column}_{}{by}_{}_limit", aggregate.name(), fails_name(*fails))
                    .trim_start_matches('_')
                    .to_owned()
            }
            Self::ForeignKey { columns, ref_columns, negate, .. } => {
                let operation = if *negate { "exists_in" } else { "not_exists_in" };
                format!("{}_{operation}_ref_{}", joined(columns), joined(ref_columns))
            }
        }
    }

    /// The columns that the rule reports.
    pub fn columns(&self) -> Vec<String> {
        match self {
            Self::Empty { column, .. }
            | Self::List { column, .. }
            | Self::Limits { column, .. }
            | Self::Regex { column, .. }
            | Self::Date { column, .. }
            | Self::Aggregate { column, .. } => vec![column.clone()],
            Self::Sql { columns, .. } | Self::Unique { columns, .. } | Self::ForeignKey { columns, .. } => {
                columns.clone()
            }
        }
    }

    /// The function's name.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Empty { null: true, empty: false, negated: false, .. } => "is_not_null",
            Self::Empty { null: true, empty: false, negated: true, .. } => "is_null",
            Self::Empty { null: true, empty: true, negated: false, .. } => "is_not_null_and_not_empty",
            Self::Empty { null: false, negated: false, .. } => "is_not_empty",
            Self::Empty { null: true, empty: true, negated: true, .. } => "is_null_or_empty",
            Self::Empty { null: false, negated: true, .. } => "is_empty",
            Self::List { forbidden: true, .. } => "is_not_in_list",
            Self::List { null_fails: true, .. } => "is_not_null_and_is_in_list",
            Self::List { .. } => "is_in_list",
            Self::Limits { kind, .. } => match kind {
                Limits::Within(..) => "is_in_range",
                Limits::Outside(..) => "is_not_in_range",
                Limits::NotLess(_) => "is_not_less_than",
                Limits::NotGreater(_) => "is_not_greater_than",
                Limits::Equal(_) => "is_equal_to",
                Limits::NotEqual(_) => "is_not_equal_to",
            },
            Self::Regex { .. } => "regex_match",
            Self::Date { timestamp: true, .. } => "is_valid_timestamp",
            Self::Date { .. } => "is_valid_date",
            Self::Sql { .. } => "sql_expression",
            Self::Unique { .. } => "is_unique",
            Self::Aggregate { fails: Comparison::Greater, .. } => "is_aggr_not_greater_than",
            Self::Aggregate { fails: Comparison::Less, .. } => "is_aggr_not_less_than",
            Self::Aggregate { fails: Comparison::Unequal, .. } => "is_aggr_equal",
            Self::Aggregate { .. } => "is_aggr_not_equal",
            Self::ForeignKey { .. } => "foreign_key",
        }
    }
}

impl Aggregate {
    /// Whether it says how many there are, whatever they are.
    pub fn is_count(self) -> bool {
        matches!(self, Self::Count | Self::CountDistinct)
    }

    /// As messages name it.
    pub fn shown(self) -> &'static str {
        match self {
            Self::Count => "Count",
            Self::CountDistinct => "Distinct count",
            Self::Sum => "Sum",
            Self::Average => "Average",
            Self::Least => "Min",
            Self::Greatest => "Max",
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::Count => "count",
            Self::CountDistinct => "count_distinct",
            Self::Sum => "sum",
            Self::Average => "avg",
            Self::Least => "min",
            Self::Greatest => "max",
        }
    }
}

/// What the failing comparison is called.
pub(super) fn fails_name(fails: Comparison) -> &'static str {
    match fails {
        Comparison::Greater => "greater_than",
        Comparison::Less => "less_than",
        Comparison::Unequal => "not_equal_to",
        _ => "equal_to",
    }
}

/// Several columns as DQX names them together.
pub(super) fn joined(columns: &[String]) -> String {
    match columns {
        [one] => one.clone(),
        several => format!("struct_{}", several.join("_")),
    }
}

/// A name made of an expression: letters, digits and underscores.
fn sql_name(expression: &Condition, negate: bool) -> String {
    let text = expression.source.as_str().unwrap_or_default().to_lowercase();
    let text = if negate { text } else { format!("not_{text}") };
    let words: Vec<&str> =
        text.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|word| !word.is_empty()).collect();
    words.join("_")
}

fn list(name: &str, it: &Arguments<'_>) -> Result<Function, String> {
    let forbidden = name == "is_not_in_list";
    let key = if forbidden { "forbidden" } else { "allowed" };
    it.known(&["column", key, "case_sensitive"])?;
    let values = it.needed(key)?;
    let values = values.as_array().filter(|values| !values.is_empty());
    let values = values.ok_or_else(|| format!("expected a list that is not empty as `{key}`"))?;
    Ok(Function::List {
        column: it.text("column")?,
        values: values.iter().map(Limit::new).collect::<Result<_, _>>()?,
        forbidden,
        null_fails: name == "is_not_null_and_is_in_list",
        in_any_case: !it.flag("case_sensitive", true)?,
    })
}

fn date(name: &str, it: &Arguments<'_>) -> Result<Function, String> {
    let timestamp = name == "is_valid_timestamp";
    let key = if timestamp { "timestamp_format" } else { "date_format" };
    it.known(&["column", key])?;
    let format = it.maybe_text(key)?;
    if let Some(format) = &format {
        super::date::JavaFormat::new(format)?;
    }
    Ok(Function::Date { column: it.text("column")?, format, timestamp })
}

fn aggregate(name: &str, it: &Arguments<'_>) -> Result<Function, String> {
    it.known(&["column", "limit", "aggr_type", "group_by"])?;
    let limit = it.needed("limit")?;
    let limit = limit.as_f64().ok_or_else(|| format!("expected a number as `limit`, found {limit}"))?;
    let aggregate = match it.maybe_text("aggr_type")?.as_deref() {
        None | Some("count") => Aggregate::Count,
        Some("count_distinct") => Aggregate::CountDistinct,
        Some("sum") => Aggregate::Sum,
        Some("avg" | "mean") => Aggregate::Average,
        Some("min") => Aggregate::Least,
        Some("max") => Aggregate::Greatest,
        Some(other) => {
            return Err(format!(
                "expected an `aggr_type` count, count_distinct, sum, avg, min or max, found `{other}`"
            ));
        }
    };
    let fails = match name {
        "is_aggr_not_greater_than" => Comparison::Greater,
        "is_aggr_not_less_than" => Comparison::Less,
        "is_aggr_equal" => Comparison::Unequal,
        _ => Comparison::Equal,
    };
    let group_by = if it.given("group_by").is_some() { it.names("group_by")? } else { Vec::new() };
    Ok(Function::Aggregate { column: it.text("column")?, limit, aggregate, fails, group_by })
}

fn foreign_key(it: &Arguments<'_>) -> Result<Function, String> {
    it.known(&["columns", "ref_columns", "ref_df_name", "ref_table", "negate", "null_safe"])?;
    let reference = it.maybe_text("ref_df_name")?.or(it.maybe_text("ref_table")?);
    let (columns, ref_columns) = (it.names("columns")?, it.names("ref_columns")?);
    if columns.len() != ref_columns.len() {
        return Err("expected as many `ref_columns` as `columns`".into());
    }
    Ok(Function::ForeignKey {
        columns,
        ref_columns,
        reference: reference.ok_or("expected a `ref_df_name` or a `ref_table`, found neither")?,
        negate: it.flag("negate", false)?,
        null_safe: it.flag("null_safe", false)?,
    })
}
