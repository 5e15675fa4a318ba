//! Runs: what they are, from their making to their end.

use rusqlite::{Connection, OptionalExtension, Row, named_params};

use super::failure::Failure;
use super::{batch, experiment, input, length};
use crate::record::{RunStatus, Tag};
use crate::store::{ArtifactRoot, Entity, NewRun, Run, RunInfo};

const NAME_TAG: &str = "mlflow.runName";

pub fn create(connection: &Connection, run: &NewRun<'_>) -> Result<RunInfo, Failure> {
    length::fits("a name for the run", run.name, length::RUN_NAME)?;
    length::at_most("the user of the run", run.user, length::USER)?;
    if let Some(other) = run.tags.iter().find(|tag| tag.key == NAME_TAG && tag.value != run.name) {
        let (name, tag) = (run.name, &other.value);
        return Err(Failure::Config(format!("expected tag `{NAME_TAG}` to be the run's name `{name}`, found `{tag}`")));
    }
    let location = experiment::location(connection, run.experiment_id)?;
    let id = super::new_id();
    connection.execute(
        "INSERT INTO runs (run_uuid, name, source_type, source_name, entry_point_name, user_id, status, start_time,
                           source_version, lifecycle_stage, artifact_uri, experiment_id)
         VALUES (:id, :name, 'UNKNOWN', '', '', :user, 'RUNNING', :start, '', 'active', :artifacts, :experiment)",
        named_params! {
            ":id": id,
            ":name": run.name,
            ":user": run.user,
            ":start": run.start_ms,
            ":artifacts": format!("{location}/{id}/artifacts"),
            ":experiment": run.experiment_id,
        },
    )?;
    batch::set_tags(connection, &id, &[Tag::new(NAME_TAG, run.name)])?;
    batch::set_tags(connection, &id, run.tags)?;
    find(connection, &id)?.ok_or(Failure::Sql(rusqlite::Error::QueryReturnedNoRows))
}

/// The experiment of a run that may be logged to.
pub fn experiment_of(connection: &Connection, id: &str) -> Result<String, Failure> {
    match find(connection, id)? {
        None => Err(Failure::Config(format!("expected a run with id {id}, found none"))),
        Some(run) if run.deleted => Err(Failure::Config(format!(
            "run {id} is deleted\n  hint: `mlflow runs restore --run-id {id}`, or log a new run"
        ))),
        Some(run) => Ok(run.experiment_id),
    }
}

pub fn with_tag(connection: &Connection, experiment_id: &str, tag: &Tag) -> Result<Vec<RunInfo>, Failure> {
    let mut statement = connection.prepare(&select(
        "JOIN tags ON tags.run_uuid = runs.run_uuid
         WHERE tags.key = ?1 AND tags.value = ?2 AND experiment_id = ?3 AND lifecycle_stage = 'active'
         ORDER BY start_time DESC, runs.run_uuid",
    ))?;
    let runs = statement.query_map([&tag.key, &tag.value, experiment_id], info)?.collect::<Result<_, _>>()?;
    Ok(runs)
}

pub fn read(connection: &Connection, id: &str) -> Result<Option<Run>, Failure> {
    let Some(info) = find(connection, id)? else { return Ok(None) };
    Ok(Some(Run {
        info,
        params: super::tags(connection, "SELECT key, value FROM params WHERE run_uuid = ?1 ORDER BY key", [id])?,
        metrics: batch::latest(connection, id)?,
        tags: super::tags(connection, "SELECT key, value FROM tags WHERE run_uuid = ?1 ORDER BY key", [id])?,
        datasets: input::datasets(connection, id)?,
        models: input::models(connection, id)?,
    }))
}

pub fn end(connection: &Connection, id: &str, status: RunStatus, end_ms: i64) -> Result<(), Failure> {
    experiment_of(connection, id)?;
    let sql = "UPDATE runs SET status = ?1, end_time = ?2 WHERE run_uuid = ?3";
    connection.execute(sql, (word(status), end_ms, id))?;
    Ok(())
}

/// A run's name follows its tag, as it does in MLflow.
pub fn rename_by_tag(connection: &Connection, id: &str, tag: &Tag) -> Result<(), Failure> {
    if tag.key == NAME_TAG {
        length::fits("a name for the run", &tag.value, length::RUN_NAME)?;
        connection.execute("UPDATE runs SET name = ?1 WHERE run_uuid = ?2", (&tag.value, id))?;
    }
    Ok(())
}

fn find(connection: &Connection, id: &str) -> Result<Option<RunInfo>, Failure> {
    Ok(connection.query_row(&select("WHERE run_uuid = ?1"), [id], info).optional()?)
}

fn select(rest: &str) -> String {
    format!(
        "SELECT runs.run_uuid, experiment_id, name, status, lifecycle_stage, start_time, end_time, artifact_uri
         FROM runs {rest}"
    )
}

fn info(row: &Row<'_>) -> rusqlite::Result<RunInfo> {
    let id: String = row.get(0)?;
    let (status, stage): (Option<String>, Option<String>) = (row.get(3)?, row.get(4)?);
    Ok(RunInfo {
        experiment_id: row.get::<_, i64>(1)?.to_string(),
        name: row.get::<_, Option<String>>(2)?.unwrap_or_default(),
        status: status.as_deref().map_or(RunStatus::Running, of_word),
        deleted: stage.as_deref() == Some("deleted"),
        start_ms: row.get::<_, Option<i64>>(5)?.unwrap_or_default(),
        end_ms: row.get(6)?,
        artifacts: ArtifactRoot {
            uri: row.get::<_, Option<String>>(7)?.unwrap_or_default(),
            of: Entity::Run(id.clone()),
        },
        id,
    })
}

fn word(status: RunStatus) -> &'static str {
    match status {
        RunStatus::Running => "RUNNING",
        RunStatus::Finished => "FINISHED",
        RunStatus::Failed => "FAILED",
        RunStatus::Killed => "KILLED",
    }
}

/// `SCHEDULED`, which nothing sets any more, has not ended either.
fn of_word(word: &str) -> RunStatus {
    match word {
        "FINISHED" => RunStatus::Finished,
        "FAILED" => RunStatus::Failed,
        "KILLED" => RunStatus::Killed,
        _ => RunStatus::Running,
    }
}
