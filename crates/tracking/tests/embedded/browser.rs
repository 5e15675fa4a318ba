//! MLflow's own pages show what we wrote, in a real browser.

use std::time::Duration;

use trainer_testkit::{Program, python, repository, scratch};

use crate::sample::{Place, whole_run};

#[test]
fn the_pages_of_mlflow_show_the_run_its_metrics_its_model_and_the_champion() {
    let dir = scratch();
    let place = Place { folder: dir.path().to_owned() };
    for name in ["an-older-run", "the-run-to-see"] {
        whole_run(&mut place.open(), name);
    }
    let pictures = dir.path().join("pictures");
    let script = repository().join("tests/peers/mlflow_ui.py");
    let args = [script, place.database(), pictures.clone(), "churn-prediction".into()];
    let outcome = Program::new(python()).args(args).limit(Duration::from_secs(500)).expect(0);
    let pages: serde_json::Value = serde_json::from_str(outcome.stdout.lines().last().unwrap()).unwrap();
    let run = ["the-run-to-see", "Finished", "a note", "test_accuracy 0.91", "n_estimators 20", "churn-prediction v2"];
    for (page, words) in [
        ("run", &run[..]),
        ("metrics", &["the-run-to-see", "loss", "test_accuracy 0.91"]),
        ("artifacts", &["config.yaml", "curve.svg"]),
        ("model", &["churn-prediction", "Version 1", "Version 2", "@ champion", "validation_status : approved"]),
        ("version", &["Version 2", "Source Run : the-run-to-see", "@ champion", "gate.accuracy passed: 0.91 >= 0.80"]),
    ] {
        let text = pages[page].as_str().unwrap();
        for word in words {
            assert!(text.contains(word), "{page}: expected `{word}`, found: {text}");
        }
        let picture = std::fs::read(pictures.join(format!("{page}.png"))).unwrap();
        // An empty page of this size is a few thousand bytes.
        assert!(picture.starts_with(b"\x89PNG") && picture.len() > 20_000, "{page}: {} bytes", picture.len());
    }
}
