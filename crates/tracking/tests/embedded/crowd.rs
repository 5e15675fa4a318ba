//! Many that write to one file at once, also to one that is not there yet: nothing is lost.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use serde_json::json;
use trainer_testkit::scratch;

use crate::sample::{Place, whole_run};

const RUNS: usize = 5;

/// Where [`a_writer`] writes, and how its runs are called, when another test started it.
const WHERE: &str = "TRAINER_TEST_WRITER";

/// Writes some runs to a store of its own; or, as a process that another test started, to the store of that test.
#[test]
fn a_writer() {
    let own = scratch();
    let (folder, name) = match std::env::var(WHERE) {
        Err(_) => (own.path().to_owned(), "writer".to_owned()),
        Ok(told) => {
            let (folder, name) = told.split_once('|').unwrap();
            (PathBuf::from(folder), name.to_owned())
        }
    };
    let place = Place { folder };
    write_runs(&place, &name);
    assert!(place.count("SELECT count(*) FROM runs WHERE status = 'FINISHED'") >= RUNS);
}

#[test]
fn threads_and_processes_that_make_and_fill_one_store() {
    let dir = scratch();
    let place = Place { folder: dir.path().to_owned() };
    let processes: Vec<Child> = (0..3).map(|at| writer(&place, &format!("process{at}"))).collect();
    std::thread::scope(|scope| {
        for at in 0..3 {
            let place = &place;
            scope.spawn(move || write_runs(place, &format!("thread{at}")));
        }
    });
    for process in processes {
        let ended = process.wait_with_output().unwrap();
        assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stdout));
    }
    let all = 6 * RUNS;
    for (sql, expected) in [
        ("SELECT count(*) FROM alembic_version", 1),
        ("SELECT count(*) FROM experiments", 2),
        ("SELECT count(DISTINCT name) FROM runs WHERE status = 'FINISHED'", all),
        ("SELECT count(*) FROM metrics", all * 53),
        ("SELECT count(*) FROM logged_models WHERE status = 2", all),
        ("SELECT max(version) FROM model_versions", all),
        ("SELECT count(DISTINCT run_id) FROM model_versions", all),
        ("SELECT version FROM registered_model_aliases", all),
        ("SELECT count(*) FROM datasets", 2),
        ("SELECT count(*) FROM inputs", all * 3),
        ("SELECT count(*) FROM pragma_foreign_key_check", 0),
        ("SELECT count(*) FROM pragma_integrity_check WHERE integrity_check = 'ok'", 1),
    ] {
        assert_eq!(place.count(sql), expected, "{sql}");
    }
}

/// The official client migrates the file and logs to it while we go on writing.
#[test]
fn the_official_client_among_us() {
    let dir = scratch();
    let place = Place { folder: dir.path().to_owned() };
    let mut store = place.open();
    whole_run(&mut store, "before");
    let done = AtomicBool::new(false);
    let ours = std::thread::scope(|scope| {
        let ours = scope.spawn(|| {
            let mut count = 0;
            while !done.load(Relaxed) {
                whole_run(&mut store, &format!("ours-{count}"));
                count += 1;
                std::thread::sleep(Duration::from_millis(20));
            }
            count
        });
        // Told before anything is expected: the thread has to end.
        let theirs = std::panic::catch_unwind(|| place.official("log", &["churn", "theirs", "10"]));
        done.store(true, Relaxed);
        assert_eq!(theirs.unwrap(), json!({ "logged": 10 }));
        ours.join().unwrap()
    });
    let names = "SELECT count(DISTINCT name) FROM runs WHERE status = 'FINISHED'";
    assert_eq!(place.count(names), 1 + ours + 10);
    assert_eq!(place.count("SELECT count(*) FROM metrics"), (1 + ours) * 53 + 10 * 2);
    assert_eq!(place.count("SELECT max(version) FROM model_versions"), 1 + ours);
    assert_eq!(place.count("SELECT count(*) FROM pragma_foreign_key_check"), 0);
    assert_eq!(place.count("SELECT count(*) FROM pragma_integrity_check WHERE integrity_check = 'ok'"), 1);
}

fn write_runs(place: &Place, name: &str) {
    let mut store = place.open();
    for at in 0..RUNS {
        whole_run(&mut store, &format!("{name}-{at}"));
    }
}

fn writer(place: &Place, name: &str) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "crowd::a_writer"])
        .env(WHERE, format!("{}|{name}", place.folder.display()))
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .unwrap()
}
