//! The event log: the example that the documentation runs, and logs that are broken in every way.

use serde_json::Value;
use trainer_testkit::{Program, repository, scratch, shared};

use super::{TRAINER, Told, Workshop, example, numbers, plain_csv, step, table};

const NUMBERS: [&str; 5] = ["user_id", "is_premium", "event_value", "amount", "session_length_sec"];

/// The example in a folder of its own, in which the repository's data is seen.
fn run_example() -> (tempfile::TempDir, trainer_testkit::Outcome) {
    let dir = scratch();
    for folder in ["datasets", "configs"] {
        std::os::unix::fs::symlink(repository().join(folder), dir.path().join(folder)).unwrap();
    }
    let run = Program::new(TRAINER).dir(dir.path()).args(["features", "run", "--set", "vars.ds=20251119", "--config"]);
    let outcome = run.args([example("user_events.yaml")]).expect(0);
    (dir, outcome)
}

#[test]
fn the_example_drops_what_is_broken_and_sums_the_rest() {
    let (dir, outcome) = run_example();
    let rows = plain_csv(&repository().join("datasets/events/user_events_20251119.csv"));
    let number = |cell: &String| cell.parse::<f64>().unwrap_or(0.0);
    let expected: Vec<f64> =
        (0..rows["user_id"].len()).map(|row| NUMBERS.iter().map(|name| number(&rows[*name][row])).sum()).collect();
    let made = table(&dir.path().join("features/features_20251119.parquet"));
    assert_eq!(numbers(&made, "row_sum"), expected);
    assert_eq!(made.columns().len(), 11);
    assert_eq!(numbers(&made, "event_value"), rows["event_value"].iter().map(number).collect::<Vec<_>>());
    let lines: Vec<&str> = outcome.stdout.lines().collect();
    let line = |step: &str| {
        let start = format!("[features] step={step} ");
        *lines.iter().find(|line| line.starts_with(&start)).unwrap_or_else(|| panic!("no {start} in {lines:#?}"))
    };
    assert!(line("extract").contains("rows_in=2000 rows_out=2000"), "{}", line("extract"));
    assert!(line("extract").contains("path=datasets/events/user_events_20251119.csv"));
    assert!(line("validate").contains("rows_in=2000 rows_out=1970 dropped_malformed=30"), "{}", line("validate"));
    assert!(line("build").contains("rows_in=1970 rows_out=1970"));
    assert!(line("store").contains("path=features/features_20251119.parquet"));
    let summary: Value = {
        let path = dir.path().join("features/features_20251119.summary.json");
        serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
    };
    assert_eq!(summary["complete"], true);
    let no_number = |name: &str| rows[name].iter().filter(|cell| cell.parse::<f64>().is_err()).count();
    let replaced = step(&summary, "build")["replaced"].as_object().unwrap();
    let counted: u64 = replaced.values().map(|count| count.as_u64().unwrap()).sum();
    assert_eq!(counted as usize, NUMBERS.iter().map(|name| no_number(name)).sum::<usize>(), "{replaced:?}");
}

#[test]
fn broken_logs_lose_the_rows_that_they_must() {
    let Some(folder) = shared("data/bad_inputs") else { return };
    let manifest: Value =
        serde_json::from_str(&std::fs::read_to_string(folder.join("manifest.json")).unwrap()).unwrap();
    let files = manifest["files"].as_array().unwrap().iter();
    let logs: Vec<&Value> =
        files.filter(|file| file["file"].as_str().unwrap().starts_with("derived/events__")).collect();
    assert!(logs.len() >= 14, "{} logs", logs.len());
    for log in logs {
        let name = log["file"].as_str().unwrap();
        let workshop = Workshop::new();
        let path = folder.join(name);
        let encoding = if name.ends_with("utf16.csv") { ", csv: {encoding: utf-16}" } else { "" };
        workshop.config(&format!(
            "extract: {{path: '{}'{encoding}}}\nvalidate: {{malformed: quarantine}}\nbuild: [{{coerce: {{columns: numeric, unparsable: zero}}}}]\n",
            path.display()
        ));
        let summary = workshop.run(&[]);
        let validate = step(&summary, "validate");
        assert_eq!(validate["rows_out"], log["expect"]["rows_ok"], "{name}: {validate}");
        let counts = &log["expect"]["counts"];
        let dropped: u64 = ["short", "long", "garbage"].iter().filter_map(|key| counts[key].as_u64()).sum();
        assert_eq!(validate["dropped"]["malformed"].as_u64().unwrap_or(0), dropped, "{name}: {validate}");
        let kept = workshop.path("out.quarantine.csv");
        assert_eq!(kept.exists(), dropped > 0, "{name}");
        if dropped > 0 {
            assert_eq!(table(&kept).rows() as u64, dropped, "{name}");
        }
        let columns = log["expect"]["columns"].as_u64().unwrap();
        assert_eq!(workshop.table("out.parquet").columns().len() as u64, columns, "{name}");
    }
}

#[test]
fn a_column_that_is_lost_or_new_is_told_and_stops_nothing() {
    let workshop = Workshop::new();
    workshop.write("rows.csv", "id,extra,amount\n1,x,2.5\n2,y,3.5\n");
    workshop.config(
        "extract: {path: rows.csv, header: [id, amount, value], types: {value: float}}\nbuild:\n  - coerce: {columns: numeric, unparsable: zero}\n  - row_sum: {columns: [amount, value], into: row_sum}\n",
    );
    let summary = workshop.run(&[]);
    assert_eq!(summary["columns"]["disappeared"], serde_json::json!(["value"]));
    assert_eq!(summary["columns"]["appeared"], serde_json::json!(["extra"]));
    let made = workshop.table("out.parquet");
    assert_eq!(made.names().collect::<Vec<_>>(), ["id", "amount", "value", "extra", "row_sum"]);
    assert_eq!(numbers(&made, "row_sum"), [2.5, 3.5]);
    workshop.config(
        "extract: {path: rows.csv, header: [id, amount, value]}\nvalidate: {expectations: [{column_to_exist: {column: other}}]}\n",
    );
    let failed = workshop.program(&[]).expect(3);
    failed.says(&["step validate", "column_to_exist `other`"]);
}

#[test]
fn text_output_and_json_say_the_same() {
    let workshop = Workshop::new();
    workshop.write("rows.csv", "a\n1\n2\n");
    workshop.config("build: []\n");
    let outcome = workshop.program(&[]).expect(0);
    assert_eq!(outcome.stdout.lines().filter(|line| line.starts_with("[features] step=")).count(), 5);
    let told = workshop.program(&["--output", "json"]).expect(0).json();
    assert_eq!(told["steps"].as_array().unwrap().len(), 5);
    assert_eq!(step(&told, "store")["files"][0]["path"], "out.parquet");
}
