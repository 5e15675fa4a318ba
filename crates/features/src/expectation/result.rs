//! The verdict on a table, in the form that Great Expectations gives it and reads it.

use std::collections::{HashMap, HashSet};

use serde::Serialize;
use serde_json::{Map, Value, json};
use trainer_data::{Table, Warning};

use super::options::{ResultFormat, ResultOptions};
use super::rows::{ListedRow, UnexpectedRows};
use super::suite::{Suite, SuitedExpectation};
use super::{Outcome, Severity};

/// Failures that a message names; the others are in the result.
const NAMED: usize = 8;

/// The verdict on one expectation.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ExpectationResult {
    /// Whether it holds.
    pub success: bool,
    /// The expectation.
    pub expectation_config: Value,
    /// What was found.
    pub result: Map<String, Value>,
    /// Always empty.
    pub meta: Map<String, Value>,
    /// Why it could not be judged, where it could not.
    pub exception_info: Value,
    /// What its failure means for the run.
    #[serde(skip)]
    pub severity: Severity,
    /// The column that it is about, if one.
    #[serde(skip)]
    pub column: Option<String>,
}

/// How many expectations hold.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Statistics {
    /// All.
    pub evaluated_expectations: usize,
    /// Those that hold.
    pub successful_expectations: usize,
    /// Those that do not.
    pub unsuccessful_expectations: usize,
    /// Those that hold, of a hundred.
    pub success_percent: Option<f64>,
}

/// The verdict on a suite.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ValidationResult {
    /// Whether every expectation holds, whatever its severity.
    pub success: bool,
    /// One entry an expectation, in the suite's order.
    pub results: Vec<ExpectationResult>,
    /// The suite's name.
    pub suite_name: String,
    /// Always empty: values are put in when the suite is read.
    pub suite_parameters: Map<String, Value>,
    /// How many hold.
    pub statistics: Statistics,
    /// Room for the caller: versions, times, names of files.
    pub meta: Map<String, Value>,
    /// Always null.
    pub id: Option<String>,
}

/// Judges a table by a suite.
pub fn validate(table: &Table, suite: &Suite, options: impl Into<ResultOptions>) -> ValidationResult {
    let mut checks = suite.begin_table(table, options).expect("options of the caller name its columns");
    checks.add(table, 0).expect("a table has its own columns");
    checks.finish()
}

impl ValidationResult {
    pub(super) fn of(suite_name: String, results: Vec<ExpectationResult>) -> Self {
        let holding = results.iter().filter(|result| result.success).count();
        let statistics = Statistics {
            evaluated_expectations: results.len(),
            successful_expectations: holding,
            unsuccessful_expectations: results.len() - holding,
            success_percent: (!results.is_empty()).then(|| holding as f64 / results.len() as f64 * 100.0),
        };
        Self {
            success: holding == results.len(),
            results,
            suite_name,
            suite_parameters: Map::new(),
            statistics,
            meta: Map::new(),
            id: None,
        }
    }
}

pub(super) fn expectation_result(
    suited: &SuitedExpectation,
    outcome: Result<Outcome, String>,
    options: &ResultOptions,
) -> ExpectationResult {
    let expectation = suited.expectation.as_dyn();
    let (success, result, exception) = match outcome {
        Err(problem) => (false, Map::new(), Some(problem)),
        Ok(Outcome::Plain(success)) => (success, Map::new(), None),
        Ok(Outcome::Observed { success, .. }) if options.format == ResultFormat::BooleanOnly => {
            (success, Map::new(), None)
        }
        Ok(Outcome::Observed { success, result }) => (success, result, None),
        Ok(Outcome::Rows(rows)) => (rows.success(), listed(&rows, options), None),
    };
    ExpectationResult {
        success,
        expectation_config: suited.config(),
        result,
        meta: Map::new(),
        exception_info: json!({
            "raised_exception": exception.is_some(),
            "exception_traceback": Value::Null,
            "exception_message": exception,
        }),
        severity: expectation.severity(),
        column: expectation.column().map(str::to_owned),
    }
}

/// The part of a result that is about rows.
fn listed(rows: &UnexpectedRows, options: &ResultOptions) -> Map<String, Value> {
    let mut result = Map::new();
    let asks_for_query = options.return_unexpected_index_query;
    if options.format != ResultFormat::BooleanOnly {
        counted(rows, options, &mut result);
    }
    if options.format >= ResultFormat::Summary {
        indexed(rows, options, &mut result);
    }
    if options.format == ResultFormat::Complete {
        if !options.exclude_unexpected_values {
            result.insert("unexpected_list".into(), rows.listed.iter().map(|row| row.value.clone()).collect());
        }
        result.insert("unexpected_index_list".into(), indices(rows, options, usize::MAX));
    }
    if asks_for_query.unwrap_or(options.format == ResultFormat::Complete) {
        let numbers: Vec<String> = rows.listed.iter().map(|row| row.row.to_string()).collect();
        let query = format!("df.filter(items=[{}], axis=0)", numbers.join(", "));
        result.insert("unexpected_index_query".into(), query.into());
    }
    result
}

/// Counts and shares, and the first values.
fn counted(rows: &UnexpectedRows, options: &ResultOptions, result: &mut Map<String, Value>) {
    let percent = |of: u64| (of > 0).then(|| rows.count as f64 / of as f64 * 100.0);
    let first = || rows.listed.iter().take(options.partial_unexpected_count);
    result.insert("element_count".into(), rows.elements.into());
    result.insert("unexpected_count".into(), rows.count.into());
    result.insert("unexpected_percent".into(), percent(rows.considered()).into());
    if !options.exclude_unexpected_values {
        result.insert("partial_unexpected_list".into(), first().map(|row| row.value.clone()).collect());
    }
    if !options.unexpected_index_column_names.is_empty() {
        let names = options.unexpected_index_column_names.clone();
        result.insert("unexpected_index_column_names".into(), names.into());
    }
    if let Some(missing) = rows.missing {
        let missing_percent = (rows.elements > 0).then(|| missing as f64 / rows.elements as f64 * 100.0);
        result.insert("missing_count".into(), missing.into());
        result.insert("missing_percent".into(), missing_percent.into());
        result.insert("unexpected_percent_total".into(), percent(rows.elements).into());
        result.insert("unexpected_percent_nonmissing".into(), percent(rows.considered()).into());
    }
    if options.include_unexpected_rows {
        result.insert("unexpected_rows".into(), first().map(|row| Value::Object(row.besides.clone())).collect());
    }
}

/// How often the first values are there (in a complete result: all values), and their rows.
fn indexed(rows: &UnexpectedRows, options: &ResultOptions, result: &mut Map<String, Value>) {
    let most = options.partial_unexpected_count;
    if most == 0 {
        return;
    }
    if !options.exclude_unexpected_values {
        let among = if options.format == ResultFormat::Complete { usize::MAX } else { most };
        let counted: Vec<&Value> = rows.listed.iter().take(among).map(|row| &row.value).collect();
        result.insert("partial_unexpected_counts".into(), most_common(&counted, most));
    }
    result.insert("partial_unexpected_index_list".into(), indices(rows, options, most));
}

/// Row numbers; or, where columns are named that tell rows apart, their cells.
fn indices(rows: &UnexpectedRows, options: &ResultOptions, most: usize) -> Value {
    let names = &options.unexpected_index_column_names;
    if names.is_empty() {
        return rows.listed.iter().take(most).map(|row| Value::from(row.row)).collect();
    }
    let own = |row: &ListedRow| {
        names.iter().filter_map(|name| Some((name.clone(), row.besides.get(name)?.clone()))).collect::<Map<_, _>>()
    };
    let listed = rows.listed.iter().take(most);
    if options.exclude_unexpected_values {
        let rows: Vec<_> = listed.map(own).collect();
        let cells = |name: &String| rows.iter().map(|row| row[name].clone()).collect::<Value>();
        let columns: Map<String, Value> = names.iter().map(|name| (name.clone(), cells(name))).collect();
        return if rows.is_empty() { json!([]) } else { json!([columns]) };
    }
    listed.map(|row| Value::Object(row.domain.clone().into_iter().chain(own(row)).collect())).collect()
}

/// The most frequent values with how often they are there: the most frequent first, then by value.
fn most_common(values: &[&Value], most: usize) -> Value {
    let mut place: HashMap<String, usize> = HashMap::new();
    let mut counts: Vec<(Value, u64)> = Vec::new();
    for &value in values {
        let plain = match value {
            Value::Object(columns) => Value::Array(columns.values().cloned().collect()),
            other => other.clone(),
        };
        let at = *place.entry(plain.to_string()).or_insert_with(|| {
            counts.push((plain, 0));
            counts.len() - 1
        });
        counts[at].1 += 1;
    }
    // Stable: of equally frequent values the first ones are kept.
    counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    counts.truncate(most);
    counts.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| order(&a.0, &b.0)));
    counts.into_iter().map(|(value, count)| json!({"value": value, "count": count})).collect()
}

/// Missing first, then numbers by value, then text by code point; lists by their first difference.
fn order(a: &Value, b: &Value) -> std::cmp::Ordering {
    let rank = |value: &Value| match value {
        Value::Null => 0,
        Value::Bool(_) | Value::Number(_) => 1,
        Value::String(_) => 2,
        _ => 3,
    };
    let number = |value: &Value| match value {
        Value::Bool(flag) => f64::from(u8::from(*flag)),
        value => value.as_f64().unwrap_or(f64::NAN),
    };
    match (a, b) {
        (Value::String(a), Value::String(b)) => a.cmp(b),
        (Value::Array(a), Value::Array(b)) => {
            let difference = a.iter().zip(b).map(|(a, b)| order(a, b)).find(|order| order.is_ne());
            difference.unwrap_or_else(|| a.len().cmp(&b.len()))
        }
        _ if rank(a) == 1 && rank(b) == 1 => number(a).total_cmp(&number(b)),
        _ => rank(a).cmp(&rank(b)),
    }
}

impl ValidationResult {
    /// The expectations that do not hold and stop the run.
    pub fn critical_failures(&self) -> impl Iterator<Item = &ExpectationResult> {
        self.results.iter().filter(|result| !result.success && result.severity == Severity::Critical)
    }

    /// Why nothing is done with these rows, if so; `rows` is what they are called.
    pub fn refusal(&self, rows: &str) -> Option<String> {
        let failures: Vec<&ExpectationResult> = self.critical_failures().collect();
        if failures.is_empty() {
            return None;
        }
        let all = self.statistics.evaluated_expectations;
        let mut message = format!("{} of {all} expectations on {rows} do not hold", failures.len());
        for failure in failures.iter().take(NAMED) {
            message += &format!("\n  {}", failure.line());
        }
        if failures.len() > NAMED {
            message += &format!("\n  and {} more", failures.len() - NAMED);
        }
        Some(message)
    }

    /// What does not stop the run: failures of a lower severity, and expectations that hold because there is nothing to
    /// judge.
    pub fn warnings(&self) -> Vec<Warning> {
        self.results.iter().filter_map(ExpectationResult::warning).collect()
    }
}

/// A value in a line: of a long one the beginning.
fn short(value: &Value) -> String {
    const MOST: usize = 60;
    let text = value.to_string();
    match text.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text,
    }
}

impl ExpectationResult {
    /// The expectation's type, such as `expect_column_to_exist`.
    pub fn type_name(&self) -> &str {
        self.expectation_config["type"].as_str().unwrap_or_default()
    }

    fn line(&self) -> String {
        let on = self.column.as_ref().map(|column| format!(" `{column}`")).unwrap_or_default();
        format!("{}{on}: {}", self.type_name(), self.summary())
    }

    /// What was found and what was expected, in one line.
    pub fn summary(&self) -> String {
        if let Some(problem) = self.exception_info["exception_message"].as_str() {
            return problem.to_owned();
        }
        let found = match (self.result.get("unexpected_percent"), self.result.get("observed_value")) {
            (Some(_), _) => self.unexpected(),
            (None, Some(observed)) if !observed.is_null() => format!("found {}", short(observed)),
            _ => if self.success { "holds" } else { "does not hold" }.into(),
        };
        let expected = self.expected();
        if expected.is_empty() { found } else { format!("{found}; expected {expected}") }
    }

    /// How many values are unexpected, and some of them.
    fn unexpected(&self) -> String {
        let shown = self.result.get("partial_unexpected_list").and_then(Value::as_array);
        let mut few: Vec<String> = shown.into_iter().flatten().map(Value::to_string).collect();
        let mut seen = HashSet::new();
        few.retain(|value| seen.insert(value.clone()));
        few.truncate(3);
        let such_as = if few.is_empty() { String::new() } else { format!(", such as {}", few.join(", ")) };
        let count = |key: &str| self.result.get(key).and_then(Value::as_u64).unwrap_or(0);
        let considered = count("element_count") - count("missing_count");
        format!("{} of {considered} values are unexpected{such_as}", count("unexpected_count"))
    }

    /// The parameters, but for the column.
    fn expected(&self) -> String {
        let kwargs = self.expectation_config["kwargs"].as_object();
        let others = kwargs.into_iter().flatten().filter(|(key, _)| *key != "column");
        others.map(|(key, value)| format!("{key} {}", short(value))).collect::<Vec<_>>().join(", ")
    }

    /// The columns that it is about, by its parameters.
    pub fn columns(&self) -> Vec<&str> {
        let kwargs = &self.expectation_config["kwargs"];
        let single = ["column", "column_A", "column_B"].iter().filter_map(|key| kwargs[*key].as_str());
        let several = ["column_list", "column_set"].iter().filter_map(|key| kwargs[*key].as_array()).flatten();
        single.chain(several.filter_map(Value::as_str)).collect()
    }

    /// What is odd about it, if it does not stop the run: a failure of lower severity, or that it holds because there is
    /// nothing to judge.
    pub fn warning(&self) -> Option<Warning> {
        let count = |key: &str| self.result.get(key).and_then(Value::as_u64);
        let about = |code: &str, message: String| {
            let count = count("unexpected_count").unwrap_or(1);
            Some(Warning { code: code.into(), column: self.column.clone(), count, message })
        };
        if !self.success && self.severity != Severity::Critical {
            return about("expectation_failed", format!("`{}` does not hold: {}", self.type_name(), self.summary()));
        }
        let nothing = count("missing_count").is_some() && count("missing_count") == count("element_count");
        if self.success && nothing {
            let message = format!("`{}` holds only because no cell has a value", self.type_name());
            return about("expectation_without_values", message);
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use trainer_data::Column;

    use super::super::AnyExpectation;
    use super::*;

    fn judged(json: &str, format: ResultFormat) -> ValidationResult {
        let table = Table::from_columns(vec![
            Column::from_integers("a", vec![Some(1), Some(2), Some(2), None]),
            Column::from_numbers("empty", vec![None; 4]),
        ]);
        let expectation: AnyExpectation = serde_json::from_str(json).unwrap();
        validate(&table.unwrap(), &Suite::inline("s", vec![expectation]).unwrap(), format)
    }

    #[test]
    fn each_format_tells_what_it_should() {
        let keys =
            |format| judged(r#"{"column_values_to_be_unique": {"column": "a"}}"#, format).results[0].result.len();
        assert_eq!(
            [ResultFormat::BooleanOnly, ResultFormat::Basic, ResultFormat::Summary, ResultFormat::Complete].map(keys),
            [0, 8, 10, 13]
        );
    }

    #[test]
    fn failures_that_do_not_stop_the_run_are_warnings() {
        let result =
            judged(r#"{"column_values_to_be_unique": {"column": "a", "severity": "warning"}}"#, ResultFormat::Basic);
        assert_eq!((result.success, result.critical_failures().count()), (false, 0));
        let warnings = result.warnings();
        assert_eq!(
            (warnings[0].code.as_str(), warnings[0].count, warnings[0].column.as_deref()),
            ("expectation_failed", 2, Some("a"))
        );
        assert!(warnings[0].message.ends_with("2 of 3 values are unexpected, such as 2.0"), "{}", warnings[0].message);
        let result = judged(r#"{"column_values_to_be_unique": {"column": "a"}}"#, ResultFormat::Basic);
        assert_eq!((result.critical_failures().count(), result.warnings().len()), (1, 0));
    }

    #[test]
    fn a_summary_says_what_was_found_and_what_was_expected() {
        let summary = |json| judged(json, ResultFormat::Basic).results[0].summary();
        assert_eq!(summary(r#"{"table_row_count_to_equal": {"value": 5}}"#), "found 4; expected value 5");
        let between = r#"{"column_values_to_be_between": {"column": "a", "min_value": 2}}"#;
        assert_eq!(summary(between), "1 of 3 values are unexpected, such as 1.0; expected min_value 2");
        assert_eq!(summary(r#"{"column_to_exist": {"column": "b"}}"#), "does not hold");
        let long = short(&Value::from("é".repeat(99)));
        assert!(long.ends_with("é...") && long.chars().count() == 63);
    }

    #[test]
    fn holding_for_want_of_values_is_a_warning() {
        let result = judged(r#"{"column_values_to_be_unique": {"column": "empty"}}"#, ResultFormat::Basic);
        assert!(result.success);
        assert_eq!(result.warnings()[0].code, "expectation_without_values");
    }

    #[test]
    fn what_cannot_be_judged_fails_and_says_why() {
        let result = judged(r#"{"column_values_to_be_unique": {"column": "b"}}"#, ResultFormat::Basic);
        assert!(!result.success);
        assert!(result.results[0].summary().contains("column `b`"));
        assert_eq!(result.results[0].exception_info["raised_exception"], true);
    }
}
