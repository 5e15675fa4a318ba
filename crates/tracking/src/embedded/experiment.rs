//! Experiments, and the folders of their files.

use rusqlite::{Connection, OptionalExtension, Row, named_params};

use super::failure::Failure;
use super::{length, now_ms};
use crate::local_files;
use crate::store::ExperimentInfo;

/// The experiment that every store of MLflow has.
pub fn create_default(connection: &Connection, artifacts: &str) -> Result<(), Failure> {
    insert(connection, Some(0), "Default", artifacts)?;
    Ok(())
}

pub fn by_name(connection: &Connection, name: &str) -> Result<Option<ExperimentInfo>, Failure> {
    let sql = "SELECT experiment_id, name, lifecycle_stage FROM experiments WHERE name = ?1";
    Ok(connection.query_row(sql, [name], info).optional()?)
}

pub fn by_id(connection: &Connection, id: &str) -> Result<Option<ExperimentInfo>, Failure> {
    let sql = "SELECT experiment_id, name, lifecycle_stage FROM experiments WHERE experiment_id = ?1";
    Ok(connection.query_row(sql, [id], info).optional()?)
}

/// Makes an experiment, or finds it.
pub fn create(connection: &Connection, name: &str, artifacts: &str) -> Result<String, Failure> {
    if let Some(there) = by_name(connection, name)? {
        return Ok(there.id);
    }
    length::fits("a name for the experiment", name, length::EXPERIMENT)?;
    insert(connection, None, name, artifacts)
}

/// The folder of an experiment that runs and models may be added to, as the store writes it.
pub fn location(connection: &Connection, id: &str) -> Result<String, Failure> {
    let sql = "SELECT lifecycle_stage, artifact_location FROM experiments WHERE experiment_id = ?1";
    let read = |row: &Row<'_>| Ok((row.get::<_, String>(0)?, row.get::<_, Option<String>>(1)?.unwrap_or_default()));
    let Some((stage, location)) = connection.query_row(sql, [id], read).optional()? else {
        return Err(Failure::Config(format!("expected an experiment with id {id}, found none")));
    };
    if stage == "deleted" {
        return Err(Failure::Config(format!(
            "experiment {id} is deleted\n  hint: `mlflow experiments restore --experiment-id {id}`, or use another name"
        )));
    }
    if local_files::folder(&location).is_none() {
        return Err(Failure::Config(format!(
            "expected experiment {id} to keep its files in a folder of this machine, found `{location}`\n  hint: use \
             another experiment, or log to the server that made this one"
        )));
    }
    Ok(location)
}

fn insert(connection: &Connection, id: Option<i64>, name: &str, artifacts: &str) -> Result<String, Failure> {
    connection.execute(
        "INSERT INTO experiments (experiment_id, name, lifecycle_stage, creation_time, last_update_time)
         VALUES (:id, :name, 'active', :now, :now)",
        named_params! { ":id": id, ":name": name, ":now": now_ms() },
    )?;
    let id = connection.last_insert_rowid();
    connection.execute(
        "UPDATE experiments SET artifact_location = ?1 WHERE experiment_id = ?2",
        (format!("{artifacts}/{id}"), id),
    )?;
    Ok(id.to_string())
}

fn info(row: &Row<'_>) -> rusqlite::Result<ExperimentInfo> {
    let stage: Option<String> = row.get(2)?;
    Ok(ExperimentInfo {
        id: row.get::<_, i64>(0)?.to_string(),
        name: row.get(1)?,
        deleted: stage.as_deref() == Some("deleted"),
    })
}
