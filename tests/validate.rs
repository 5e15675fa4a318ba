//! `trainer validate`: suites, checkpoints, rules of DQX and our own lists held against files.

use std::path::Path;

use arrow::json::LineDelimitedWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::{Value as Json, json};
use trainer_testkit::{Outcome, Program, python, repository, scratch, shared};

use crate::snapshot;

const TRAINER: &str = env!("CARGO_BIN_EXE_trainer");

const ORDERS: &str = "id,amount,status,day,email\n\
    1,10.5,new,2026-01-05,a@example.com\n\
    2,-4,paid,2026-02-30,b@example.com\n\
    3,,lost,2026-03-01,secret@example.com\n\
    3,7,new,2026-04-01,\n";

fn validate(folder: &Path, args: &[&str]) -> Program {
    Program::new(TRAINER).args(["validate"]).args(args).dir(folder)
}

/// A folder with a file of orders and another file.
fn folder(name: &str, text: &str) -> tempfile::TempDir {
    let folder = scratch();
    std::fs::write(folder.path().join("orders.csv"), ORDERS).unwrap();
    std::fs::write(folder.path().join(name), text).unwrap();
    folder
}

/// Expects a text on standard output.
fn prints(outcome: &Outcome, text: &str) {
    assert!(outcome.stdout.contains(text), "expected `{text}` on standard output, found:\n{}", outcome.stdout);
}

fn result(outcome: &Outcome) -> Json {
    serde_json::from_str(&outcome.stdout).unwrap()
}

const OWN: &str = "\
- column_values_to_be_unique: {column: id}
- column_values_to_not_be_null: {column: amount, mostly: 0.7}
- column_values_to_be_between: {column: amount, min_value: 0, severity: warning}
- column_values_to_be_in_set: {column: status, value_set: [new, paid], row_condition: \"amount >= 0\", condition_parser: pandas}
- expect_column_values_to_match_strftime_format: {column: day, strftime_format: \"%Y-%m-%d\", severity: info}
";

#[test]
fn a_list_of_expectations_is_judged_and_exits_3() {
    let folder = folder("rules.yaml", OWN);
    let args = ["--input", "orders.csv", "--expectations", "rules.yaml", "--output-dir", "out"];
    let outcome = validate(folder.path(), &args).expect(3);
    snapshot::compare(&repository().join("tests/validate/own.txt"), &outcome.stdout);
    let written = |name: &str| std::fs::read_to_string(folder.path().join("out").join(name)).unwrap();
    let json: Json = serde_json::from_str(&written("validation.json")).unwrap();
    assert_eq!(json["statistics"]["successful_expectations"], 2);
    assert_eq!(json["results"][3]["result"]["element_count"], 2, "rows that the condition leaves");
    assert!(written("validation.md").starts_with("# ❌ Validation of orders.csv"));
    let page = written("validation.html");
    assert!(page.contains("Failed") && page.contains("✗ not met") && !page.contains("<script"));
}

#[test]
fn failures_that_only_warn_exit_0() {
    let rules = "- column_values_to_be_between: {column: amount, min_value: 0, severity: warning}\n";
    let folder = folder("rules.yaml", rules);
    let args = ["--input", "orders.csv", "--expectations", "rules.yaml", "-o", "json"];
    let json = result(&validate(folder.path(), &args).expect(0));
    assert_eq!((&json["passed"], &json["result"]["success"]), (&json!(true), &json!(false)));
    assert!(json["rules"].as_str().unwrap().contains("this program's own form"));
}

#[test]
fn what_is_not_known_exits_2_with_the_nearest_name() {
    for (rules, said) in [
        ("- column_values_to_be_nul: {column: id}\n", "did you mean `column_values_to_be_null`?"),
        ("- column_values_to_be_null: {colum: id}\n", "did you mean `column`?"),
        ("- column_values_to_be_null: {column: id, row_condition: \"id.sum() > 1\"}\n", "found `sum`"),
        (
            "- {criticality: warn, check: {function: is_not_nul, arguments: {column: id}}}\n",
            "did you mean `is_not_null`?",
        ),
        ("- {criticality: warn, check: {function: is_not_null, arguments: {column: idd}}}\n", "did you mean `id`?"),
        ("a: 1\n", "found none of them"),
        ("[]\n", "at least one expectation"),
    ] {
        let folder = folder("rules.yaml", rules);
        validate(folder.path(), &["--input", "orders.csv", "--expectations", "rules.yaml"]).expect(2).says(&[said]);
    }
    let folder = folder("rules.yaml", OWN);
    let own = ["--input", "orders.csv", "--expectations", "rules.yaml"];
    validate(folder.path(), &[&own[..], &["--set", "lo=1"]].concat()).expect(2).says(&["found `lo`"]);
    validate(folder.path(), &[&own[..], &["--pii", "mail"]].concat()).expect(2).says(&["did you mean `email`?"]);
    validate(folder.path(), &[&own[..], &["--annotate", "x.parquet"]].concat()).expect(2).says(&["rules of DQX"]);
    validate(folder.path(), &["--input", "orders.csv"]).expect(2).says(&["--expectations"]);
}

#[test]
fn parameters_are_filled_in() {
    let suite = r#"{"name": "s", "expectations": [{"type": "expect_column_max_to_be_between",
        "kwargs": {"column": "amount", "max_value": {"$PARAMETER": "top"}}}]}"#;
    let folder = folder("suite.json", suite);
    let args = ["--input", "orders.csv", "--expectations", "suite.json"];
    validate(folder.path(), &args).expect(2).says(&["a value for the parameter `top`"]);
    validate(folder.path(), &[&args[..], &["--set", "top=10"]].concat()).expect(3);
    let outcome = validate(folder.path(), &[&args[..], &["--set", "top=11"]].concat()).expect(0);
    prints(&outcome, "passed: 1 of 1 hold");
}

#[test]
fn checkpoints_of_both_generations_lead_to_their_suite() {
    let suite = r#"{"expectation_suite_name": "orders.daily", "expectations": [{"expectation_type":
        "expect_column_values_to_be_unique", "kwargs": {"column": "id"}, "meta": {}}], "ge_cloud_id": null}"#;
    let checkpoint = "name: c\nconfig_version: 1.0\nvalidations:\n  - batch_request: {}\n    expectation_suite_name: orders.daily\n\
        runtime_configuration: {result_format: {result_format: COMPLETE, unexpected_index_column_names: [day]}}\n";
    let folder = folder("suite.json", suite);
    let path = |name: &str| folder.path().join(name);
    std::fs::create_dir_all(path("expectations/orders")).unwrap();
    std::fs::create_dir_all(path("checkpoints")).unwrap();
    std::fs::rename(path("suite.json"), path("expectations/orders/daily.json")).unwrap();
    std::fs::write(path("checkpoints/c.yml"), checkpoint).unwrap();
    let args = ["--input", "orders.csv", "--expectations", "checkpoints/c.yml", "-o", "json"];
    let json = result(&validate(folder.path(), &args).expect(3));
    assert!(json["rules"].as_str().unwrap().contains("checkpoint of Great Expectations 0.18"), "{}", json["rules"]);
    let found = &json["result"]["results"][0]["result"];
    assert_eq!(found["unexpected_index_list"], json!([{"id": 3, "day": "2026-03-01"}, {"id": 3, "day": "2026-04-01"}]));
    assert_eq!(found["unexpected_index_column_names"], json!(["day"]));

    let Some(reference) = shared("reference/monitoring") else { return };
    let orders = reference.join("data/dirty_orders.csv");
    for (file, told) in [
        ("checkpoint.json", "checkpoint of Great Expectations 1.x"),
        ("validation_definition.json", "validation definition"),
    ] {
        let file = reference.join("out/gx").join(file);
        let args = ["--input", orders.to_str().unwrap(), "--expectations", file.to_str().unwrap(), "-o", "json"];
        let json = result(&validate(folder.path(), &args).expect(3));
        assert!(json["rules"].as_str().unwrap().contains(told), "{}", json["rules"]);
        assert_eq!(json["result"]["statistics"]["evaluated_expectations"], 46);
        let summary = json["result"]["results"][10]["result"].get("partial_unexpected_counts");
        assert_eq!(summary.is_some(), file.ends_with("validation_definition.json"), "the checkpoint asks for BASIC");
    }
}

#[test]
fn personal_cells_are_never_shown() {
    let rules = "pii: [email]\nexpectations:\n  - column_values_to_match_regex: {column: email, regex: \"^[ab]@\"}\n  \
        - column_most_common_value_to_be_in_set: {column: email, value_set: [x]}\n";
    let folder = folder("rules.yaml", rules);
    let args =
        ["--input", "orders.csv", "--expectations", "rules.yaml", "--output-dir", "out", "--result-format", "COMPLETE"];
    let outcome = validate(folder.path(), &args).expect(3);
    prints(&outcome, "<masked>");
    let mut all = vec![outcome.stdout, outcome.stderr];
    for name in ["validation.json", "validation.md", "validation.html"] {
        all.push(std::fs::read_to_string(folder.path().join("out").join(name)).unwrap());
    }
    let dqx = "- check: {function: is_in_list, arguments: {column: email, allowed: [\"'x'\"]}}\n";
    std::fs::write(folder.path().join("dqx.yaml"), dqx).unwrap();
    let args = ["--input", "orders.csv", "--expectations", "dqx.yaml", "--pii", "email", "-o", "json"];
    all.push(validate(folder.path(), &args).expect(3).stdout);
    assert!(all.iter().all(|text| !text.contains("@example.com")), "{all:#?}");
}

#[test]
fn dates_of_a_clean_file_are_judged_as_text() {
    let rules = "- column_values_to_match_strftime_format: {column: day, strftime_format: \"%d.%m.%Y\"}\n";
    let folder = folder("rules.yaml", rules);
    std::fs::write(folder.path().join("clean.csv"), "day\n2026-01-05\n2026-01-06\n").unwrap();
    let args = ["--input", "clean.csv", "--expectations", "rules.yaml"];
    prints(&validate(folder.path(), &args).expect(3), "2 of 2 values are unexpected");
    std::fs::write(folder.path().join("rules.yaml"), rules.replace("%d.%m.%Y", "%Y-%m-%d")).unwrap();
    validate(folder.path(), &args).expect(0);
}

#[test]
fn a_column_without_values_is_a_warning() {
    let folder = folder("rules.yaml", "- column_values_to_be_unique: {column: b}\n");
    std::fs::write(folder.path().join("empty.csv"), "a,b\n1,\n2,\n").unwrap();
    let args = ["--input", "empty.csv", "--expectations", "rules.yaml"];
    validate(folder.path(), &args).expect(0).says(&["warning: column `b`"]);
}

/// The rows of a Parquet file as JSON; what has no value is left out.
fn rows(path: &Path) -> Vec<Json> {
    let file = std::fs::File::open(path).unwrap();
    let reader = ParquetRecordBatchReaderBuilder::try_new(file).unwrap().build().unwrap();
    let mut writer = LineDelimitedWriter::new(Vec::new());
    for batch in reader {
        writer.write(&batch.unwrap()).unwrap();
    }
    writer.finish().unwrap();
    String::from_utf8(writer.into_inner()).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn rules_of_dqx_flag_and_split() {
    let rules = "\
- {criticality: error, check: {function: is_in_range, arguments: {column: amount, min_limit: 0, max_limit: 100}}}
- {criticality: warn, check: {function: is_in_list, arguments: {column: status, allowed: [new, paid]}}}
";
    let folder = folder("dqx.yaml", rules);
    let args = [
        "--input",
        "orders.csv",
        "--expectations",
        "dqx.yaml",
        "--annotate",
        "all.parquet",
        "--valid",
        "valid.csv",
        "--quarantine",
        "bad.parquet",
    ];
    let outcome = validate(folder.path(), &args).expect(3).says(&["`new` is taken for text"]);
    prints(&outcome, "2 rules of DQX");
    snapshot::compare(&repository().join("tests/validate/dqx.txt"), &outcome.stdout);
    let all = rows(&folder.path().join("all.parquet"));
    assert_eq!(all.len(), 4);
    assert!(all[0].get("_errors").is_none() && all[1]["_errors"][0]["name"] == "amount_not_in_range");
    assert_eq!(rows(&folder.path().join("bad.parquet")).len(), 2);
    let valid = std::fs::read_to_string(folder.path().join("valid.csv")).unwrap();
    assert_eq!(valid.lines().count(), 4, "the row that only warns is valid");
    let csv = ["--input", "orders.csv", "--expectations", "dqx.yaml", "--annotate", "all.csv"];
    validate(folder.path(), &csv).expect(2).says(&["ends in .parquet"]);
}

#[test]
fn foreign_keys_need_their_table() {
    let rules = "- check: {function: foreign_key, arguments: {columns: [id], ref_columns: [key], ref_df_name: keys}}\n";
    let folder = folder("dqx.yaml", rules);
    std::fs::write(folder.path().join("keys.csv"), "key\n1\n2\n").unwrap();
    let args = ["--input", "orders.csv", "--expectations", "dqx.yaml"];
    validate(folder.path(), &args).expect(2).says(&["expected the table `keys`"]);
    let outcome = validate(folder.path(), &[&args[..], &["--reference", "keys=keys.csv"]].concat()).expect(3);
    prints(&outcome, "2 of 4 rows: Value '3' in column 'id' not found in reference column 'key'");
}

#[test]
fn flagged_rows_are_those_of_dqx() {
    let Some(reference) = shared("reference/monitoring") else { return };
    let folder = scratch();
    let (orders, rules) = (reference.join("data/dirty_orders.csv"), reference.join("scripts/dqx_checks.yml"));
    let flagged = folder.path().join("flagged.parquet");
    let args = [
        "--input",
        orders.to_str().unwrap(),
        "--expectations",
        rules.to_str().unwrap(),
        "--quarantine",
        flagged.to_str().unwrap(),
        "-o",
        "json",
    ];
    let told = result(&validate(folder.path(), &args).expect(3));
    let text = |name: &str| std::fs::read_to_string(reference.join("out/dqx").join(name)).unwrap();
    let summary: Json = serde_json::from_str(&text("summary.json")).unwrap();
    for key in ["rows", "valid_rows", "invalid_rows"] {
        assert_eq!(told["result"][key], summary[key], "{key}");
    }
    let mut theirs: Vec<Json> = serde_json::from_str(&text("flagged_rows.json")).unwrap();
    let mut ours = rows(&flagged);
    for row in ours.iter_mut().chain(&mut theirs) {
        for column in ["_errors", "_warnings"] {
            for entry in row.get_mut(column).and_then(Json::as_array_mut).into_iter().flatten() {
                let entry = entry.as_object_mut().unwrap();
                for own in ["run_time", "run_id", "rule_fingerprint", "rule_set_fingerprint"] {
                    assert!(entry.shift_remove(own).is_some(), "{own}");
                }
            }
        }
    }
    // Spark gives rows back in another order.
    ours.sort_by_key(Json::to_string);
    theirs.sort_by_key(Json::to_string);
    assert_eq!(ours.len(), theirs.len());
    for (ours, theirs) in ours.iter().zip(&theirs) {
        assert_eq!(ours, theirs);
    }
}

#[test]
fn files_meet_the_suites_that_they_suggest() {
    let folder = scratch();
    let sample = repository().join("datasets/churn/train.parquet");
    let mut files = vec![sample];
    if let Some(shared) = shared("data") {
        files.extend(
            ["telco_churn.parquet", "titanic.parquet", "german_credit.parquet", "breast_cancer.parquet"]
                .map(|name| shared.join(name)),
        );
    }
    if let Some(reference) = shared("reference/monitoring") {
        files.push(reference.join("data/dirty_orders.csv"));
    }
    for file in &files {
        let file = file.to_str().unwrap();
        validate(folder.path(), &["--suggest", "--input", file, "--suite", "suite.json"]).expect(0);
        prints(&validate(folder.path(), &["--input", file, "--expectations", "suite.json"]).expect(0), "passed: ");
    }
}

#[test]
fn great_expectations_reads_and_meets_our_suggestions() {
    let folder = scratch();
    let rows = repository().join("tests/peers/expectations.csv");
    validate(folder.path(), &["--suggest", "--input", rows.to_str().unwrap(), "--suite", "suite.json"]).expect(0);
    let peer = repository().join("tests/peers/expectations.py");
    let suite = folder.path().join("suite.json");
    let outcome = Program::new(python()).args([&peer, &rows, &suite]).expect(0);
    let theirs: Json = serde_json::from_str(&outcome.stdout).unwrap();
    let suggested: Json = serde_json::from_str(&std::fs::read_to_string(&suite).unwrap()).unwrap();
    let count = suggested["expectations"].as_array().unwrap().len();
    assert_eq!(theirs["BASIC"]["statistics"]["evaluated_expectations"], count);
    let failed: Vec<&Json> =
        theirs["BASIC"]["results"].as_array().unwrap().iter().filter(|one| one["success"] != true).collect();
    assert!(failed.is_empty(), "{failed:#?}");
}
