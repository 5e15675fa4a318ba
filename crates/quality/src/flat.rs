use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use trainer_data::Warning;

use crate::{FoldSummary, Values};

/// All numbers of a run under flat names, in order: what `metrics.json`, `--output json` and a tracker hold.
///
/// The judged part has the bare names; the others have a prefix. Undefined numbers are left out, and listed.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct FlatMetrics {
    numbers: Vec<(String, f64)>,
    undefined: Vec<String>,
}

impl FlatMetrics {
    /// With the judged part's numbers, under their bare names.
    pub fn judged(self, values: &Values) -> Self {
        self.add("", values)
    }

    /// With the numbers of the training rows: `training_*`.
    pub fn training(self, values: &Values) -> Self {
        self.add("training_", values)
    }

    /// With the numbers of the validation rows: `validation_*`.
    pub fn validation(self, values: &Values) -> Self {
        self.add("validation_", values)
    }

    /// With the numbers of the cross-validation: `cv_mean_*` and `cv_std_*`.
    pub fn cross_validation(self, summary: &FoldSummary) -> Self {
        self.add("cv_mean_", &summary.mean).add("cv_std_", &summary.std)
    }

    /// With the out-of-bag numbers: `oob_*`.
    pub fn out_of_bag(self, values: &Values) -> Self {
        self.add("oob_", values)
    }

    /// With the numbers of the baseline on the judged rows: `baseline_*`.
    pub fn baseline(self, values: &Values) -> Self {
        self.add("baseline_", values)
    }

    /// With one more number, under the name that it has.
    pub fn number(mut self, name: &str, value: f64) -> Self {
        self.push(name.to_owned(), value);
        self
    }

    fn add(mut self, prefix: &str, values: &Values) -> Self {
        for (name, value) in values.iter() {
            self.push(format!("{prefix}{name}"), value);
        }
        self
    }

    fn push(&mut self, name: String, value: f64) {
        if value.is_finite() {
            self.numbers.push((name, value));
        } else {
            self.undefined.push(name);
        }
    }

    /// The number of that name, if it is defined.
    pub fn get(&self, name: &str) -> Option<f64> {
        self.numbers.iter().find(|(known, _)| known == name).map(|(_, value)| *value)
    }

    /// Names and numbers, in order; all finite.
    pub fn iter(&self) -> impl Iterator<Item = (&str, f64)> {
        self.numbers.iter().map(|(name, value)| (name.as_str(), *value))
    }

    /// Names of the numbers that are undefined.
    pub fn undefined(&self) -> &[String] {
        &self.undefined
    }

    /// One warning that names all undefined numbers, if there are any. The baseline's are not worth one: a model that
    /// always says the same has no correlation with anything.
    pub fn warnings(&self) -> Vec<Warning> {
        let odd: Vec<&str> =
            self.undefined.iter().map(String::as_str).filter(|name| !name.starts_with("baseline_")).collect();
        if odd.is_empty() {
            return Vec::new();
        }
        vec![Warning {
            code: "undefined_metric".into(),
            column: None,
            count: odd.len() as u64,
            message: format!("undefined on their rows and left out of metrics.json: {}", odd.join(", ")),
        }]
    }
}

impl Serialize for FlatMetrics {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.numbers.len()))?;
        for (name, value) in self.iter() {
            map.serialize_entry(name, &value)?;
        }
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_flat_and_undefined_numbers_are_listed() {
        let values = |accuracy, roc_auc| [("accuracy", accuracy), ("roc_auc", roc_auc)].into_iter().collect::<Values>();
        let folds = FoldSummary::of(&[values(0.5, 0.5), values(1.0, 0.5)]);
        let flat = FlatMetrics::default()
            .judged(&values(0.75, 0.875))
            .training(&values(1.0, 1.0))
            .cross_validation(&folds)
            .baseline(&values(0.5, f64::NAN))
            .number("oob_accuracy", 0.625);
        assert_eq!(
            serde_json::to_string(&flat).unwrap(),
            r#"{"accuracy":0.75,"roc_auc":0.875,"training_accuracy":1.0,"training_roc_auc":1.0,"cv_mean_accuracy":0.75,"cv_mean_roc_auc":0.5,"cv_std_accuracy":0.25,"cv_std_roc_auc":0.0,"baseline_accuracy":0.5,"oob_accuracy":0.625}"#
        );
        assert_eq!(flat.undefined(), ["baseline_roc_auc"]);
        assert_eq!(flat.warnings(), []);
        let warnings = flat.clone().validation(&values(f64::NAN, 0.5)).warnings();
        assert_eq!((warnings[0].code.as_str(), warnings[0].count), ("undefined_metric", 1));
        assert!(warnings[0].message.ends_with(": validation_accuracy"), "{warnings:?}");
        assert_eq!(flat.get("cv_std_accuracy"), Some(0.25));
        assert_eq!(flat.get("baseline_roc_auc"), None);
    }
}
