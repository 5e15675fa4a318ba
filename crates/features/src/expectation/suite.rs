//! Suites: expectations of a config, or of a file of Great Expectations.

use serde_json::{Map, Value, json};
use trainer_data::Fault;

use super::condition::Condition;
use super::{AnyExpectation, plain_name, unknown_type};
use crate::FeatureError;

/// Expectations under one name.
#[derive(Debug, Clone, PartialEq)]
pub struct Suite {
    /// The name.
    pub name: String,
    /// The expectations, in order; at least one.
    pub expectations: Vec<SuitedExpectation>,
}

/// An expectation with what its file says about it.
#[derive(Debug, Clone, PartialEq)]
pub struct SuitedExpectation {
    /// The expectation.
    pub expectation: AnyExpectation,
    /// Its id in the file.
    pub id: Option<String>,
    /// What the file says besides.
    pub meta: Map<String, Value>,
    /// Which rows it is about; all without one.
    pub condition: Option<Condition>,
    /// How the condition is written, if the file says so.
    pub condition_parser: Option<String>,
}

impl SuitedExpectation {
    /// As a result names it.
    pub(super) fn config(&self) -> Value {
        let mut kwargs = self.expectation.kwargs();
        kwargs.extend(self.condition.iter().map(|condition| ("row_condition".to_owned(), written(&condition.source))));
        kwargs
            .extend(self.condition_parser.iter().map(|parser| ("condition_parser".to_owned(), parser.as_str().into())));
        let mut config = json!({
            "type": self.expectation.type_name(),
            "kwargs": kwargs,
            "meta": self.meta,
            "severity": self.expectation.as_dyn().severity(),
        });
        if let Some(id) = &self.id {
            config["id"] = id.as_str().into();
        }
        config
    }
}

/// A row condition as results of Great Expectations have it: text as an object.
fn written(source: &Value) -> Value {
    match source {
        Value::String(text) => json!({ "type": "pass_through", "pass_through_filter": text }),
        object => object.clone(),
    }
}

/// Parameters that say how a result is returned, or that are written though they mean nothing by default.
const IDLE: [&str; 6] = ["batch_id", "result_format", "catch_exceptions", "include_config", "meta", "row_condition"];

impl Suite {
    /// Expectations of a config.
    ///
    /// # Errors
    /// When there are none: a suite that checks nothing must not pass for one that holds.
    pub fn inline(name: impl Into<String>, expectations: Vec<AnyExpectation>) -> Result<Self, FeatureError> {
        let suited = |expectation| SuitedExpectation {
            expectation,
            id: None,
            meta: Map::new(),
            condition: None,
            condition_parser: None,
        };
        Self { name: name.into(), expectations: expectations.into_iter().map(suited).collect() }.checked()
    }

    /// A suite of Great Expectations, 1.x or 0.18.
    ///
    /// # Errors
    /// `Config` when it is no suite, is empty, or names a type, a parameter or a condition that is not known here.
    pub fn from_gx_json(json: &str) -> Result<Self, FeatureError> {
        Self::with_parameters(json, &Map::new())
    }

    /// A suite of Great Expectations, with the values of its `$PARAMETER`s.
    ///
    /// # Errors
    /// As [`Suite::from_gx_json`], and when a parameter has no value.
    pub fn with_parameters(json: &str, parameters: &Map<String, Value>) -> Result<Self, FeatureError> {
        let saved: Value = serde_json::from_str(json).map_err(|problem| {
            let place = Fault::new("suite_json", format!("expected JSON, found {problem}"));
            FeatureError::config(place.line(problem.line() as u64))
        })?;
        Self::from_value(&saved, parameters)
    }

    /// A suite of Great Expectations that was read already.
    ///
    /// # Errors
    /// As [`Suite::with_parameters`]; also for a parameter that no expectation asks for.
    pub fn from_value(saved: &Value, given: &Map<String, Value>) -> Result<Self, FeatureError> {
        let asked = asked(&saved["expectations"]);
        if let Some(wrong) = given.keys().find(|name| !asked.contains(&name.as_str())) {
            let near = crate::error::nearest(wrong, asked.iter().copied());
            let near = near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
            return Err(fault(None, format!("expected the name of a parameter of the suite, found `{wrong}`{near}")));
        }
        // Values that the suite itself carries: 1.x and 0.18.
        let own = ["suite_parameters", "evaluation_parameters"].iter().filter_map(|key| saved[*key].as_object());
        let mut parameters: Map<String, Value> =
            own.flatten().map(|(key, value)| (key.clone(), value.clone())).collect();
        parameters.extend(given.clone());
        let parameters = &parameters;
        let name = ["name", "expectation_suite_name"].iter().find_map(|key| saved[*key].as_str()).unwrap_or("default");
        let entries = saved["expectations"].as_array();
        let entries = entries.ok_or_else(|| fault(None, "expected a list under `expectations`, found none".into()))?;
        let read = |(place, entry)| read(entry, parameters).map_err(|problem| fault(Some(place), problem));
        let expectations = entries.iter().enumerate().map(read).collect::<Result<_, _>>()?;
        Self { name: name.to_owned(), expectations }.checked()
    }

    /// Columns whose cells are judged as they are written: a reader of text must not make dates of them.
    pub fn text_columns(&self) -> Vec<String> {
        let column = |suited: &SuitedExpectation| match &suited.expectation {
            AnyExpectation::ColumnValuesToMatchStrftimeFormat(expectation) => Some(expectation.column.clone()),
            _ => None,
        };
        self.expectations.iter().filter_map(column).collect()
    }

    fn checked(self) -> Result<Self, FeatureError> {
        if self.expectations.is_empty() {
            return Err(fault(
                None,
                format!("expected at least one expectation in the suite `{}`, found none", self.name),
            ));
        }
        Ok(self)
    }
}

fn fault(place: Option<usize>, problem: String) -> FeatureError {
    let message = match place {
        Some(place) => format!("expectation {}: {problem}", place + 1),
        None => problem,
    };
    FeatureError::config(Fault::new("expectation_suite", message))
}

/// One entry of a file.
fn read(entry: &Value, parameters: &Map<String, Value>) -> Result<SuitedExpectation, String> {
    let name = ["type", "expectation_type"].iter().find_map(|key| entry[*key].as_str());
    let name = plain_name(name.ok_or("expected a `type`, found none")?);
    if !AnyExpectation::NAMES.contains(&name) {
        return Err(unknown_type(name));
    }
    let empty = Map::new();
    let kwargs = entry["kwargs"].as_object().unwrap_or(&empty);
    let mut plain = Map::new();
    for (key, value) in kwargs {
        if value.is_null() || IDLE.contains(&key.as_str()) || value == &json!(false) && SWITCHES.contains(&key.as_str())
        {
            continue;
        }
        if key == "condition_parser" {
            continue;
        }
        plain
            .insert(key.clone(), filled(value, parameters).map_err(|problem| format!("`{name}`, `{key}`: {problem}"))?);
    }
    if let Some(severity) = entry.get("severity").filter(|severity| !severity.is_null()) {
        plain.insert("severity".into(), severity.clone());
    }
    let tagged = Value::Object(Map::from_iter([(name.to_owned(), Value::Object(plain))]));
    let expectation =
        serde_json::from_value(tagged).map_err(|problem| format!("`{name}`: {}", helpful(&problem.to_string())))?;
    let condition_parser = kwargs.get("condition_parser").and_then(Value::as_str);
    let condition = kwargs.get("row_condition").filter(|condition| !condition.is_null() && *condition != "");
    let condition =
        condition.map(|condition| Condition::of_gx(&filled(condition, parameters)?, condition_parser)).transpose();
    let condition = condition.map_err(|problem| format!("`{name}`, `row_condition`: {problem}"))?;
    if condition.is_some() && name.starts_with("table_column") || name == "column_to_exist" && condition.is_some() {
        return Err(format!("`{name}`: expected no `row_condition` where columns are judged, found one"));
    }
    Ok(SuitedExpectation {
        expectation,
        condition_parser: condition_parser.filter(|_| condition.is_some()).map(str::to_owned),
        condition,
        id: entry["id"].as_str().or(entry["ge_cloud_id"].as_str()).map(str::to_owned),
        meta: entry["meta"].as_object().cloned().unwrap_or_default(),
    })
}

/// A message about a field that is not known, with the one that is near.
fn helpful(problem: &str) -> String {
    let mut names = problem.split('`').skip(1).step_by(2);
    let near = match problem.starts_with("unknown field") {
        true => names.next().and_then(|wrong| crate::error::nearest(wrong, names)),
        false => None,
    };
    near.map_or_else(|| problem.to_owned(), |near| format!("{problem}; did you mean `{near}`?"))
}

/// The names of the parameters that values ask for.
fn asked(value: &Value) -> Vec<&str> {
    match value {
        Value::Object(map) => match map.get("$PARAMETER").and_then(Value::as_str) {
            Some(name) => vec![name],
            None => map.values().flat_map(asked).collect(),
        },
        Value::Array(items) => items.iter().flat_map(asked).collect(),
        _ => Vec::new(),
    }
}

/// Parameters of 0.18 that mean nothing when they are off.
const SWITCHES: [&str; 4] = ["auto", "parse_strings_as_datetimes", "allow_cross_type_comparisons", "profiler_config"];

/// A parameter's value in place of `{"$PARAMETER": "name"}`; 0.18 may carry the value along as `$PARAMETER.name`.
fn filled(value: &Value, parameters: &Map<String, Value>) -> Result<Value, String> {
    match value {
        Value::Object(map) => {
            if let Some(name) = map.get("$PARAMETER").and_then(Value::as_str) {
                let carried = map.get(&format!("$PARAMETER.{name}"));
                return parameters
                    .get(name)
                    .or(carried)
                    .cloned()
                    .ok_or(format!("expected a value for the parameter `{name}`"));
            }
            map.iter().map(|(key, value)| Ok((key.clone(), filled(value, parameters)?))).collect()
        }
        Value::Array(items) => items.iter().map(|item| filled(item, parameters)).collect(),
        other => Ok(other.clone()),
    }
}

#[cfg(test)]
mod tests {
    use trainer_data::{Column, Table};

    use super::super::{ResultFormat, validate};
    use super::*;

    fn table() -> Table {
        Table::from_columns(vec![Column::from_integers("a", vec![Some(1), Some(2), Some(9)])]).unwrap()
    }

    fn suite(expectation: &str) -> Result<Suite, FeatureError> {
        Suite::from_gx_json(&format!(r#"{{"name": "s", "expectations": [{expectation}]}}"#))
    }

    fn problem(expectation: &str) -> String {
        suite(expectation).unwrap_err().to_string()
    }

    #[test]
    fn both_generations_of_files_are_read() {
        let new = r#"{"type": "expect_column_values_to_be_between", "kwargs": {"column": "a", "min_value": 0, "max_value": 5,
                      "mostly": 0.5, "row_condition": null}, "id": "x", "meta": {"by": "me"}, "severity": "warning"}"#;
        let new = suite(new).unwrap();
        let old = r#"{"expectation_suite_name": "s", "data_asset_type": null, "ge_cloud_id": null, "meta": {},
                      "expectations": [{"expectation_type": "expect_column_values_to_be_between", "meta": {},
                      "kwargs": {"column": "a", "min_value": 0, "max_value": 5, "mostly": 0.5, "auto": false,
                      "parse_strings_as_datetimes": false, "result_format": "BASIC"}}]}"#;
        let old = Suite::from_gx_json(old).unwrap();
        assert_eq!((new.name.as_str(), old.name.as_str()), ("s", "s"));
        assert!(
            validate(&table(), &new, ResultFormat::Basic).success
                && validate(&table(), &old, ResultFormat::Basic).success
        );
        let config = new.expectations[0].config();
        assert_eq!(
            (&config["id"], &config["severity"], &config["meta"]["by"]),
            (&json!("x"), &json!("warning"), &json!("me"))
        );
        assert_eq!(config["kwargs"], json!({"column": "a", "min_value": 0, "max_value": 5, "mostly": 0.5}));
    }

    #[test]
    fn nothing_is_passed_over() {
        let typo = problem(r#"{"type": "expect_column_values_to_be_nul", "kwargs": {"column": "a"}}"#);
        assert!(
            typo.starts_with("expectation 1: ") && typo.contains("did you mean `column_values_to_be_null`?"),
            "{typo}"
        );
        assert!(
            Suite::from_gx_json(r#"{"name": "s", "expectations": []}"#)
                .unwrap_err()
                .to_string()
                .contains("at least one")
        );
        assert!(Suite::from_gx_json(r#"{"name": "s"}"#).is_err() && Suite::from_gx_json("nothing").is_err());
        let kwargs = r#"{"type": "expect_column_values_to_be_between", "kwargs": {"column": "a", "min": 1}}"#;
        assert!(problem(kwargs).contains("unknown field `min`"));
        let condition = r#"{"type": "expect_column_to_exist", "kwargs": {"column": "a", "row_condition": "b > 1"}}"#;
        assert!(problem(condition).contains("row_condition"));
        let condition = condition.replace("to_exist", "values_to_be_null").replace("b > 1", "b.mean() > 1");
        assert!(problem(&condition).contains("found `mean`"));
        let bounds = r#"{"type": "expect_column_values_to_be_between", "kwargs": {"column": "a"}}"#;
        assert!(problem(bounds).contains("found neither"));
        let mostly = r#"{"type": "expect_column_values_to_be_null", "kwargs": {"column": "a", "mostly": 1.5}}"#;
        assert!(problem(mostly).contains("from 0 to 1"));
    }

    #[test]
    fn parameters_need_values() {
        let file = r#"{"name": "s", "expectations": [{"type": "expect_column_max_to_be_between",
                       "kwargs": {"column": "a", "max_value": {"$PARAMETER": "top"}}}]}"#;
        assert!(Suite::from_gx_json(file).unwrap_err().to_string().contains("a value for the parameter `top`"));
        let parameters = Map::from_iter([("top".to_owned(), json!(8))]);
        let suite = Suite::with_parameters(file, &parameters).unwrap();
        assert!(!validate(&table(), &suite, ResultFormat::Basic).success);
        let wrong = Map::from_iter([("topp".to_owned(), json!(8))]);
        let problem = Suite::with_parameters(file, &wrong).unwrap_err().to_string();
        assert!(problem.contains("did you mean `top`?"), "{problem}");
        let own = file.replace(r#""name": "s""#, r#""name": "s", "evaluation_parameters": {"top": 9}"#);
        assert!(validate(&table(), &Suite::from_gx_json(&own).unwrap(), ResultFormat::Basic).success);
        let carried = file.replace(r#""top"}"#, r#""top", "$PARAMETER.top": 9}"#);
        assert!(validate(&table(), &Suite::from_gx_json(&carried).unwrap(), ResultFormat::Basic).success);
    }

    #[test]
    fn a_config_writes_them_with_or_without_the_prefix() {
        let short: AnyExpectation =
            serde_json::from_str(r#"{"column_to_exist": {"column": "a", "severity": "info"}}"#).unwrap();
        let long: AnyExpectation =
            serde_json::from_str(r#"{"expect_column_to_exist": {"column": "a", "severity": "info"}}"#).unwrap();
        assert_eq!((&short, short.type_name().as_str()), (&long, "expect_column_to_exist"));
        assert!(Suite::inline("config", vec![]).is_err());
        let refused = |json: &str| serde_json::from_str::<AnyExpectation>(json).unwrap_err().to_string();
        assert!(refused(r#"{"column_too_exist": {"column": "a"}}"#).contains("did you mean `column_to_exist`?"));
        assert!(
            refused(r#"{"column_to_exist": {"column": "a"}, "column_sum_to_be_between": {"column": "a"}}"#)
                .contains("one expectation")
        );
        assert!(
            refused(r#"{"column_values_to_match_regex": {"column": "a", "regex": "("}}"#)
                .contains("regular expression")
        );
    }

    #[test]
    fn names_are_those_that_are_written() {
        for name in AnyExpectation::NAMES {
            let schema = serde_json::to_string(&schemars::schema_for!(AnyExpectation)).unwrap();
            assert!(schema.contains(&format!("\"{name}\"")), "{name}");
        }
        let pair: AnyExpectation = serde_json::from_str(
            r#"{"column_pair_values_a_to_be_greater_than_b": {"column_A": "a", "column_B": "b"}}"#,
        )
        .unwrap();
        assert_eq!(serde_json::to_value(&pair).unwrap(), json!({pair.name(): {"column_A": "a", "column_B": "b"}}));
    }
}
