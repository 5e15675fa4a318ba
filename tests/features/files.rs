//! What rows may come from and go to.

use std::io::Write;

use super::{Workshop, numbers, texts};

const CSV: &str = "id,name,amount\n1,ada,1.5\n2,ben,2.5\n3,,3.5\n";

fn gz(bytes: &[u8]) -> Vec<u8> {
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(bytes).unwrap();
    packed.finish().unwrap()
}

#[test]
fn every_format_gives_the_same_rows() {
    let lines = r#"{"id": 1, "name": "ada", "amount": 1.5}
{"id": 2, "name": "ben", "amount": 2.5}
{"id": 3, "name": null, "amount": 3.5}
"#;
    let workshop = Workshop::new();
    workshop.write("rows.csv", CSV);
    workshop.write("rows.csv.gz", gz(CSV.as_bytes()));
    workshop.write("rows.csv.zst", zstd::encode_all(CSV.as_bytes(), 1).unwrap());
    workshop.write("rows.jsonl", lines);
    workshop.write("rows.jsonl.gz", gz(lines.as_bytes()));
    workshop.config("store: {path: rows.parquet}\n");
    workshop.run(&[]);
    for from in ["rows.csv", "rows.csv.gz", "rows.csv.zst", "rows.jsonl", "rows.jsonl.gz", "rows.parquet"] {
        for to in ["out.parquet", "out.csv"] {
            workshop.config(&format!("extract: {{path: {from}}}\nstore: {{path: {to}}}\n"));
            workshop.run(&[]);
            let made = workshop.table(to);
            assert_eq!(made.names().collect::<Vec<_>>(), ["id", "name", "amount"], "{from} {to}");
            assert_eq!(numbers(&made, "amount"), [1.5, 2.5, 3.5], "{from} {to}");
            assert_eq!(texts(&made, "name"), [Some("ada".into()), Some("ben".into()), None], "{from} {to}");
        }
    }
}

#[test]
fn folders_and_patterns_are_one_table() {
    let workshop = Workshop::new();
    workshop.write("in/a.csv", "id,x\n1,10\n");
    workshop.write("in/b.csv", "id,y\n2,20\n");
    for path in ["in", "in/*.csv"] {
        workshop.config(&format!("extract: {{path: '{path}'}}\n"));
        let summary = workshop.run(&[]);
        let made = workshop.table("out.parquet");
        assert_eq!(numbers(&made, "id"), [1.0, 2.0]);
        assert!(numbers(&made, "x")[1].is_nan() && numbers(&made, "y")[0].is_nan());
        let warnings = summary["warnings"].to_string();
        assert!(warnings.contains("\"x\"") && warnings.contains("\"y\""), "{warnings}");
    }
}

#[test]
fn partitions_are_folders_that_are_replaced_as_one() {
    let workshop = Workshop::new();
    workshop.write("rows.csv", "id,country\n1,DE\n2,FR\n3,DE\n4,\n");
    workshop.config("store: {path: out, format: parquet, partition_by: [country]}\n");
    workshop.run(&[]);
    let made = workshop.table("out/country=DE/part-0.parquet");
    assert_eq!((numbers(&made, "id"), made.columns().len()), (vec![1.0, 3.0], 1));
    assert!(workshop.path("out/country=FR").is_dir());
    workshop.write("rows.csv", "id,country\n7,IT\n");
    workshop.run(&[]);
    assert!(!workshop.path("out/country=FR").exists(), "the old partitions are gone");
    assert_eq!(numbers(&workshop.table("out/country=IT/part-0.parquet"), "id"), [7.0]);
}

#[test]
fn a_later_cell_may_make_a_column_text() {
    let workshop = Workshop::new();
    let mut rows = "n,m\n".to_owned();
    (0..30_000).for_each(|row| rows.push_str(&format!("{row},{row}\n")));
    rows.push_str("x,1.5\n");
    workshop.write("rows.csv", &rows);
    workshop.config("build: [{derive: {twice: \"m * 2\"}}]\n");
    let outcome = workshop.program(&[]).expect(0);
    outcome.says(&["rows.csv, row 30001, column `n`"]);
    let made = workshop.table("out.parquet");
    assert_eq!(texts(&made, "n")[30_000].as_deref(), Some("x"));
    assert_eq!(numbers(&made, "twice")[30_000], 3.0);
}

#[test]
fn rows_are_set_aside_once_though_all_is_read_again() {
    let workshop = Workshop::new();
    let mut rows = "n,m\n1\n".to_owned();
    (0..30_000).for_each(|row| rows.push_str(&format!("{row},{row}\n")));
    rows.push_str("x,1\n1,2,3\n");
    workshop.write("rows.csv", &rows);
    workshop.config("validate: {malformed: quarantine}\n");
    let summary = workshop.run(&[]);
    assert_eq!(super::step(&summary, "validate")["dropped"]["malformed"], 2);
    assert_eq!(texts(&workshop.table("out.quarantine.csv"), "line"), [Some("2".into()), Some("30004".into())]);
    assert_eq!(workshop.table("out.parquet").rows(), 30_001);
}

#[test]
fn row_steps_follow_each_other() {
    let workshop = Workshop::new();
    workshop.write("rows.csv", "user,kind,amount,time\n1,a,2,2026-01-01T00:00:00\n1,b,3,2026-01-05T00:00:00\n2,a,5,2026-01-06T00:00:00\n2,a,5,2026-01-06T00:00:00\n");
    workshop.write("users.csv", "user,name\n1,ada\n3,cem\n");
    workshop.config(
        "inputs: {users: {path: users.csv}}\nbuild:\n  - dedupe: {keys: [user, kind, time]}\n  - group: {by: [user], time: time, as_of: latest, aggregates: {n: count, total: {sum: amount}, recent: {sum: amount, over: 2d}}}\n  - join: {with: users, on: [user], how: left}\n  - sql: \"select user, name, n, total, recent from input order by total desc\"\n",
    );
    let summary = workshop.run(&[]);
    let made = workshop.table("out.parquet");
    assert_eq!(numbers(&made, "user"), [1.0, 2.0]);
    assert_eq!(numbers(&made, "total"), [5.0, 5.0]);
    assert_eq!(numbers(&made, "recent"), [3.0, 5.0]);
    assert_eq!(texts(&made, "name"), [Some("ada".into()), None]);
    let parts = super::step(&summary, "build")["parts"].as_array().unwrap();
    assert_eq!((&parts[0]["rows_in"], &parts[0]["rows_out"]), (&4.into(), &3.into()));
}
