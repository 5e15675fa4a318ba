//! The registered version, and the alias that points at it.

use std::time::Duration;

use super::{Result, Road};
use crate::TrackingError;
use crate::promotion::{SUPERSEDED, previous, superseded_by};
use crate::record::{Tag, VersionRecord};
use crate::store::{ModelInfo, NewVersion, RunInfo, Version};

/// Servers that copy the files of a version take a while.
const LOOKS: u32 = 20;
const BETWEEN_LOOKS: Duration = Duration::from_millis(500);

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
        let tags: Vec<Tag> = wanted.tags.iter().chain([&key]).cloned().collect();
        let new = NewVersion {
            name: &wanted.name,
            run_id: &run.id,
            model_id: model.map(|model| model.id.as_str()),
            files: &files,
            description: &wanted.description,
            tags: &tags,
        };
        self.store.create_registered_model(&wanted.name)?;
        let version = self.once(
            |road| {
                let found = road.store.versions_of_run(&wanted.name, &run.id)?;
                Ok(found.into_iter().find(|version| version.tags.contains(&key)))
            },
            |road| road.store.create_version(&new),
        )?;
        let version = self.ready(version)?;
        // What the gates said is there before the alias, also on a server that takes no tags with a new version.
        for tag in wanted.tags.iter().filter(|tag| version.tag(&tag.key).is_none()) {
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

    /// Points the alias at the version; not where somebody has decided otherwise since.
    fn point(&mut self, wanted: &VersionRecord, version: &Version, alias: &str) -> Result<bool> {
        let (name, number) = (&wanted.name, version.version);
        let present = self.store.alias(name, alias)?;
        let kept = match &present {
            Some(present) if present.version == number => return self.mark(version, alias).map(|()| true),
            Some(present) if present.version > number => format!("is at version {}, which is newer", present.version),
            _ => match superseded_by(version) {
                Some(other) => format!("was moved on to version {other}"),
                None => {
                    if let Some(present) = &present {
                        let tag = Tag::new(previous(alias), present.version.to_string());
                        self.store.set_version_tag(name, number, &tag)?;
                    }
                    self.store.set_alias(name, alias, number)?;
                    if let Some(present) = &present {
                        let tag = Tag::new(SUPERSEDED, number.to_string());
                        self.store.set_version_tag(name, present.version, &tag)?;
                    }
                    return Ok(true);
                }
            },
        };
        self.warnings.push(format!("{name}: `{alias}` {kept}: left as it is, and not set to version {number}"));
        Ok(false)
    }

    /// The version that the alias came from is told, also when the walk that moved it did not come to that.
    fn mark(&mut self, version: &Version, alias: &str) -> Result<()> {
        let from = version.tag(&previous(alias)).and_then(|text| text.parse().ok());
        let Some(from) = from else { return Ok(()) };
        let Some(from) = self.store.version(&version.name, from)? else { return Ok(()) };
        if superseded_by(&from).is_none() {
            let tag = Tag::new(SUPERSEDED, version.version.to_string());
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
        if !version.ready {
            self.warnings.push(format!("{}: version {} is not ready yet", version.name, version.version));
        }
        Ok(version)
    }
}
