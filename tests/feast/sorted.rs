//! Joins in bounded memory are those in memory, to the byte.

use std::fmt::Write as _;
use std::path::Path;

use serde_json::Value;
use trainer_testkit::{repository, scratch, shared};

use super::features;

const STORE: &str = "project: p
entities: [{name: user, join_key: user}, {name: kind, join_key: kind}]
views:
  - {name: scores, entities: [user], features: [score, word], ttl: 20d, source: {path: scores.parquet, timestamp_field: at, created_timestamp_column: created}}
  - {name: levels, entities: [user, kind], features: [level], source: {path: levels.csv}}
  - {name: days, entities: [], features: [holiday], ttl: 1d, source: {path: days.csv}}
";

/// The same join in memory and in little of it.
fn compare(folder: &Path, args: &[&str], memory: &str) -> Value {
    for name in ["in.parquet", "in.csv"] {
        let sorted = format!("sorted-{name}");
        let whole = features(folder, &[&["join"], args, &["-o", name, "-o", "json"]].concat(), 0);
        let limits = ["--memory", memory, "--spill-dir", "spill", "-o", &sorted, "-o", "json"];
        let little = features(folder, &[&["join"], args, &limits].concat(), 0);
        let bytes = |name: &str| std::fs::read(folder.join(name)).unwrap();
        assert!(bytes(name) == bytes(&sorted), "{args:?}: {name}");
        let told = |text: &str| {
            let mut told: Value = serde_json::from_str(text).unwrap();
            told["output"].take();
            told
        };
        assert_eq!(told(&whole.stdout), told(&little.stdout), "{args:?}");
        assert_eq!(whole.stderr, little.stderr, "{args:?}");
        if name == "in.csv" {
            return told(&whole.stdout);
        }
    }
    unreachable!("both forms were compared")
}

#[test]
fn little_memory_does_not_show() {
    let folder = scratch();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    write("store.yaml", STORE);
    let mixed = |row: u64| row.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 20;
    let time =
        |mixed: u64| format!("2026-03-{:02}T{:02}:{:02}:00Z", mixed / 7 % 28 + 1, mixed / 211 % 24, mixed / 37 % 60);
    let user = |mixed: u64| if mixed.is_multiple_of(40) { String::new() } else { (mixed % 20_011).to_string() };
    let mut labels = "user,event_timestamp,kind,target,note\n".to_owned();
    for row in 0..300_000 {
        let mixed = mixed(row);
        // A note that becomes text after more rows than the types are first told by.
        let note = if row == 200_000 { "text".to_owned() } else { (mixed % 13).to_string() };
        writeln!(labels, "{},{},k{},{},{note}", user(mixed), time(mixed), mixed % 3, mixed % 2).unwrap();
    }
    write("labels.csv", &labels);
    let mut scores = "user,at,created,score,word\n".to_owned();
    for row in 0..300_000 {
        let mixed = mixed(row + 1_000_000);
        let at = if mixed.is_multiple_of(97) { String::new() } else { time(mixed) };
        let score = if mixed.is_multiple_of(11) { String::new() } else { format!("{}.5", mixed % 997) };
        writeln!(scores, "{},{at},{},{score},word number {}", user(mixed), time(mixed / 3), mixed % 50_021).unwrap();
    }
    write("scores.csv", &scores);
    let config = "project: {name: s}\nextract: {path: scores.csv}\nstore: {path: scores.parquet}\n";
    write("features.yaml", config);
    features(folder.path(), &["run", "--config", "features.yaml"], 0);
    let (mut levels, mut days) =
        ("user,kind,event_timestamp,level\n".to_owned(), "event_timestamp,holiday\n".to_owned());
    for row in 0..20_000 {
        let mixed = mixed(row + 2_000_000);
        writeln!(levels, "{},k{},{},{}", user(mixed), mixed % 3, time(mixed), mixed % 5).unwrap();
    }
    for day in 1..20 {
        writeln!(days, "2026-03-{day:02}T00:00:00Z,{}", day % 7 == 1).unwrap();
    }
    write("levels.csv", &levels);
    write("days.csv", &days);
    let args = [
        "--store",
        ".",
        "--entities",
        "labels.csv",
        "--features",
        "scores:score,scores:word,levels:level,days:holiday",
    ];
    let told = compare(folder.path(), &args, "64MiB");
    assert_eq!((&told["rows"], &told["views"][0]["feature_rows"]), (&300_000.into(), &300_000.into()), "{told:#}");
    for view in told["views"].as_array().unwrap() {
        let missed = view["rows_without_match"].as_u64().unwrap();
        assert!((1..300_000).contains(&missed), "{view}");
    }
    let cut = compare(folder.path(), &[&args[..], &["--created-cutoff", "--full-names"]].concat(), "64MiB");
    assert_ne!(cut["views"][0], told["views"][0]);
    let spilled = std::fs::read_dir(folder.path().join("spill")).unwrap();
    assert_eq!(spilled.count(), 0, "what is spilled goes");

    // What cannot be joined is told alike.
    write("broken.csv", &labels.replace("2026-03-05T05:00:00Z", ""));
    let broken = ["join", "--store", ".", "--entities", "broken.csv", "--features", "scores:score", "-o", "x.csv"];
    let told = ["row 17764, column `event_timestamp`: expected a time for every label, found none"];
    features(folder.path(), &broken, 3).says(&told);
    features(folder.path(), &[&broken[..], &["--memory", "64MiB"]].concat(), 3).says(&told);
    assert!(!folder.path().join("x.csv").exists());
}

#[test]
fn every_edge_case_is_the_same_in_little_memory() {
    let Some(reference) = shared("reference/feast") else { return };
    let (folder, store) = (scratch(), reference.join("repo").display().to_string());
    let labels = format!("{store}/data/entity_df.parquet");
    let args = ["--store", &store, "--entities", &labels, "--features"];
    for references in ["driver_stats:conv_rate,driver_profile:driver_rating", "driver_stats:conv_rate"] {
        for more in [&[][..], &["--created-cutoff"], &["--full-names"]] {
            compare(folder.path(), &[&args[..], &[references], more].concat(), "4MiB");
        }
    }
    let churn = repository().join("datasets/churn_store");
    let (store, labels) =
        (churn.join("features").display().to_string(), churn.join("train.parquet").display().to_string());
    compare(folder.path(), &["--store", &store, "--entities", &labels, "--service", "churn_model_v1"], "4MiB");
    let compat = ["join", "--store", &store, "--entities", &labels, "--service", "churn_model_v1", "-o", "x.csv"];
    features(folder.path(), &[&compat[..], &["--memory", "1GiB", "--compat", "feast-file"]].concat(), 2);
}
