//! Logged models.

use rusqlite::{Connection, OptionalExtension, Row, named_params};

use super::failure::Failure;
use super::{experiment, length, new_id, now_ms};
use crate::record::Tag;
use crate::store::{ArtifactRoot, Entity, ModelInfo, NewModel};

/// MLflow's numbers for how far a logged model is; the third, 3, is a failed upload.
const PENDING: i64 = 1;
const READY: i64 = 2;

pub fn create(connection: &Connection, model: &NewModel<'_>) -> Result<ModelInfo, Failure> {
    length::fits("a name for the logged model", model.name, length::NAME)?;
    let id = format!("m-{}", new_id());
    let location = format!("{}/models/{id}/artifacts", experiment::location(connection, model.experiment_id)?);
    connection.execute(
        "INSERT INTO logged_models (model_id, experiment_id, name, artifact_location, creation_timestamp_ms,
                                    last_updated_timestamp_ms, status, lifecycle_stage, model_type, source_run_id)
         VALUES (:id, :experiment, :name, :location, :now, :now, :status, 'active', '', :run)",
        named_params! {
            ":id": id,
            ":experiment": model.experiment_id,
            ":name": model.name,
            ":location": location,
            ":now": now_ms(),
            ":status": PENDING,
            ":run": model.run_id,
        },
    )?;
    for Tag { key, value } in model.params {
        length::fits("the key of a model's parameter", key, length::KEY)?;
        connection.execute(
            "INSERT INTO logged_model_params (model_id, experiment_id, param_key, param_value) VALUES (?1, ?2, ?3, ?4)",
            [&id, model.experiment_id, key, value],
        )?;
    }
    for tag in model.tags {
        set_tag(connection, &id, model.experiment_id, tag)?;
    }
    find(connection, &id)?.ok_or(Failure::Sql(rusqlite::Error::QueryReturnedNoRows))
}

pub fn of_run(
    connection: &Connection,
    experiment_id: &str,
    run_id: &str,
    name: &str,
) -> Result<Vec<ModelInfo>, Failure> {
    let mut statement = connection.prepare(
        "SELECT model_id FROM logged_models
         WHERE experiment_id = ?1 AND source_run_id = ?2 AND name = ?3 AND lifecycle_stage = 'active'
         ORDER BY creation_timestamp_ms, model_id",
    )?;
    let ids: Vec<String> =
        statement.query_map([experiment_id, run_id, name], |row| row.get(0))?.collect::<Result<_, _>>()?;
    ids.iter().filter_map(|id| find(connection, id).transpose()).collect()
}

pub fn ready(connection: &Connection, id: &str) -> Result<(), Failure> {
    let sql = "UPDATE logged_models SET status = ?1, last_updated_timestamp_ms = ?2 WHERE model_id = ?3";
    match connection.execute(sql, (READY, now_ms(), id))? {
        0 => Err(Failure::Config(format!("expected a logged model with id {id}, found none"))),
        _ => Ok(()),
    }
}

/// Where a model's files are, when this store has the model.
pub fn location(connection: &Connection, id: &str) -> Result<Option<String>, Failure> {
    let sql = "SELECT artifact_location FROM logged_models WHERE model_id = ?1";
    Ok(connection.query_row(sql, [id], |row| row.get(0)).optional()?)
}

/// Names a version at the model that it is of, where MLflow's pages look for it.
pub fn add_version(connection: &Connection, id: &str, name: &str, version: u64) -> Result<(), Failure> {
    const VERSIONS: &str = "mlflow.modelVersions";
    let sql = "SELECT model.experiment_id, tag_value FROM logged_models AS model
               LEFT JOIN logged_model_tags AS tag ON tag.model_id = model.model_id AND tag_key = ?2
               WHERE model.model_id = ?1";
    let read = |row: &Row<'_>| Ok((row.get::<_, i64>(0)?, row.get::<_, Option<String>>(1)?));
    let (experiment, before) = connection.query_row(sql, [id, VERSIONS], read)?;
    let mut versions: Vec<serde_json::Value> = match &before {
        None => Vec::new(),
        Some(text) => serde_json::from_str(text).map_err(|_| {
            Failure::Store(format!("expected tag `{VERSIONS}` of model {id} to be a JSON list, found `{text}`"))
        })?,
    };
    versions.push(serde_json::json!({ "name": name, "version": version }));
    let value = serde_json::Value::from(versions).to_string();
    set_tag(connection, id, &experiment.to_string(), &Tag::new(VERSIONS, value))
}

fn set_tag(connection: &Connection, id: &str, experiment_id: &str, tag: &Tag) -> Result<(), Failure> {
    length::fits("the key of a model's tag", &tag.key, length::KEY)?;
    connection.execute(
        "INSERT OR REPLACE INTO logged_model_tags (model_id, experiment_id, tag_key, tag_value)
         VALUES (?1, ?2, ?3, ?4)",
        [id, experiment_id, &tag.key, &tag.value],
    )?;
    Ok(())
}

fn find(connection: &Connection, id: &str) -> Result<Option<ModelInfo>, Failure> {
    let sql = "SELECT status, artifact_location FROM logged_models WHERE model_id = ?1";
    let read = |row: &Row<'_>| Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?));
    let Some((status, uri)) = connection.query_row(sql, [id], read).optional()? else { return Ok(None) };
    let tags = "SELECT tag_key, tag_value FROM logged_model_tags WHERE model_id = ?1 ORDER BY tag_key";
    Ok(Some(ModelInfo {
        id: id.to_owned(),
        ready: status == READY,
        artifacts: ArtifactRoot { uri, of: Entity::Model(id.to_owned()) },
        tags: super::tags(connection, tags, [id])?,
    }))
}
