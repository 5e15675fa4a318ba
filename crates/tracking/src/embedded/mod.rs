//! The embedded store: MLflow's tables in an SQLite file, and files beside it, with no server. The official client and
//! `mlflow ui` open it.

mod batch;
mod experiment;
mod failure;
mod input;
mod length;
mod model;
mod registry;
mod run;
mod schema;
mod store;

use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rusqlite::{Connection, OpenFlags, Params};

use crate::TrackingError;
use crate::local_files;
use crate::record::Tag;
use failure::Failure;

/// How long to wait for another program that writes.
const PATIENCE: Duration = Duration::from_secs(20);
/// How long where nobody is to be kept waiting.
const QUICK: Duration = Duration::from_secs(5);

/// A tracking store in an SQLite file, as the official client keeps it when there is no server.
///
/// What is written becomes durable, and visible to others, with [`crate::Store::flush`]; what was not flushed is undone
/// when this is dropped. From the first write to the flush no other program can write.
#[derive(Debug)]
pub struct Embedded {
    connection: Connection,
    /// The folder of all files, as the store writes it.
    artifacts: String,
    place: String,
    /// The state of the tables that were found to be fit.
    checked: i64,
}

impl Embedded {
    /// Opens the store, and makes it where there is none. The files of new experiments go into `artifacts`, an absolute
    /// folder: the store keeps its name, so neither can be moved.
    ///
    /// # Errors
    /// [`TrackingError::Store`] when the file is not a store that this program understands and may write, which is then
    /// left as it is; [`TrackingError::Unreachable`] when another program holds its lock;
    /// [`TrackingError::Config`] when a path cannot be used.
    pub fn open(database: &Path, artifacts: &Path) -> Result<Self, TrackingError> {
        Self::open_within(database, artifacts, false)
    }

    /// The same; `quick` waits less for another program that writes.
    pub(crate) fn open_within(database: &Path, artifacts: &Path, quick: bool) -> Result<Self, TrackingError> {
        let place = format!("sqlite:///{}", database.display());
        let patience = if quick { QUICK } else { PATIENCE };
        Self::opened(database, artifacts, &place, patience).map_err(|failure| failure.at(&place))
    }

    fn opened(database: &Path, artifacts: &Path, place: &str, patience: Duration) -> Result<Self, Failure> {
        let Some(artifacts) = local_files::uri(artifacts) else {
            let found = artifacts.display();
            return Err(Failure::Config(format!(
                "expected an absolute folder in UTF-8 for the files, found `{found}`"
            )));
        };
        let folder = database.parent().filter(|folder| !folder.as_os_str().is_empty());
        if let Some(missing) = folder.filter(|folder| !folder.is_dir()) {
            return Err(Failure::Config(format!("expected a folder {}, found none", missing.display())));
        }
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(database, flags)?;
        connection.busy_timeout(patience)?;
        connection.pragma_update(None, "foreign_keys", true)?;
        // One transaction around looking and making: of two programs that find no tables, the second waits here.
        connection.execute_batch("BEGIN IMMEDIATE")?;
        if schema::create_where_empty(&connection)? {
            experiment::create_default(&connection, &artifacts)?;
            connection.execute_batch("COMMIT")?;
        } else {
            schema::check(&connection, place)?;
            // A write that is undone shows that writing works, before there is anything to lose.
            connection.execute("UPDATE alembic_version SET version_num = version_num", [])?;
            connection.execute_batch("ROLLBACK")?;
        }
        let checked = schema::state(&connection)?;
        Ok(Self { connection, artifacts, place: place.to_owned(), checked })
    }

    fn read<T>(&self, work: impl FnOnce(&Connection) -> Result<T, Failure>) -> Result<T, TrackingError> {
        work(&self.connection).map_err(|failure| failure.at(&self.place))
    }

    /// Does all of `work`, or nothing.
    fn write<T>(&mut self, work: impl FnOnce(&Connection) -> Result<T, Failure>) -> Result<T, TrackingError> {
        self.written(work).map_err(|failure| failure.at(&self.place))
    }

    fn written<T>(&mut self, work: impl FnOnce(&Connection) -> Result<T, Failure>) -> Result<T, Failure> {
        if !self.connection.is_autocommit() {
            // A savepoint that is dropped is undone.
            let savepoint = self.connection.savepoint()?;
            let done = work(&savepoint)?;
            savepoint.commit()?;
            return Ok(done);
        }
        self.connection.execute_batch("BEGIN IMMEDIATE")?;
        let done = self.still_fit().and_then(|()| work(&self.connection));
        if done.is_err() {
            // The lock is not kept for nothing.
            self.connection.execute_batch("ROLLBACK")?;
        }
        done
    }

    /// A newer MLflow may have migrated the file since it was looked at.
    fn still_fit(&mut self) -> Result<(), Failure> {
        let state = schema::state(&self.connection)?;
        if state != self.checked {
            schema::check(&self.connection, &self.place)?;
            self.checked = state;
        }
        Ok(())
    }

    fn commit(&mut self) -> Result<(), TrackingError> {
        if self.connection.is_autocommit() {
            return Ok(());
        }
        self.connection.execute_batch("COMMIT").map_err(|error| Failure::from(error).at(&self.place))
    }
}

fn tags(connection: &Connection, sql: &str, of: impl Params) -> Result<Vec<Tag>, Failure> {
    let mut statement = connection.prepare(sql)?;
    let tag = |row: &rusqlite::Row<'_>| {
        Ok(Tag::new(row.get::<_, String>(0)?, row.get::<_, Option<String>>(1)?.unwrap_or_default()))
    };
    let tags = statement.query_map(of, tag)?.collect::<Result<_, _>>()?;
    Ok(tags)
}

fn new_id() -> String {
    uuid::Uuid::new_v4().simple().to_string()
}

fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
