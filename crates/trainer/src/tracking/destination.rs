//! Where a run is logged: what the config and the environment of the official client say together.

use std::path::Path;

use serde_json::Value as Json;
use trainer_tracking::{
    Address, Experiment, Needs, Published, Record, Settings, Store, Tag, TrackingError, Waiting, open, preflight,
    publish,
};

use super::registration;
use crate::config::{Config, Loaded};
use crate::exit::Failure;
use crate::{console, interrupt};

/// The embedded store beside the run.
const EMBEDDED: &str = "sqlite:///mlflow.db";

/// A store, its registry, and how they are spoken to.
#[derive(Debug, Clone)]
pub struct Destination {
    tracking: Address,
    /// Where the registry is, when it is not there.
    registry: Option<Address>,
    settings: Settings,
}

/// What the environment says of one run.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// Where the run belongs.
    pub experiment: Experiment,
    /// `MLFLOW_RUN_ID`: a run to go on with.
    pub resume: Option<String>,
    /// `MLFLOW_RUN_CONTEXT`: tags.
    pub context: Vec<Tag>,
}

impl Destination {
    /// Where these addresses are; `None` where tracking is off. Without an address: the embedded store.
    ///
    /// # Errors
    /// An address or a variable of the environment that is not understood (exit 2).
    pub fn new(
        tracking: Option<&str>,
        registry: Option<&str>,
        environment: &[(String, String)],
    ) -> anyhow::Result<Option<Self>> {
        // A run may be logged later, from another folder.
        let folder = std::env::current_dir()?;
        let address = |text: &str| Address::parse(text).map(|address| address.within(&folder));
        let tracking = address(tracking.unwrap_or(EMBEDDED))?;
        if tracking == Address::Off {
            return Ok(None);
        }
        // The same place is the same place, whoever signs in there.
        let is_elsewhere = |registry: &Address| registry.to_string() != tracking.to_string();
        let registry = registry.map(address).transpose()?.filter(is_elsewhere);
        Ok(Some(Self { tracking, registry, settings: Settings::of(environment)? }))
    }

    /// With someone who is told when a call is tried again.
    pub fn told(mut self, quiet: bool) -> Self {
        self.settings.waiting = Waiting {
            begins: if quiet { |_| {} } else { |text| console::say(&format!("note: {text}")) },
            goes_on: interrupt::poll,
        };
        self
    }

    /// In no mood to wait: for a store that has just been found down, and for who looks something up.
    pub fn impatient(mut self) -> Self {
        self.settings = self.settings.patience(true);
        self
    }

    /// Where the config says.
    ///
    /// # Errors
    /// As [`Destination::new`].
    pub fn of(config: &Config, environment: &[(String, String)]) -> anyhow::Result<Option<Self>> {
        Self::new(config.training.tracking_uri.as_deref(), config.registry.uri.as_deref(), environment)
    }

    /// Looks in seconds whether a run of this config can be logged.
    ///
    /// # Errors
    /// [`TrackingError::Config`] for what no waiting mends; `Unreachable` when nobody answers now.
    pub fn preflight(&self, config: &Config, wanted: &Wanted) -> Result<Vec<String>, TrackingError> {
        let name = registration::name(config);
        let needs = Needs {
            experiment: &wanted.experiment,
            resume: wanted.resume.as_deref(),
            model: registration::may_register(config).then_some(name.as_str()),
            alias: config.registry.promote.as_deref(),
        };
        let mut store = open(&self.tracking, &self.settings, true)?;
        let mut registry = self.registry.as_ref().map(|address| open(address, &self.settings, true)).transpose()?;
        preflight(store.as_mut(), registry.as_deref_mut(), &needs)
    }

    /// Where runs are logged, and where models are registered when that is another place: without secrets.
    pub fn places(&self) -> (String, Option<String>) {
        (self.tracking.to_string(), self.registry.as_ref().map(Address::to_string))
    }

    /// Logs a run; see [`publish`].
    ///
    /// # Errors
    /// Those of publishing.
    pub fn publish(
        &self,
        record: &Record,
        folder: &Path,
        watch: &mut dyn FnMut(&str),
    ) -> Result<Published, TrackingError> {
        let mut store = open(&self.tracking, &self.settings, false)?;
        let mut registry = self.registry.as_ref().map(|address| open(address, &self.settings, false)).transpose()?;
        publish(record, folder, store.as_mut(), registry.as_deref_mut(), watch)
    }

    /// The store with the runs, which must be there.
    ///
    /// # Errors
    /// Those of opening.
    pub fn open_tracking(&self) -> anyhow::Result<Box<dyn Store>> {
        self.open_there(&self.tracking)
    }

    /// The store with the registry, which must be there.
    ///
    /// # Errors
    /// Those of opening.
    pub fn open_registry(&self) -> anyhow::Result<Box<dyn Store>> {
        self.open_there(self.registry.as_ref().unwrap_or(&self.tracking))
    }

    fn open_there(&self, address: &Address) -> anyhow::Result<Box<dyn Store>> {
        match address {
            // Opening a file makes one: right for who logs, and not for who looks something up.
            Address::Sqlite(path) if !path.exists() => {
                let message = format!("{address}: expected a store, found no such file");
                let hint = "go to the folder that has it, or give it with --tracking-uri";
                Err(Failure::usage(format!("{message}\n  hint: {hint}")).into())
            }
            address => Ok(open(address, &self.settings, true)?),
        }
    }
}

impl Wanted {
    /// What config and environment say. An experiment's id in the environment wins over a name in the file, and a name that
    /// was given by `--set`, or in the environment too, wins over both.
    ///
    /// # Errors
    /// `MLFLOW_RUN_CONTEXT` that is no map of texts.
    pub fn of(loaded: &Loaded, environment: &[(String, String)]) -> anyhow::Result<Self> {
        let config = &loaded.config;
        let variable = |name: &str| {
            let found = environment.iter().find(|(key, value)| key == name && !value.is_empty());
            found.map(|(_, value)| value.clone())
        };
        let name = config.training.experiment_name.as_ref().unwrap_or(&config.project.name).clone();
        let experiment = match variable("MLFLOW_EXPERIMENT_ID") {
            Some(id) if !loaded.is_laid_over("training.experiment_name") => Experiment::Id(id),
            _ => Experiment::Name(name),
        };
        let context = variable("MLFLOW_RUN_CONTEXT").map(|text| context(&text)).transpose()?.unwrap_or_default();
        Ok(Self { experiment, resume: variable("MLFLOW_RUN_ID"), context })
    }
}

fn context(text: &str) -> Result<Vec<Tag>, Failure> {
    let wrong = || Failure::usage("MLFLOW_RUN_CONTEXT: expected a JSON object of texts, found something else");
    let map = serde_json::from_str::<Json>(text).ok().and_then(|json| json.as_object().cloned()).ok_or_else(wrong)?;
    map.into_iter().map(|(key, value)| Ok(Tag::new(key, value.as_str().ok_or_else(wrong)?))).collect()
}

/// The environment as text.
pub fn environment() -> Vec<(String, String)> {
    crate::config::Overlay::of_environment().environment
}
