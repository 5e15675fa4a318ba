//! Faults at every call, and servers that are late: what was begun is finished by the next walk, and nothing is there
//! twice.

use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::Value;
use trainer_testkit::{Fault, Proxy, Server, scratch};
use trainer_tracking::{Record, TrackingError};

use crate::sample::{impatient, publish, record, rest, state};

const FAULTS: [Fault; 8] = [
    Fault::Drop,
    Fault::DropAnswer,
    Fault::Status(500, None),
    Fault::Status(503, None),
    Fault::Status(503, Some(0)),
    Fault::Status(429, Some(0)),
    Fault::Status(429, None),
    Fault::Cut,
];

/// A smaller run than [`record`]'s: each kind of call, few of each.
fn small(folder: &Path, case: &str) -> (Record, String) {
    let registered = format!("m-{case}");
    let mut record = record(folder, &format!("e-{case}"), &registered);
    record.params.truncate(3);
    record.metrics.drain(..1090);
    record.artifacts.truncate(2);
    (record, registered)
}

struct Faults<'a> {
    server: &'a Server,
    proxy: &'a Proxy,
    clean: Value,
}

impl Faults<'_> {
    /// One fault at one call, a walk without, and what is there then.
    fn try_one(&self, call: usize, fault: Fault, max_retries: u32) -> bool {
        let folder = scratch();
        let case = uuid::Uuid::new_v4().simple().to_string();
        let (record, registered) = small(folder.path(), &case);
        let mut store = rest(&self.proxy.url(), &impatient(max_retries));
        self.proxy.fault_at(call, fault);
        let first = publish(&record, folder.path(), &mut store);
        let what = format!("{fault:?} at call {call} ({:?}), {max_retries} retries", self.proxy.calls().get(call));
        if let Err(error) = &first {
            assert!(matches!(error, TrackingError::Unreachable { .. }), "{what}: {error}");
        }
        self.ends_as_clean(&what, &record, &registered, folder.path());
        first.is_ok()
    }

    /// The next walk, without a fault, and what is there then.
    fn ends_as_clean(&self, what: &str, record: &Record, registered: &str, folder: &Path) {
        assert_eq!(self.proxy.fired(), 1, "{what}");
        self.proxy.clear();
        let mut store = rest(&self.proxy.url(), &impatient(0));
        let second = publish(record, folder, &mut store).unwrap_or_else(|error| panic!("{what}: {error}"));
        assert_eq!(second.missing, [""; 0], "{what}");
        assert_eq!(second.differences, [""; 0], "{what}");
        assert_eq!(second.warnings, [""; 0], "{what}");
        let found = state(&self.server.url(), record, registered);
        if found != self.clean {
            let text = |value: &Value| serde_json::to_string_pretty(value).unwrap();
            let (clean, found) = (text(&self.clean), text(&found));
            let differing: Vec<_> = clean.lines().zip(found.lines()).filter(|(one, two)| one != two).take(10).collect();
            panic!("{what}: another state than without the fault: {differing:#?}");
        }
    }

    /// The server does what was asked after the client gave up waiting; then the next walk.
    fn try_late(&self, call: usize) {
        let folder = scratch();
        let (record, registered) = small(folder.path(), &uuid::Uuid::new_v4().simple().to_string());
        let mut settings = impatient(0);
        settings.timeout = Duration::from_secs(4);
        self.proxy.fault_at(call, Fault::Delay(6000));
        let error = publish(&record, folder.path(), &mut rest(&self.proxy.url(), &settings)).unwrap_err();
        let what = format!("call {call} ({:?}) comes late: {error}", self.proxy.calls().get(call));
        assert!(error.to_string().contains("no answer in time"), "{what}");
        let started = Instant::now();
        while self.proxy.fired() == 0 {
            assert!(started.elapsed() < Duration::from_secs(30), "{what}");
            std::thread::sleep(Duration::from_millis(50));
        }
        self.ends_as_clean(&what, &record, &registered, folder.path());
    }
}

/// Publishes without a fault, and hands on what is there then, with the calls that it took.
fn with_clean(server: &Server, test: impl FnOnce(&Faults<'_>, Vec<String>)) {
    let proxy = Proxy::start(server.port());
    let folder = scratch();
    let (record, registered) = small(folder.path(), "clean");
    let published = publish(&record, folder.path(), &mut rest(&proxy.url(), &impatient(0))).unwrap();
    assert_eq!((published.missing, published.differences), (vec![], vec![]));
    let calls = proxy.calls();
    test(&Faults { server, proxy: &proxy, clean: state(&server.url(), &record, &registered) }, calls);
}

fn every_fault(server: &Server, faults_of: impl Fn(usize) -> Vec<(Fault, u32)>) {
    with_clean(server, |faults, calls| {
        let (mut done, mut failed) = (0, 0);
        for call in 0..calls.len() {
            for (fault, max_retries) in faults_of(call) {
                done += 1;
                failed += usize::from(!faults.try_one(call, fault, max_retries));
            }
        }
        assert!(failed > done / 4, "the faults did nothing: {failed} of {done} ended a walk of {calls:?}");
    });
}

#[test]
fn what_happens_after_nobody_waits_any_more_happens_once() {
    let files = scratch();
    let server = Server::mlflow(files.path());
    with_clean(&server, |faults, calls| {
        for made in ["runs/create", "/logged-models", "runs/outputs", "model-versions/create"] {
            let is_made = |call: &String| call.starts_with("POST") && call.ends_with(made);
            faults.try_late(calls.iter().position(is_made).unwrap());
        }
    });
}

#[test]
fn faults_at_every_call_of_mlflow_3() {
    let files = scratch();
    let server = Server::mlflow(files.path());
    // At each call the two faults that leave it open what happened, and others in turn.
    every_fault(&server, |call| {
        let turn = FAULTS[call % FAULTS.len()];
        let mut all = vec![(Fault::DropAnswer, 0), (Fault::Cut, 0), (turn, 0)];
        all.push((FAULTS[(call + 4) % FAULTS.len()], 1));
        all
    });
}

#[test]
fn a_fault_at_every_call_of_mlflow_2() {
    let files = scratch();
    let server = Server::mlflow2(files.path());
    every_fault(&server, |call| vec![(Fault::DropAnswer, 0), (FAULTS[call % FAULTS.len()], 0)]);
}
