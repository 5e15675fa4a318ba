//! A run that has everything that a run can have, and what a server makes of it.

use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use trainer_tracking::{
    Address, Artifact, Child, Dataset, Experiment, FORMAT, LoggedModel, Metric, Published, Record, Rest, Retry,
    RunStatus, Settings, Store, Tag, TrackingError, VersionRecord,
};

pub const MODEL: &str = "churn";

/// Settings that do not wait.
pub fn impatient(max_retries: u32) -> Settings {
    let retry = Retry { max_retries, backoff_factor: 0.0, jitter: 0.0, ..Retry::default() };
    Settings { timeout: Duration::from_secs(20), retry, ..Settings::default() }
}

pub fn rest(url: &str, settings: &Settings) -> Rest {
    let Ok(Address::Server(server)) = Address::parse(url) else { panic!("no server: {url}") };
    Rest::new(&server, settings)
}

/// The record of a run, with its files in a folder.
pub fn record(folder: &Path, experiment: &str, registered: &str) -> Record {
    let files = [
        ("metrics.json", "{}"),
        ("empty.txt", ""),
        ("plots/a b ü.svg", "<svg/>"),
        ("model/model.onnx", "onnx"),
        ("model/requirements.txt", "mlflow\n"),
    ];
    for (path, text) in files {
        let path = folder.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    let artifact = |path: &str| Artifact { file: path.to_owned(), path: path.trim_start_matches("model/").to_owned() };
    let key = || uuid::Uuid::new_v4().simple().to_string();
    let version = VersionRecord {
        name: registered.to_owned(),
        description: "**gates** passed".into(),
        tags: vec![Tag::new("validation_status", "approved"), Tag::new("gate.accuracy", "passed: 0.9 >= 0.8")],
        compared_to: None,
        alias: Some("champion".into()),
    };
    let child = Child {
        key: key(),
        name: "fold 1".into(),
        params: vec![Tag::new("fold", "1")],
        metrics: vec![metric("accuracy", 0.8, 0)],
        tags: vec![Tag::new("of", "folds")],
    };
    Record {
        format: FORMAT,
        key: key(),
        experiment: Experiment::Name(experiment.into()),
        resume: None,
        name: "a run".into(),
        user: "ann".into(),
        start_ms: 1_795_147_300_000,
        end_ms: 1_795_147_309_000,
        status: RunStatus::Finished,
        params: (0..120).map(|at| Tag::new(format!("p.{at}"), at.to_string())).collect(),
        metrics: metrics(),
        tags: vec![Tag::new("mlflow.user", "ann"), Tag::new("mlflow.note.content", "# Note\nü"), Tag::new("empty", "")],
        datasets: vec![dataset("training"), dataset("test")],
        artifacts: vec![artifact("metrics.json"), artifact("empty.txt"), artifact("plots/a b ü.svg")],
        model: Some(LoggedModel {
            name: "model".into(),
            params: vec![Tag::new("n_estimators", "20")],
            tags: vec![Tag::new("kind", "forest")],
            files: vec![artifact("model/model.onnx"), artifact("model/requirements.txt")],
            mlmodel: json!({
                "flavors": { "onnx": { "data": "model.onnx", "onnx_version": "1.16.0" } },
                "mlflow_version": "3.0.0",
                "signature": {
                    "inputs": "[{\"name\": \"x\", \"type\": \"tensor\", \"tensor-spec\": {\"dtype\": \"float32\", \"shape\": [-1]}}]",
                    "outputs": "[{\"name\": \"y\", \"type\": \"tensor\", \"tensor-spec\": {\"dtype\": \"float32\", \"shape\": [-1]}}]",
                    "params": null,
                },
                "utc_time_created": "2026-11-20 04:00:00.000000",
            }),
        }),
        version: Some(version),
        children: vec![child],
    }
}

fn metrics() -> Vec<Metric> {
    let mut metrics: Vec<Metric> = (0..1100).map(|step| metric("loss", 1.0 / (step + 1) as f64, step)).collect();
    metrics.extend([
        metric("odd/nan", f64::NAN, 1),
        metric("odd/high", f64::INFINITY, 1),
        metric("odd/low", f64::NEG_INFINITY, -1),
        Metric { dataset: Some(1), of_model: true, ..metric("test_accuracy", 0.1 + 0.2, 0) },
        Metric { dataset: Some(1), of_model: true, ..metric("test_f1", 0.7, 0) },
    ]);
    metrics
}

fn metric(key: &str, value: f64, step: i64) -> Metric {
    let timestamp_ms = 1_795_147_305_000 + step;
    Metric { key: key.into(), value, timestamp_ms, step, dataset: None, of_model: false }
}

fn dataset(context: &str) -> Dataset {
    Dataset {
        context: context.into(),
        name: format!("churn-{context}"),
        digest: format!("digest-{context}"),
        source_type: "local".into(),
        source: json!({ "uri": format!("{context}.csv") }).to_string(),
        schema: json!({ "mlflow_colspec": [{ "type": "long", "name": "x", "required": true }] }).to_string(),
        profile: json!({ "num_rows": 3, "num_elements": 9 }).to_string(),
    }
}

pub fn publish(record: &Record, folder: &Path, store: &mut dyn Store) -> Result<Published, TrackingError> {
    trainer_tracking::publish(record, folder, store, None, &mut |_| {})
}

/// Everything that a server has of an experiment and of a registered model, without what differs between two runs of the
/// same: ids, times of the server, and places.
pub fn state(url: &str, record: &Record, registered: &str) -> Value {
    let http = Raw { url };
    let Experiment::Name(experiment) = &record.experiment else { panic!() };
    let experiment = http.get(&format!("experiments/get-by-name?experiment_name={experiment}"));
    let experiment = experiment["experiment"]["experiment_id"].clone();
    let found = http.post("runs/search", &json!({ "experiment_ids": [experiment], "max_results": 100 }));
    let mut names = vec![(record.key.clone(), "RUN".to_owned()), (record.children[0].key.clone(), "CHILD".to_owned())];
    let id = |id: &str| format!("\"experiment_id\": \"{id}\"");
    names.push((id(experiment.as_str().unwrap()), id("EXPERIMENT")));
    names.push((format!("/{}/", experiment.as_str().unwrap()), "/EXPERIMENT/".into()));
    names.push((registered.to_owned(), "REGISTERED".into()));
    let mut runs = found["runs"].as_array().cloned().unwrap_or_default();
    runs.sort_by_key(|run| run["info"]["run_name"].as_str().unwrap().to_owned());
    let mut told = Vec::new();
    for run in &mut runs {
        let id = run["info"]["run_id"].as_str().unwrap().to_owned();
        names.push((id.clone(), format!("ID OF {}", run["info"]["run_name"].as_str().unwrap())));
        for list in ["params", "metrics", "tags"] {
            if let Some(list) = run["data"][list].as_array_mut() {
                list.sort_by_key(|entry| entry["key"].as_str().unwrap().to_owned());
            }
        }
        if let Some(inputs) = run["inputs"]["dataset_inputs"].as_array_mut() {
            inputs.sort_by_key(Value::to_string);
        }
        let histories = ["loss", "odd/nan", "odd/high", "test_accuracy", "accuracy"].map(|key| {
            let points = http.get(&format!("metrics/get-history?run_id={id}&metric_key={key}"));
            let mut points = points["metrics"].as_array().cloned().unwrap_or_default();
            points.sort_by_key(|point| point["step"].as_i64());
            json!({ key: points })
        });
        let folders = ["", "plots", "model"].map(|folder| http.files(&run["info"]["artifact_uri"], folder));
        told.push(json!({ "run": run, "histories": histories, "files": folders }));
    }
    let filter = format!("model-versions/search?filter=name='{registered}'");
    let versions = http.get(&filter);
    let registered = http.get(&format!("registered-models/get?name={registered}"));
    let mut models = http.post("logged-models/search", &json!({ "experiment_ids": [experiment] }));
    for model in models["models"].as_array_mut().into_iter().flatten() {
        let id = model["info"]["model_id"].as_str().unwrap().to_owned();
        model["files"] = http.files(&model["info"]["artifact_uri"], "");
        names.push((id, "MODEL".into()));
    }
    let whole = json!({ "runs": told, "models": models, "versions": versions, "registered": registered });
    let mut text = serde_json::to_string_pretty(&whole).unwrap();
    for (from, to) in names {
        text = text.replace(&from, &to);
    }
    without_times(serde_json::from_str(&text).unwrap())
}

fn without_times(value: Value) -> Value {
    match value {
        Value::Object(entries) => {
            let times =
                ["creation_timestamp", "last_updated_timestamp", "creation_timestamp_ms", "last_updated_timestamp_ms"];
            let kept = entries.into_iter().filter(|(key, _)| !times.contains(&key.as_str()));
            Value::Object(kept.map(|(key, value)| (key, without_times(value))).collect())
        }
        Value::Array(items) => items.into_iter().map(without_times).collect(),
        other => other,
    }
}

/// Another client than the one that is tested: a few lines on a socket.
struct Raw<'a> {
    url: &'a str,
}

impl Raw<'_> {
    fn get(&self, path: &str) -> Value {
        self.ask("GET", &format!("/api/2.0/mlflow/{path}"), "")
    }

    fn post(&self, path: &str, body: &Value) -> Value {
        self.ask("POST", &format!("/api/2.0/mlflow/{path}"), &body.to_string())
    }

    fn files(&self, uri: &Value, folder: &str) -> Value {
        let root = uri.as_str().unwrap().trim_start_matches("mlflow-artifacts:/");
        let mut listed = self.ask("GET", &format!("/api/2.0/mlflow-artifacts/artifacts?path={root}/{folder}"), "");
        if let Some(files) = listed["files"].as_array_mut() {
            // The length of ids in it is the same everywhere, that of the experiment's is not.
            let is_mlmodel = |file: &Value| file["path"].as_str().unwrap().ends_with("MLmodel");
            files.iter_mut().filter(|file| is_mlmodel(file)).for_each(|file| file["file_size"] = Value::Null);
            files.sort_by_key(Value::to_string);
        }
        listed
    }

    fn ask(&self, method: &str, target: &str, body: &str) -> Value {
        use std::io::{Read, Write};
        let host = self.url.trim_start_matches("http://");
        let mut stream = std::net::TcpStream::connect(host).unwrap();
        let target = target.replace(' ', "%20").replace('\'', "%27");
        let head = format!(
            "{method} {target} HTTP/1.0\r\nHost: {host}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        stream.write_all((head + body).as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (_, body) = answer.split_once("\r\n\r\n").unwrap();
        serde_json::from_str(body).unwrap_or(Value::Null)
    }
}
