//! What `trainer bench` tells: one JSON object, or tables.

use serde_json::{Value as Json, json};

use super::work::Measured;
use super::{BenchArgs, machine};
use crate::text_table;

/// What the models were held against.
enum Reference {
    /// The CPU's, of the same run.
    Cpu,
    /// A hash that was given.
    Given(String),
    /// Nothing: the CPU was left out.
    None,
}

/// All that was measured.
pub struct Told {
    measured: Vec<Measured>,
    reference: Reference,
}

impl Told {
    pub fn new(args: &BenchArgs, measured: Vec<Measured>) -> Self {
        let reference = match &args.reference_hash {
            Some(hash) => Reference::Given(hash.clone()),
            None if measured.iter().any(|one| one.device == "cpu") => Reference::Cpu,
            None => Reference::None,
        };
        Self { measured, reference }
    }

    /// Whether all models, and all predictions, are those of the reference; without one, those of each other. None where
    /// there is nothing to compare.
    pub fn is_same(&self) -> Option<bool> {
        let given = match &self.reference {
            Reference::Given(hash) => Some(hash.as_str()),
            Reference::Cpu | Reference::None => None,
        };
        let models = self.measured.iter().filter_map(|one| one.fit.as_ref()).map(|fit| fit.model_hash.as_str());
        let models: Vec<&str> = given.into_iter().chain(models).collect();
        let predictions = self.measured.iter().filter_map(|one| one.predict.as_ref()).map(|it| it.hash.as_str());
        let predictions: Vec<&str> = predictions.collect();
        (models.len() > 1).then(|| all_same(&models) && all_same(&predictions))
    }

    pub fn to_json(&self, args: &BenchArgs) -> Json {
        json!({
            "rows": args.rows,
            "features": args.features,
            "classes": args.classes,
            "trees": args.trees,
            "depth": args.depth,
            "max_bins": args.max_bins,
            "max_features": args.max_features,
            "repeats": args.repeats,
            "versions": machine::versions(),
            "machine": machine::describe(),
            "reference": self.reference(),
            "same_model": self.is_same(),
            "devices": self.measured.iter().map(|one| device(one, args)).collect::<Vec<_>>(),
        })
    }

    fn reference(&self) -> Json {
        match &self.reference {
            Reference::Cpu => Json::from("cpu"),
            Reference::Given(hash) => Json::from(hash.as_str()),
            Reference::None => Json::Null,
        }
    }

    pub fn to_text(&self, args: &BenchArgs) -> String {
        let header =
            ["device", "first fit", "fit", "binning", "growing", "predict", "million rows/s", "features", "memory"];
        let times = text_table::table(&header, self.measured.iter().map(|one| times(one, args)));
        let rated = self.measured.iter().filter(|one| one.rates.is_some());
        let header =
            ["device", "copy GB/s", "upload GB/s", "G adds/s", "one bin", "G gathers/s", "launch", "waited for"];
        let rates = text_table::table(&header, rated.clone().map(rates));
        let rates = if rated.count() > 0 { format!("\n{rates}") } else { String::new() };
        format!("{times}{rates}\n{}", self.verdict())
    }

    fn verdict(&self) -> String {
        let models: Vec<(&str, &str)> = self
            .measured
            .iter()
            .filter_map(|one| Some((one.device.as_str(), one.fit.as_ref()?.model_hash.as_str())))
            .collect();
        let Some((_, hash)) = models.first() else { return "no model was fitted\n".to_owned() };
        let against = match &self.reference {
            Reference::Cpu => "of the CPU, of this run".to_owned(),
            Reference::Given(hash) => format!("given, {hash}"),
            Reference::None => "NOT compared with the CPU's, which was left out".to_owned(),
        };
        match self.is_same() {
            None => format!("model {hash}; {against}\n"),
            Some(true) => format!("the same model and predictions everywhere: {hash}; {against}\n"),
            Some(false) => {
                let lines = models.iter().map(|(device, hash)| format!("  {device} {hash}\n"));
                format!("the models or their predictions DIFFER; {against}\n{}", lines.collect::<String>())
            }
        }
    }
}

fn all_same(hashes: &[&str]) -> bool {
    hashes.iter().all(|hash| *hash == hashes[0])
}

/// The part of the measured copy rate that a pass over the features reaches.
fn share_of_copy(one: &Measured) -> Option<f64> {
    let (features, rates) = (one.features.as_ref()?, one.rates.as_ref()?);
    Some(features.bytes as f64 / features.apply_s / rates.copy_bytes)
}

fn device(one: &Measured, args: &BenchArgs) -> Json {
    let mut told = json!({ "device": one.device });
    if let Some(fit) = &one.fit {
        told["first_fit_s"] = fit.first_s.into();
        told["model_hash"] = fit.model_hash.as_str().into();
        if let Some(later) = &fit.later {
            told["fit_s"] = later.fit_s.into();
            told["binning_s"] = later.binning_s.into();
            told["growing_s"] = later.growing_s.into();
            told["fit_repeats"] = later.repeats.into();
        }
    }
    if let Some(predict) = &one.predict {
        told["first_predict_s"] = predict.first_s.into();
        told["predict_s"] = predict.predict_s.into();
        told["predicted_rows_per_s"] = (f64::from(args.rows) / predict.predict_s).into();
        told["predictions_hash"] = predict.hash.as_str().into();
    }
    if let Some(features) = &one.features {
        told["first_features_s"] = features.first_s.into();
        told["features_s"] = features.apply_s.into();
        told["features_bytes"] = features.bytes.into();
        told["features_rows_per_s"] = (f64::from(args.rows) / features.apply_s).into();
        told["features_share_of_copy"] = share_of_copy(one).into();
    }
    if let Some(bytes) = one.memory_bytes {
        told["memory_bytes"] = bytes.into();
    }
    if let Some(rates) = &one.rates {
        told["rates"] = rates.to_json();
    }
    told
}

fn times(one: &Measured, args: &BenchArgs) -> Vec<String> {
    let seconds = |value: Option<f64>| value.map_or("-".to_owned(), |value| format!("{value:.3} s"));
    let later = one.fit.as_ref().and_then(|fit| fit.later.as_ref());
    let predict_s = one.predict.as_ref().map(|it| it.predict_s);
    vec![
        one.device.clone(),
        seconds(one.fit.as_ref().map(|fit| fit.first_s)),
        seconds(later.map(|it| it.fit_s)),
        seconds(later.map(|it| it.binning_s)),
        seconds(later.map(|it| it.growing_s)),
        seconds(predict_s),
        predict_s.map_or("-".to_owned(), |value| format!("{:.1}", f64::from(args.rows) / value / 1e6)),
        seconds(one.features.as_ref().map(|it| it.apply_s)),
        one.memory_bytes.map_or("-".to_owned(), |bytes| format!("{} MiB", bytes >> 20)),
    ]
}

fn rates(one: &Measured) -> Vec<String> {
    let Some(rates) = &one.rates else { return vec![one.device.clone()] };
    let billions = |value: f64| format!("{:.2}", value / 1e9);
    vec![
        one.device.clone(),
        billions(rates.copy_bytes),
        billions(rates.upload_bytes),
        billions(rates.spread_adds),
        billions(rates.one_bin_adds),
        billions(rates.gathers),
        format!("{:.1} us", rates.launch_s * 1e6),
        format!("{:.1} us", rates.round_trip_s * 1e6),
    ]
}
