//! Expectations beside Great Expectations itself: the same suites on the same rows give the same numbers.
//!
//! `tests/peers/expectations.py` runs the real one. The shared reference outputs, where they are there, are those of one
//! larger suite.

use std::collections::HashMap;
use std::path::Path;

use serde_json::Value;
use trainer_data::{ReadOptions, Table, read_local};
use trainer_features::expectation::{AnyExpectation, ResultFormat, Suite, ValidationResult, validate};
use trainer_testkit::{Program, python, repository, scratch, shared};

const FORMATS: [(&str, ResultFormat); 4] = [
    ("BOOLEAN_ONLY", ResultFormat::BooleanOnly),
    ("BASIC", ResultFormat::Basic),
    ("SUMMARY", ResultFormat::Summary),
    ("COMPLETE", ResultFormat::Complete),
];

/// Lists whose order means nothing: of Python's sets, and of pairs that cannot be compared because one is missing.
const UNORDERED: [&str; 2] = ["partial_missing_list", "partial_unexpected_counts"];

fn table(path: &Path) -> Table {
    read_local(path.to_str().unwrap(), &ReadOptions::default()).unwrap().table
}

fn suite(path: &Path) -> Suite {
    Suite::from_gx_json(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn json(result: &ValidationResult) -> Value {
    serde_json::to_value(result).unwrap()
}

/// The results by the id of their expectation.
fn by_id(result: &Value) -> HashMap<&str, &Value> {
    let results = result["results"].as_array().unwrap();
    results.iter().map(|one| (one["expectation_config"]["id"].as_str().unwrap(), one)).collect()
}

/// Whether two values are equal: numbers but for the last digits, in which sums of another order differ.
fn equal(ours: &Value, theirs: &Value, key: &str) -> bool {
    match (ours, theirs) {
        (Value::Number(a), Value::Number(b)) => {
            let (a, b) = (a.as_f64().unwrap(), b.as_f64().unwrap());
            (a - b).abs() <= 1e-13 * a.abs().max(b.abs())
        }
        (Value::Array(a), Value::Array(b)) if UNORDERED.contains(&key) => {
            let sorted = |list: &[Value]| {
                let mut list: Vec<String> = list.iter().map(Value::to_string).collect();
                list.sort();
                list
            };
            sorted(a) == sorted(b)
        }
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| equal(a, b, "")),
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(key, a)| b.get(key).is_some_and(|b| equal(a, b, key)))
        }
        (a, b) => a == b,
    }
}

/// The parameters, without the name of the batch, which only they have.
fn kwargs(theirs: &Value) -> Value {
    let mut kwargs = theirs["expectation_config"]["kwargs"].clone();
    kwargs.as_object_mut().unwrap().shift_remove("batch_id");
    kwargs
}

/// Everything that differs between our result and theirs, one line an expectation.
fn differences(ours: &Value, theirs: &Value) -> Vec<String> {
    let (ours, theirs) = (by_id(ours), by_id(theirs));
    assert_eq!(ours.len(), theirs.len());
    let mut found = Vec::new();
    for (id, theirs) in theirs {
        let ours = ours[id];
        let raised = theirs["exception_info"]["raised_exception"] != Value::Bool(false);
        let same = ours["success"] == theirs["success"]
            && ours["exception_info"]["raised_exception"] == Value::Bool(raised)
            && ours["expectation_config"]["type"] == theirs["expectation_config"]["type"]
            && equal(&ours["expectation_config"]["kwargs"], &kwargs(theirs), "")
            && equal(&ours["result"], &theirs["result"], "");
        if !same {
            let config = &theirs["expectation_config"];
            let shown = |one: &Value| format!("{} {} {}", one["success"], one["result"], one["exception_info"]);
            found.push(format!(
                "{} {}\n  ours   {}\n  theirs {}",
                config["type"],
                config["kwargs"],
                shown(ours),
                shown(theirs)
            ));
        }
    }
    found
}

#[test]
fn results_are_those_of_great_expectations() {
    let peers = repository().join("tests/peers");
    let (rows, file) = (peers.join("expectations.csv"), peers.join("expectations.json"));
    let outcome = Program::new(python()).args([&peers.join("expectations.py"), &rows, &file]).expect(0);
    let theirs: Value = serde_json::from_str(&outcome.stdout).unwrap();
    let (table, suite) = (table(&rows), suite(&file));
    assert!(suite.expectations.len() > 250);
    for (name, format) in FORMATS {
        let ours = json(&validate(&table, &suite, format));
        let found = differences(&ours, &theirs[name]);
        assert!(found.is_empty(), "{name}: {} differ\n{}", found.len(), found.join("\n"));
        assert!(equal(&ours["statistics"], &theirs[name]["statistics"], ""), "{name}: {}", ours["statistics"]);
        assert_eq!(ours["success"], theirs[name]["success"]);
    }
}

/// Rows that come in batches give the very same result as rows that come at once, in every format.
#[test]
fn batches_give_the_same_result_as_the_whole() {
    let peers = repository().join("tests/peers");
    let (table, suite) = (table(&peers.join("expectations.csv")), suite(&peers.join("expectations.json")));
    let schema = table.to_batch().schema();
    for (name, format) in FORMATS {
        let whole = json(&validate(&table, &suite, format));
        for size in [1, 2, 3, 5] {
            let mut checks = suite.begin(&schema, format).unwrap();
            // Looked at in any order, taken in in that of the rows.
            let starts: Vec<usize> = (0..table.rows()).step_by(size).collect();
            let look = |&start: &usize| {
                let rows: Vec<u32> = (start..(start + size).min(table.rows())).map(|row| row as u32).collect();
                checks.look(&table.take(&rows), start as u64).unwrap()
            };
            let mut parts: Vec<_> = starts.iter().rev().map(look).collect();
            parts.reverse();
            parts.into_iter().for_each(|part| checks.merge(part));
            assert_eq!(checks.rows(), table.rows() as u64);
            assert_eq!(json(&checks.finish()), whole, "{name}, batches of {size}");
        }
    }
}

#[test]
fn every_expectation_is_compared() {
    let suite = suite(&repository().join("tests/peers/expectations.json"));
    let compared: Vec<&str> = suite.expectations.iter().map(|suited| suited.expectation.name()).collect();
    for name in AnyExpectation::NAMES {
        assert!(compared.contains(name), "{name} is not in tests/peers/expectations.json");
    }
}

#[test]
fn shared_reference_outputs_are_reproduced() {
    let Some(reference) = shared("reference/monitoring") else { return };
    let table = table(&reference.join("data/dirty_orders.csv"));
    let gx = reference.join("out/gx");
    let suite = suite(&gx.join("suite.json"));
    for (name, format) in FORMATS {
        let text = std::fs::read_to_string(gx.join(format!("validation_result_{name}.json"))).unwrap();
        let theirs: Value = serde_json::from_str(&text).unwrap();
        let ours = json(&validate(&table, &suite, format));
        let found = differences(&ours, &theirs);
        assert!(found.is_empty(), "{name}: {} differ\n{}", found.len(), found.join("\n"));
        assert_eq!(ours["statistics"], theirs["statistics"], "{name}");
    }
}

#[test]
fn great_expectations_reads_our_results() {
    let peers = repository().join("tests/peers");
    let (table, suite) = (table(&peers.join("expectations.csv")), suite(&peers.join("expectations.json")));
    let folder = scratch();
    let mut files = Vec::new();
    for (name, format) in FORMATS {
        let file = folder.path().join(format!("{name}.json"));
        std::fs::write(&file, json(&validate(&table, &suite, format)).to_string()).unwrap();
        files.push(file);
    }
    let outcome = Program::new(python()).args([peers.join("expectations.py"), "--load".into()]).args(&files).expect(0);
    let loaded: Value = serde_json::from_str(&outcome.stdout).unwrap();
    for ((name, format), loaded) in FORMATS.into_iter().zip(loaded.as_array().unwrap()) {
        let ours = json(&validate(&table, &suite, format));
        assert_eq!(loaded["success"], ours["success"], "{name}");
        assert_eq!(loaded["statistics"], ours["statistics"], "{name}");
        assert_eq!(loaded["results"], suite.expectations.len(), "{name}");
    }
}
