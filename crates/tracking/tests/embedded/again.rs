//! Run folders that are published again, by another hand, at the same time, or into a run that is there.

use tempfile::TempDir;
use trainer_testkit::scratch;
use trainer_tracking::{Embedded, Published, Record, State, Tag, Tracking, TrackingError, publish};

use crate::sample::{Place, record};

fn fitted(name: &str) -> (TempDir, Record) {
    let folder = scratch();
    let record = record(folder.path(), name);
    (folder, record)
}

fn published(store: &mut Embedded, (folder, record): &(TempDir, Record)) -> Published {
    publish(record, folder.path(), store, None, &mut |_| {}).unwrap()
}

fn with_store(test: impl FnOnce(&mut Embedded, &Place)) {
    let dir = scratch();
    let place = Place { folder: dir.path().to_owned() };
    test(&mut place.open(), &place);
}

fn key_of(store: &mut Embedded, run: &str) -> String {
    let tags = store.run(run).unwrap().unwrap().tags;
    tags.into_iter().find(|tag| tag.key == "trainer.run_key").unwrap().value
}

#[test]
fn a_run_that_is_gone_on_with_stays_the_run_of_its_own_folder() {
    with_store(|store, place| {
        let (first, mut second) = (fitted("first"), fitted("second"));
        let run = published(store, &first).run_id;
        second.1.resume = Some(run.clone());
        assert_eq!(published(store, &second).run_id, run);
        assert_eq!(key_of(store, &run), first.1.key);
        assert_eq!(published(store, &first).run_id, run);
        // Also from a folder that has lost its state.
        std::fs::remove_file(first.0.path().join(State::FILE)).unwrap();
        assert_eq!(published(store, &first).run_id, run);
        assert_eq!(published(store, &second).run_id, run);
        assert_eq!(place.count("SELECT count(*) FROM runs"), 1);
        assert_eq!(place.count("SELECT count(*) FROM logged_models"), 2);
        assert_eq!(place.count("SELECT count(*) FROM model_versions"), 2);
    });
}

#[test]
fn no_tag_leads_to_the_run_of_another() {
    with_store(|store, place| {
        let (first, mut second) = (fitted("first"), fitted("second"));
        let run = published(store, &first).run_id;
        second.1.tags.push(Tag::new("trainer.run_key", &first.1.key));
        let other = published(store, &second).run_id;
        assert_eq!(key_of(store, &other), second.1.key);
        // What was changed by hand does not lead astray either.
        place.change(&format!("UPDATE tags SET value = 'x' WHERE key = 'trainer.run_key' AND run_uuid = '{run}'"));
        assert_eq!(published(store, &first).run_id, run);
        assert_eq!(place.count("SELECT count(*) FROM runs"), 2);
    });
}

#[test]
fn one_program_at_a_time_logs_a_run() {
    with_store(|store, place| {
        let (folder, record) = fitted("one");
        let mut refused = Vec::new();
        let mut meanwhile = |_: &str| {
            let mut other = place.open();
            refused.push(publish(&record, folder.path(), &mut other, None, &mut |_| {}).unwrap_err());
        };
        // Before the first write: the embedded store has a lock of its own after that.
        let mut steps = 0;
        publish(&record, folder.path(), store, None, &mut |what| {
            steps += 1;
            if steps == 1 {
                meanwhile(what);
            }
        })
        .unwrap();
        let [TrackingError::Unreachable { message, .. }] = &refused[..] else { panic!("{refused:?}") };
        assert!(message.starts_with("another program is logging this run: "), "{message}");
        assert_eq!(published(store, &(folder, record)).version, Some(1), "the next may");
        assert_eq!(place.count("SELECT count(*) FROM runs"), 1);
    });
}

#[test]
fn an_upload_that_fails_leaves_nothing_in_the_run_folder() {
    with_store(|store, place| {
        let fitted = fitted("one");
        let names = || {
            let entries = std::fs::read_dir(fitted.0.path()).unwrap();
            let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
            names.sort();
            names
        };
        published(store, &fitted);
        let whole = names();
        place.change("UPDATE logged_models SET status = 1, artifact_location = '/dev/null/model'");
        let mut record = fitted.1.clone();
        record.model.as_mut().unwrap().files.clear();
        publish(&record, fitted.0.path(), store, None, &mut |_| {}).unwrap_err();
        assert_eq!(names(), whole);
    });
}
