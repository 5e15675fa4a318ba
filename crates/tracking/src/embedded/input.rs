//! What goes into a run, datasets, and what comes out of it, models: MLflow keeps both in the table `inputs`.

use rusqlite::{Connection, OptionalExtension, Row, named_params};

use super::failure::Failure;
use super::{length, new_id};
use crate::record::Dataset;

const CONTEXT: &str = "mlflow.data.context";

pub fn log(connection: &Connection, run_id: &str, experiment_id: &str, datasets: &[Dataset]) -> Result<(), Failure> {
    for dataset in datasets {
        let uuid = match dataset_uuid(connection, experiment_id, dataset)? {
            Some(uuid) => uuid,
            None => insert_dataset(connection, experiment_id, dataset)?,
        };
        let input = link(connection, ("DATASET", &uuid), ("RUN", run_id))?;
        length::at_most("the context of a dataset", &dataset.context, length::CONTEXT)?;
        connection.execute(
            "INSERT OR REPLACE INTO input_tags (input_uuid, name, value) VALUES (?1, ?2, ?3)",
            (input, CONTEXT, &dataset.context),
        )?;
    }
    Ok(())
}

pub fn log_output(connection: &Connection, run_id: &str, model_id: &str) -> Result<(), Failure> {
    link(connection, ("RUN_OUTPUT", run_id), ("MODEL_OUTPUT", model_id))?;
    Ok(())
}

/// The dataset of that name and digest that the experiment knows already.
pub fn dataset_uuid(
    connection: &Connection,
    experiment_id: &str,
    dataset: &Dataset,
) -> Result<Option<String>, Failure> {
    let sql = "SELECT dataset_uuid FROM datasets WHERE experiment_id = ?1 AND name = ?2 AND digest = ?3";
    let found = connection.query_row(sql, [experiment_id, &dataset.name, &dataset.digest], |row| row.get(0));
    Ok(found.optional()?)
}

/// The datasets of a run.
pub fn datasets(connection: &Connection, run_id: &str) -> Result<Vec<Dataset>, Failure> {
    let mut statement = connection.prepare(
        "SELECT coalesce(context.value, ''), datasets.name, digest, dataset_source_type, dataset_source,
                coalesce(dataset_schema, ''), coalesce(dataset_profile, '')
         FROM inputs
         JOIN datasets ON datasets.dataset_uuid = inputs.source_id
         LEFT JOIN input_tags AS context ON context.input_uuid = inputs.input_uuid AND context.name = ?1
         WHERE inputs.source_type = 'DATASET' AND inputs.destination_type = 'RUN' AND inputs.destination_id = ?2
         ORDER BY inputs.rowid",
    )?;
    let datasets = statement.query_map([CONTEXT, run_id], dataset)?.collect::<Result<_, _>>()?;
    Ok(datasets)
}

/// The ids of a run's models.
pub fn models(connection: &Connection, run_id: &str) -> Result<Vec<String>, Failure> {
    let mut statement = connection.prepare(
        "SELECT destination_id FROM inputs
         WHERE source_type = 'RUN_OUTPUT' AND source_id = ?1 AND destination_type = 'MODEL_OUTPUT' ORDER BY rowid",
    )?;
    let models = statement.query_map([run_id], |row| row.get(0))?.collect::<Result<_, _>>()?;
    Ok(models)
}

/// Ties two things together, once; returns the id of the tie.
fn link(connection: &Connection, from: (&str, &str), to: (&str, &str)) -> Result<String, Failure> {
    let sql = "SELECT input_uuid FROM inputs
               WHERE source_type = ?1 AND source_id = ?2 AND destination_type = ?3 AND destination_id = ?4";
    let there = connection.query_row(sql, [from.0, from.1, to.0, to.1], |row| row.get(0)).optional()?;
    if let Some(uuid) = there {
        return Ok(uuid);
    }
    let uuid = new_id();
    connection.execute(
        "INSERT INTO inputs (input_uuid, source_type, source_id, destination_type, destination_id, step)
         VALUES (?1, ?2, ?3, ?4, ?5, 0)",
        (&uuid, from.0, from.1, to.0, to.1),
    )?;
    Ok(uuid)
}

fn insert_dataset(connection: &Connection, experiment_id: &str, dataset: &Dataset) -> Result<String, Failure> {
    length::fits("a name for the dataset", &dataset.name, length::NAME)?;
    length::fits("the digest of a dataset", &dataset.digest, length::DIGEST)?;
    length::fits("the type of a dataset's source", &dataset.source_type, length::DIGEST)?;
    let uuid = new_id();
    connection.execute(
        "INSERT INTO datasets (dataset_uuid, experiment_id, name, digest, dataset_source_type, dataset_source,
                               dataset_schema, dataset_profile)
         VALUES (:uuid, :experiment, :name, :digest, :type, :source, :schema, :profile)",
        named_params! {
            ":uuid": uuid,
            ":experiment": experiment_id,
            ":name": dataset.name,
            ":digest": dataset.digest,
            ":type": dataset.source_type,
            ":source": dataset.source,
            ":schema": dataset.schema,
            ":profile": dataset.profile,
        },
    )?;
    Ok(uuid)
}

fn dataset(row: &Row<'_>) -> rusqlite::Result<Dataset> {
    Ok(Dataset {
        context: row.get(0)?,
        name: row.get(1)?,
        digest: row.get(2)?,
        source_type: row.get(3)?,
        source: row.get(4)?,
        schema: row.get(5)?,
        profile: row.get(6)?,
    })
}
