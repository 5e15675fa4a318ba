//! The tables of the store: made once, and looked at before anything is written to those that another has made.

use std::collections::BTreeMap;

use rusqlite::{Connection, OptionalExtension};

use super::failure::Failure;

/// The tables of [`REVISION`].
const TABLES: &str = include_str!("schema.sql");

/// What MLflow calls the state of its tables that we make.
pub const REVISION: &str = "bda7b8c39065";

const SERVER: &str = "log to a server of that MLflow: MLFLOW_TRACKING_URI=http://HOST:5000";

/// Makes the tables in a file that has none; true when it had none.
pub fn create_where_empty(connection: &Connection) -> Result<bool, Failure> {
    let tables: i64 = connection.query_row("SELECT count(*) FROM sqlite_master", [], |row| row.get(0))?;
    if tables > 0 {
        return Ok(false);
    }
    connection.execute_batch(TABLES)?;
    connection.execute("INSERT INTO alembic_version (version_num) VALUES (?1)", [REVISION])?;
    Ok(true)
}

/// Whether what we write fits these tables: all that we name is there, and nothing has to be filled that we do not
/// know.
pub fn check(connection: &Connection, place: &str) -> Result<(), Failure> {
    let revision = revision(connection)?;
    let known = Connection::open_in_memory()?;
    known.execute_batch(TABLES)?;
    for table in written(&known)? {
        let (ours, theirs) = (columns(&known, &table)?, columns(connection, &table)?);
        for name in ours.keys() {
            if !theirs.contains_key(name) {
                let missing =
                    if theirs.is_empty() { format!("table `{table}`") } else { format!("column `{table}.{name}`") };
                return Err(Failure::Store(format!(
                    "expected MLflow's tables of revision {REVISION} or newer, found revision {revision} without \
                     {missing}\n  hint: when an older MLflow made it, `mlflow db upgrade {place}` brings it up to date; \
                     otherwise {SERVER}"
                )));
            }
        }
        let to_fill = theirs.iter().find(|(name, column)| !ours.contains_key(*name) && column.must_be_given);
        if let Some((name, _)) = to_fill {
            return Err(Failure::Store(format!(
                "expected MLflow's tables as this program knows them, found revision {revision} where \
                 `{table}.{name}` must be filled\n  hint: {SERVER}"
            )));
        }
    }
    no_workspaces(connection)
}

/// A count that SQLite raises with every change of the tables.
pub fn state(connection: &Connection) -> Result<i64, Failure> {
    Ok(connection.query_row("PRAGMA schema_version", [], |row| row.get(0))?)
}

fn revision(connection: &Connection) -> Result<String, Failure> {
    let is_there = !columns(connection, "alembic_version")?.is_empty();
    let revision = if is_there {
        let sql = "SELECT version_num FROM alembic_version";
        connection.query_row(sql, [], |row| row.get(0)).optional()?
    } else {
        None
    };
    revision.ok_or_else(|| {
        Failure::Store(
            "expected a tracking store of MLflow, found another SQLite file\n  hint: name a file that is not there \
             yet: sqlite:///path/mlflow.db"
                .into(),
        )
    })
}

/// Names are only unique within a workspace, and which one is meant is the business of a server.
fn no_workspaces(connection: &Connection) -> Result<(), Failure> {
    for table in ["experiments", "registered_models"] {
        if !columns(connection, table)?.contains_key("workspace") {
            continue;
        }
        let sql = format!("SELECT workspace FROM {table} WHERE workspace <> 'default' LIMIT 1");
        let other: Option<String> = connection.query_row(&sql, [], |row| row.get(0)).optional()?;
        if let Some(other) = other {
            return Err(Failure::Store(format!(
                "expected a store without workspaces, found workspace `{other}`\n  hint: {SERVER}"
            )));
        }
    }
    Ok(())
}

struct Column {
    must_be_given: bool,
}

/// The tables that we write or read.
fn written(known: &Connection) -> Result<Vec<String>, Failure> {
    let sql = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'trace%' ORDER BY name";
    let mut statement = known.prepare(sql)?;
    let names = statement.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
    Ok(names)
}

/// The columns of a table; none when it is not there.
fn columns(connection: &Connection, table: &str) -> Result<BTreeMap<String, Column>, Failure> {
    let mut statement = connection.prepare(r#"SELECT name, "notnull", dflt_value FROM pragma_table_info(?1)"#)?;
    let columns = statement
        .query_map([table], |row| {
            let (not_null, default): (bool, Option<String>) = (row.get(1)?, row.get(2)?);
            Ok((row.get(0)?, Column { must_be_given: not_null && default.is_none() }))
        })?
        .collect::<Result<_, _>>()?;
    Ok(columns)
}
