use std::path::{Path, PathBuf};

use serde_json::{Value as Json, json};
use trainer_tracking::{Published, Record, TrackingError};

use crate::config::blot;
use crate::exit::Exit;

/// Whether and where a run was logged.
#[derive(Debug)]
pub enum Logged {
    /// Tracking is off.
    Off,
    /// It was.
    Done {
        /// Where and as what.
        published: Box<Published>,
        /// The registered model.
        registered: Option<String>,
    },
    /// It was not; the run folder holds everything.
    Not {
        /// Why.
        error: TrackingError,
        /// The run folder.
        run_dir: PathBuf,
        /// The command that finishes it.
        again: String,
    },
}

impl Logged {
    /// What publishing came to.
    /// `elsewhere` is the store, when it is not the one that the run knows.
    pub fn of(
        result: Result<Published, TrackingError>,
        record: &Record,
        run_dir: &Path,
        elsewhere: Option<&str>,
    ) -> Self {
        match result {
            Ok(published) => Self::Done {
                published: Box::new(published),
                registered: record.version.as_ref().map(|version| version.name.clone()),
            },
            Err(error) => Self::Not { error, run_dir: run_dir.to_owned(), again: again(run_dir, elsewhere) },
        }
    }

    /// How the program ends.
    pub fn exit(&self, gates_passed: bool) -> Exit {
        match self {
            Self::Done { published, .. } if !published.missing.is_empty() => Exit::NotLogged,
            // A run that is not in the store needs `sync`, whatever its gates say; `sync` then ends as they do.
            Self::Not { .. } => Exit::NotLogged,
            _ if gates_passed => Exit::Done,
            _ => Exit::Gate,
        }
    }

    /// What was cut, renamed, or reads back differently.
    pub fn warnings(&self) -> Vec<String> {
        let Self::Done { published, .. } = self else { return Vec::new() };
        let missing = published.missing.iter().map(|it| format!("logged, and not there: {it}"));
        let differences = published.differences.iter().map(|it| format!("read back after logging: {it}"));
        published.warnings.iter().cloned().chain(missing).chain(differences).collect()
    }

    /// For programs.
    pub fn to_json(&self) -> Json {
        match self {
            Self::Off => json!({ "logged": false, "reason": "tracking is off" }),
            Self::Done { published: it, registered } => json!({
                "logged": it.missing.is_empty(),
                "place": it.place,
                "experiment_id": it.experiment_id,
                "run_id": it.run_id,
                "run_url": it.run_url,
                "model_id": it.model_id,
                "registered_model": registered,
                "version": it.version,
                "alias": it.alias,
                "warnings": self.warnings(),
            }),
            Self::Not { error, again, .. } => json!({
                "logged": false,
                "reason": error.to_string(),
                "hint": again,
            }),
        }
    }
}

/// For people.
pub fn told(logged: &Logged) -> String {
    match logged {
        Logged::Off => String::new(),
        Logged::Done { published: it, registered } => {
            let mut text =
                format!("logged {}\n", it.run_url.as_ref().unwrap_or(&format!("{}, run {}", it.place, it.run_id)));
            if let (Some(name), Some(version)) = (registered, it.version) {
                let alias = it.alias.as_ref().map(|alias| format!(" @{alias}")).unwrap_or_default();
                text += &format!("registered {name} version {version}{alias}\n");
            }
            text
        }
        Logged::Not { error, run_dir, again } => {
            format!("NOT logged: {error}\n  the run is complete in {}; finish with: {again}\n", run_dir.display())
        }
    }
}

/// The command that logs a run later.
pub fn again(run_dir: &Path, elsewhere: Option<&str>) -> String {
    let store = elsewhere.map(|uri| format!(" --tracking-uri {}", blot(uri))).unwrap_or_default();
    format!("trainer sync {}{store}", run_dir.display())
}
