//! Our side of `benches/run race` and `benches/run read`: one timed call in a fresh process, told as a line of JSON.
//!
//! `race fit TRAIN TEST --learner NAME --trees N --depth N --threads N --seed N`: reads two Parquet files whose column `target` is the
//! class, times the fit (binning included) and the prediction of the test rows.
//! `race read FILE --threads N`: times the reading of a file into a typed table.

use std::io::Write;
use std::ops::ControlFlow;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use trainer_data::{Categories, Dataset, Needs, ReadOptions, Table, read_local, target};
use trainer_features::PlanSpec;
use trainer_kernels::Device;
use trainer_models::learn::gradient_boosting::{GradientBoosting, GrowPolicy};
use trainer_models::learn::random_forest::RandomForest;
use trainer_models::{AnyLearner, Job};
use trainer_quality::{Average, Averaging, Scores, measure};

fn main() -> Result<()> {
    let args: Vec<String> = std::env::args().skip(1).filter(|arg| arg != "--bench").collect();
    rayon::ThreadPoolBuilder::new().num_threads(number(&args, "--threads")? as usize).build_global()?;
    let told = match args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["fit", train, test, ..] => fit(train, test, &args)?,
        ["read", file, ..] => read(file)?,
        // `cargo bench` without arguments: what this is for, and not a failure.
        [] => "usage: benches/run race | benches/run read".into(),
        _ => bail!("expected `fit TRAIN TEST ...` or `read FILE ...`, found {args:?}"),
    };
    writeln!(std::io::stdout(), "{told}")?;
    Ok(())
}

fn number(args: &[String], name: &str) -> Result<u64> {
    match args.iter().position(|arg| arg == name) {
        Some(at) => {
            args.get(at + 1).with_context(|| format!("{name} without a number"))?.parse().context(name.to_owned())
        }
        None => Ok(0),
    }
}

fn learner(args: &[String]) -> Result<AnyLearner> {
    let trees = u32::try_from(number(args, "--trees")?)?;
    let max_depth = Some(u32::try_from(number(args, "--depth")?)?);
    let random_state = Some(number(args, "--seed")?);
    Ok(match args.iter().any(|arg| arg == "gradient_boosting") {
        true => AnyLearner::GradientBoosting(GradientBoosting {
            max_iter: trees,
            max_depth,
            random_state,
            max_leaf_nodes: None,
            grow_policy: GrowPolicy::Depthwise,
            ..GradientBoosting::default()
        }),
        false => AnyLearner::RandomForest(RandomForest {
            n_estimators: trees,
            max_depth,
            random_state,
            ..RandomForest::default()
        }),
    })
}

fn fit(train: &str, test: &str, args: &[String]) -> Result<String> {
    let learner = learner(args)?;
    let device = Device::Cpu;
    let train = dataset(&table(train)?)?;
    let job = Job { train: &train, valid: None, device: &device, seed: 0, on_round: &|_| ControlFlow::Continue(()) };
    let started = Instant::now();
    let model = learner.as_dyn().fit(job)?.model;
    let fit_s = started.elapsed().as_secs_f64();
    drop(train);
    let test = dataset(&table(test)?)?;
    let started = Instant::now();
    let proba = model.predict(&test.matrix, &device)?;
    let predict_s = started.elapsed().as_secs_f64();
    let averaging = Averaging::new(Average::Macro, None, &test.classes)?;
    let predicted = model.decide(&proba);
    let scores = Scores::new(&test.y, proba.view(), &predicted, &test.classes, averaging);
    let auc = measure(&scores).get("roc_auc").context("the test rows are of one class")?;
    Ok(serde_json::json!({ "fit_s": fit_s, "predict_s": predict_s, "auc": auc }).to_string())
}

fn read(file: &str) -> Result<String> {
    let started = Instant::now();
    let table = table(file)?;
    let read_s = started.elapsed().as_secs_f64();
    let kinds: Vec<String> = table.columns().iter().map(|column| column.kind().to_string()).collect();
    let told = serde_json::json!({
        "read_s": read_s, "rows": table.rows(), "columns": kinds.len(), "kinds": kinds.join(" "),
    });
    Ok(told.to_string())
}

fn table(file: &str) -> Result<Table> {
    Ok(read_local(file, &ReadOptions::default())?.table)
}

fn dataset(table: &Table) -> Result<Dataset> {
    let found = target(table, "target")?;
    let needs = Needs { categories: Categories::Native { max_levels: 255 }, missing: true, scaled: false };
    let spec =
        PlanSpec { select: None, exclude: vec!["target".into()], steps: Vec::new(), needs: Some(needs), pii: vec![] };
    let (plan, _) = trainer_features::fit(table, Some(&found.y), &spec)?;
    let matrix = plan.apply(table, &Device::Cpu)?.matrix;
    Ok(Dataset { matrix, y: found.y, weight: None, classes: found.classes })
}
