use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use crate::{DataError, Fault};

/// A local file that is written beside its name, synced, and then given it. Dropped before, it goes.
#[derive(Debug)]
pub(super) struct Aside {
    path: PathBuf,
    aside: PathBuf,
    file: Option<File>,
}

impl Aside {
    /// # Errors
    /// `Unwritable`.
    pub(super) fn create(path: &Path) -> Result<Self, DataError> {
        let aside = aside(path);
        let unwritable = |error| unwritable(path, &error);
        if path.is_dir() {
            return Err(unwritable(io::Error::new(io::ErrorKind::IsADirectory, "is a folder")));
        }
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(unwritable)?;
        }
        let file = File::create(&aside).map_err(unwritable)?;
        Ok(Self { path: path.to_owned(), aside, file: Some(file) })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Gives the file its name.
    pub(super) fn finish(mut self) -> Result<(), DataError> {
        let named = (|| {
            self.file.take().expect("a file until it is finished").sync_all()?;
            fs::rename(&self.aside, &self.path)
        })();
        named.map_err(|error| {
            // That what is half written cannot go either is not the user's first trouble.
            let _ = fs::remove_file(&self.aside);
            unwritable(&self.path, &error)
        })
    }
}

impl Write for Aside {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.as_mut().expect("a file until it is finished").write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Aside {
    fn drop(&mut self) {
        if self.file.take().is_some() {
            let _ = fs::remove_file(&self.aside);
        }
    }
}

/// A name beside the final one, which a reader of the folder leaves out, and which no other writer has.
pub(super) fn aside(path: &Path) -> PathBuf {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    path.with_file_name(format!(".{name}.{}-{count}.partial", std::process::id()))
}

pub(super) fn unwritable(path: &Path, error: &io::Error) -> DataError {
    let fault = Fault::new("unwritable", format!("cannot write the file: {error}"));
    DataError::unwritable(fault.file(path.display().to_string()))
}
