//! Our side of `benches/run tracking`: a run with many points, published in a fresh process, told as a line of JSON.
//!
//! `tracking server PORT METRICS STEPS`: to the MLflow server at a port of this machine, through a proxy that measures how
//! long the server takes for its answers.
//! `tracking embedded FOLDER METRICS STEPS`: to an embedded store in a folder.
//!
//! The points are made before the clock starts. The clock ends when everything was read back as well.

use std::io::Write;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use trainer_testkit::Proxy;
use trainer_tracking::{
    Address, Embedded, Experiment, FORMAT, Metric, Record, RunStatus, Settings, Store, Tag, open, publish,
};

/// When the run of the benchmark began.
const START_MS: i64 = 1_795_147_307_745;

fn main() -> Result<()> {
    let args: Vec<String> = std::env::args().skip(1).filter(|arg| arg != "--bench").collect();
    let told = match args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["server", port, metrics, steps] => server(port.parse()?, &record(metrics.parse()?, steps.parse()?))?,
        ["embedded", folder, metrics, steps] => {
            let folder = std::path::absolute(folder)?;
            let mut store = Embedded::open(&folder.join("mlflow.db"), &folder.join("mlruns"))?;
            timed(&record(metrics.parse()?, steps.parse()?), &mut store)?.told(None)
        }
        // `cargo bench` without arguments: what this is for, and not a failure.
        [] => "usage: benches/run tracking".into(),
        _ => bail!("expected `server PORT METRICS STEPS` or `embedded FOLDER METRICS STEPS`, found {args:?}"),
    };
    writeln!(std::io::stdout(), "{told}")?;
    Ok(())
}

fn server(port: u16, record: &Record) -> Result<String> {
    let proxy = Proxy::start(port);
    let mut store = open(&Address::parse(&proxy.url())?, &Settings::default(), false)?;
    let times = timed(record, store.as_mut())?;
    Ok(times.told(Some((proxy.waited(), proxy.calls().len()))))
}

struct Times {
    run_id: String,
    /// Until the run is at its end in the store.
    logged: Duration,
    /// Until it was read back.
    all: Duration,
}

impl Times {
    fn told(&self, server: Option<(Duration, usize)>) -> String {
        let mut told = serde_json::json!({
            "run_id": self.run_id, "logged_s": self.logged.as_secs_f64(), "wall_s": self.all.as_secs_f64(),
        });
        if let Some((waited, calls)) = server {
            told["server_s"] = waited.as_secs_f64().into();
            told["beyond_s"] = (self.all - waited).as_secs_f64().into();
            told["calls"] = calls.into();
        }
        told.to_string()
    }
}

fn timed(record: &Record, store: &mut dyn Store) -> Result<Times> {
    let folder = trainer_testkit::scratch();
    let mut logged = None;
    let started = Instant::now();
    let published = publish(record, folder.path(), store, None, &mut |step| {
        if step == "reading back" {
            logged = Some(started.elapsed());
        }
    })?;
    let all = started.elapsed();
    ensure!(published.differences.is_empty(), "read back: {:?}", published.differences);
    ensure!(published.warnings.is_empty(), "{:?}", published.warnings);
    Ok(Times { run_id: published.run_id, logged: logged.context("nothing was read back")?, all })
}

fn record(metrics: u32, steps: i64) -> Record {
    let point = |metric: u32, step: i64| Metric {
        key: format!("metric_{metric}"),
        value: 1.0 / (f64::from(metric) + 1.0 + step as f64),
        timestamp_ms: START_MS + step,
        step,
        dataset: None,
        of_model: false,
    };
    Record {
        format: FORMAT,
        key: format!("{:032x}", std::process::id()),
        experiment: Experiment::Name("logging".into()),
        resume: None,
        name: "trainer".into(),
        user: "benches".into(),
        start_ms: START_MS,
        end_ms: START_MS + steps,
        status: RunStatus::Finished,
        params: vec![Tag::new("metrics", metrics.to_string()), Tag::new("steps", steps.to_string())],
        metrics: (0..steps).flat_map(|step| (0..metrics).map(move |metric| point(metric, step))).collect(),
        tags: vec![Tag::new("mlflow.user", "benches")],
        datasets: Vec::new(),
        artifacts: Vec::new(),
        model: None,
        version: None,
        children: Vec::new(),
    }
}
