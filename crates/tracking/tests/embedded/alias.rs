//! Where an alias points after runs that come late, cross each other, or were decided about.

use tempfile::TempDir;
use trainer_testkit::scratch;
use trainer_tracking::{Embedded, Published, Record, Registry, Store, Tag, Tracking, publish};

use crate::sample::{Place, record};

const MODEL: &str = "churn-prediction";

/// A run folder with its record.
struct Fitted {
    folder: TempDir,
    record: Record,
}

impl Fitted {
    /// A run that ended on a day.
    fn on_day(day: i64) -> Self {
        let folder = scratch();
        let mut record = record(folder.path(), &format!("day {day}"));
        record.end_ms += day * 86_400_000;
        Self { folder, record }
    }

    fn against(mut self, compared_to: u64) -> Self {
        self.record.version.as_mut().unwrap().compared_to = Some(compared_to);
        self
    }

    fn publish(&self, store: &mut Embedded) -> Published {
        publish(&self.record, self.folder.path(), store, None, &mut |_| {}).unwrap()
    }

    /// Publishes, and expects that the alias stays for a reason.
    fn stays(&self, store: &mut Embedded, version: Option<u64>, reason: &str) {
        let published = self.publish(store);
        assert_eq!((published.version, &published.alias), (version, &None), "{published:?}");
        assert!(published.warnings.len() == 1 && published.warnings[0].contains(reason), "{published:?}");
    }
}

fn champion(store: &mut Embedded) -> Option<u64> {
    store.alias(MODEL, "champion").unwrap().map(|version| version.version)
}

fn with_store(test: impl FnOnce(&mut Embedded, &Place)) {
    let dir = scratch();
    let place = Place { folder: dir.path().to_owned() };
    test(&mut place.open(), &place);
}

#[test]
fn a_run_that_comes_late_does_not_put_an_older_model_in_place_of_a_newer() {
    with_store(|store, place| {
        assert_eq!(Fitted::on_day(2).publish(store).alias.as_deref(), Some("champion"));
        Fitted::on_day(1).stays(store, Some(2), "`champion` is at version 1, which was trained later");
        assert_eq!(champion(store), Some(1));
        // A version of another program says no time, and its run does.
        place.change("DELETE FROM model_version_tags WHERE key = 'trainer.ended_ms'");
        Fitted::on_day(1).stays(store, Some(3), "which was trained later");
        assert_eq!(Fitted::on_day(3).publish(store).alias.as_deref(), Some("champion"));
        assert_eq!(champion(store), Some(4));
    });
}

#[test]
fn a_model_takes_the_alias_only_from_the_one_that_it_was_held_against() {
    with_store(|store, _| {
        let empty = Fitted::on_day(0).against(0);
        assert_eq!(empty.publish(store).alias.as_deref(), Some("champion"));
        let (one, other) = (Fitted::on_day(1).against(1), Fitted::on_day(2).against(1));
        assert_eq!(other.publish(store).alias.as_deref(), Some("champion"));
        one.stays(store, Some(3), "is at version 2, and the model was held against version 1: left as it is");
        Fitted::on_day(3).against(0).stays(store, Some(4), "and the model was held against nothing");
        assert_eq!(champion(store), Some(2));
        // Its own place it keeps, whatever it was held against.
        assert_eq!(other.publish(store).alias.as_deref(), Some("champion"));
    });
}

#[test]
fn what_was_decided_since_stays_decided() {
    with_store(|store, place| {
        let fitted = Fitted::on_day(1);
        fitted.publish(store);
        place.change("DELETE FROM registered_model_aliases");
        store.set_version_tag(MODEL, 1, &Tag::new("validation_status", "rejected")).unwrap();
        store.flush().unwrap();
        fitted.stays(store, Some(1), "is for no version that was rejected");
        place.change("UPDATE model_version_tags SET value = 'approved' WHERE key = 'validation_status'");
        place.change("UPDATE model_versions SET status = 'FAILED_REGISTRATION'");
        fitted.stays(store, Some(1), "is for no version that is not ready");
        assert_eq!(champion(store), None);
        place.change("UPDATE model_versions SET status = 'READY'");
        assert_eq!(fitted.publish(store).alias.as_deref(), Some("champion"));
    });
}

#[test]
fn a_version_that_was_deleted_does_not_come_back() {
    with_store(|store, place| {
        let fitted = Fitted::on_day(1);
        let first = fitted.publish(store);
        place.change("DELETE FROM registered_model_aliases");
        place.change("UPDATE model_versions SET current_stage = 'Deleted_Internal'");
        fitted.stays(store, None, "version 1 of this run was deleted since: it is not registered again");
        assert_eq!((champion(store), store.versions_of_run(MODEL, &first.run_id).unwrap()), (None, vec![]));
        // With the whole run gone, all of it is made anew.
        place.change(&format!("UPDATE runs SET lifecycle_stage = 'deleted' WHERE run_uuid = '{}'", first.run_id));
        let again = fitted.publish(store);
        assert_eq!((again.version, again.alias.as_deref()), (Some(2), Some("champion")), "{again:?}");
        assert!(store.run(&again.run_id).unwrap().is_some());
    });
}

#[test]
fn another_alias_supersedes_nobody() {
    with_store(|store, _| {
        let second = Fitted::on_day(2);
        for fitted in [&Fitted::on_day(1), &second] {
            let mut record = fitted.record.clone();
            record.version.as_mut().unwrap().alias = Some("challenger".into());
            publish(&record, fitted.folder.path(), store, None, &mut |_| {}).unwrap();
        }
        let first = store.version(MODEL, 1).unwrap().unwrap();
        assert_eq!((first.tag("superseded_by.challenger"), first.tag("superseded_by.champion")), (Some("2"), None));
        trainer_tracking::promote(store, MODEL, 1, "champion", false).unwrap();
        assert_eq!(second.publish(store).alias.as_deref(), Some("champion"));
        let first = store.version(MODEL, 1).unwrap().unwrap();
        assert_eq!(first.tag("superseded_by.champion"), Some("2"));
    });
}
