//! Run folders that are published again, by another hand, at the same time, or into a run that is there.

use std::path::{Path, PathBuf};

use tempfile::TempDir;
use trainer_testkit::scratch;
use trainer_tracking::{Artifact, Child, Embedded, Published, Record, State, Tag, Tracking, TrackingError, publish};

use crate::sample::{Place, metric, record};

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

/// The file of that name, wherever it is below a folder.
fn find(folder: &Path, name: &str) -> Option<PathBuf> {
    std::fs::read_dir(folder).unwrap().find_map(|entry| {
        let path = entry.unwrap().path();
        if path.is_dir() { find(&path, name) } else { Some(path).filter(|path| path.ends_with(name)) }
    })
}

#[test]
fn a_model_that_is_ready_is_left_alone_while_it_is_whole() {
    with_store(|store, place| {
        let fitted = fitted("one");
        let first = published(store, &fitted);
        let [model, mlmodel] = ["model.onnx", "MLmodel"].map(|name| find(&place.folder.join("mlruns"), name).unwrap());
        let written = || [&model, &mlmodel].map(|path| path.metadata().unwrap().modified().unwrap());
        let before = written();
        assert_eq!(published(store, &fitted), first);
        assert_eq!(written(), before);
        std::fs::remove_file(&model).unwrap();
        assert_eq!(published(store, &fitted), first);
        assert_eq!(std::fs::read(&model).unwrap(), b"onnx");
        // A model that is not ready may be half there.
        let before = written();
        place.change("UPDATE logged_models SET status = 1");
        assert_eq!(published(store, &fitted), first);
        assert_ne!(written(), before);
    });
}

/// Publishes, with something done by another just before everything is read back.
fn published_while(store: &mut Embedded, (folder, record): &(TempDir, Record), what: impl Fn()) -> Published {
    let mut watch = |said: &str| {
        if said == "reading back" {
            what();
        }
    };
    publish(record, folder.path(), store, None, &mut watch).unwrap()
}

#[test]
fn what_is_not_there_is_told_as_missing() {
    with_store(|store, place| {
        let mut fitted = fitted("one");
        let metrics = vec![metric("accuracy", 0.5, 0), metric("accuracy", 0.6, 1)];
        let params = vec![Tag::new("fold", "1")];
        let key = "c".repeat(32);
        fitted.1.children = vec![Child { key, name: "fold 1".into(), params, metrics, tags: vec![] }];
        let whole = published(store, &fitted);
        assert_eq!((whole.missing, whole.differences), (vec![], vec![]));
        let files = place.folder.join("mlruns");
        let told = published_while(store, &fitted, || {
            for name in ["curve.svg", "model.onnx"] {
                std::fs::remove_file(find(&files, name).unwrap()).unwrap();
            }
            std::fs::write(find(&files, "config.yaml").unwrap(), "half").unwrap();
            place.change(
                "DELETE FROM params WHERE key IN ('seed', 'fold');
                 UPDATE params SET value = '21' WHERE key = 'n_estimators';
                 DELETE FROM metrics WHERE key = 'accuracy' AND step = 0;
                 DELETE FROM metrics WHERE key = 'loss' AND step < 3;
                 DELETE FROM model_version_tags WHERE key = 'gate.accuracy'",
            );
        });
        let missing = [
            "parameter `seed`: not there",
            "metric `loss`: 3 of 50 points: not there",
            "fold 1: parameter `fold`: not there",
            "fold 1: metric `accuracy`: 1 of 2 points: not there",
            "churn-prediction version 1: tag `gate.accuracy`: not there",
            "file `plots/curve.svg`: not there",
            "file `model.onnx` of the model: not there",
        ];
        assert_eq!(told.missing, missing);
        let differing =
            ["parameter `n_estimators`: expected `20`, found `21`", "file `config.yaml`: expected 5 bytes, found 4"];
        assert_eq!(told.differences, differing);
        let told = published_while(store, &fitted, || {
            place.change("UPDATE runs SET lifecycle_stage = 'deleted' WHERE name = 'fold 1'");
        });
        assert!(told.missing.contains(&"nested run `fold 1`: not there".to_owned()), "{told:?}");
    });
}

#[test]
fn only_files_of_the_run_folder_are_logged() {
    with_store(|store, place| {
        let fitted = fitted("one");
        std::fs::write(place.folder.join("secret"), "s").unwrap();
        std::os::unix::fs::symlink(place.folder.join("secret"), fitted.0.path().join("link")).unwrap();
        std::os::unix::fs::symlink("config.yaml", fitted.0.path().join("near")).unwrap();
        let with = |file: &str, of_model: bool| {
            let mut record = fitted.1.clone();
            let artifact = Artifact { file: file.into(), path: "x".into() };
            match &mut record.model {
                Some(model) if of_model => model.files.push(artifact),
                _ => record.artifacts.push(artifact),
            }
            record
        };
        let other = format!("../{}/secret", place.folder.file_name().unwrap().to_str().unwrap());
        for file in ["/etc/passwd", &other, "plots/../../x", "link", ""] {
            for of_model in [false, true] {
                let record = with(file, of_model);
                let error = publish(&record, fitted.0.path(), store, None, &mut |_| {}).unwrap_err();
                assert!(matches!(error, TrackingError::Config(_)), "{error:?}");
                assert!(error.to_string().ends_with(&format!("to log, found `{file}`")), "{error}");
            }
        }
        assert_eq!(place.count("SELECT count(*) FROM runs"), 0, "before anything is sent");
        publish(&with("near", false), fitted.0.path(), store, None, &mut |_| {}).unwrap();
    });
}
