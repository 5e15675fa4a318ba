use std::io;

use rusqlite::ErrorCode;

use crate::TrackingError;

/// Why something did not happen, before it is said where.
#[derive(Debug)]
pub enum Failure {
    /// SQLite says so.
    Sql(rusqlite::Error),
    /// What was asked for cannot be: a name, a length, something that is not there.
    Config(String),
    /// The file is not one to write.
    Store(String),
    /// A file beside the database.
    File(io::Error),
}

impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sql(error)
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::File(error)
    }
}

impl Failure {
    /// The error for those outside, told with the place.
    pub fn at(self, place: &str) -> TrackingError {
        match self {
            Self::Sql(error) => sql(&error, place),
            Self::Config(message) => TrackingError::Config(format!("{place}: {message}")),
            Self::Store(message) => TrackingError::Store(format!("{place}: {message}")),
            Self::File(error) => TrackingError::File(error),
        }
    }
}

fn sql(error: &rusqlite::Error, place: &str) -> TrackingError {
    let store = |message: String| TrackingError::Store(format!("{place}: {message}"));
    match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => TrackingError::Unreachable {
            place: place.to_owned(),
            message: "another program holds its lock, and has not let go of it".to_owned(),
        },
        Some(ErrorCode::DiskFull) => {
            TrackingError::Unreachable { place: place.to_owned(), message: "the disk is full".into() }
        }
        Some(ErrorCode::NotADatabase) => store(
            "expected an SQLite file, found something else\n  hint: name another file: sqlite:///path/mlflow.db".into(),
        ),
        Some(ErrorCode::ReadOnly | ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => store(format!(
            "expected a file that this program may write, in a folder where it may write, found: {error}\n  hint: name \
             another file: sqlite:///path/mlflow.db"
        )),
        _ => store(error.to_string()),
    }
}
