//! Feast itself, and DuckDB.

use serde_json::Value;
use trainer_data::{Column, Table, write_parquet};
use trainer_testkit::{Program, python_feast, repository, scratch};

use super::{copy, features, read};

fn python(script: &str, args: &[&str], folder: &std::path::Path) -> String {
    let script = repository().join("tests/peers").join(script);
    let program = Program::new(python_feast()).args([script]).args(args).dir(folder);
    program.env("FEAST_USAGE", "False").expect(0).stdout
}

#[test]
fn feast_reads_what_materialize_writes() {
    let folder = scratch();
    let repo = folder.path().join("features");
    copy(&repository().join("datasets/churn_store/features"), &repo);
    std::fs::remove_file(repo.join("data/user_features.parquet")).unwrap();
    // Numbers of other widths and times without a zone, as a CSV has them.
    let head = "user_id,event_timestamp,created,total_purchases,avg_purchase_amount,tenure_months\n";
    let old = format!(
        "{head}1,2026-02-01T08:00:00,2026-02-01T09:00:00,3,10,5\n2,2026-02-01T08:00:00,2026-02-01T09:00:00,4,,6\n"
    );
    let new = format!(
        "{head}1,2026-02-03T08:00:00,2026-02-03T09:00:00,5,12.5,5\n3,2026-02-02T08:00:00,2026-02-02T09:00:00,,7.25,1\n"
    );
    for (rows, more) in [(&old, &[][..]), (&new, &["--append"])] {
        std::fs::write(folder.path().join("rows.csv"), rows).unwrap();
        let args = ["materialize", "--store", "features", "--view", "user_features", "--input", "rows.csv"];
        features(folder.path(), &args.into_iter().chain(more.iter().copied()).collect::<Vec<_>>(), 0);
    }
    // Feast's historical answer, of rows that its file store does not drop.
    let text = "user_id,event_timestamp\n1,2026-02-02T00:00:00Z\n1,2026-02-03T08:00:00Z\n2,2026-02-05T00:00:00Z\n9,2026-02-05T00:00:00Z\n";
    std::fs::write(folder.path().join("labels.csv"), text).unwrap();
    let args = ["features", "labels.csv", "theirs.csv", "1", "2", "3", "9"];
    let online: Value = serde_json::from_str(&python("feast_store.py", &args, folder.path())).unwrap();
    let list = |name: &str| online[name].as_array().unwrap().clone();
    assert_eq!(list("total_purchases"), [5.into(), 4.into(), Value::Null, Value::Null]);
    assert_eq!(list("avg_purchase_amount"), [12.5.into(), Value::Null, 7.25.into(), Value::Null]);
    assert_eq!(list("tenure_months"), [5.into(), 6.into(), 1.into(), Value::Null]);

    let args =
        ["join", "--store", "features", "--entities", "labels.csv", "--service", "churn_model_v1", "-o", "ours.csv"];
    features(folder.path(), &args, 0);
    let sorted = |name: &str| {
        let table = read(&folder.path().join(name));
        let mut rows: Vec<_> = (0..table.rows()).map(|row| super::cells(&table, row)).collect();
        rows.sort();
        rows
    };
    assert_eq!(sorted("ours.csv"), sorted("theirs.csv"));
}

#[test]
fn a_million_rows_are_as_duckdb_joins_them() {
    let folder = scratch();
    python("asof.py", &["."], folder.path());
    let store = "\
project: p
entities: [{name: user_id}]
views:
  - {name: v, entities: [user_id], features: [x, s], ttl: 6h, source: {path: features.parquet}}
";
    std::fs::write(folder.path().join("store.yaml"), store).unwrap();
    let args = ["join", "--store", ".", "--entities", "labels.parquet", "--features", "v:x,v:s", "-o", "ours.parquet"];
    features(folder.path(), &args, 0);
    let (ours, theirs) = (read(&folder.path().join("ours.parquet")), read(&folder.path().join("expected.parquet")));
    assert_eq!(ours.rows(), 200_000);
    let plain = |table: &Table| {
        let column = |name: &str| Column::new(name, table.column(name).unwrap().array().clone()).unwrap();
        Table::from_columns(["user_id", "label", "x", "s"].map(column).to_vec()).unwrap()
    };
    assert!(ours.column("x").unwrap().null_count() > 1000, "some labels find nothing");
    // Compared as bytes: a difference in 200,000 rows is not to be printed.
    let bytes = |table: &Table, name: &str| {
        let path = folder.path().join(name);
        write_parquet(&plain(table), &path).unwrap();
        std::fs::read(path).unwrap()
    };
    assert!(bytes(&ours, "a.parquet") == bytes(&theirs, "b.parquet"), "the joins differ");
}
