use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;

use super::aside::Aside;
use super::upload::Upload;
use crate::source::{self, bucket::Bucket};
use crate::{DataError, Fault};

/// Where a file's bytes go: beside a local name, or to the parts of an object.
pub(super) enum Output {
    Local(Aside),
    Object(Box<Upload>),
    /// A file that has its name.
    Done(String),
}

/// Where files are made, under names relative to it.
#[derive(Debug, Clone)]
pub(super) enum Target {
    Folder,
    Bucket(Arc<Bucket>),
}

impl Target {
    /// The target of a path, and the path within it.
    pub(super) fn of(path: &str, environment: Vec<(String, String)>) -> Result<(Self, String), DataError> {
        Ok(match source::bucket(path, environment)? {
            Some((bucket, path)) => (Self::Bucket(Arc::new(bucket)), path.to_owned()),
            None => (Self::Folder, path.to_owned()),
        })
    }

    pub(super) fn create(&self, path: &str) -> Result<Output, DataError> {
        Ok(match self {
            Self::Folder => Output::Local(Aside::create(Path::new(path))?),
            Self::Bucket(bucket) => Output::Object(Box::new(Upload::new(bucket.clone(), path)?)),
        })
    }
}

impl Output {
    /// The path or URL.
    pub(super) fn name(&self) -> String {
        match self {
            Self::Local(file) => file.path().display().to_string(),
            Self::Object(object) => object.url(),
            Self::Done(name) => name.clone(),
        }
    }

    /// Makes the file appear.
    pub(super) fn finish(self) -> Result<(), DataError> {
        match self {
            Self::Local(file) => file.finish(),
            Self::Object(object) => object.finish(),
            Self::Done(_) => Ok(()),
        }
    }

    /// Sends all that was written, so that little is left in memory; the file is not there yet.
    pub(super) fn settle(&mut self) -> Result<(), DataError> {
        match self {
            Self::Local(_) | Self::Done(_) => Ok(()),
            Self::Object(object) => object.settle(),
        }
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Local(file) => file.write(bytes),
            Self::Object(object) => object.write(bytes),
            Self::Done(_) => Err(io::ErrorKind::Unsupported.into()),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The error of writing to a name: one of ours that went through `io::Error`, or its own.
pub(super) fn failed(name: &str, error: io::Error) -> DataError {
    match error.downcast::<DataError>() {
        Ok(error) => error,
        Err(error) => {
            DataError::unwritable(Fault::new("unwritable", format!("cannot write the file: {error}")).file(name))
        }
    }
}
