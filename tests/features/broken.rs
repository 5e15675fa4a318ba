//! What is wrong is told with its place, its step and its exit code, and leaves what was there before.

use super::{Told, Workshop, step};

#[test]
fn a_row_that_is_broken_stops_the_run_where_nothing_else_is_said() {
    let workshop = Workshop::new();
    workshop.write("rows.csv", "a,b\n1,2\n3\n");
    workshop.write("out.parquet", "the old one");
    workshop.config("build: []\n");
    let outcome = workshop.program(&["--output", "json"]).expect(3);
    assert!(outcome.json()["error"].to_string().contains("row 2 (line 3)"), "{}", outcome.stdout);
    outcome.says(&["step extract: rows.csv, row 2 (line 3): expected 2 fields as in the header, found 1"]);
    assert_eq!(workshop.bytes("out.parquet"), b"the old one");
    let summary: serde_json::Value = serde_json::from_slice(&workshop.bytes("out.summary.json")).unwrap();
    assert_eq!((&summary["failed"]["step"], &summary["failed"]["exit_code"]), (&"extract".into(), &3.into()));
    assert_eq!(summary["complete"], false);
    assert_eq!(workshop.names(), ["features.yaml", "out.parquet", "out.summary.json", "rows.csv"]);
}

#[test]
fn each_step_says_that_it_failed() {
    let workshop = Workshop::new();
    workshop.write("rows.csv", "a,b\n1,x\n2,y\n");
    for (config, code, says) in [
        ("extract: {path: absent.csv}", 3, "step extract: absent.csv: expected a file or folder, found nothing"),
        ("build: [{filter: \"c > 1\"}]", 2, "step build: "),
        ("build: [{standardize: {columns: [aa]}}]", 2, "step build: column `aa`"),
        ("build: [{row_sum: {columns: [a, b], into: s}}]", 2, "step build: column `b`: step `row_sum`"),
        ("build: [{coerce: {columns: [b], unparsable: error}}]", 3, "step build: "),
        ("validate: {expectations: [{column_values_to_be_between: {column: a, max_value: 1}}]}", 3, "step validate: "),
        ("store: {path: out.xlsx}", 2, "step store: "),
        ("device: cuda:77", 5, "step build: "),
    ] {
        workshop.config(config);
        workshop.program(&[]).expect(code).says(&[says]);
    }
}

#[test]
fn a_config_is_checked_as_a_whole_before_anything_is_read() {
    let workshop = Workshop::new();
    let config = "extract: {pth: rows.csv}\nvalidate: {malformed: dorp}\nbuild:\n  - fliter: \"a > 1\"\n  - coerce: {columns: numeric, unparsable: zreo}\n";
    workshop.config(config);
    let outcome = workshop.program(&[]).expect(2);
    outcome.says(&["did you mean `path`?", "did you mean `drop`?", "did you mean `filter`?", "did you mean `zero`?"]);
}

#[test]
fn variables_are_the_files_own_then_the_environments() {
    let workshop = Workshop::new();
    workshop.write("rows_7.csv", "a\n1\n");
    workshop.config("vars: {n: 7}\nextract: {path: \"rows_${n}.csv\"}\nstore: {path: \"out_${KIND}.csv\"}\n");
    workshop.program(&[]).env("KIND", "x").expect(0);
    assert!(workshop.path("out_x.csv").exists());
    workshop.program(&[]).expect(2).says(&["`KIND` is not set"]);
    workshop.program(&["--set", "vars.n=8"]).env("KIND", "x").expect(3).says(&["rows_8.csv"]);
}

#[test]
fn what_is_set_aside_is_kept_as_it_was() {
    let workshop = Workshop::new();
    workshop.write("rows.csv", "a,b\n1,2\n#### lost\n3,4,5\n6,7\n");
    workshop.config("validate: {malformed: quarantine, quarantine: aside.csv}\n");
    let summary = workshop.run(&[]);
    assert_eq!(step(&summary, "validate")["dropped"]["malformed"], 2);
    let kept = String::from_utf8(workshop.bytes("aside.csv")).unwrap();
    assert_eq!(
        kept,
        "file,line,reason,row\nrows.csv,3,too_few_fields,#### lost\nrows.csv,4,too_many_fields,\"3,4,5\"\n"
    );
}

#[test]
fn what_only_one_machine_does_is_refused_before_a_cluster_is_asked() {
    let workshop = Workshop::new();
    workshop.config(
        "validate: {malformed: quarantine, expectations: [{column_values_to_be_unique: {column: a}}]}\nbuild: [{filter: \"a > 1\"}, {coerce: {columns: numeric}}]\n",
    );
    let refused = workshop.program(&["--engine", "spark://127.0.0.1:1"]).expect(2);
    refused.says(&[
        "validate.malformed: quarantine; validate.expectations: column_values_to_be_unique; build[0]: filter",
        "--engine local",
    ]);
    workshop.program(&["--engine", "sprak://x"]).expect(2).says(&["spark://host:7077"]);
    workshop.config("extract: {path: rows.parquet}\nbuild: [{coerce: {columns: numeric}}]\n");
    let alone = workshop.program(&["--engine", "spark://127.0.0.1:1"]).env("PYSPARK_PYTHON", "/nowhere/python");
    alone.expect(2).says(&["/nowhere/python", "PYSPARK_PYTHON"]);
}
