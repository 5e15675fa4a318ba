//! A folder whose files are written by several processes.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use futures_util::TryStreamExt;
use object_store::path::Path as Location;
use object_store::{ObjectStore, ObjectStoreExt, PutPayload};
use serde::{Deserialize, Serialize};

use super::aside::unwritable;
use super::output::Target;
use super::partition::{MARKER, check_ours, is_part};
use super::upload::refused;
use super::{SinkOptions, WrittenFile};
use crate::source::bucket::Bucket;
use crate::source::object::send;
use crate::{DataError, Fault, FileFormat, source};

/// A folder of files that become visible together, as far as its place lets them.
///
/// One process begins it and settles it in the end; between, each part is written with [`super::sink`] under the name that
/// [`FolderParts::part`] gives it. A part that is written twice replaces itself. A local folder is filled beside its name
/// and then takes it; in a bucket parts appear one by one, old ones that they did not replace go in the end, and the
/// marker `_SUCCESS`, gone since the beginning, comes last.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct FolderParts {
    /// As it was named.
    named: String,
    /// Its place, and where parts are written: the same in a bucket.
    folder: String,
    aside: String,
    extension: String,
}

impl FolderParts {
    /// Begins a folder.
    ///
    /// # Errors
    /// `Options` (`output_format`); `Unwritable`, such as a folder that holds other things.
    pub fn begin(path: &str, options: &SinkOptions) -> Result<Self, DataError> {
        let named = path.trim_end_matches('/').to_owned();
        let extension = match super::format(&named, options)? {
            FileFormat::Csv => "csv",
            FileFormat::Parquet | FileFormat::JsonLines => "parquet",
        };
        let (folder, aside) = match target(&named)? {
            (Target::Bucket(bucket), within) => {
                unmark(&bucket, within.trim_end_matches('/'))?;
                (named.clone(), named.clone())
            }
            (Target::Folder, _) => {
                let folder = std::path::absolute(&named).map_err(|error| unwritable(Path::new(&named), &error))?;
                if folder.is_file() {
                    let message = "expected a folder to write, or nothing, found a file";
                    let hint = "remove it, or write to another place: several processes write several files";
                    return Err(DataError::unwritable(Fault::new("not_a_folder", message).file(named).hint(hint)));
                }
                check_ours(&folder)?;
                let aside = super::aside::aside(&folder);
                fs::create_dir_all(&aside).map_err(|error| unwritable(&aside, &error))?;
                (folder.display().to_string(), aside.display().to_string())
            }
        };
        Ok(Self { named, folder, aside, extension: extension.to_owned() })
    }

    /// Where a part is to be written, counted from 0.
    pub fn part(&self, number: usize) -> String {
        format!("{}/part-{number:05}.{}", self.aside, self.extension)
    }

    /// Makes these parts the files of the folder, all that was there before gone.
    ///
    /// # Errors
    /// `Unwritable`.
    pub fn settle(self, files: Vec<WrittenFile>) -> Result<Vec<WrittenFile>, DataError> {
        if let (Target::Bucket(bucket), within) = target(&self.named)? {
            settle_objects(&bucket, within.trim_end_matches('/'), &files)?;
            return Ok(files);
        }
        let aside = Path::new(&self.aside);
        let failed = |error| unwritable(aside, &error);
        for entry in fs::read_dir(aside).map_err(failed)? {
            let path = entry.map_err(failed)?.path();
            // Of a try that was cut short.
            if !files.iter().any(|file| Path::new(&file.path) == path) {
                fs::remove_file(&path).map_err(failed)?;
            }
        }
        replace(&PathBuf::from(&self.folder), aside)?;
        let renamed = |file: WrittenFile| WrittenFile { path: file.path.replacen(&self.aside, &self.named, 1), ..file };
        Ok(files.into_iter().map(renamed).collect())
    }

    /// Takes back what was written, where it was written beside the folder.
    pub fn abandon(self) {
        if self.aside != self.folder {
            // Whatever went wrong before is what must be told.
            let _ = fs::remove_dir_all(&self.aside);
        }
    }
}

fn target(path: &str) -> Result<(Target, String), DataError> {
    Target::of(path, source::environment())
}

/// Gives a folder that was filled its name, with its marker; the one that had it goes.
pub(super) fn replace(folder: &Path, filled: &Path) -> Result<(), DataError> {
    let failed = |error| unwritable(folder, &error);
    fs::create_dir_all(filled).map_err(failed)?;
    fs::write(filled.join(MARKER), b"").map_err(failed)?;
    check_ours(folder)?;
    let old = super::aside::aside(folder);
    let had = folder.exists();
    if had {
        fs::rename(folder, &old).map_err(failed)?;
    }
    if let Err(error) = fs::rename(filled, folder) {
        if had {
            // Back as it was; that it cannot be is told by its absence.
            let _ = fs::rename(&old, folder);
        }
        return Err(failed(error));
    }
    if had {
        fs::remove_dir_all(&old).map_err(failed)?;
    }
    Ok(())
}

/// Takes the marker from a folder of objects: what was there, it included.
pub(super) fn unmark(bucket: &Arc<Bucket>, folder: &str) -> Result<Vec<Location>, DataError> {
    let old = listed(bucket, folder)?;
    let marker = bucket.location(&format!("{folder}/{MARKER}"))?;
    if old.contains(&marker) {
        delete(bucket, marker)?;
    }
    Ok(old)
}

/// Takes away old objects that new ones did not replace, and sets the marker.
pub(super) fn mark(
    bucket: &Arc<Bucket>,
    folder: &str,
    old: Vec<Location>,
    files: &[WrittenFile],
) -> Result<(), DataError> {
    let marker = bucket.location(&format!("{folder}/{MARKER}"))?;
    for location in old {
        let is_new = files.iter().any(|file| file.path == bucket.url(&location));
        if !is_new && location != marker && is_part(location.as_ref()) {
            delete(bucket, location)?;
        }
    }
    let asked = bucket.clone();
    let marked = async move {
        let put = asked.store.put(&marker, PutPayload::new()).await;
        put.map(|_| ()).map_err(|error| refused(&asked, &marker, &error))
    };
    send(marked).wait()
}

fn settle_objects(bucket: &Arc<Bucket>, folder: &str, files: &[WrittenFile]) -> Result<(), DataError> {
    let old = listed(bucket, folder)?;
    mark(bucket, folder, old, files)
}

fn listed(bucket: &Arc<Bucket>, folder: &str) -> Result<Vec<Location>, DataError> {
    let root = bucket.location(folder)?;
    let asked = bucket.clone();
    let found = async move {
        let failed = |error| refused(&asked, &root, &error);
        let found: Vec<_> = asked.store.list(Some(&root)).try_collect().await.map_err(failed)?;
        Ok::<_, DataError>(found.into_iter().map(|object| object.location).collect())
    };
    send(found).wait()
}

fn delete(bucket: &Arc<Bucket>, location: Location) -> Result<(), DataError> {
    let bucket = bucket.clone();
    let deleted =
        async move { bucket.store.delete(&location).await.map_err(|error| refused(&bucket, &location, &error)) };
    send(deleted).wait()
}
