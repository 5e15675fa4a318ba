use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::TrackingError;

/// What is known of a run's way into a store: beside its record, so that the next walk finds it. It can be lost: what
/// is there is found again in the store.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct State {
    /// The record's key.
    pub key: String,
    /// The store, without secrets.
    pub place: String,
    /// The run.
    pub run_id: Option<String>,
    /// The page that shows it.
    pub run_url: Option<String>,
    /// The logged model.
    pub model_id: Option<String>,
    /// The registered version: when it is there no more, somebody has deleted it.
    pub version: Option<u64>,
    /// Its own name.
    #[serde(skip)]
    file: &'static str,
}

impl State {
    /// Its name in the run folder.
    pub const FILE: &'static str = "tracking.state.json";
    /// The name of that of the way into a registry elsewhere.
    pub const REGISTRY_FILE: &'static str = "tracking.registry.state.json";

    /// Reads the state in a run folder; none where there is none, or what is there is something else.
    ///
    /// # Errors
    /// When the file is there and cannot be read.
    pub fn read(folder: &Path, file: &'static str) -> Result<Option<Self>, TrackingError> {
        let path = folder.join(file);
        if !path.exists() {
            return Ok(None);
        }
        let read: Option<Self> = serde_json::from_slice(&fs_err::read(path)?).ok();
        Ok(read.map(|state| Self { file, ..state }))
    }

    /// The state to go on with: that of the folder, when it is of this record and this store.
    pub(super) fn begin(folder: &Path, file: &'static str, key: &str, place: &str) -> Result<Self, TrackingError> {
        let read = Self::read(folder, file)?.filter(|state| state.key == key && state.place == place);
        let fresh = || Self { key: key.to_owned(), place: place.to_owned(), file, ..Self::default() };
        Ok(read.unwrap_or_else(fresh))
    }

    /// Writes it, whole or not at all.
    pub(super) fn write(&self, folder: &Path) -> Result<(), TrackingError> {
        let aside = folder.join(format!(".{}.part", self.file));
        fs_err::write(&aside, serde_json::to_string_pretty(self).expect("a plain struct") + "\n")?;
        Ok(fs_err::rename(aside, folder.join(self.file))?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_is_of_one_record_in_one_store() {
        let folder = trainer_testkit::scratch();
        let begin = |key, place| State::begin(folder.path(), State::FILE, key, place).unwrap();
        let mut state = begin("k", "http://h");
        assert_eq!(State::read(folder.path(), State::FILE).unwrap(), None);
        state.run_id = Some("r".into());
        state.write(folder.path()).unwrap();
        assert_eq!(State::read(folder.path(), State::FILE).unwrap(), Some(state));
        assert_eq!(begin("k", "http://h").run_id.as_deref(), Some("r"));
        assert_eq!(begin("k", "http://other").run_id, None);
        assert_eq!(begin("other", "http://h").run_id, None);
    }

    #[test]
    fn a_broken_state_is_none() {
        let folder = trainer_testkit::scratch();
        std::fs::write(folder.path().join(State::FILE), "{\"key\": ").unwrap();
        assert_eq!(State::read(folder.path(), State::FILE).unwrap(), None);
    }
}
