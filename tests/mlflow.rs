//! Runs in MLflow: on real servers and in the embedded store, judged through the official client.

use std::path::{Path, PathBuf};

use serde_json::Value;
use tempfile::TempDir;
use trainer_testkit::{Fault, Outcome, Program, Proxy, Server, python, python_mlflow2, repository, scratch, shared};

const TRAINER: &str = env!("CARGO_BIN_EXE_trainer");
const MODEL: &str = "churn-prediction";

/// A folder with a git checkout, a config that uses everything a run can show, and nothing else.
struct Place {
    dir: TempDir,
}

impl Place {
    fn new(tracking: &str, gates: &str) -> Self {
        let dir = scratch();
        let git = "git init -q . && git remote add origin https://ghp_t0kenword@github.com/o/r && git -c user.name=t -c user.email=t@example.com commit -q --allow-empty -m start";
        Program::new("bash").args(["-c", git]).dir(dir.path()).expect(0);
        let place = Self { dir };
        place.write("config.yaml", tracking, gates);
        place
    }

    fn write(&self, name: &str, tracking: &str, gates: &str) {
        let data = repository().join("datasets/churn");
        let text = format!(
            "project: {{name: {MODEL}, version: '1.0'}}
data: {{source: {}, train_path: train.parquet, test_path: test.parquet}}
features: {{entity: user_id}}
model: {{type: random_forest, params: {{n_estimators: 20, max_depth: 8, random_state: 1, oob_score: true}}}}
training: {{experiment_name: churn, cv_folds: 2, system_metrics: true, nested_folds: true{tracking}}}
registry: {{name: {MODEL}, promote: champion}}
quality_gates: {gates}
",
            data.display()
        );
        std::fs::write(self.dir.path().join(name), text).unwrap();
    }

    fn trainer(&self, args: &[&str]) -> Program {
        Program::new(TRAINER).args(args).dir(self.dir.path())
    }

    fn fit(&self, config: &str, code: i32) -> (PathBuf, Value) {
        let told = self.trainer(&["fit", "--config", config, "--output", "json"]).expect(code);
        let told: Value = serde_json::from_str(&told.stdout).unwrap();
        (self.dir.path().join(told["run_dir"].as_str().unwrap()), told)
    }

    /// Lets the acceptance program judge; nothing where it is not there.
    fn accept(&self, python: &Path, uri: &str, more: &[&str]) {
        let Some(program) = shared("accept/mlflow_accept.py") else { return };
        let test = repository().join("datasets/churn/test.parquet");
        let outcome = Program::new(python)
            .args([&program])
            .args(["--tracking-uri", uri, "--experiment", "churn", "--model", MODEL, "--target", "target", "--data"])
            .args([&test])
            .args([
                "--metric-match",
                "test_accuracy",
                "--gate-tag-prefix",
                "gate.",
                "--flavor",
                "onnx",
                "--require-git",
            ])
            .args(["--require-system-metrics", "--context", "training", "--context", "validation", "--context", "test"])
            .args(["--history-metric", "by_trees/oob_accuracy", "--param", "n_estimators=20", "--param", "seed"])
            .args(["--artifact", "report.html", "--artifact", "plots", "--artifact", "run.lock.json"])
            .args([
                "--signature-column",
                "total_purchases",
                "--signature-column",
                "plan",
                "--tag",
                "mlflow.note.content",
            ])
            .args(more)
            .dir(self.dir.path())
            .run();
        let failed = outcome.stdout.lines().filter(|line| line.starts_with("FAIL")).collect::<Vec<_>>().join("\n");
        assert!(outcome.code == Some(0), "{failed}\n{}\n{}", outcome.stdout, outcome.stderr);
        assert!(outcome.stdout.contains(" passed, 0 failed"), "{}", outcome.stdout);
    }
}

fn at(uri: &str) -> String {
    format!(", tracking_uri: '{uri}'")
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("expected text, found {value}"))
}

#[test]
fn a_server_shows_all_of_a_run_and_serves_its_model() {
    let files = scratch();
    let server = Server::mlflow(files.path());
    let place = Place::new(&at(&server.url()), "{accuracy: 0.85, recall: 0.5}");
    let (run, told) = place.fit("config.yaml", 0);
    assert_eq!(told["tracking"]["logged"], true, "{told:#}");
    assert_eq!(told["tracking"]["warnings"], serde_json::json!([]), "{told:#}");
    place.accept(&python(), &server.url(), &[]);

    // A second run that fails a gate: a version that is rejected, and the champion stays.
    place.write("strict.yaml", &at(&server.url()), "{accuracy: 0.85, recall: 0.999}");
    let (_, rejected) = place.fit("strict.yaml", 4);
    let id = text(&rejected["tracking"]["run_id"]);
    place.accept(&python(), &server.url(), &["--rejected", "--run-id", id]);
    place.accept(&python(), &server.url(), &["--run-id", text(&told["tracking"]["run_id"])]);

    // Again, from the same folder: nothing is there twice.
    let again = place.trainer(&["sync", run.to_str().unwrap(), "--output", "json"]).expect(0);
    let again: Value = serde_json::from_str(&again.stdout).unwrap();
    assert_eq!(again["run_id"], told["tracking"]["run_id"]);
    assert_eq!(again["version"], told["tracking"]["version"]);
    place.accept(&python(), &server.url(), &[]);
    serves_our_probabilities(&place, &run, &server.url());
}

/// `mlflow.pyfunc` and `mlflow models serve` against our own `predict`.
fn serves_our_probabilities(place: &Place, run: &Path, uri: &str) {
    let script = repository().join("tests/peers/mlflow_serve.py");
    let predicted = run.join("predictions.parquet");
    let test = repository().join("datasets/churn/test.parquet");
    Program::new(python())
        .args([&script])
        .args(["--tracking-uri", uri, "--model", MODEL, "--predictions"])
        .args([&predicted])
        .args(["--data"])
        .args([&test])
        .dir(place.dir.path())
        .expect(0);
}

#[test]
fn the_embedded_store_opens_in_the_official_client() {
    let place = Place::new("", "{accuracy: 0.85}");
    let (_, told) = place.fit("config.yaml", 0);
    assert!(place.dir.path().join("mlflow.db").is_file() && place.dir.path().join("mlruns").is_dir());
    place.accept(&python(), "sqlite:///mlflow.db", &[]);
    // The official client has brought the file up to date: we still write into it.
    place.write("strict.yaml", "", "{accuracy: 0.999}");
    let (_, rejected) = place.fit("strict.yaml", 4);
    let id = text(&rejected["tracking"]["run_id"]);
    place.accept(&python(), "sqlite:///mlflow.db", &["--rejected", "--run-id", id]);
    place.accept(&python(), "sqlite:///mlflow.db", &["--run-id", text(&told["tracking"]["run_id"])]);
}

#[test]
fn a_server_without_logged_models_has_them_in_the_run() {
    let files = scratch();
    let server = Server::mlflow2(files.path());
    let place = Place::new(&at(&server.url()), "{accuracy: 0.85}");
    place.fit("config.yaml", 0);
    place.accept(&python_mlflow2(), &server.url(), &["--mlflow2"]);
}

#[test]
fn a_champion_is_promoted_held_against_and_rolled_back() {
    let place = Place::new("", "{accuracy: 0.6}");
    let (_, first) = place.fit("config.yaml", 0);
    let (_, second) = place.fit("config.yaml", 0);
    assert_eq!((&first["tracking"]["version"], &second["tracking"]["version"]), (&1.into(), &2.into()));

    // The same model is not worse than itself; one of a single stump is.
    let compared = ["--set", "registry.compare_to=champion"];
    let fit = |more: &[&str], code: i32| -> Value {
        let args = [&["fit", "--config", "config.yaml", "--output", "json"], &compared[..], more].concat();
        serde_json::from_str(&place.trainer(&args).expect(code).stdout).unwrap()
    };
    let same = fit(&[], 0);
    assert_eq!(same["gates"]["verdicts"][1]["on"], "champion");
    assert_eq!(same["gates"]["verdicts"][1]["threshold"], same["metrics"]["accuracy"]);
    let worse = ["--set", "model.params.max_depth=1", "--set", "model.params.n_estimators=1"];
    let worse_run = fit(&worse, 4);
    assert!(text(&worse_run["gates"]["verdicts"][1]["reason"]).contains("worse"), "{worse_run:#}");
    let tolerated = [&worse[..], &["--set", "registry.tolerance=0.9", "--set", "registry.promote=null"]].concat();
    let tolerated = fit(&tolerated, 0);

    // Version 4 was rejected, and 3 is the champion: nobody gets past that.
    let promote = |version: &str, more: &[&str]| {
        place.trainer(&[&["promote", "--model", MODEL, "--version", version], more].concat())
    };
    promote("4", &[]).expect(4).says(&["rejected"]);
    promote("4", &["--approve"]).expect(4).says(&["rejected"]);
    promote("99", &[]).expect(2).says(&["99"]);
    assert_eq!(tolerated["tracking"]["version"], 5);
    let told = promote("5", &["--output", "json"]).expect(0).stdout;
    assert_eq!(serde_json::from_str::<Value>(&told).unwrap()["previous"], 3);

    let rollback = || -> Value {
        let told = place.trainer(&["rollback", "--model", MODEL, "--output", "json"]).expect(0);
        serde_json::from_str(&told.stdout).unwrap()
    };
    assert_eq!((rollback()["version"].clone(), rollback()["version"].clone()), (3.into(), 2.into()));
    rollback();
    place.trainer(&["rollback", "--model", MODEL]).expect(2).says(&["version 1"]);
}

#[test]
fn who_looks_something_up_makes_no_store() {
    let place = Place::new("", "{accuracy: 0.6}");
    let promote = ["promote", "--model", MODEL, "--version", "1"];
    for args in [&["rollback", "--model", MODEL][..], &promote, &["compare", "a", "b"]] {
        place.trainer(args).expect(2).says(&["mlflow.db: expected a store", "hint: "]);
        assert!(!place.dir.path().join("mlflow.db").exists(), "{args:?}");
    }
}

#[test]
fn a_challenger_waits_for_approval() {
    let place = Place::new("", "{accuracy: 0.6}");
    place.trainer(&["fit", "--config", "config.yaml", "--set", "registry.promote=challenger"]).expect(0);
    let promote = |more: &[&str]| place.trainer(&[&["promote", "--model", MODEL, "--version", "1"], more].concat());
    promote(&[]).expect(4).says(&["pending", "--approve"]);
    promote(&["--approve"]).expect(0);
}

#[test]
fn two_runs_are_compared_from_folders_and_from_the_store() {
    let place = Place::new("", "{accuracy: 0.6}");
    let (a, _) = place.fit("config.yaml", 0);
    let args = ["fit", "--config", "config.yaml", "--output", "json", "--set", "model.params.max_depth=3"];
    let b: Value = serde_json::from_str(&place.trainer(&args).expect(0).stdout).unwrap();
    let compare = |a: &str, b: &str| -> Value {
        serde_json::from_str(&place.trainer(&["compare", a, b, "-o", "json"]).expect(0).stdout).unwrap()
    };
    let folders = compare(a.to_str().unwrap(), text(&b["run_dir"]));
    let mixed = compare(a.to_str().unwrap(), text(&b["tracking"]["run_id"]));
    for found in [&folders, &mixed] {
        let depth = found["params"].as_array().unwrap().iter().find(|it| it["name"] == "max_depth").unwrap();
        assert_eq!((text(&depth["a"]), text(&depth["b"])), ("8", "3"));
        assert!(found["params"].as_array().unwrap().iter().all(|it| it["name"] != "n_estimators"));
        let accuracy = found["metrics"].as_array().unwrap().iter().find(|it| it["name"] == "accuracy").unwrap();
        let difference = accuracy["b"].as_f64().unwrap() - accuracy["a"].as_f64().unwrap();
        assert_eq!(accuracy["difference"].as_f64(), Some(difference));
    }
    place.trainer(&["compare", a.to_str().unwrap(), "nowhere"]).expect(2).says(&["nowhere", "--tracking-uri"]);
}

#[test]
fn a_server_that_is_down_costs_no_training() {
    let port = trainer_testkit::free_port();
    let place = Place::new(&at(&format!("http://127.0.0.1:{port}")), "{accuracy: 0.6}");
    let fit = |program: Program| {
        program.env("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1").env("MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR", "0")
    };
    let outcome = fit(place.trainer(&["fit", "--config", "config.yaml"])).expect(6);
    assert!(
        outcome.stdout.contains("NOT logged") && outcome.stdout.contains("trainer sync runs/"),
        "{}",
        outcome.stdout
    );
    let run = std::fs::read_dir(place.dir.path().join("runs")).unwrap().next().unwrap().unwrap().path();
    assert!(run.join("report.html").is_file() && run.join("tracking.json").is_file());
    // Still down; then to another place, where it arrives whole.
    fit(place.trainer(&["sync", run.to_str().unwrap()])).expect(6);
    place.trainer(&["sync", run.to_str().unwrap(), "--tracking-uri", "sqlite:///mlflow.db"]).expect(0);
    // From wherever it is asked: a run belongs to the store beside which it was fitted.
    let (other, elsewhere) = (Place::new("", "{accuracy: 0.6}"), scratch());
    let (run, told) = other.fit("config.yaml", 0);
    let again =
        Program::new(TRAINER).args(["sync", run.to_str().unwrap(), "-o", "json"]).dir(elsewhere.path()).expect(0);
    assert_eq!(serde_json::from_str::<Value>(&again.stdout).unwrap()["run_id"], told["tracking"]["run_id"]);
    assert!(!elsewhere.path().join("mlflow.db").exists());
    place.accept(&python(), "sqlite:///mlflow.db", &[]);
}

/// The library's own tests have every fault at every call; here it is the whole program, and a kill.
#[test]
fn a_fault_at_any_call_ends_in_0_or_6_and_sync_finishes_the_run() {
    let files = scratch();
    let server = Server::mlflow(files.path());
    let proxy = Proxy::start(server.port());
    let place = Place::new(&at(&proxy.url()), "{accuracy: 0.6}");
    let small = ["--set", "training.cv_folds=0", "--set", "model.params.n_estimators=3", "--runs"];
    let fit = |runs: &str| {
        let args = [&["fit", "--config", "config.yaml"], &small[..], &[runs]].concat();
        place.trainer(&args).env("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    };
    let run_in = |runs: &str| {
        let entries = std::fs::read_dir(place.dir.path().join(runs)).unwrap();
        let names: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
        assert!(names.len() == 1 && !names[0].display().to_string().contains(".tmp-"), "{names:?}");
        names[0].to_str().unwrap().to_owned()
    };
    fit("clean").expect(0);
    let calls = proxy.calls().len();
    assert!(calls > 30, "{calls}");
    let faults = [Fault::Drop, Fault::DropAnswer, Fault::Cut, Fault::Status(500, None), Fault::Status(503, None)];
    let mut failed = 0;
    for (case, call) in (0..calls).step_by(5).enumerate() {
        let runs = format!("runs-{call}");
        proxy.fault_at(call, faults[case % faults.len()]);
        let outcome = fit(&runs).run();
        assert!(matches!(outcome.code, Some(0 | 6)), "call {call}: {:?}\n{}", outcome.code, outcome.stderr);
        failed += usize::from(outcome.code == Some(6));
        proxy.clear();
        place.trainer(&["sync", &run_in(&runs)]).expect(0);
    }
    assert!(failed > 3, "the faults did nothing: {failed}");
    // Killed while it waits for an answer, in the middle of its files.
    proxy.fault_at(calls - 12, Fault::Delay(20_000));
    let script = format!(
        "timeout -s KILL 6 {TRAINER} fit --config config.yaml {} killed; test $? = 137",
        small.map(|word| format!("'{word}'")).join(" ")
    );
    Program::new("bash").args(["-c", &script]).dir(place.dir.path()).expect(0);
    proxy.clear();
    place.trainer(&["sync", &run_in("killed")]).expect(0);

    let look = "import sys, mlflow
c = mlflow.MlflowClient(sys.argv[1])
e = c.get_experiment_by_name('churn')
runs = c.search_runs([e.experiment_id], max_results=1000)
keys = [r.data.tags['trainer.run_key'] for r in runs]
versions = c.search_model_versions(\"name = 'churn-prediction'\", max_results=1000)
print(len(runs), len(set(keys)), len(versions), len({v.run_id for v in versions}), {r.info.status for r in runs})
assert all(len(r.data.metrics) == len(runs[0].data.metrics) for r in runs)
assert all(len(list(r.outputs.model_outputs)) == 1 for r in runs)
assert len(mlflow.search_logged_models([e.experiment_id], output_format='list')) == len(runs)";
    let look = format!("import os; os.environ['MLFLOW_TRACKING_URI'] = __import__('sys').argv[1]\n{look}");
    let told = Program::new(python()).args(["-c", &look, &server.url()]).dir(place.dir.path()).expect(0).stdout;
    let runs = calls.div_ceil(5) + 2;
    assert_eq!(told.trim(), format!("{runs} {runs} {runs} {runs} {{'FINISHED'}}"));
}

#[test]
fn what_no_waiting_mends_is_found_before_training() {
    let files = scratch();
    let server = Server::mlflow(files.path());
    let place = Place::new(&at(&server.url()), "{accuracy: 0.6}");
    let refused = |name: &str, value: &str, said: &[&str]| {
        let outcome: Outcome = place.trainer(&["fit", "--config", "config.yaml"]).env(name, value).expect(2);
        outcome.says(said);
        assert!(!place.dir.path().join("runs").exists(), "{name}={value}");
    };
    refused("MLFLOW_TRACKING_URI", "htp://mlflow", &["htp://mlflow", "http(s)://"]);
    refused("MLFLOW_TRACKING_URI", "databricks", &["Databricks"]);
    refused("MLFLOW_TRACKING_URI", &format!("{}/nowhere", server.url()), &["/nowhere"]);
    refused("MLFLOW_EXPERIMENT_ID", "4711", &["4711"]);
    refused("MLFLOW_RUN_ID", "0123456789abcdef0123456789abcdef", &["0123456789abcdef0123456789abcdef"]);
    refused("MLFLOW_RUN_CONTEXT", "[1]", &["MLFLOW_RUN_CONTEXT"]);
    refused("MLFLOW_TRACKING_AWS_SIGV4", "true", &["MLFLOW_TRACKING_AWS_SIGV4"]);
    for interval in ["10s", "1e20", "-1"] {
        refused("MLFLOW_SYSTEM_METRICS_SAMPLING_INTERVAL", interval, &["expected seconds", interval]);
    }
}

#[test]
fn variables_of_the_client_name_run_and_experiment() {
    let place = Place::new("", "{accuracy: 0.6}");
    let outcome = place
        .trainer(&["fit", "--config", "config.yaml", "--output", "json"])
        .env("MLFLOW_EXPERIMENT_NAME", "2024")
        .env("MLFLOW_RUN_NAME", "named")
        .env("MLFLOW_RUN_CONTEXT", r#"{"team": "growth"}"#)
        .expect(0);
    let told: Value = serde_json::from_str(&outcome.stdout).unwrap();
    let script = "import sys, mlflow
r = mlflow.MlflowClient('sqlite:///mlflow.db').get_run(sys.argv[1])
e = mlflow.MlflowClient('sqlite:///mlflow.db').get_experiment(r.info.experiment_id)
assert (r.info.run_name, r.data.tags['team'], e.name) == ('named', 'growth', '2024'), (r, e)
children = mlflow.MlflowClient('sqlite:///mlflow.db').search_runs([e.experiment_id], \"tags.`mlflow.parentRunId` = '%s'\" % sys.argv[1])
assert sorted(c.data.params['fold'] for c in children) == ['1', '2'], children
assert all(0.5 < c.data.metrics['accuracy'] <= 1 for c in children), children
";
    Program::new(python()).args(["-c", script, text(&told["tracking"]["run_id"])]).dir(place.dir.path()).expect(0);
}

#[test]
fn a_run_that_somebody_began_is_gone_on_with() {
    let place = Place::new("", "{accuracy: 0.6}");
    let python = |script: &str, args: &[&str]| {
        let script = format!("import sys, mlflow\nc = mlflow.MlflowClient('sqlite:///mlflow.db')\n{script}");
        Program::new(python()).args(["-c", &script]).args(args).dir(place.dir.path()).expect(0).stdout
    };
    let begun = "r = c.create_run(c.create_experiment('by hand'), run_name='begun')
c.log_param(r.info.run_id, 'own', '1')
print(r.info.run_id)";
    let id = python(begun, &[]).trim().to_owned();
    let told =
        place.trainer(&["fit", "--config", "config.yaml", "--output", "json"]).env("MLFLOW_RUN_ID", &id).expect(0);
    let told: Value = serde_json::from_str(&told.stdout).unwrap();
    assert_eq!(told["tracking"]["run_id"], id);
    let look = "r = c.get_run(sys.argv[1])
assert r.info.status == 'FINISHED' and r.data.params['own'] == '1' and r.data.params['n_estimators'] == '20', r
assert r.data.metrics['test_accuracy'] > 0.6 and r.info.run_name == 'begun', r
assert len(c.search_runs([r.info.experiment_id], \"tags.`mlflow.parentRunId` = ''\")) == 0
assert c.get_experiment_by_name('churn') is None, 'an experiment that nobody needs'";
    python(look, &[&id]);
}

#[test]
fn a_registry_may_be_elsewhere() {
    let (here, there) = (scratch(), scratch());
    let (tracking, registry) = (Server::mlflow(here.path()), Server::mlflow(there.path()));
    let place = Place::new(&at(&tracking.url()), "{accuracy: 0.6}");
    let fit = |more: &[&str]| -> Value {
        let args = [&["fit", "--config", "config.yaml", "--output", "json"], more].concat();
        let told = place.trainer(&args).env("MLFLOW_REGISTRY_URI", registry.url()).expect(0);
        serde_json::from_str(&told.stdout).unwrap()
    };
    assert_eq!(fit(&[])["tracking"]["version"], 1);
    let second = fit(&["--set", "registry.compare_to=champion"]);
    assert_eq!(second["gates"]["verdicts"][1]["on"], "champion");
    let look = "import sys, mlflow
c = mlflow.MlflowClient(sys.argv[1], sys.argv[2])
v = c.get_model_version_by_alias('churn-prediction', 'champion')
assert (str(v.version), v.tags['validation_status'], v.tags['previous.champion']) == ('2', 'approved', '1'), v
there = mlflow.MlflowClient(sys.argv[2]).get_run(v.run_id)
assert sys.argv[1] in there.data.tags['trainer.tracked_at'], there
assert mlflow.MlflowClient(sys.argv[1]).search_registered_models() == []
mlflow.set_tracking_uri(sys.argv[2])
assert mlflow.pyfunc.load_model('models:/churn-prediction@champion') is not None";
    Program::new(python()).args(["-c", look, &tracking.url(), &registry.url()]).dir(place.dir.path()).expect(0);
}

#[test]
fn secrets_are_nowhere() {
    let place = Place::new("", "{accuracy: 0.6}");
    let port = trainer_testkit::free_port();
    let uri = format!("http://someone:s3cretword@127.0.0.1:{port}");
    let outcome = place
        .trainer(&["fit", "--config", "config.yaml", "--output", "json", "--set"])
        .args([format!("training.tracking_uri={uri}")])
        .env("MLFLOW_TRACKING_TOKEN", "t0kenword")
        .env("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
        .expect(6);
    let told: Value = serde_json::from_str(&outcome.stdout).unwrap();
    let grep = Program::new("grep")
        .args(["-rlE", "--exclude-dir=.git", "s3cretword|t0kenword", "."])
        .dir(place.dir.path())
        .run();
    assert_eq!(grep.stdout, "", "{told:#}");
    for stream in [&outcome.stdout, &outcome.stderr] {
        assert!(!stream.contains("s3cretword") && !stream.contains("t0kenword"), "{stream}");
    }
    // The password is not kept, and `sync` says so.
    let run = place.dir.path().join(text(&told["run_dir"]));
    place.trainer(&["sync", run.to_str().unwrap()]).expect(2).says(&["MLFLOW_TRACKING_PASSWORD"]);
}
