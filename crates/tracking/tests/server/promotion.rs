//! Aliases that people move, on a server and in the embedded store.

use trainer_testkit::{Server, scratch};
use trainer_tracking::{Embedded, Store, Tag, TrackingError, promote, rollback};

use crate::sample::{MODEL, impatient, publish, record, rest};

fn gate(error: TrackingError) -> String {
    assert!(matches!(error, TrackingError::Gate(_)), "{error}");
    error.to_string()
}

fn config(error: TrackingError) -> String {
    assert!(matches!(error, TrackingError::Config(_)), "{error}");
    error.to_string()
}

fn champion(store: &mut dyn Store) -> u64 {
    store.alias(MODEL, "champion").unwrap().unwrap().version
}

fn moves(store: &mut dyn Store) {
    let runs: Vec<_> = (0..3).map(|_| scratch()).collect();
    let mut records: Vec<_> = runs.iter().map(|folder| record(folder.path(), "promotion", MODEL)).collect();
    // The third is for people to decide.
    let third = records[2].version.as_mut().unwrap();
    (third.tags[0].value, third.alias) = ("pending".into(), Some("challenger".into()));
    for (record, folder) in records.iter().zip(&runs) {
        let published = publish(record, folder.path(), store).unwrap();
        assert_eq!((published.warnings.as_slice(), published.differences.as_slice()), (&[][..], &[][..]));
    }
    assert_eq!(champion(store), 2);
    let tag = |store: &mut dyn Store, version, key: &str| {
        store.version(MODEL, version).unwrap().unwrap().tag(key).map(str::to_owned)
    };
    assert_eq!(tag(store, 2, "previous.champion").as_deref(), Some("1"));
    assert_eq!(tag(store, 1, "superseded_by.champion").as_deref(), Some("2"));

    // The first does not come back by being published again.
    let again = publish(&records[0], runs[0].path(), store).unwrap();
    assert!(again.warnings[0].contains("`champion` was moved on to version 2: left as it is"), "{again:?}");
    assert_eq!((champion(store), again.differences.len()), (2, 0), "{again:?}");

    let message = gate(promote(store, MODEL, 3, "champion", false).unwrap_err());
    assert_eq!(message, "churn version 3 is pending, and not approved\n  hint: --approve, when it was looked at");
    let promotion = promote(store, MODEL, 3, "champion", true).unwrap();
    assert_eq!((promotion.version, promotion.previous), (3, Some(2)));
    assert_eq!(tag(store, 3, "validation_status").as_deref(), Some("approved"));
    assert_eq!(tag(store, 3, "previous.champion").as_deref(), Some("2"));

    let promotion = rollback(store, MODEL, "champion").unwrap();
    assert_eq!((promotion.version, promotion.previous), (2, Some(3)));
    assert_eq!(tag(store, 2, "superseded_by.champion").as_deref(), Some(""));
    // Publishing does not undo what people did.
    records[2].version.as_mut().unwrap().alias = Some("champion".into());
    let again = publish(&records[2], runs[2].path(), store).unwrap();
    assert!(again.warnings[0].contains("was moved on to version 2"), "{again:?}");
    assert_eq!(champion(store), 2);
    // And once more back, to the first.
    assert_eq!(rollback(store, MODEL, "champion").unwrap().version, 1);
    let message = config(rollback(store, MODEL, "champion").unwrap_err());
    assert!(message.contains("version 1 does not say which was `champion` before it"), "{message}");

    store.set_version_tag(MODEL, 3, &Tag::new("validation_status", "rejected")).unwrap();
    store.flush().unwrap();
    let message = gate(promote(store, MODEL, 3, "champion", true).unwrap_err());
    assert!(message.starts_with("churn version 3 is rejected, and not approved"), "{message}");
    assert!(
        config(promote(store, MODEL, 9, "champion", true).unwrap_err())
            .contains("expected version 9, found no version 9")
    );
    assert!(config(rollback(store, MODEL, "nobody").unwrap_err()).contains("churn has no `nobody`"));
    assert!(config(rollback(store, "nothing", "champion").unwrap_err()).contains("nothing has no `champion`"));
}

#[test]
fn aliases_move_on_a_server() {
    let files = scratch();
    let server = Server::mlflow(files.path());
    moves(&mut rest(&server.url(), &impatient(0)));
}

#[test]
fn aliases_move_on_an_old_server() {
    let files = scratch();
    let server = Server::mlflow2(files.path());
    moves(&mut rest(&server.url(), &impatient(0)));
}

#[test]
fn aliases_move_in_the_embedded_store() {
    let place = scratch();
    moves(&mut Embedded::open(&place.path().join("mlflow.db"), &place.path().join("mlruns")).unwrap());
}
