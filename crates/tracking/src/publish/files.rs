use super::{Result, Road};
use crate::record::Artifact;
use crate::store::ArtifactRoot;

impl Road<'_> {
    /// Uploads files, over what is there.
    pub(super) fn files(&mut self, root: &ArtifactRoot, files: &[Artifact]) -> Result<()> {
        for (index, file) in files.iter().enumerate() {
            self.say(&format!("{} (file {} of {})", file.path, index + 1, files.len()));
            self.store.put_artifact(root, &file.path, &self.folder.join(&file.file))?;
        }
        Ok(())
    }
}
