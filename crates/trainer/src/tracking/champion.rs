//! The model that a new one is held against: the version behind an alias, read back from the registry.

use trainer_features::FittedPlan;
use trainer_models::Model;

use super::{Destination, registration};
use crate::config::Config;
use crate::exit::Failure;
use crate::run::Rival;
use crate::saved_run::file;

impl Destination {
    /// The version that `registry.compare_to` names; `None` while there is none.
    ///
    /// # Errors
    /// A registry that is not reached, or a version that this program did not make.
    pub fn rival(&self, config: &Config) -> anyhow::Result<Option<Rival>> {
        let Some(alias) = &config.registry.compare_to else { return Ok(None) };
        let name = registration::name(config);
        let mut registry = self.open_registry()?;
        let Some(version) = registry.alias(&name, alias)? else { return Ok(None) };
        let files = registry.version_files(&version)?;
        let place = format!("{name}@{alias}, version {}", version.version);
        let missing = |what: &str| {
            let hint = "hint: take registry.compare_to out until a model of this program has that alias";
            Failure::usage(format!("{place}: expected a model of this program, found no {what}\n  {hint}"))
        };
        let model = registry.get_artifact(&files, file::MODEL)?.ok_or_else(|| missing(file::MODEL))?;
        let plan = registry.get_artifact(&files, file::PLAN)?.ok_or_else(|| missing(file::PLAN))?;
        let damaged = |what: &str, why: &dyn std::fmt::Display| Failure::data(format!("{place}: {what}: {why}"));
        let model = Model::from_bytes(&model).map_err(|error| damaged(file::MODEL, &error))?;
        let plan: FittedPlan = serde_json::from_slice(&plan).map_err(|error| damaged(file::PLAN, &error))?;
        Ok(Some(Rival { alias: alias.clone(), version: version.version, model, plan }))
    }
}
