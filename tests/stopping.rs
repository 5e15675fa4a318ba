//! Signals: a fit that is told to stop ends soon, says so, and leaves nothing half done.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use trainer_testkit::{SplitMix64, scratch};

const TRAINER: &str = env!("CARGO_BIN_EXE_trainer");

/// Enough work for minutes, so that a signal always finds the fit running.
fn long_fit(dir: &Path) -> Child {
    let mut random = SplitMix64::new(3);
    let mut csv = String::from("a,b,c,d,e,f,target\n");
    for _ in 0..20_000 {
        let cells: Vec<String> = (0..6).map(|_| random.below(1_000_000).to_string()).collect();
        csv += &format!("{},{}\n", cells.join(","), random.below(2));
    }
    std::fs::write(dir.join("train.csv"), csv).unwrap();
    let config = "project: {name: long}\ndata: {source: ., train_path: train.csv}\n\
                  model: {type: random_forest, params: {n_estimators: 100000}}\n";
    std::fs::write(dir.join("config.yaml"), config).unwrap();
    let mut command = Command::new(TRAINER);
    command.args(["fit", "--config", "config.yaml"]).current_dir(dir);
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

fn runs(dir: &Path) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(dir.join("runs")) else { return Vec::new() };
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

fn wait_for(what: &str, mut done: impl FnMut() -> bool) {
    let started = Instant::now();
    while !done() {
        assert!(started.elapsed() < Duration::from_secs(60), "{what} did not happen");
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn signal(child: &Child, name: &str) {
    let sent = Command::new("kill").args(["-s", name, &child.id().to_string()]).status().unwrap();
    assert!(sent.success());
}

fn stopped_by(name: &str, code: i32, told: &str) {
    let dir = scratch();
    let child = long_fit(dir.path());
    wait_for("a run folder in work", || runs(dir.path()).iter().any(|name| name.starts_with(".tmp-")));
    std::thread::sleep(Duration::from_millis(300));
    let asked = Instant::now();
    signal(&child, name);
    let output = child.wait_with_output().unwrap();
    let took = asked.elapsed();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(code), "{stderr}");
    assert!(took < Duration::from_secs(10), "{took:?}");
    assert!(stderr.contains(told), "{stderr}");
    assert_eq!(output.stdout, b"");
    assert!(runs(dir.path()).is_empty(), "{:?}", runs(dir.path()));
}

#[test]
fn ctrl_c_ends_a_fit_with_130_and_nothing_half_done() {
    stopped_by("INT", 130, "SIGINT (Ctrl-C): ending; again ends at once");
}

#[test]
fn sigterm_ends_a_fit_with_143_and_nothing_half_done() {
    stopped_by("TERM", 143, "SIGTERM: ending");
}

#[test]
fn a_second_signal_ends_at_once() {
    let dir = scratch();
    let mut child = long_fit(dir.path());
    wait_for("a run folder in work", || runs(dir.path()).iter().any(|name| name.starts_with(".tmp-")));
    // Held, so that both signals wait for it together and it cannot end by itself between them.
    signal(&child, "STOP");
    signal(&child, "TERM");
    signal(&child, "INT");
    signal(&child, "CONT");
    let asked = Instant::now();
    wait_for("the end", || child.try_wait().unwrap().is_some());
    assert!(asked.elapsed() < Duration::from_secs(2));
    let code = child.wait().unwrap().code().unwrap();
    assert!(code == 130 || code == 143, "{code}");
    assert!(runs(dir.path()).iter().all(|name| name.starts_with(".tmp-")), "{:?}", runs(dir.path()));
}
