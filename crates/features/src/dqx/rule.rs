//! Rule files.

use serde_json::{Map, Value};
use trainer_data::Fault;
use xxhash_rust::xxh3::xxh3_128;

use super::function::Function;
use crate::FeatureError;
use crate::expectation::condition::Condition;

/// What breaking a rule means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Criticality {
    /// The row is not valid.
    #[default]
    Error,
    /// The row is valid, and put aside as well.
    Warn,
}

/// A rule over the columns of one table.
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    /// Its name: given, or made of column and function.
    pub name: String,
    /// What breaking it means.
    pub criticality: Criticality,
    /// Which rows it is about.
    pub filter: Option<Condition>,
    /// What is checked.
    pub(super) function: Function,
    /// What the file says besides.
    pub user_metadata: Vec<(String, String)>,
    /// A hash of all that the rule says.
    pub fingerprint: String,
}

/// The rules of a file, those for several columns one by one.
#[derive(Debug, Clone, PartialEq)]
pub struct RuleSet {
    /// The rules, in order; at least one.
    pub rules: Vec<Rule>,
    /// A hash of all rules, in any order.
    pub fingerprint: String,
}

impl RuleSet {
    /// Whether a file's content is a list of rules, right or wrong.
    pub fn is_one(file: &Value) -> bool {
        let rules = file.as_array();
        rules.is_some_and(|rules| {
            rules.iter().any(|rule| rule.get("check").is_some() || rule.get("criticality").is_some())
        })
    }

    /// Columns whose cells are judged as they are written: a reader of text must not make dates of them.
    pub fn text_columns(&self) -> Vec<String> {
        let column = |rule: &Rule| match &rule.function {
            Function::Date { column, .. } => Some(column.clone()),
            _ => None,
        };
        self.rules.iter().filter_map(column).collect()
    }

    /// The rules of a file.
    ///
    /// # Errors
    /// `Config` for the first rule that is not one; an unknown function comes with the nearest name.
    pub fn from_json(file: &Value) -> Result<Self, FeatureError> {
        let entries = file.as_array().ok_or_else(|| fault("expected a list of rules".into()))?;
        let mut rules = Vec::new();
        for (place, entry) in entries.iter().enumerate() {
            let read = read(entry).map_err(|problem| fault(format!("rule {}: {problem}", place + 1)))?;
            rules.extend(read);
        }
        if rules.is_empty() {
            return Err(fault("expected at least one rule, found none".into()));
        }
        let mut all: Vec<&str> = rules.iter().map(|rule: &Rule| rule.fingerprint.as_str()).collect();
        all.sort_unstable();
        let fingerprint = format!("{:032x}", xxh3_128(all.join(",").as_bytes()));
        Ok(Self { rules, fingerprint })
    }
}

fn fault(message: String) -> FeatureError {
    FeatureError::config(Fault::new("dqx_rules", message))
}

/// Keys of a rule and of its check.
const KEYS: [&str; 6] = ["criticality", "name", "filter", "check", "user_metadata", "description"];
const CHECK_KEYS: [&str; 3] = ["function", "arguments", "for_each_column"];

fn read(entry: &Value) -> Result<Vec<Rule>, String> {
    let rule = object(entry, "a rule", &KEYS)?;
    let check = object(rule.get("check").unwrap_or(&Value::Null), "a `check`", &CHECK_KEYS)?;
    let name =
        check.get("function").and_then(Value::as_str).ok_or("expected a `function` within `check`, found none")?;
    let none = Map::new();
    let arguments = match check.get("arguments") {
        None | Some(Value::Null) => &none,
        Some(given) => given.as_object().ok_or_else(|| format!("expected a map of `arguments`, found {given}"))?,
    };
    let criticality = match rule.get("criticality").and_then(Value::as_str) {
        None | Some("error") => Criticality::Error,
        Some("warn") => Criticality::Warn,
        Some(other) => return Err(format!("expected a `criticality` error or warn, found `{other}`")),
    };
    let filter = rule.get("filter").filter(|filter| !filter.is_null()).map(|filter| {
        let text = filter.as_str().ok_or_else(|| format!("expected a `filter` as text, found {filter}"))?;
        Condition::sql(text).map_err(|problem| format!("`filter`: {problem}"))
    });
    let filter = filter.transpose()?;
    let metadata = rule.get("user_metadata").and_then(Value::as_object).unwrap_or(&none);
    let plain = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let user_metadata: Vec<_> = metadata.iter().map(|(key, value)| (key.clone(), plain(value))).collect();
    let each = |arguments: &Map<String, Value>| {
        let function = Function::new(name, arguments).map_err(|problem| format!("`{name}`: {problem}"))?;
        let given = rule.get("name").and_then(Value::as_str).filter(|name| !name.is_empty());
        let rule_name = given.map_or_else(|| function.rule_name(), str::to_owned);
        let whole = serde_json::json!([rule_name, criticality, rule.get("filter"), name, arguments, metadata]);
        let fingerprint = format!("{:032x}", xxh3_128(whole.to_string().as_bytes()));
        let (filter, user_metadata) = (filter.clone(), user_metadata.clone());
        Ok(Rule { name: rule_name, criticality, filter, function, user_metadata, fingerprint })
    };
    match check.get("for_each_column") {
        None | Some(Value::Null) => Ok(vec![each(arguments)?]),
        Some(columns) => {
            let columns = columns.as_array().filter(|columns| !columns.is_empty());
            let columns = columns.ok_or("expected a list of columns under `for_each_column`")?;
            columns.iter().map(|column| each(&for_column(arguments, column))).collect()
        }
    }
}

/// The arguments for one column, or for one list of columns.
fn for_column(arguments: &Map<String, Value>, column: &Value) -> Map<String, Value> {
    let key = if column.is_array() { "columns" } else { "column" };
    let mut arguments = arguments.clone();
    arguments.insert(key.to_owned(), column.clone());
    arguments
}

fn object<'v>(value: &'v Value, what: &str, keys: &[&str]) -> Result<&'v Map<String, Value>, String> {
    let object =
        value.as_object().ok_or_else(|| format!("expected {what} with keys {}, found {value}", keys.join(", ")))?;
    known(object, keys)?;
    Ok(object)
}

/// Refuses keys that are not known.
pub(super) fn known(object: &Map<String, Value>, keys: &[&str]) -> Result<(), String> {
    let Some(wrong) = object.keys().find(|key| !keys.contains(&key.as_str())) else { return Ok(()) };
    Err(match crate::error::nearest(wrong, keys.iter().copied()) {
        Some(near) => format!("expected a known key, found `{wrong}`; did you mean `{near}`?"),
        None => format!("expected one of the keys {}, found `{wrong}`", keys.join(", ")),
    })
}
