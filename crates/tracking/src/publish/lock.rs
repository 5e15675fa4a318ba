//! One program at a time on a run folder: two would each make what the other has not made yet.

use std::fs::{File, TryLockError};
use std::path::Path;

use super::Result;
use crate::TrackingError;

/// Held until it is dropped, or the program ends in whatever way.
#[derive(Debug)]
pub struct Lock {
    _file: Option<File>,
}

/// The file stays: who removed it could remove the one that another has just locked.
const FILE: &str = ".tracking.lock";

impl Lock {
    /// Takes the folder, or says that another has it.
    pub fn take(folder: &Path, place: &str) -> Result<Self> {
        let path = folder.join(FILE);
        let file = fs_err::OpenOptions::new().create(true).write(true).truncate(false).open(path)?.into_parts().0;
        match file.try_lock() {
            Ok(()) => Ok(Self { _file: Some(file) }),
            Err(TryLockError::WouldBlock) => Err(TrackingError::Unreachable {
                place: place.to_owned(),
                message: format!("another program is logging this run: {}", folder.display()),
            }),
            // A file system without locks.
            Err(TryLockError::Error(_)) => Ok(Self { _file: None }),
        }
    }
}
