//! Every fault at every call: what was begun is finished by the next walk, and nothing is there twice.

use serde_json::Value;
use trainer_testkit::{Fault, Proxy, Server, scratch};
use trainer_tracking::{Record, TrackingError};

use crate::sample::{impatient, publish, record, rest, state};

const FAULTS: [Fault; 9] = [
    Fault::Drop,
    Fault::DropAnswer,
    Fault::Delay(30),
    Fault::Status(500, None),
    Fault::Status(503, None),
    Fault::Status(503, Some(0)),
    Fault::Status(429, Some(0)),
    Fault::Status(429, None),
    Fault::Cut,
];

/// A smaller run than [`record`]'s: each kind of call, few of each.
fn small(folder: &std::path::Path, case: &str) -> (Record, String) {
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
        self.proxy.clear();
        let second = publish(&record, folder.path(), &mut store).unwrap_or_else(|error| panic!("{what}: {error}"));
        assert_eq!(second.differences, [""; 0], "{what}");
        assert_eq!(second.warnings, [""; 0], "{what}");
        let found = state(&self.server.url(), &record, &registered);
        if found != self.clean {
            let text = |value: &Value| serde_json::to_string_pretty(value).unwrap();
            let (clean, found) = (text(&self.clean), text(&found));
            let differing: Vec<_> = clean.lines().zip(found.lines()).filter(|(one, two)| one != two).take(10).collect();
            panic!("{what}: another state than without the fault: {differing:#?}");
        }
        first.is_ok()
    }
}

fn every_fault(server: &Server, faults_of: impl Fn(usize) -> Vec<(Fault, u32)>) {
    let proxy = Proxy::start(server.port());
    let folder = scratch();
    let (record, registered) = small(folder.path(), "clean");
    let published = publish(&record, folder.path(), &mut rest(&proxy.url(), &impatient(0))).unwrap();
    assert_eq!(published.differences, [""; 0]);
    let calls = proxy.calls().len();
    let faults = Faults { server, proxy: &proxy, clean: state(&server.url(), &record, &registered) };
    let (mut done, mut failed) = (0, 0);
    for call in 0..calls {
        for (fault, max_retries) in faults_of(call) {
            done += 1;
            failed += usize::from(!faults.try_one(call, fault, max_retries));
        }
    }
    assert!(failed > done / 4, "the faults did nothing: {failed} of {done} ended a walk of {calls} calls");
}

#[test]
fn every_fault_at_every_call_of_mlflow_3() {
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
