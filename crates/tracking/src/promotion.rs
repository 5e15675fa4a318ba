//! Aliases moved by people: to a version that passed, and back to the one before.

use crate::TrackingError;
use crate::record::Tag;
use crate::store::{Store, Version};

type Result<T> = std::result::Result<T, TrackingError>;

/// The tag that says whether a version may be used: `approved`, `rejected` or `pending`.
pub const VALIDATION_STATUS: &str = "validation_status";
/// The alias of the version in use.
pub const CHAMPION: &str = "champion";
/// The tag that names the version from which an alias came.
pub(crate) fn previous(alias: &str) -> String {
    format!("previous.{alias}")
}

/// The tag that names the version that took an alias from this one; empty when this one has it back.
pub(crate) fn superseded(alias: &str) -> String {
    format!("superseded_by.{alias}")
}

/// The version that took an alias from this one.
pub(crate) fn superseded_by<'a>(version: &'a Version, alias: &str) -> Option<&'a str> {
    version.tag(&superseded(alias)).filter(|text| !text.is_empty())
}

/// An alias that was moved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Promotion {
    /// The registered model.
    pub name: String,
    /// The alias.
    pub alias: String,
    /// The version that it points at.
    pub version: u64,
    /// The version that it pointed at, also when that is the same.
    pub previous: Option<u64>,
}

/// Points an alias at a version that was approved, or is approved now with `approve`.
///
/// # Errors
/// [`TrackingError::Gate`] for a version that is not approved, [`TrackingError::Config`] for one that is not there, and as
/// the store's.
pub fn promote(registry: &mut dyn Store, name: &str, version: u64, alias: &str, approve: bool) -> Result<Promotion> {
    let target = find(registry, name, version)?;
    match target.tag(VALIDATION_STATUS).unwrap_or("pending") {
        "approved" => {}
        "rejected" => {
            return Err(refused(name, version, "rejected", "register a version that passes its gates"));
        }
        _ if approve => registry.set_version_tag(name, version, &Tag::new(VALIDATION_STATUS, "approved"))?,
        status => return Err(refused(name, version, status, "--approve, when it was looked at")),
    }
    let present = registry.alias(name, alias)?;
    if let Some(present) = present.as_ref().filter(|present| present.version != version) {
        registry.set_version_tag(name, version, &Tag::new(previous(alias), present.version.to_string()))?;
    }
    point(registry, &target, alias, present)
}

/// Points an alias back at the version from which it came.
///
/// # Errors
/// [`TrackingError::Config`] where there is none to go back to, [`TrackingError::Gate`] where it was rejected since, and as
/// the store's.
pub fn rollback(registry: &mut dyn Store, name: &str, alias: &str) -> Result<Promotion> {
    let place = registry.place();
    let config = |message: String| TrackingError::Config(format!("{place}: {message}"));
    let Some(present) = registry.alias(name, alias)? else {
        return Err(config(format!("{name} has no `{alias}`")));
    };
    let key = previous(alias);
    let Some(to) = present.tag(&key).and_then(|text| text.parse().ok()) else {
        return Err(config(format!(
            "{name}: version {} does not say which was `{alias}` before it (no tag `{key}`)\n  hint: `trainer promote --model {name} --version N --alias {alias}`",
            present.version
        )));
    };
    let Some(target) = registry.version(name, to)? else {
        return Err(config(format!(
            "{name}: version {to}, which was `{alias}` before version {}, is not there any more\n  hint: `trainer promote --model {name} --version N --alias {alias}`, with one that is",
            present.version
        )));
    };
    if target.tag(VALIDATION_STATUS) == Some("rejected") {
        return Err(refused(name, to, "rejected", "promote another version"));
    }
    point(registry, &target, alias, Some(present))
}

/// Moves the alias, says so on both versions, and reads it back.
fn point(registry: &mut dyn Store, target: &Version, alias: &str, present: Option<Version>) -> Result<Promotion> {
    let (name, version) = (target.name.as_str(), target.version);
    registry.set_alias(name, alias, version)?;
    if superseded_by(target, alias).is_some() {
        registry.set_version_tag(name, version, &Tag::new(superseded(alias), ""))?;
    }
    if let Some(present) = present.as_ref().filter(|present| present.version != version) {
        registry.set_version_tag(name, present.version, &Tag::new(superseded(alias), version.to_string()))?;
    }
    registry.flush()?;
    let found = registry.alias(name, alias)?.map(|version| version.version);
    if found != Some(version) {
        let place = registry.place();
        let found = found.map_or("none".to_owned(), |version| format!("version {version}"));
        let message =
            format!("{name}: `{alias}`: expected version {version}, found {found}: somebody else moves it too");
        return Err(TrackingError::Unreachable { place, message });
    }
    let previous = present.map(|present| present.version);
    Ok(Promotion { name: name.to_owned(), alias: alias.to_owned(), version, previous })
}

fn find(registry: &mut dyn Store, name: &str, version: u64) -> Result<Version> {
    if let Some(found) = registry.version(name, version)? {
        return Ok(found);
    }
    let place = registry.place();
    let (found, hint) = match registry.registered_model(name)? {
        None => (
            "no registered model of that name".to_owned(),
            "give its name with --model, or its store with --tracking-uri",
        ),
        Some(_) => (format!("no version {version}"), "`trainer fit` tells the number of the version that it registers"),
    };
    Err(TrackingError::Config(format!("{place}: {name}: expected version {version}, found {found}\n  hint: {hint}")))
}

fn refused(name: &str, version: u64, status: &str, hint: &str) -> TrackingError {
    TrackingError::Gate(format!("{name} version {version} is {status}, and not approved\n  hint: {hint}"))
}
