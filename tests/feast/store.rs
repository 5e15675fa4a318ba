//! Stores as they are: the reference repository that Feast made, the same as a `store.yaml`, and what is no store.

use std::collections::BTreeMap;
use std::path::Path;

use trainer_testkit::{scratch, shared};

use super::{cells, copy, features, read};

const REFERENCES: &str = "driver_stats:conv_rate,driver_stats:trips,driver_profile:tier,driver_profile:driver_rating";

type Rows = BTreeMap<String, Vec<(String, Option<String>)>>;

/// Rows by the name of their case; the order of columns counts.
fn by_case(path: &Path) -> Rows {
    let table = read(path);
    let case = |row: usize| table.column("case").unwrap().text(row).unwrap().into_owned();
    (0..table.rows()).map(|row| (case(row), cells(&table, row))).collect()
}

/// Joins the reference's labels, and holds every row against what Feast answered.
fn compare(store: &Path, expected: &str, args: &[&str]) {
    let Some(reference) = shared("reference/feast") else { return };
    let folder = scratch();
    let (store, labels) = (store.display().to_string(), reference.join("repo/data/entity_df.parquet"));
    let labels = labels.display().to_string();
    let mut all = vec!["join", "--store", &store, "--entities", &labels, "--output", "out.parquet"];
    all.extend(args);
    features(folder.path(), &all, 0);
    let (found, expected) = (by_case(&folder.path().join("out.parquet")), by_case(&reference.join(expected)));
    assert_eq!(found.keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>(), "{args:?}");
    for (case, cells) in &expected {
        assert_eq!(&found[case], cells, "{case} of {args:?}");
    }
}

/// Every variant of the reference, by the SQL rule and as Feast's file store.
fn compare_all(store: &Path) {
    let variants: [(&str, &[&str]); 4] = [
        ("refs", &["--features", REFERENCES]),
        ("full_names", &["--features", REFERENCES, "--full-names"]),
        ("service", &["--service", "trip_model_v1"]),
        ("created_cutoff", &["--features", REFERENCES, "--created-cutoff"]),
    ];
    for (variant, args) in variants {
        compare(store, &format!("expected_duckdb_{variant}.parquet"), args);
        let args: Vec<&str> = args.iter().copied().chain(["--compat", "feast-file"]).collect();
        compare(store, &format!("expected_file_{variant}.parquet"), &args);
    }
}

#[test]
fn every_edge_case_is_as_feast_answers() {
    let Some(reference) = shared("reference/feast") else { return };
    compare_all(&reference.join("repo"));
}

#[test]
fn a_store_without_a_registry_answers_alike() {
    let Some(reference) = shared("reference/feast") else { return };
    let folder = scratch();
    copy(&reference.join("repo/data"), &folder.path().join("data"));
    std::fs::write(folder.path().join("store.yaml"), STORE).unwrap();
    compare_all(folder.path());
}

const STORE: &str = "\
project: refcase
entities:
  - {name: driver, join_key: driver_id}
views:
  - name: driver_stats
    entities: [driver]
    features: [conv_rate, trips]
    ttl: 2h
    source: {path: data/driver_stats.parquet, created_timestamp_column: created}
  - name: driver_profile
    entities: [driver]
    features: [tier, driver_rating]
    source: {path: data/driver_profile.parquet, timestamp_field: ts, field_mapping: {rating: driver_rating}}
services:
  - {name: trip_model_v1, features: [driver_stats:conv_rate, driver_stats:trips, driver_profile:tier]}
";

#[test]
fn each_view_tells_what_it_brought() {
    let Some(reference) = shared("reference/feast") else { return };
    let folder = scratch();
    let store = reference.join("repo").display().to_string();
    let labels = format!("{store}/data/entity_df.parquet");
    let args = ["join", "--store", &store, "--entities", &labels, "--features", REFERENCES, "-o", "out.csv"];
    let text = features(folder.path(), &args, 0).stdout;
    let expected = "\
driver_stats: 12 rows in, 12 out, 4 without a match, features of 2026-05-01T08:00:00Z to 2026-05-01T12:00:00Z
driver_profile: 12 rows in, 12 out, 4 without a match, features of 2026-04-01T00:00:00Z to 2026-05-01T10:00:00Z
out.csv: 12 rows
";
    assert_eq!(text, expected);
    let args: Vec<&str> = args.into_iter().chain(["-o", "json", "--compat", "feast-file"]).collect();
    let told: serde_json::Value = serde_json::from_str(&features(folder.path(), &args, 0).stdout).unwrap();
    assert_eq!(told["views"][0]["rows_in"], 12);
    assert_eq!(told["views"][0]["rows_out"], 8);
    assert_eq!(told["rows"], 8);
    assert_eq!(told["files"].as_array().unwrap().len(), 2);
}

fn with_store(yaml: &str) -> tempfile::TempDir {
    let folder = scratch();
    std::fs::write(folder.path().join("store.yaml"), yaml).unwrap();
    std::fs::create_dir(folder.path().join("data")).unwrap();
    std::fs::write(
        folder.path().join("data/driver_stats.csv"),
        "driver_id,event_timestamp,created,conv_rate,trips\n1,2026-05-01T08:00:00Z,2026-05-01T09:00:00Z,0.5,7\n",
    )
    .unwrap();
    std::fs::write(
        folder.path().join("labels.csv"),
        "driver_id,event_timestamp\n1,2026-05-01T08:30:00\n2,2026-05-01T08:30:00\n",
    )
    .unwrap();
    folder
}

#[test]
fn what_is_wrong_is_said_with_the_nearest_name() {
    let yaml = STORE.replace("driver_stats.parquet", "driver_stats.csv");
    let folder = with_store(&yaml);
    let join = |wanted: &[&str], code: i32| {
        let args = ["join", "--store", ".", "--entities", "labels.csv", "-o", "out.csv"];
        features(folder.path(), &args.into_iter().chain(wanted.iter().copied()).collect::<Vec<_>>(), code)
    };
    join(&["--features", "driver_stats:trips"], 0);
    let out = std::fs::read_to_string(folder.path().join("out.csv")).unwrap();
    assert_eq!(out.lines().nth(1).unwrap().rsplit(',').next(), Some("7"), "times without a zone are UTC: {out}");
    join(&["--features", "driver_stat:trips"], 2).says(&["named `driver_stat`", "did you mean `driver_stats`?"]);
    join(&["--features", "driver_stats:trip"], 2).says(&["named `trip`", "did you mean `trips`?"]);
    join(&["--service", "trip_model"], 2).says(&["did you mean `trip_model_v1`?"]);
    join(&["--features", "trips"], 2).says(&["expected view:feature, found `trips`"]);
    // A file that is not there, by its view.
    join(&["--features", "driver_profile:tier"], 3).says(&["feature view `driver_profile`", "driver_profile.parquet"]);
    std::fs::write(folder.path().join("labels.csv"), "driver_id,at\n1,2\n").unwrap();
    join(&["--features", "driver_stats:trips"], 3).says(&["expected a column `event_timestamp`"]);
    std::fs::write(folder.path().join("labels.csv"), "driver_id,event_timestamp,trips\n1,2026-05-01,2\n").unwrap();
    join(&["--features", "driver_stats:trips"], 3).says(&["column `trips`: the labels have a column of that name"]);
}

#[test]
fn a_store_that_is_none_is_refused_at_its_place() {
    let opened = |yaml: &str, says: &[&str]| {
        let folder = with_store(yaml);
        let args = ["join", "--store", ".", "--entities", "labels.csv", "--service", "x", "-o", "out.csv"];
        features(folder.path(), &args, 2).says(says);
    };
    opened(
        &STORE.replace("entities: [driver]\n    features: [conv", "entities: [drivre]\n    features: [conv"),
        &["store.yaml:6:", "did you mean `driver`?"],
    );
    opened(&STORE.replace("ttl: 2h", "ttl: 2 hours"), &["store.yaml:8:"]);
    opened(&STORE.replace("ttl:", "tll:"), &["store.yaml:8:", "did you mean `ttl`?"]);
    opened(&STORE.replace("driver_stats:trips", "driver_stats:trps"), &["store.yaml:15:", "did you mean `trips`?"]);
    let folder = with_store(STORE);
    let args = ["join", "--store", "data", "--entities", "labels.csv", "--service", "x", "-o", "out.csv"];
    features(folder.path(), &args, 2).says(&["data: expected a feature store, found no feature_store.yaml"]);
    std::fs::write(folder.path().join("feature_store.yaml"), "project: a\nregistry: {registry_type: sql, path: x}\n")
        .unwrap();
    let args = ["join", "--store", ".", "--entities", "labels.csv", "--service", "x", "-o", "out.csv"];
    features(folder.path(), &args, 2).says(&["found both"]);
    std::fs::remove_file(folder.path().join("store.yaml")).unwrap();
    features(folder.path(), &args, 2).says(&["found one of type `sql`"]);
    let yaml = "project: a\nonline_store: {type: redis, connection_string: '${NOT_SET}'}\n";
    std::fs::write(folder.path().join("feature_store.yaml"), yaml).unwrap();
    features(folder.path(), &args, 3).says(&["registry.db: expected the registry of the repository", "feast apply"]);
    std::fs::write(folder.path().join("data/registry.db"), "no registry").unwrap();
    features(folder.path(), &args, 3).says(&["registry.db", "expected a registry as `feast apply` writes it"]);
}

#[test]
fn rows_that_do_not_fit_their_view_are_not_written() {
    let folder = with_store(&STORE.replace("data/driver_stats", "new/driver_stats"));
    let rows = folder.path().join("rows.csv");
    let materialize = |text: &str, code: i32, more: &[&str]| {
        std::fs::write(&rows, text).unwrap();
        let args = ["materialize", "--store", ".", "--view", "driver_stats", "--input", "rows.csv"];
        features(folder.path(), &args.into_iter().chain(more.iter().copied()).collect::<Vec<_>>(), code)
    };
    let head = "driver_id,event_timestamp,created,conv_rate,trips\n";
    let good = format!(
        "{head}1,2026-05-01T08:00:00,2026-05-01T09:00:00Z,0.5,7\n2,2026-05-01T08:00:00,2026-05-01T09:00:00Z,,8\n"
    );
    materialize(&good.replace("trips", "trps"), 3, &[]).says(&["column `trips`", "did you mean `trps`?"]);
    materialize(&format!("{good},2026-05-01T08:00:00,2026-05-01T09:00:00Z,1,1\n"), 3, &[])
        .says(&["row 3, column `driver_id`: expected a key in every row"]);
    materialize(&format!("{good}1,,2026-05-01T09:00:00Z,1,1\n"), 3, &[])
        .says(&["row 3, column `event_timestamp`: expected a time in every row"]);
    materialize(&good.replace("2026-05-01T08:00:00", "8"), 3, &[]).says(&["expected timestamps, found integer"]);
    assert!(!folder.path().join("new/driver_stats.parquet").exists());
    materialize(&good, 0, &[]).says(&["column `event_timestamp` has no time zone: it is written as UTC"]);
    let path = folder.path().join("new/driver_stats.parquet");
    let table = read(&path);
    assert!(table.column("event_timestamp").unwrap().has_zone());
    // The same rows again, and a corrected one, leave each row once.
    let bytes = std::fs::read(&path).unwrap();
    materialize(&good, 0, &["--append"]);
    assert_eq!(std::fs::read(&path).unwrap(), bytes);
    let corrected = format!(
        "{head}1,2026-05-01T08:00:00,2026-05-01T09:00:00Z,0.25,7\n3,2026-05-01T08:00:00,2026-05-01T09:00:00Z,0.75,1\n"
    );
    let told = materialize(&corrected, 0, &["--append", "-o", "json"]).stdout;
    let told: serde_json::Value = serde_json::from_str(&told).unwrap();
    assert_eq!(
        (told["rows"].as_u64(), told["rows_in_file"].as_u64(), told["rows_replaced"].as_u64()),
        (Some(2), Some(3), Some(1))
    );
    let table = read(&path);
    assert_eq!(table.column("driver_id").unwrap().numbers().unwrap(), [2.0, 1.0, 3.0]);
}

#[test]
fn the_committed_schema_of_a_store_is_that_of_this_version() {
    let schema = trainer::config::Schema::of::<trainer_features::feast::StoreSpec>().for_editors();
    crate::snapshot::compare(
        &trainer_testkit::repository().join("configs/store.schema.json"),
        &format!("{schema:#}\n"),
    );
}
