//! Registered models, their versions and aliases.

use rusqlite::{Connection, OptionalExtension, Row, named_params};

use super::failure::Failure;
use super::{length, model, now_ms};
use crate::limits::{alias_problem, registered_name_problem};
use crate::record::Tag;
use crate::store::{ArtifactRoot, Entity, NewVersion, RegisteredModel, Version};

/// Deleted versions stay in the table under this stage, so that no number comes twice.
const IS_THERE: &str = "current_stage IS NOT 'Deleted_Internal'";

pub fn read(connection: &Connection, name: &str) -> Result<Option<RegisteredModel>, Failure> {
    let sql = "SELECT coalesce(description, '') FROM registered_models WHERE name = ?1";
    let Some(description) = connection.query_row(sql, [name], |row| row.get(0)).optional()? else { return Ok(None) };
    let tags = "SELECT key, value FROM registered_model_tags WHERE name = ?1 ORDER BY key";
    let mut aliases =
        connection.prepare("SELECT alias, version FROM registered_model_aliases WHERE name = ?1 ORDER BY alias")?;
    let aliases = aliases.query_map([name], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<Result<_, _>>()?;
    Ok(Some(RegisteredModel {
        name: name.to_owned(),
        description,
        tags: super::tags(connection, tags, [name])?,
        aliases,
    }))
}

pub fn create(connection: &Connection, name: &str) -> Result<(), Failure> {
    if read(connection, name)?.is_some() {
        return Ok(());
    }
    if let Some(problem) = registered_name_problem(name) {
        return Err(Failure::Config(problem));
    }
    connection.execute(
        "INSERT INTO registered_models (name, creation_time, last_updated_time, description) VALUES (?1, ?2, ?2, '')",
        (name, now_ms()),
    )?;
    Ok(())
}

pub fn create_version(connection: &Connection, new: &NewVersion<'_>) -> Result<Version, Failure> {
    if read(connection, new.name)?.is_none() {
        return Err(Failure::Config(format!("expected a registered model `{}`, found none", new.name)));
    }
    length::at_most("a description of the version", new.description, length::DESCRIPTION)?;
    let (source, files) = match new.model_id {
        None => (new.files.to_owned(), new.files.to_owned()),
        Some(id) => {
            let files = model::location(connection, id)?
                .ok_or_else(|| Failure::Config(format!("expected a logged model with id {id}, found none")))?;
            (format!("models:/{id}"), files)
        }
    };
    let sql = "SELECT coalesce(max(version), 0) + 1 FROM model_versions WHERE name = ?1";
    let version: u64 = connection.query_row(sql, [new.name], |row| row.get(0))?;
    connection.execute(
        "INSERT INTO model_versions (name, version, creation_time, last_updated_time, description, current_stage,
                                     source, run_id, status, storage_location)
         VALUES (:name, :version, :now, :now, :description, 'None', :source, :run, 'READY', :files)",
        named_params! {
            ":name": new.name,
            ":version": version,
            ":now": now_ms(),
            ":description": new.description,
            ":source": source,
            ":run": new.run_id,
            ":files": files,
        },
    )?;
    touch(connection, new.name)?;
    for tag in new.tags {
        set_tag(connection, new.name, version, tag)?;
    }
    if let Some(id) = new.model_id {
        model::add_version(connection, id, new.name, version)?;
    }
    existing(connection, new.name, version)
}

pub fn of_run(connection: &Connection, name: &str, run_id: &str) -> Result<Vec<Version>, Failure> {
    let mut statement = connection.prepare(&format!(
        "SELECT version FROM model_versions WHERE name = ?1 AND run_id = ?2 AND {IS_THERE} ORDER BY version"
    ))?;
    let numbers: Vec<u64> = statement.query_map([name, run_id], |row| row.get(0))?.collect::<Result<_, _>>()?;
    numbers.into_iter().filter_map(|number| version(connection, name, number).transpose()).collect()
}

pub fn version(connection: &Connection, name: &str, version: u64) -> Result<Option<Version>, Failure> {
    let sql = format!(
        "SELECT coalesce(run_id, ''), coalesce(source, ''), status, coalesce(description, '')
         FROM model_versions WHERE name = ?1 AND version = ?2 AND {IS_THERE}"
    );
    let read = |row: &Row<'_>| {
        let status: Option<String> = row.get(2)?;
        Ok(Version {
            name: name.to_owned(),
            version,
            run_id: row.get(0)?,
            source: row.get(1)?,
            ready: status.as_deref() == Some("READY"),
            description: row.get(3)?,
            tags: Vec::new(),
        })
    };
    let Some(found) = connection.query_row(&sql, (name, version), read).optional()? else { return Ok(None) };
    let tags = "SELECT key, value FROM model_version_tags WHERE name = ?1 AND version = ?2 ORDER BY key";
    Ok(Some(Version { tags: super::tags(connection, tags, (name, version))?, ..found }))
}

pub fn set_tag(connection: &Connection, name: &str, version: u64, tag: &Tag) -> Result<(), Failure> {
    existing(connection, name, version)?;
    length::fits("the key of a version's tag", &tag.key, length::KEY)?;
    connection.execute(
        "INSERT OR REPLACE INTO model_version_tags (key, value, name, version) VALUES (?1, ?2, ?3, ?4)",
        (&tag.key, &tag.value, name, version),
    )?;
    Ok(())
}

pub fn behind_alias(connection: &Connection, name: &str, alias: &str) -> Result<Option<Version>, Failure> {
    let sql = "SELECT version FROM registered_model_aliases WHERE name = ?1 AND alias = ?2";
    match connection.query_row(sql, [name, alias], |row| row.get(0)).optional()? {
        Some(number) => version(connection, name, number),
        None => Ok(None),
    }
}

pub fn set_alias(connection: &Connection, name: &str, alias: &str, version: u64) -> Result<(), Failure> {
    existing(connection, name, version)?;
    if let Some(problem) = alias_problem(alias) {
        return Err(Failure::Config(problem));
    }
    connection.execute(
        "INSERT OR REPLACE INTO registered_model_aliases (alias, version, name) VALUES (?1, ?2, ?3)",
        (alias, version, name),
    )?;
    touch(connection, name)
}

/// The folder of a version's files, as the store writes it.
pub fn files(connection: &Connection, version: &Version) -> Result<ArtifactRoot, Failure> {
    let model_id = version.source.strip_prefix("models:/").filter(|id| id.starts_with("m-"));
    let sql = "SELECT storage_location FROM model_versions WHERE name = ?1 AND version = ?2";
    let stored: Option<Option<String>> =
        connection.query_row(sql, (&version.name, version.version), |row| row.get(0)).optional()?;
    let uri = match (stored.flatten(), model_id) {
        (Some(stored), _) => stored,
        (None, Some(id)) => model::location(connection, id)?.unwrap_or_default(),
        (None, None) => version.source.clone(),
    };
    let of = match model_id {
        Some(id) => Entity::Model(id.to_owned()),
        None => Entity::Run(version.run_id.clone()),
    };
    Ok(ArtifactRoot { uri, of })
}

fn existing(connection: &Connection, name: &str, number: u64) -> Result<Version, Failure> {
    version(connection, name, number)?
        .ok_or_else(|| Failure::Config(format!("expected version {number} of registered model `{name}`, found none")))
}

fn touch(connection: &Connection, name: &str) -> Result<(), Failure> {
    connection.execute("UPDATE registered_models SET last_updated_time = ?1 WHERE name = ?2", (now_ms(), name))?;
    Ok(())
}
