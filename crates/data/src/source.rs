//! Where files lie: a local folder, or a prefix of an S3 bucket.

pub(crate) mod bucket;
pub(crate) mod folder;
pub(crate) mod object;
mod pattern;

use std::collections::HashMap;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;

use self::bucket::Bucket;
use self::folder::Folder;
use self::object::Object;
use crate::{DataError, Fault, Input, ReadOptions, file, union};

/// A place that paths are relative to. Open it with [`Source::open`].
#[derive(Debug)]
pub struct Source(Root);

#[derive(Debug)]
enum Root {
    Folder(Folder),
    Bucket(Bucket),
}

/// What a path stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wanted<'a> {
    /// A file, or a folder of files.
    Named(&'a str),
    /// All files that match.
    Matching(&'a str),
}

impl<'a> Wanted<'a> {
    pub(crate) fn of(path: &'a str) -> Self {
        if path.contains(['*', '?', '[']) { Self::Matching(path) } else { Self::Named(path) }
    }
}

impl Source {
    /// Opens a folder, or `s3://bucket/prefix/`.
    ///
    /// For S3 the usual environment is read: `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, `AWS_SESSION_TOKEN`,
    /// `AWS_REGION`, `AWS_ENDPOINT_URL_S3` or `AWS_ENDPOINT_URL` (then addressed by path), container and web identity
    /// credentials. Nothing is sent yet.
    ///
    /// # Errors
    /// `Unreadable` (`not_found`) when the folder is not there, `Options` (`unknown_scheme`, `bad_url`) for other URLs.
    pub fn open(source: &str) -> Result<Self, DataError> {
        // Variables that are not Unicode are none of these.
        let environment =
            std::env::vars_os().filter_map(|(key, value)| Some((key.into_string().ok()?, value.into_string().ok()?)));
        Self::open_in(source, environment)
    }

    /// Opens as [`Source::open`], with these variables for the environment.
    ///
    /// # Errors
    /// As [`Source::open`].
    pub fn open_in(source: &str, environment: impl IntoIterator<Item = (String, String)>) -> Result<Self, DataError> {
        match source.split_once("://") {
            Some(("s3" | "s3a", rest)) => Ok(Self(Root::Bucket(Bucket::open(rest, environment)?))),
            Some(("file", rest)) => Ok(Self(Root::Folder(Folder::open(Path::new(rest))?))),
            Some((scheme, _)) => {
                let fault = Fault::new(
                    "unknown_scheme",
                    format!("expected a folder or s3://bucket/prefix/, found {scheme}://"),
                );
                Err(DataError::options(fault))
            }
            None => Ok(Self(Root::Folder(Folder::open(Path::new(source))?))),
        }
    }

    /// Reads a file, all files of a folder, or all files that match a pattern (`*`, `**`, `?`, `[..]`), as one table.
    /// Files are taken in order of name; those whose names start with `.` or `_` are left out of folders and patterns.
    ///
    /// A bucket needs a tokio runtime around this call; a folder does not.
    ///
    /// # Errors
    /// `Unreadable`: nothing there, or no access. `Malformed`: a file that cannot be read as what it is.
    /// `Mismatch`: files of one folder that differ in columns or types. `Options`: no format.
    pub async fn read(&self, path: &str, options: &ReadOptions) -> Result<Input, DataError> {
        match &self.0 {
            Root::Folder(folder) => read_folder(folder, path, options),
            Root::Bucket(bucket) => read_bucket(bucket, path, options).await,
        }
    }
}

/// Reads a local path (file, folder or pattern), without an async runtime. Errors are those of [`Source::read`].
pub fn read_local(path: &str, options: &ReadOptions) -> Result<Input, DataError> {
    read_folder(&Folder::here(), path, options)
}

/// Reads a local path or an `s3://` URL (file, folder or pattern). Errors are those of [`Source::read`].
pub async fn read(path: &str, options: &ReadOptions) -> Result<Input, DataError> {
    match path.strip_prefix("s3://").and_then(|rest| rest.split_once('/')) {
        Some((bucket, path)) => Source::open(&format!("s3://{bucket}/"))?.read(path, options).await,
        None if path.contains("://") => Source::open(path)?.read("", options).await,
        None => read_local(path, options),
    }
}

/// Reads bytes already in memory as the file of that name: for tests, and for callers with their own transport.
/// Errors are those of [`Source::read`].
pub fn read_bytes(name: &str, bytes: impl Into<Bytes>, options: &ReadOptions) -> Result<Input, DataError> {
    options.csv.check()?;
    union::of_parts(vec![file::read(name, bytes.into(), options)?])
}

/// The bytes of one file, local or `s3://bucket/path`, whatever they are; no async runtime is needed.
///
/// # Errors
/// `Unreadable`: nothing there, or no access. `Options`: a path that stands for several files.
pub fn read_whole(path: &str) -> Result<Vec<u8>, DataError> {
    let found = locate(path, environment())?;
    let [file] = found.as_slice() else {
        let message = format!("{path}: expected one file, found {}", found.len());
        return Err(DataError::options(Fault::new("several_files", message)));
    };
    let mut bytes = Vec::new();
    let read = file.read()?.read_to_end(&mut bytes);
    read.map_err(|error| DataError::unreadable(Fault::new("unreadable", format!("{}: {error}", file.name))))?;
    Ok(bytes)
}

fn read_folder(folder: &Folder, path: &str, options: &ReadOptions) -> Result<Input, DataError> {
    options.csv.check()?;
    let mut parts = Vec::new();
    for found in folder.find(Wanted::of(path))? {
        let bytes = folder::bytes(&found)?;
        parts.push(file::read(&found.display().to_string(), bytes, options)?);
    }
    union::of_parts(parts)
}

/// A file that was found: what it is called, how long it is, and where its bytes are.
#[derive(Debug, Clone)]
pub(crate) struct Found {
    pub(crate) name: String,
    pub(crate) bytes: u64,
    pub(crate) at: Location,
}

impl Found {
    /// The file's bytes from the first on.
    pub(crate) fn read(&self) -> Result<Box<dyn Read + Send>, DataError> {
        match &self.at {
            Location::File(path) => Ok(Box::new(folder::open(path)?)),
            Location::Object(object) => Ok(Box::new(object::Stream::of(object.clone()))),
        }
    }
}

/// Where a file's bytes are.
#[derive(Debug, Clone)]
pub(crate) enum Location {
    File(PathBuf),
    Object(Arc<Object>),
}

/// The variables that say how a bucket is reached. Those that are not Unicode are none of them.
pub(crate) fn environment() -> Vec<(String, String)> {
    let variables = std::env::vars_os();
    variables.filter_map(|(key, value)| Some((key.into_string().ok()?, value.into_string().ok()?))).collect()
}

/// The bucket and the path in it, of an `s3://` URL.
pub(crate) fn bucket(path: &str, environment: Vec<(String, String)>) -> Result<Option<(Bucket, &str)>, DataError> {
    let Some((scheme, rest)) = path.split_once("://") else { return Ok(None) };
    if !matches!(scheme, "s3" | "s3a") {
        let message = format!("expected a local path or s3://bucket/path, found {scheme}://");
        return Err(DataError::options(Fault::new("unknown_scheme", message)));
    }
    let (name, path) = rest.split_once('/').unwrap_or((rest, ""));
    Ok(Some((Bucket::open(name, environment)?, path)))
}

/// The files that a local path or `s3://` URL stands for (file, folder or pattern), by name; at least one.
///
/// # Errors
/// As [`Source::read`], before a byte is read.
pub(crate) fn locate(path: &str, environment: Vec<(String, String)>) -> Result<Vec<Found>, DataError> {
    if let Some((bucket, path)) = bucket(path, environment)? {
        return object::locate(bucket, path);
    }
    let of_file = |path: PathBuf| {
        let bytes = folder::length(&path)?;
        Ok(Found { name: path.display().to_string(), bytes, at: Location::File(path) })
    };
    Folder::here().find(Wanted::of(path))?.into_iter().map(of_file).collect()
}

/// The one file of that name, whatever stands in it. Buckets that were opened once are kept.
pub(crate) fn named(path: &str, buckets: &mut HashMap<String, Arc<Bucket>>) -> Result<Found, DataError> {
    let Some((_, rest)) = path.split_once("://") else {
        let at = PathBuf::from(path);
        return Ok(Found { name: path.to_owned(), bytes: folder::length(&at)?, at: Location::File(at) });
    };
    let (name, within) = rest.split_once('/').unwrap_or((rest, ""));
    let bucket = match buckets.get(name) {
        Some(bucket) => bucket.clone(),
        None => {
            let (opened, _) = bucket(path, environment())?.expect("a URL");
            buckets.entry(name.to_owned()).or_insert(Arc::new(opened)).clone()
        }
    };
    object::named(&bucket, within)
}

async fn read_bucket(bucket: &Bucket, path: &str, options: &ReadOptions) -> Result<Input, DataError> {
    options.csv.check()?;
    let mut parts = Vec::new();
    for found in bucket.find(Wanted::of(path)).await? {
        let bytes = bucket.bytes(&found).await?;
        parts.push(file::read(&bucket.url(&found.location), bytes, options)?);
    }
    union::of_parts(parts)
}
