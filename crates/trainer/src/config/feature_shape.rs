//! What a config of features may say: where the rows come from, what must hold of them, what is built, where it goes.

use std::collections::BTreeMap;
use std::fmt;

use schemars::JsonSchema;
use serde::de::{self, Deserializer, MapAccess, Visitor};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use trainer_data::{ColumnType, Compression, CsvOptions, FileFormat, Malformed};
use trainer_engine::RowStep;
use trainer_features::Step;

use super::{Expectations, Project};

/// A batch of features: extract, validate, build, store.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FeatureConfig {
    /// What this project is called.
    pub project: Project,
    /// Values for `${NAME}` in this file; what is not here comes from the environment.
    #[serde(default)]
    pub vars: BTreeMap<String, Scalar>,
    /// The rows.
    pub extract: Extract,
    /// What must hold of them.
    #[serde(default)]
    pub validate: Validate,
    /// Further rows, for `join` and `sql`, by the name that they have there.
    #[serde(default)]
    pub inputs: BTreeMap<String, Extract>,
    /// What is done to rows and columns, in order.
    #[serde(default)]
    pub build: Vec<BuildStep>,
    /// Columns whose values are never shown in clear: not in messages, not in reports, not in what is learned. A step
    /// must `mask` them, or the output leaves them out.
    #[serde(default)]
    pub pii: Vec<String>,
    /// Where the result goes.
    pub store: Store,
    /// Where the column steps run: auto, cpu, wgpu:N or cuda:N. A named device that is missing is an error.
    #[serde(default = "super::shape::auto")]
    pub device: String,
}

/// A value that is put into a text.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Scalar {
    /// True or false.
    Boolean(bool),
    /// A number.
    Number(serde_json::Number),
    /// Text.
    Text(String),
}

/// Files, and how they are read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Extract {
    /// A file, a folder of files, or a glob; local, or `s3://bucket/path`.
    #[schemars(length(min = 1))]
    pub path: String,
    /// Format of the files; absent: by each file's extension.
    #[serde(default)]
    pub format: Option<FileFormat>,
    /// How CSV files are written.
    #[serde(default)]
    pub csv: CsvOptions,
    /// The columns that the rows are known to have. One that does not come is null in every row, one that is new is
    /// passed on, and both are told; absent: whatever comes.
    #[serde(default)]
    pub header: Option<Vec<String>>,
    /// Types of columns of text files, where they are not to be found from the cells.
    #[serde(default)]
    pub types: BTreeMap<String, ColumnType>,
}

/// What must hold of the rows.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Validate {
    /// What happens to a row that cannot be read: the wrong number of fields, text after a quote, bytes that are no text.
    pub malformed: Malformed,
    /// Where rows go that were set aside; absent: beside the output, with `.quarantine` in the name.
    pub quarantine: Option<String>,
    /// A suite of Great Expectations, by path, or a list of expectations.
    pub expectations: Option<Expectations>,
}

/// Where the result goes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Store {
    /// A file, or with `partition_by` a folder; local, or `s3://bucket/path`.
    #[schemars(length(min = 1))]
    pub path: String,
    /// Parquet or CSV; absent: by the extension.
    #[serde(default)]
    pub format: Option<FileFormat>,
    /// Columns whose values become folders: `country=DE/part-0.parquet`.
    #[serde(default)]
    pub partition_by: Vec<String>,
    /// How Parquet is compressed.
    #[serde(default)]
    pub compression: Compression,
    /// What was learned from the rows, as a file that `fit`, `predict` and `trainer features apply` read; absent: beside
    /// the output, with `.state.json` in the name.
    #[serde(default)]
    pub state: Option<String>,
    /// What was done; absent: beside the output, with `.summary.json` in the name.
    #[serde(default)]
    pub summary: Option<String>,
}

/// One step: of rows, or of columns.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(untagged)]
pub enum BuildStep {
    /// Rows: filter, group, join.
    Rows(RowStep),
    /// Columns: what `features.steps` of a training config has.
    Columns(Step),
}

impl BuildStep {
    /// The name that it has in the file.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Rows(step) => step.name(),
            Self::Columns(step) => step.name(),
        }
    }

    /// Whether its parameters make sense together.
    ///
    /// # Errors
    /// What was expected and what was found.
    pub fn check(&self) -> Result<(), String> {
        match self {
            Self::Rows(step) => step.as_dyn().check(),
            Self::Columns(step) => step.as_dyn().check(),
        }
    }

    /// Whether what it makes of a row depends on that row alone: so that parts of the files can be done apart.
    pub fn is_row_wise(&self) -> bool {
        const COLUMNS: [&str; 10] =
            ["clip", "coerce", "cross", "date_parts", "hash", "log1p", "mask", "ratio", "recency", "row_sum"];
        match self {
            Self::Rows(step) => {
                matches!(step, RowStep::Filter(_) | RowStep::Select(_) | RowStep::Derive(_) | RowStep::Join(_))
            }
            Self::Columns(step) => COLUMNS.contains(&step.name()),
        }
    }

    /// The further inputs that it names.
    pub fn inputs(&self) -> Vec<&str> {
        match self {
            Self::Rows(step) => step.as_dyn().inputs(),
            Self::Columns(_) => Vec::new(),
        }
    }
}

/// By hand: `untagged` would lose which step is wrong, and why.
impl<'de> Deserialize<'de> for BuildStep {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OneStep;

        impl<'de> Visitor<'de> for OneStep {
            type Value = BuildStep;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a section with one key, the name of a step")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<BuildStep, A::Error> {
                let Some((name, value)) = map.next_entry::<String, Json>()? else {
                    return Err(de::Error::custom("expected the name of a step, found nothing"));
                };
                let of_rows = RowStep::NAMES.contains(&name.as_str());
                let tagged = Json::Object(std::iter::once((name, value)).collect());
                if of_rows {
                    serde_json::from_value(tagged).map(BuildStep::Rows).map_err(de::Error::custom)
                } else {
                    serde_json::from_value(tagged).map(BuildStep::Columns).map_err(de::Error::custom)
                }
            }
        }

        deserializer.deserialize_map(OneStep)
    }
}
