use serde::{Deserialize, Serialize};

/// The version of the saved form that this program writes, and the only one it reads.
pub const FORMAT: u32 = 1;

/// Everything that a run says to a tracking store, with nothing that only the store can know.
///
/// Saved as `tracking.json` in the run folder before anything is sent; `file`s are relative to that folder.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// Version of this form.
    pub format: u32,
    /// 32 hexadecimal digits that no other run folder has: how a run that was made is found again.
    pub key: String,
    /// Where the run belongs.
    pub experiment: Experiment,
    /// A run to go on with, in place of a new one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resume: Option<String>,
    /// The run's name.
    pub name: String,
    /// Who ran it.
    pub user: String,
    /// When it began: milliseconds since 1970.
    pub start_ms: i64,
    /// When it ended.
    pub end_ms: i64,
    /// How it ended.
    pub status: RunStatus,
    /// Parameters, each key once.
    pub params: Vec<Tag>,
    /// Every point of every metric.
    pub metrics: Vec<Metric>,
    /// Tags, each key once; `mlflow.user`, `mlflow.note.content` and so on among them.
    pub tags: Vec<Tag>,
    /// The data that it read.
    pub datasets: Vec<Dataset>,
    /// Files of the run.
    pub artifacts: Vec<Artifact>,
    /// The model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<LoggedModel>,
    /// What is registered; needs `model`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<VersionRecord>,
    /// Runs nested under this one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub children: Vec<Child>,
}

/// Where a run belongs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Experiment {
    /// By name; made when it is not there.
    Name(String),
    /// By id; must be there.
    Id(String),
}

/// How a run ended, in MLflow's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum RunStatus {
    /// It goes on.
    Running,
    /// It came to its end.
    Finished,
    /// It did not.
    Failed,
    /// Somebody ended it.
    Killed,
}

/// A key with its value: a tag or a parameter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tag {
    /// Its name.
    pub key: String,
    /// Its value.
    pub value: String,
}

impl Tag {
    /// A tag.
    pub fn new(key: impl Into<String>, value: impl Into<String>) -> Self {
        Self { key: key.into(), value: value.into() }
    }
}

/// One point of a metric.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Metric {
    /// Its name.
    pub key: String,
    /// Its value; may be infinite or NaN.
    #[serde(with = "any_number")]
    pub value: f64,
    /// Milliseconds since 1970.
    pub timestamp_ms: i64,
    /// Round, fold, or whatever its axis is.
    pub step: i64,
    /// Position in [`Record::datasets`] of the data that it was measured on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dataset: Option<usize>,
    /// Whether it is a number of the model, and not only of the run.
    #[serde(default)]
    pub of_model: bool,
}

/// Data that a run read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dataset {
    /// `training`, `validation` or `test`.
    pub context: String,
    /// Its name.
    pub name: String,
    /// At most 36 characters that change when the data does.
    pub digest: String,
    /// `local`, `s3` and so on.
    pub source_type: String,
    /// JSON, such as `{"uri": "..."}`.
    pub source: String,
    /// JSON: `{"mlflow_colspec": [...]}`.
    pub schema: String,
    /// JSON: `{"num_rows": 1, "num_elements": 2}`.
    pub profile: String,
}

/// A file to upload.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Artifact {
    /// Where it lies, relative to the run folder.
    pub file: String,
    /// Where it goes, relative to the run's (or the model's) artifacts, with `/`.
    pub path: String,
}

/// The model of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LoggedModel {
    /// Its name within the run, such as `model`.
    pub name: String,
    /// Parameters.
    pub params: Vec<Tag>,
    /// Tags.
    pub tags: Vec<Tag>,
    /// Its files but for `MLmodel`.
    pub files: Vec<Artifact>,
    /// `MLmodel`, without `artifact_path`, `run_id`, `model_id` and `model_uuid`, which publishing adds.
    pub mlmodel: serde_json::Value,
}

/// What the registry is told.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VersionRecord {
    /// The registered model; made when it is not there.
    pub name: String,
    /// Markdown for the version.
    pub description: String,
    /// Tags of the version, set before any alias: `validation_status`, `gate.<metric>`.
    pub tags: Vec<Tag>,
    /// The version that it was held against and is not worse than: the alias is moved from this one, and from no other.
    /// 0: the alias pointed at nothing then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compared_to: Option<u64>,
    /// The alias to point at it; none where a gate failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alias: Option<String>,
}

/// A run nested under another: a fold.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Child {
    /// As [`Record::key`].
    pub key: String,
    /// Its name.
    pub name: String,
    /// Parameters.
    pub params: Vec<Tag>,
    /// Its metrics; `dataset` and `of_model` mean nothing here.
    pub metrics: Vec<Metric>,
    /// Tags.
    pub tags: Vec<Tag>,
}

/// Numbers that JSON has no words for, as text.
mod any_number {
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};

    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Written {
        Number(f64),
        Text(String),
    }

    pub fn serialize<S: Serializer>(value: &f64, serializer: S) -> Result<S::Ok, S::Error> {
        match *value {
            value if value.is_nan() => serializer.serialize_str("NaN"),
            f64::INFINITY => serializer.serialize_str("Infinity"),
            f64::NEG_INFINITY => serializer.serialize_str("-Infinity"),
            value => serializer.serialize_f64(value),
        }
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
        match Written::deserialize(deserializer)? {
            Written::Number(value) => Ok(value),
            Written::Text(text) => match text.as_str() {
                "NaN" => Ok(f64::NAN),
                "Infinity" => Ok(f64::INFINITY),
                "-Infinity" => Ok(f64::NEG_INFINITY),
                _ => Err(D::Error::custom(format!("expected a number, found `{text}`"))),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_that_json_lacks_come_back() {
        for value in [f64::INFINITY, f64::NEG_INFINITY, 0.1 + 0.2, -0.0] {
            let metric = Metric { key: "m".into(), value, timestamp_ms: 1, step: -1, dataset: None, of_model: false };
            let text = serde_json::to_string(&metric).unwrap();
            assert_eq!(serde_json::from_str::<Metric>(&text).unwrap(), metric, "{text}");
        }
        let nan = Metric { key: "m".into(), value: f64::NAN, timestamp_ms: 1, step: 0, dataset: None, of_model: false };
        let text = serde_json::to_string(&nan).unwrap();
        assert!(serde_json::from_str::<Metric>(&text).unwrap().value.is_nan(), "{text}");
    }
}
