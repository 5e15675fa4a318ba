use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::path::PathBuf;

use super::{Result, Road};
use crate::TrackingError;
use crate::local_files;
use crate::record::{Artifact, Record};
use crate::store::{ArtifactRoot, Listed};

/// A file that is to be there when the road is at its end.
#[derive(Debug, Clone)]
pub struct Written {
    pub root: ArtifactRoot,
    pub path: String,
    pub bytes: u64,
}

impl Road<'_> {
    /// Expects all files of a record in its folder: a record from elsewhere may name any, and would have it uploaded.
    pub(super) fn sources(&self, record: &Record) -> Result<()> {
        let of_model = record.model.iter().flat_map(|model| &model.files);
        record.artifacts.iter().chain(of_model).try_for_each(|file| self.source(file).map(drop))
    }

    /// The file itself.
    pub(super) fn source(&self, file: &Artifact) -> Result<PathBuf> {
        local_files::of_folder(self.folder, &file.file).map_err(|error| match error.kind() {
            std::io::ErrorKind::InvalidInput => TrackingError::Config(format!(
                "expected only files of the run folder {} to log, found `{}`",
                self.folder.display(),
                file.file
            )),
            _ => error.into(),
        })
    }

    /// Uploads files, over what is there.
    pub(super) fn files(&mut self, root: &ArtifactRoot, files: &[Artifact]) -> Result<()> {
        for (index, file) in files.iter().enumerate() {
            self.say(&format!("{} (file {} of {})", file.path, index + 1, files.len()));
            let source = self.source(file)?;
            let bytes = fs_err::metadata(&source)?.len();
            self.store.put_artifact(root, &file.path, &source)?;
            self.written.push(Written { root: root.clone(), path: file.path.clone(), bytes });
        }
        Ok(())
    }

    /// What the store says of files that should be there; nothing of one that is not.
    pub(super) fn listed<'a>(&mut self, files: &'a [Written]) -> Result<Vec<(&'a Written, Option<Listed>)>> {
        let mut folders: BTreeMap<(&str, &str), Vec<Listed>> = BTreeMap::new();
        let mut told = Vec::with_capacity(files.len());
        for file in files {
            let (folder, name) = file.path.rsplit_once('/').unwrap_or(("", &file.path));
            let there = match folders.entry((file.root.uri.as_str(), folder)) {
                Entry::Occupied(known) => known.into_mut(),
                Entry::Vacant(unknown) => unknown.insert(self.store.list_artifacts(&file.root, folder)?),
            };
            let found = there.iter().find(|file| file.name == name);
            told.push((file, found.cloned()));
        }
        Ok(told)
    }
}
