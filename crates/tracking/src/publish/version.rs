//! The registered version, and the alias that points at it.

use std::time::Duration;

use super::{Result, Road};
use crate::TrackingError;
use crate::promotion::{VALIDATION_STATUS, previous, superseded, superseded_by};
use crate::record::{Tag, VersionRecord};
use crate::store::{ModelInfo, NewVersion, RunInfo, Version};

/// Servers that copy the files of a version take a while.
const LOOKS: u32 = 20;
const BETWEEN_LOOKS: Duration = Duration::from_millis(500);

/// When the run of a version ended, in milliseconds since 1970: which of two models is the newer one. Their numbers say
/// only which was registered first.
const ENDED: &str = "trainer.ended_ms";

impl Road<'_> {
    /// Registers the version and moves the alias; comes back with the version, and the alias where it was moved.
    pub(super) fn version(
        &mut self,
        run: &RunInfo,
        model: Option<&ModelInfo>,
    ) -> Result<(Option<u64>, Option<String>)> {
        let Some(wanted) = &self.record.version else { return Ok((None, None)) };
        let Some(logged) = &self.record.model else {
            return Err(TrackingError::Config("expected a model with the version to register, found none".to_owned()));
        };
        self.say("registered model");
        let files = match model {
            Some(model) => model.artifacts.uri.clone(),
            None => format!("{}/{}", run.artifacts.uri.trim_end_matches('/'), logged.name),
        };
        let key = self.key();
        let mut tags = wanted.tags.clone();
        tags.retain(|tag| tag.key != ENDED);
        tags.extend([Tag::new(ENDED, self.record.end_ms.to_string()), key.clone()]);
        let new = NewVersion {
            name: &wanted.name,
            run_id: &run.id,
            model_id: model.map(|model| model.id.as_str()),
            files: &files,
            description: &wanted.description,
            tags: &tags,
        };
        let registered = |road: &mut Self| {
            let found = road.store.versions_of_run(&wanted.name, &run.id)?;
            Ok(found.into_iter().find(|version| version.tags.contains(&key)))
        };
        if let Some(before) = self.state.version
            && registered(self)?.is_none()
        {
            self.warnings.push(format!(
                "{}: version {before} of this run was deleted since: it is not registered again",
                wanted.name
            ));
            return Ok((None, None));
        }
        self.store.create_registered_model(&wanted.name)?;
        let version = self.once(registered, |road| road.store.create_version(&new))?;
        let version = self.ready(version)?;
        // What the gates said is there before the alias, also on a server that takes no tags with a new version.
        for tag in tags.iter().filter(|tag| version.tag(&tag.key).is_none()) {
            self.store.set_version_tag(&wanted.name, version.version, tag)?;
        }
        // No flush before the alias: where there are transactions, nobody moves it between a look and the move.
        let alias = match &wanted.alias {
            Some(alias) => self.point(wanted, &version, alias)?.then(|| alias.clone()),
            None => None,
        };
        self.store.flush()?;
        self.state.version = Some(version.version);
        self.state.write(self.folder)?;
        Ok((Some(version.version), alias))
    }

    /// Points the alias at the version; not where that would put an older model, one that was never held against the
    /// present one, or one that somebody has decided against.
    fn point(&mut self, wanted: &VersionRecord, version: &Version, alias: &str) -> Result<bool> {
        let (name, number) = (&wanted.name, version.version);
        let present = self.store.alias(name, alias)?;
        if present.as_ref().is_some_and(|present| present.version == number) {
            return self.mark(version, alias).map(|()| true);
        }
        if let Some(kept) = self.kept(wanted, version, alias, present.as_ref())? {
            self.warnings.push(format!("{name}: `{alias}` {kept}: left as it is, and not set to version {number}"));
            return Ok(false);
        }
        if let Some(present) = &present {
            let tag = Tag::new(previous(alias), present.version.to_string());
            self.store.set_version_tag(name, number, &tag)?;
        }
        self.store.set_alias(name, alias, number)?;
        if let Some(present) = &present {
            let tag = Tag::new(superseded(alias), number.to_string());
            self.store.set_version_tag(name, present.version, &tag)?;
        }
        Ok(true)
    }

    /// Why the alias stays where it is.
    fn kept(
        &mut self,
        wanted: &VersionRecord,
        version: &Version,
        alias: &str,
        present: Option<&Version>,
    ) -> Result<Option<String>> {
        // What is said of it now, and not what the gates said when it was new.
        if version.tag(VALIDATION_STATUS) == Some("rejected") {
            return Ok(Some("is for no version that was rejected".to_owned()));
        }
        if !version.ready {
            return Ok(Some("is for no version that is not ready".to_owned()));
        }
        if let Some(other) = superseded_by(version, alias) {
            return Ok(Some(format!("was moved on to version {other}")));
        }
        let at = present.map_or_else(|| "nothing".to_owned(), |present| format!("version {}", present.version));
        let compared = wanted.compared_to;
        if let Some(compared) = compared.filter(|compared| *compared != present.map_or(0, |present| present.version)) {
            let against = if compared == 0 { "nothing".to_owned() } else { format!("version {compared}") };
            return Ok(Some(format!("is at {at}, and the model was held against {against}")));
        }
        let Some(present) = present else { return Ok(None) };
        if present.version > version.version {
            return Ok(Some(format!("is at {at}, which is newer")));
        }
        let later = self.ended(present)?.is_some_and(|ended| ended > self.record.end_ms);
        Ok(later.then(|| format!("is at {at}, which was trained later")))
    }

    /// When the run of a version ended: as the version says, or the run, where another program registered it.
    fn ended(&mut self, version: &Version) -> Result<Option<i64>> {
        if let Some(ended) = version.tag(ENDED).and_then(|text| text.parse().ok()) {
            return Ok(Some(ended));
        }
        if version.run_id.is_empty() {
            return Ok(None);
        }
        // It may be the run of another server.
        match self.store.run(&version.run_id) {
            Err(error) if error.passes() => Err(error),
            found => Ok(found.ok().flatten().and_then(|run| run.info.end_ms)),
        }
    }

    /// The version that the alias came from is told, also when the walk that moved it did not come to that.
    fn mark(&mut self, version: &Version, alias: &str) -> Result<()> {
        let from = version.tag(&previous(alias)).and_then(|text| text.parse().ok());
        let Some(from) = from else { return Ok(()) };
        let Some(from) = self.store.version(&version.name, from)? else { return Ok(()) };
        if superseded_by(&from, alias).is_none() {
            let tag = Tag::new(superseded(alias), version.version.to_string());
            self.store.set_version_tag(&version.name, from.version, &tag)?;
        }
        Ok(())
    }

    fn ready(&mut self, mut version: Version) -> Result<Version> {
        for _ in 0..LOOKS {
            if version.ready {
                break;
            }
            std::thread::sleep(BETWEEN_LOOKS);
            let seen = self.store.version(&version.name, version.version)?;
            version = seen.unwrap_or(version);
        }
        if !version.ready && self.record.version.as_ref().is_none_or(|wanted| wanted.alias.is_none()) {
            self.warnings.push(format!("{}: version {} is not ready yet", version.name, version.version));
        }
        Ok(version)
    }
}
