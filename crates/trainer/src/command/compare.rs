//! `trainer compare`: what two runs were made with, and what came of them, side by side.

use std::path::Path;

use clap::Args;
use serde_json::{Value as Json, json};

use super::{Common, Form, FormArgs};
use crate::exit::{Exit, Failure};
use crate::saved_run::read_record;
use crate::tracking::{Destination, environment};
use crate::{console, text_table};

/// Arguments of `trainer compare`.
#[derive(Debug, Clone, Args)]
pub struct CompareArgs {
    /// A run folder, or the id of a run in the store
    #[arg(value_name = "RUN_A")]
    pub a: String,
    /// Another
    #[arg(value_name = "RUN_B")]
    pub b: String,
    /// Store of the runs that are given by id [default: MLFLOW_TRACKING_URI, else ./mlflow.db]
    #[arg(long, value_name = "URI")]
    pub tracking_uri: Option<String>,
    /// Form of the result.
    #[command(flatten)]
    pub form: FormArgs,
}

/// What is compared of a run: names with values.
struct Side {
    name: String,
    params: Vec<(String, String)>,
    metrics: Vec<(String, f64)>,
}

/// Runs `trainer compare`.
///
/// # Errors
/// A run that is not there, a store that is not reached.
pub fn run(args: &CompareArgs, _common: &Common) -> anyhow::Result<Exit> {
    let (a, b) = (side(&args.a, args)?, side(&args.b, args)?);
    let params = pairs(&a.params, &b.params);
    let params: Vec<_> = params.into_iter().filter(|(_, a, b)| a != b).collect();
    let metrics = pairs(&a.metrics, &b.metrics);
    console::print(&match args.form.form {
        Form::Json => {
            let params: Vec<Json> = params.iter().map(|(name, a, b)| json!({ "name": name, "a": a, "b": b })).collect();
            let metrics: Vec<Json> = metrics
                .iter()
                .map(
                    |(name, a, b)| json!({ "name": name, "a": a, "b": b, "difference": a.zip(*b).map(|(a, b)| b - a) }),
                )
                .collect();
            format!("{:#}\n", json!({ "a": a.name, "b": b.name, "params": params, "metrics": metrics }))
        }
        Form::Text => {
            let absent = || "-".to_owned();
            let number = |value: &Option<f64>| value.map_or_else(absent, |value| format!("{value:.4}"));
            let cell = |value: &Option<String>| value.as_ref().map_or_else(absent, |value| shortened(value));
            // The learner's parameters stand under their own names too.
            let own = params.iter().filter(|(name, ..)| !name.starts_with("model.params."));
            let params = own.map(|(name, a, b)| vec![name.clone(), cell(a), cell(b)]);
            let metrics = metrics.iter().filter(|(_, a, b)| a != b).map(|(name, a, b)| {
                let difference = a.zip(*b).map_or_else(absent, |(a, b)| format!("{:+.4}", b - a));
                vec![name.clone(), number(a), number(b), difference]
            });
            let (a, b) = (a.name.as_str(), b.name.as_str());
            let params = text_table::table(&["parameter", a, b], params);
            format!("{params}\n{}\n", text_table::table(&["metric", a, b, "difference"], metrics))
        }
    })?;
    Ok(Exit::Done)
}

fn side(run: &str, args: &CompareArgs) -> anyhow::Result<Side> {
    let folder = Path::new(run);
    if folder.is_dir() {
        let record = read_record(folder)?;
        let params = record.params.into_iter().map(|tag| (tag.key, tag.value)).collect();
        let mut metrics: Vec<(String, f64)> = Vec::new();
        for metric in record.metrics.into_iter().filter(|metric| !metric.key.starts_with("system/")) {
            match metrics.iter_mut().find(|(name, _)| *name == metric.key) {
                Some((_, value)) => *value = metric.value,
                None => metrics.push((metric.key, metric.value)),
            }
        }
        return Ok(Side { name: record.name, params, metrics });
    }
    let environment = environment();
    let named = environment.iter().find(|(key, value)| key == "MLFLOW_TRACKING_URI" && !value.is_empty());
    let uri = args.tracking_uri.as_deref().or(named.map(|(_, value)| value.as_str()));
    let Some(destination) = Destination::new(uri, None, &environment)? else {
        return Err(Failure::usage(format!("{run}: expected a run folder, and there is no store to look in")).into());
    };
    let mut store = destination.open_tracking()?;
    let found = store.run(run)?.ok_or_else(|| {
        let message = format!("{run}: expected a run folder, or the id of a run in {}", store.place());
        Failure::usage(format!("{message}\n  hint: give the store with --tracking-uri"))
    })?;
    Ok(Side {
        name: found.info.name,
        params: found.params.into_iter().map(|tag| (tag.key, tag.value)).collect(),
        metrics: found.metrics.into_iter().map(|metric| (metric.key, metric.value)).collect(),
    })
}

/// What a terminal has room for.
fn shortened(text: &str) -> String {
    const MOST: usize = 48;
    match text.chars().count() {
        length if length > MOST => text.chars().take(MOST - 1).chain(['…']).collect(),
        _ => text.to_owned(),
    }
}

/// Values under the same name, by name.
fn pairs<T: Clone>(a: &[(String, T)], b: &[(String, T)]) -> Vec<(String, Option<T>, Option<T>)> {
    let mut names: Vec<&String> = a.iter().chain(b).map(|(name, _)| name).collect();
    names.sort();
    names.dedup();
    let of =
        |side: &[(String, T)], name: &String| side.iter().find(|(own, _)| own == name).map(|(_, value)| value.clone());
    names.into_iter().map(|name| (name.clone(), of(a, name), of(b, name))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_one_lacks_is_shown_too() {
        let of =
            |list: &[(&str, i32)]| list.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect::<Vec<_>>();
        let found = pairs(&of(&[("b", 1), ("a", 2)]), &of(&[("b", 3), ("c", 4)]));
        let expected = [("a", Some(2), None), ("b", Some(1), Some(3)), ("c", None, Some(4))];
        assert_eq!(found, expected.map(|(name, a, b)| (name.to_owned(), a, b)));
    }
}
