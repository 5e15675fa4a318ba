//! A run that has everything, and a store to write it to.

use std::path::{Path, PathBuf};

use rusqlite::{Connection, OptionalExtension};
use serde_json::json;
use trainer_testkit::{Program, python, repository, scratch};
use trainer_tracking::{
    Artifact, Dataset, Embedded, Experiment, FORMAT, LoggedModel, Metric, NewRun, Record, RunStatus, Tag, Tracking,
    VersionRecord, publish,
};

/// When the sample's run began.
pub const START_MS: i64 = 1_795_147_307_745;

/// A plot.
pub const CURVE: &str = r#"<svg xmlns="http://www.w3.org/2000/svg" width="300" height="200">
<path d="M 10 190 C 40 30, 80 20, 290 10" fill="none" stroke="teal" stroke-width="4"/></svg>"#;

/// The folder of a store: its file, and its artifacts beside it.
pub struct Place {
    pub folder: PathBuf,
}

impl Place {
    pub fn database(&self) -> PathBuf {
        self.folder.join("mlflow.db")
    }

    pub fn uri(&self) -> String {
        format!("sqlite:///{}", self.database().display())
    }

    pub fn open(&self) -> Embedded {
        Embedded::open(&self.database(), &self.folder.join("mlruns")).unwrap()
    }

    /// The name of a run, as another program sees it.
    pub fn name_of(&self, run: &str) -> Option<String> {
        let sql = "SELECT name FROM runs WHERE run_uuid = ?1";
        Connection::open(self.database()).unwrap().query_row(sql, [run], |row| row.get(0)).optional().unwrap()
    }

    /// A number that a query tells.
    pub fn count(&self, sql: &str) -> usize {
        Connection::open(self.database()).unwrap().query_row(sql, [], |row| row.get(0)).unwrap()
    }

    /// Changes the file by hand.
    pub fn change(&self, sql: &str) {
        Connection::open(self.database()).unwrap().execute_batch(sql).unwrap();
    }

    /// What the official client tells, migrating the file if it is older than the client.
    pub fn official(&self, command: &str, more: &[&str]) -> serde_json::Value {
        let script = repository().join("tests/peers/mlflow_store.py");
        let uri = self.uri();
        let mut args = vec![script.to_str().unwrap(), command, &uri];
        args.extend(more);
        let outcome = Program::new(python()).args(args).dir(&self.folder).expect(0);
        serde_json::from_str(outcome.stdout.lines().last().unwrap()).unwrap()
    }
}

/// The ids of what [`whole_run`] made.
#[derive(Debug)]
pub struct Written {
    pub experiment: String,
    pub run: String,
    pub model: String,
    pub version: u64,
}

pub fn metric(key: &str, value: f64, step: i64) -> Metric {
    Metric { key: key.into(), value, timestamp_ms: START_MS + step, step, dataset: None, of_model: false }
}

pub fn dataset(context: &str, digest: &str) -> Dataset {
    Dataset {
        context: context.into(),
        name: format!("churn-{context}"),
        digest: digest.into(),
        source_type: "local".into(),
        source: r#"{"uri": "/data/train.csv"}"#.into(),
        schema: r#"{"mlflow_colspec": [{"type": "long", "name": "tenure", "required": true}]}"#.into(),
        profile: r#"{"num_rows": 300, "num_elements": 1200}"#.into(),
    }
}

/// Makes an experiment where it is missing, and a run in it that is begun and not ended.
pub fn begin(store: &mut Embedded, experiment: &str, name: &str) -> (String, String) {
    let experiment = match store.experiment_by_name(experiment).unwrap() {
        Some(there) => there.id,
        None => store.create_experiment(experiment).unwrap(),
    };
    let tags = [Tag::new("mlflow.user", "alice"), Tag::new("trainer.run_key", name)];
    let new = NewRun { experiment_id: &experiment, name, user: "alice", start_ms: START_MS, tags: &tags };
    let run = store.create_run(&new).unwrap();
    (experiment, run.id)
}

/// Everything that a run can have, with its files in a folder.
pub fn record(folder: &Path, name: &str) -> Record {
    for (path, text) in [("config.yaml", "x: 1\n"), ("curve.svg", CURVE), ("model.onnx", "onnx")] {
        std::fs::write(folder.join(path), text).unwrap();
    }
    let artifact = |file: &str, path: &str| Artifact { file: file.into(), path: path.into() };
    let mut metrics: Vec<Metric> = (0..50).map(|step| metric("loss", 1.0 / (step as f64 + 1.0), step)).collect();
    metrics.push(metric("undefined", f64::NAN, 0));
    metrics.push(metric("endless", f64::INFINITY, 0));
    metrics.push(Metric { dataset: Some(1), of_model: true, ..metric("test_accuracy", 0.91, 0) });
    Record {
        format: FORMAT,
        key: uuid::Uuid::new_v4().simple().to_string(),
        experiment: Experiment::Name("churn".into()),
        resume: None,
        name: name.into(),
        user: "alice".into(),
        start_ms: START_MS,
        end_ms: START_MS + 5_000,
        status: RunStatus::Finished,
        params: vec![Tag::new("n_estimators", "20"), Tag::new("seed", "7")],
        metrics,
        tags: vec![Tag::new("mlflow.user", "alice"), Tag::new("mlflow.note.content", "**a note**")],
        datasets: vec![dataset("training", "cd3e2038"), dataset("test", "99aa")],
        artifacts: vec![artifact("config.yaml", "config.yaml"), artifact("curve.svg", "plots/curve.svg")],
        model: Some(LoggedModel {
            name: "model".into(),
            params: vec![Tag::new("algorithm", "random_forest")],
            tags: vec![Tag::new("made.by", "trainer")],
            files: vec![artifact("model.onnx", "model.onnx")],
            mlmodel: json!({ "flavors": {}, "mlflow_version": "3.0.0" }),
        }),
        version: Some(VersionRecord {
            name: "churn-prediction".into(),
            description: "a *version*".into(),
            tags: vec![Tag::new("validation_status", "approved"), Tag::new("gate.accuracy", "passed: 0.91 >= 0.80")],
            compared_to: None,
            alias: Some("champion".into()),
        }),
        children: Vec::new(),
    }
}

/// Publishes [`record`].
pub fn whole_run(store: &mut Embedded, name: &str) -> Written {
    let folder = scratch();
    let published = publish(&record(folder.path(), name), folder.path(), store, None, &mut |_| {}).unwrap();
    assert_eq!(published.differences, Vec::<String>::new());
    Written {
        experiment: published.experiment_id,
        run: published.run_id,
        model: published.model_id.unwrap(),
        version: published.version.unwrap(),
    }
}
