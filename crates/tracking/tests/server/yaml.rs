//! `MLmodel` is what Python reads back.

use std::io::Write;
use std::process::{Command, Stdio};

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};
use trainer_testkit::python;
use trainer_tracking::mlmodel_yaml;

/// Reads pairs of YAML and JSON, and says which differ; a number is the same as its like, not as a text.
const PEER: &str = "
import json, sys, yaml
def same(a, b):
    if type(a) is dict and type(b) is dict: return list(a) == list(b) and all(same(a[k], b[k]) for k in a)
    if type(a) is list and type(b) is list: return len(a) == len(b) and all(map(same, a, b))
    if type(a) in (int, float) and type(b) in (int, float): return a == b
    return type(a) is type(b) and a == b
for number, (text, value) in enumerate(json.load(sys.stdin)):
    for read in (yaml.safe_load, lambda text: yaml.load(text, Loader=getattr(yaml, 'CSafeLoader', yaml.SafeLoader))):
        try: found = read(text)
        except Exception as error: found = repr(error)
        if not same(found, value): print(number, repr(text), found, value)
";

fn values() -> impl Strategy<Value = Value> {
    let text = prop_oneof![
        "[ -~]{0,12}",
        ".{0,12}",
        "[0-9.eE+_:xo-]{1,8}",
        Just("2026-11-20 04:00:00.000000".to_owned()),
        Just("-".to_owned()),
        Just("~".to_owned()),
        Just("key: value # no\n  deep\n".to_owned()),
        Just("\u{85}\u{a0}\u{2028}\u{feff}\t\r\0\u{7f}\u{1f600}".to_owned()),
        Just("0x1f".to_owned()),
        Just("1:30".to_owned()),
        Just("y".to_owned()),
        Just("=".to_owned()),
        Just("<<".to_owned()),
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_filter("a number of JSON", |number| number.is_finite()).prop_map(Value::from),
        (-30i32..30).prop_map(|exponent| json!(10f64.powi(exponent))),
        text.clone().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 30, 5, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::hash_map(text.clone(), inner, 0..5)
                .prop_map(|entries| Value::Object(entries.into_iter().collect())),
        ]
    })
}

#[test]
fn python_reads_back_what_was_written() {
    let mut runner = TestRunner::deterministic();
    let cases: Vec<Value> = (0..2000).map(|_| values().new_tree(&mut runner).unwrap().current()).collect();
    let pairs: Vec<_> = cases.iter().map(|value| json!([mlmodel_yaml(value), value])).collect();
    let mut command = Command::new(python());
    command.args(["-c", PEER]).env("PYTHONIOENCODING", "utf-8").stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(json!(pairs).to_string().as_bytes()).unwrap();
    let outcome = child.wait_with_output().unwrap();
    let told = String::from_utf8(outcome.stdout).unwrap();
    assert!(outcome.status.success() && told.is_empty(), "{told}");
}
