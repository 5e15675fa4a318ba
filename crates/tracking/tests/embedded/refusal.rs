//! Files that the store does not understand, or may not write: told, and left as they are.

use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::Connection;
use trainer_testkit::scratch;
use trainer_tracking::{Address, Embedded, Settings, Tracking, TrackingError, open};

use crate::sample::{Place, begin};

/// Opens a file that was made so, expects these words, and that the file is the same afterwards.
fn refused(make: impl FnOnce(&Path), words: &[&str]) {
    let dir = scratch();
    let file = dir.path().join("mlflow.db");
    make(&file);
    let before = std::fs::read(&file).unwrap();
    let error = Embedded::open(&file, &dir.path().join("mlruns")).unwrap_err();
    assert!(matches!(error, TrackingError::Store(_)), "{error:?}");
    for word in words {
        assert!(error.to_string().contains(word), "expected `{word}`, found: {error}");
    }
    assert_eq!(std::fs::read(&file).unwrap(), before);
    let left: Vec<_> = std::fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["mlflow.db"], "no journal stays behind");
}

/// A store, changed by hand.
fn store_with(changes: &str) -> impl FnOnce(&Path) {
    let changes = changes.to_owned();
    move |file| {
        drop(Embedded::open(file, file.parent().unwrap()).unwrap());
        let connection = Connection::open(file).unwrap();
        connection.execute_batch(&changes).unwrap();
    }
}

#[test]
fn another_kind_of_file() {
    refused(|file| std::fs::write(file, "id,name\n1,a\n".repeat(100)).unwrap(), &["expected an SQLite file", "hint: "]);
}

#[test]
fn an_sqlite_file_of_something_else() {
    let make = |file: &Path| Connection::open(file).unwrap().execute_batch("CREATE TABLE users (id INTEGER)").unwrap();
    refused(make, &["expected a tracking store of MLflow, found another SQLite file", "hint: "]);
}

#[test]
fn an_older_store() {
    let changes = "DROP TABLE logged_model_metrics; UPDATE alembic_version SET version_num = '0584bdc529eb'";
    let words = ["found revision 0584bdc529eb without table `logged_model_metrics`", "mlflow db upgrade sqlite:////"];
    refused(store_with(changes), &words);
    let words = ["without column `runs.deleted_time`"];
    refused(store_with("ALTER TABLE runs DROP COLUMN deleted_time"), &words);
}

#[test]
fn a_newer_store_that_wants_more() {
    let more = "DROP TABLE tags; CREATE TABLE tags (\"key\" VARCHAR(250) NOT NULL, value VARCHAR(8000), run_uuid \
                VARCHAR(32) NOT NULL, author VARCHAR(9) NOT NULL); UPDATE alembic_version SET version_num = 'future'";
    refused(
        store_with(more),
        &["found revision future where `tags.author` must be filled", "MLFLOW_TRACKING_URI=http"],
    );
}

#[test]
fn a_store_with_workspaces() {
    let changes = "ALTER TABLE experiments ADD COLUMN workspace VARCHAR(63) NOT NULL DEFAULT 'default';
                   INSERT INTO experiments (name, workspace) VALUES ('x', 'team-a')";
    refused(store_with(changes), &["expected a store without workspaces, found workspace `team-a`"]);
}

#[test]
fn a_newer_store_that_wants_no_more_is_written() {
    let dir = scratch();
    let place = Place { folder: dir.path().to_owned() };
    store_with(
        "ALTER TABLE tags ADD COLUMN author VARCHAR(9) NOT NULL DEFAULT 'nobody';
         ALTER TABLE runs ADD COLUMN colour TEXT; CREATE TABLE news (x TEXT NOT NULL);
         UPDATE alembic_version SET version_num = 'future'",
    )(&place.database());
    begin(&mut place.open(), "churn", "a");
}

#[test]
fn a_file_that_changes_while_it_is_open() {
    let dir = scratch();
    let place = Place { folder: dir.path().to_owned() };
    let mut store = place.open();
    let other = Connection::open(place.database()).unwrap();
    other.execute_batch("ALTER TABLE runs ADD COLUMN colour TEXT").unwrap();
    store.create_experiment("churn").unwrap();
    drop(store);
    let mut store = place.open();
    other.execute_batch("DROP TABLE tags").unwrap();
    let error = store.create_experiment("churn").unwrap_err();
    assert!(error.to_string().contains("without table `tags`"), "{error}");
    other.execute_batch("CREATE TABLE free_again (x TEXT)").unwrap();
}

#[test]
fn places_that_cannot_hold_a_store() {
    let dir = scratch();
    let artifacts = dir.path().join("mlruns");
    let missing = Embedded::open(&dir.path().join("none/mlflow.db"), &artifacts).unwrap_err();
    assert!(
        matches!(missing, TrackingError::Config(_)) && missing.to_string().contains("expected a folder"),
        "{missing}"
    );
    let folder = Embedded::open(dir.path(), &artifacts).unwrap_err();
    assert!(matches!(folder, TrackingError::Store(_)), "{folder:?}");
    // Root may write in any folder; in this one there is nothing that can be written.
    let proc = Embedded::open(Path::new("/proc/mlflow.db"), &artifacts).unwrap_err();
    assert!(proc.to_string().contains("expected a file that this program may write"), "{proc}");
    let relative = Embedded::open(&dir.path().join("mlflow.db"), Path::new("mlruns")).unwrap_err();
    assert!(relative.to_string().contains("expected an absolute folder"), "{relative}");
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[test]
fn a_lock_that_stays_is_told_after_a_while() {
    let dir = scratch();
    let place = Place { folder: dir.path().to_owned() };
    drop(place.open());
    let other = Connection::open(place.database()).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let started = Instant::now();
    let error = Embedded::open(&place.database(), dir.path()).unwrap_err();
    assert!(started.elapsed() >= Duration::from_secs(20));
    assert!(matches!(&error, TrackingError::Unreachable { .. }), "{error:?}");
    assert!(error.to_string().ends_with("another program holds its lock, and has not let go of it"), "{error}");
    // A look before a run keeps nobody waiting for so long.
    let started = Instant::now();
    let address = Address::parse(&place.uri()).unwrap();
    let error = open(&address, &Settings::default(), true).err().unwrap();
    assert!(matches!(&error, TrackingError::Unreachable { .. }), "{error:?}");
    assert!(started.elapsed() < Duration::from_secs(15), "{:?}", started.elapsed());
    other.execute_batch("ROLLBACK").unwrap();
    drop(place.open());
}
