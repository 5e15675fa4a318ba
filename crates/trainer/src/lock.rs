//! `run.lock.json`: what a run was made from, so that it can be made again.

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use sha2::{Digest, Sha256};
use trainer_data::InputFile;

use crate::feature_store::PartView;
use crate::run::{JudgedPart, Rows};

/// The version of the file's shape.
pub const FORMAT: u32 = 1;

/// What a run was made from.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Lock {
    /// Version of this file's shape.
    pub format: u32,
    /// The program.
    pub trainer: Program,
    /// When it began, in UTC.
    pub started: String,
    /// The config in use, defaults too; variables as they were written.
    pub config: Json,
    /// The seed of splits and folds, and of the model where it names none.
    pub seed: u64,
    /// The device that was asked for, and the one that was used.
    pub device: UsedDevice,
    /// The files that were read.
    pub inputs: Vec<LockedInput>,
    /// What the views of a feature store brought, for each part.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub feature_views: Vec<PartView>,
    /// Rows of each part.
    pub rows: Rows,
    /// The part that was judged.
    pub judged: JudgedPart,
    /// SHA-256 of `model.safetensors`.
    pub model_hash: String,
    /// SHA-256 of `plan.json`.
    pub plan_hash: String,
    /// SHA-256 of the state that the features started from, where there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state_hash: Option<String>,
    /// Where the run was to be logged: absolute, without secrets; none where tracking was off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tracking: Option<String>,
    /// Where its model was to be registered, when that is another place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub registry: Option<String>,
}

/// The program that made a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Program {
    /// Its version.
    pub version: String,
    /// The operating system and processor that it was built for.
    pub platform: String,
}

impl Program {
    /// This one.
    pub fn this() -> Self {
        let platform = format!("{}-{}", std::env::consts::ARCH, std::env::consts::OS);
        Self { version: env!("CARGO_PKG_VERSION").to_owned(), platform }
    }
}

/// Where a run ran.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UsedDevice {
    /// As the config has it.
    pub asked: String,
    /// As it was opened.
    pub used: String,
}

/// A file that was read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LockedInput {
    /// `train`, `test`, `features` for the files of a feature store, or `state` for that of the features.
    pub part: String,
    /// The file.
    #[serde(flatten)]
    pub file: InputFile,
}

impl Lock {
    /// Reads a lock file.
    ///
    /// # Errors
    /// Text that is none, or one of another format.
    pub fn parse(text: &str) -> Result<Self, String> {
        let json: Json = serde_json::from_str(text).map_err(|error| format!("not a lock file: {error}"))?;
        match json.get("format").and_then(Json::as_u64) {
            Some(format) if format == u64::from(FORMAT) => {
                serde_json::from_value(json).map_err(|error| format!("not a lock file: {error}"))
            }
            Some(format) => Err(format!("expected a lock file of format {FORMAT}, found format {format}")),
            None => Err("not a lock file: no `format`".to_owned()),
        }
    }
}

/// SHA-256 in hexadecimal.
pub fn hex_sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}
