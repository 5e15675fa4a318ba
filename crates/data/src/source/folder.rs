use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use bytes::Bytes;

use super::Wanted;
use super::pattern::{PathPattern, is_hidden};
use crate::{DataError, Fault};

/// A local folder.
#[derive(Debug)]
pub(super) struct Folder {
    root: PathBuf,
}

impl Folder {
    /// # Errors
    /// `Unreadable` (`not_found`, `unreadable`, `not_a_folder`).
    pub(super) fn open(root: &Path) -> Result<Self, DataError> {
        let root = if root.as_os_str().is_empty() { Path::new(".") } else { root };
        match fs::metadata(root) {
            Ok(found) if found.is_dir() => Ok(Self { root: root.to_owned() }),
            Ok(_) => Err(fault("not_a_folder", root, "expected a folder, found a file")),
            Err(error) => Err(unreadable(root, &error)),
        }
    }

    /// The folder that paths are relative to when none is named.
    pub(super) fn here() -> Self {
        Self { root: PathBuf::new() }
    }

    /// The files that a path stands for, by name; at least one.
    pub(super) fn find(&self, wanted: Wanted<'_>) -> Result<Vec<PathBuf>, DataError> {
        match wanted {
            Wanted::Named(path) => self.named(path),
            // A file may have brackets in its name.
            Wanted::Matching(path) if self.root.join(path).is_file() => Ok(vec![self.root.join(path)]),
            Wanted::Matching(path) => self.matching(path),
        }
    }

    fn named(&self, path: &str) -> Result<Vec<PathBuf>, DataError> {
        // Joined to nothing a path stays as it was written.
        let path = if path.is_empty() { self.root.clone() } else { self.root.join(path) };
        let found = fs::metadata(&path).map_err(|error| unreadable(&path, &error))?;
        if found.is_file() {
            return Ok(vec![path]);
        }
        if !found.is_dir() {
            return Err(fault("not_a_file", &path, "expected a file or a folder, found a device, pipe or socket"));
        }
        let mut files = Vec::new();
        for (name, entry) in entries(&path)? {
            if is_hidden(&name) {
                continue;
            }
            if fs::metadata(&entry).map_err(|error| unreadable(&entry, &error))?.is_dir() {
                let message = "expected a folder of files, found a folder in it";
                let fault = Fault::new("folder_in_folder", message).file(entry.display().to_string());
                return Err(DataError::unreadable(
                    fault.hint("name the files by a pattern, such as folder/**/*.parquet"),
                ));
            }
            files.push(entry);
        }
        if files.is_empty() {
            return Err(fault("no_files", &path, "expected a folder of files, found none in it"));
        }
        Ok(files)
    }

    fn matching(&self, path: &str) -> Result<Vec<PathBuf>, DataError> {
        let pattern = PathPattern::new(path)?;
        let mut files = Vec::new();
        self.walk(&pattern, &pattern.base, &mut files, &mut Vec::new())?;
        if files.is_empty() {
            return Err(fault("no_files", &self.root.join(path), "expected files that match, found none"));
        }
        files.sort();
        Ok(files)
    }

    /// Collects what matches under a folder, given with its closing slash as in the pattern. A folder that links to one
    /// of those around it is passed over.
    fn walk(
        &self,
        pattern: &PathPattern,
        under: &str,
        files: &mut Vec<PathBuf>,
        around: &mut Vec<PathBuf>,
    ) -> Result<(), DataError> {
        let here = self.root.as_os_str().is_empty() && under.is_empty();
        let folder = if here { PathBuf::from(".") } else { self.root.join(under) };
        let real = fs::canonicalize(&folder).map_err(|error| unreadable(&folder, &error))?;
        if around.contains(&real) {
            return Ok(());
        }
        around.push(real);
        for (name, entry) in entries(&folder)? {
            let path = format!("{under}{name}");
            match fs::metadata(&entry) {
                Ok(found) if found.is_dir() && !name.starts_with('.') => {
                    self.walk(pattern, &format!("{path}/"), files, around)?;
                }
                Ok(found) if found.is_file() && pattern.matches(&path) => files.push(self.root.join(path)),
                // Neither folder nor file, or a link to nowhere: a pattern passes over it.
                _ => {}
            }
        }
        around.pop();
        Ok(())
    }
}

/// Name and path of what is in a folder, by name.
fn entries(folder: &Path) -> Result<Vec<(String, PathBuf)>, DataError> {
    let mut entries = Vec::new();
    for entry in fs::read_dir(folder).map_err(|error| unreadable(folder, &error))? {
        let entry = entry.map_err(|error| unreadable(folder, &error))?;
        entries.push((entry.file_name().to_string_lossy().into_owned(), entry.path()));
    }
    entries.sort();
    Ok(entries)
}

/// The bytes of a file.
pub(super) fn bytes(path: &Path) -> Result<Bytes, DataError> {
    fs::read(path).map(Bytes::from).map_err(|error| unreadable(path, &error))
}

/// The length of a file.
pub(super) fn length(path: &Path) -> Result<u64, DataError> {
    fs::metadata(path).map(|found| found.len()).map_err(|error| unreadable(path, &error))
}

/// Opens a file to be read.
pub(crate) fn open(path: &Path) -> Result<fs::File, DataError> {
    fs::File::open(path).map_err(|error| unreadable(path, &error))
}

fn unreadable(path: &Path, error: &io::Error) -> DataError {
    match error.kind() {
        io::ErrorKind::NotFound => {
            let fault =
                Fault::new("not_found", "expected a file or folder, found nothing").file(path.display().to_string());
            DataError::unreadable(match beside(path) {
                Some(hint) => fault.hint(hint),
                None => fault,
            })
        }
        _ => fault("unreadable", path, &format!("cannot be read: {error}")),
    }
}

/// What there is where something was not found.
fn beside(path: &Path) -> Option<String> {
    let parent = path.ancestors().skip(1).find(|folder| folder.is_dir())?;
    let names: Vec<String> = entries(parent).ok()?.into_iter().map(|(name, _)| name).collect();
    let parent = parent.display();
    Some(format!(
        "`{parent}` holds {}",
        crate::table::listed(names.iter().map(String::as_str).filter(|name| !is_hidden(name)))
    ))
}

fn fault(code: &'static str, path: &Path, message: &str) -> DataError {
    DataError::unreadable(Fault::new(code, message).file(path.display().to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder() -> (tempfile::TempDir, Folder) {
        let temporary = tempfile::tempdir().unwrap();
        let root = temporary.path();
        for file in [
            "train.csv",
            "parts/b.csv",
            "parts/a.csv",
            "parts/_SUCCESS",
            "parts/.a.csv.crc",
            "days/day=1/x.csv",
            "odd[1].csv",
        ] {
            fs::create_dir_all(root.join(file).parent().unwrap()).unwrap();
            fs::write(root.join(file), "a\n1\n").unwrap();
        }
        fs::create_dir(root.join("empty")).unwrap();
        let folder = Folder::open(root).unwrap();
        (temporary, folder)
    }

    fn names(folder: &Folder, path: &str) -> Result<Vec<String>, &'static str> {
        let found = folder.find(Wanted::of(path)).map_err(|error| error.code())?;
        Ok(found.iter().map(|path| path.strip_prefix(&folder.root).unwrap().display().to_string()).collect())
    }

    #[test]
    fn files_folders_and_patterns() {
        let (_temporary, folder) = folder();
        assert_eq!(names(&folder, "train.csv").unwrap(), ["train.csv"]);
        assert_eq!(names(&folder, "parts").unwrap(), ["parts/a.csv", "parts/b.csv"]);
        assert_eq!(names(&folder, "parts/*").unwrap(), ["parts/a.csv", "parts/b.csv"]);
        assert_eq!(
            names(&folder, "**/*.csv").unwrap(),
            ["days/day=1/x.csv", "odd[1].csv", "parts/a.csv", "parts/b.csv", "train.csv"]
        );
        assert_eq!(names(&folder, "odd[1].csv").unwrap(), ["odd[1].csv"]);
        assert_eq!(names(&folder, "odd*").unwrap(), ["odd[1].csv"]);
    }

    #[cfg(unix)]
    #[test]
    fn links_in_circles_end() {
        let (temporary, folder) = folder();
        for name in ["days/up", "parts/up"] {
            std::os::unix::fs::symlink(temporary.path(), temporary.path().join(name)).unwrap();
        }
        assert_eq!(names(&folder, "parts/**/*.csv").unwrap().len(), 5);
        assert_eq!(names(&folder, "**/x.csv").unwrap(), ["days/day=1/x.csv"]);
    }

    #[test]
    fn what_is_not_there_says_what_is() {
        let (temporary, folder) = folder();
        assert_eq!(names(&folder, "days"), Err("folder_in_folder"));
        assert_eq!(names(&folder, "empty"), Err("no_files"));
        assert_eq!(names(&folder, "*.parquet"), Err("no_files"));
        assert_eq!(names(&folder, "absent/*.parquet"), Err("not_found"));
        let error = folder.find(Wanted::of("trian.csv")).unwrap_err().to_string();
        assert!(error.contains("trian.csv: expected a file or folder, found nothing\nhint: `"), "{error}");
        assert!(error.ends_with("holds `days`, `empty`, `odd[1].csv`, `parts`, `train.csv`"), "{error}");
        assert_eq!(Folder::open(&temporary.path().join("train.csv")).unwrap_err().code(), "not_a_folder");
        assert_eq!(Folder::open(&temporary.path().join("absent")).unwrap_err().code(), "not_found");
    }
}
