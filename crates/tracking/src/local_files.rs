//! Artifacts on this machine: where a store names a folder for them.

use std::io::{self, ErrorKind};
use std::path::{Component, Path, PathBuf};

use url::Url;

use crate::store::Listed;

/// The folder behind an artifact URI; `None` where it is not on this machine.
pub fn folder(uri: &str) -> Option<PathBuf> {
    if uri.starts_with('/') {
        // MLflow takes a bare path for a path with escapes.
        return Url::parse(&format!("file://{}", uri.replace('#', "%23").replace('?', "%3F")))
            .ok()?
            .to_file_path()
            .ok();
    }
    Url::parse(uri).ok().filter(|url| url.scheme() == "file")?.to_file_path().ok()
}

/// How MLflow writes a folder; `None` where it is relative, or no text.
pub fn uri(folder: &Path) -> Option<String> {
    folder.is_absolute().then(|| folder.to_str().map(|path| path.replace('%', "%25")))?
}

/// Copies a file to `path` in the folder, over what is there: aside first, so that nobody reads half of it.
pub fn put(folder: &Path, path: &str, file: &Path) -> io::Result<()> {
    let to = inside(folder, path)?;
    let parent = to.parent().unwrap_or(folder);
    fs_err::create_dir_all(parent)?;
    let aside = parent.join(format!(".{}.part", uuid::Uuid::new_v4().simple()));
    let copied = fs_err::copy(file, &aside).and_then(|_| fs_err::rename(&aside, &to));
    if copied.is_err() {
        // What went wrong is told already; the half file may or may not be there.
        drop(fs_err::remove_file(&aside));
    }
    copied
}

/// Reads a file of the folder; `None` when it is not there.
pub fn get(folder: &Path, path: &str) -> io::Result<Option<Vec<u8>>> {
    match fs_err::read(inside(folder, path)?) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// The files of a folder, `""` for the uppermost; none where it is not there.
pub fn list(folder: &Path, below: &str) -> io::Result<Vec<Listed>> {
    let folder = if below.is_empty() { folder.to_owned() } else { inside(folder, below)? };
    let entries = match std::fs::read_dir(&folder) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        _ => fs_err::read_dir(&folder)?,
    };
    let mut files = Vec::new();
    for entry in entries {
        let entry = entry?;
        let about = fs_err::metadata(entry.path())?;
        // What is no text was not put there by this program.
        if let (true, Ok(name)) = (about.is_file(), entry.file_name().into_string()) {
            files.push(Listed { name, bytes: Some(about.len()) });
        }
    }
    Ok(files)
}

/// A file that lies in a folder, also when links are followed.
pub fn of_folder(folder: &Path, path: &str) -> io::Result<PathBuf> {
    let file = inside(folder, path)?;
    if fs_err::canonicalize(&file)?.starts_with(fs_err::canonicalize(folder)?) {
        return Ok(file);
    }
    Err(io::Error::new(
        ErrorKind::InvalidInput,
        format!("expected a file of the folder, found a link out of it: `{path}`"),
    ))
}

fn inside(folder: &Path, path: &str) -> io::Result<PathBuf> {
    let below = Path::new(path);
    let stays = below.components().all(|part| matches!(part, Component::Normal(_))) && !path.is_empty();
    if stays {
        Ok(folder.join(below))
    } else {
        Err(io::Error::new(ErrorKind::InvalidInput, format!("expected a path within the artifacts, found `{path}`")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_come_back_from_their_uris() {
        for path in ["/a/b", "/with space/ü", "/100%/of#it?", "/a%20b"] {
            let path = Path::new(path);
            assert_eq!(folder(&uri(path).unwrap()).unwrap(), path);
        }
        assert_eq!(folder("file:///a/b%20c").unwrap(), Path::new("/a/b c"));
        for elsewhere in ["mlflow-artifacts:/2/x", "s3://bucket/x", "relative/path", "http://host/x"] {
            assert_eq!(folder(elsewhere), None, "{elsewhere}");
        }
        assert_eq!(uri(Path::new("relative")), None);
    }

    #[test]
    fn files_are_put_over_what_is_there_and_got() {
        let dir = trainer_testkit::scratch();
        let (from, to) = (dir.path().join("from"), dir.path().join("to"));
        for text in ["one", "two"] {
            std::fs::write(&from, text).unwrap();
            put(&to, "deep/er/file.txt", &from).unwrap();
            assert_eq!(get(&to, "deep/er/file.txt").unwrap().unwrap(), text.as_bytes());
        }
        assert_eq!(std::fs::read_dir(to.join("deep/er")).unwrap().count(), 1);
        assert_eq!(get(&to, "deep/none").unwrap(), None);
        assert_eq!(list(&to, "deep/er").unwrap(), [Listed { name: "file.txt".into(), bytes: Some(3) }]);
        for empty in ["", "deep", "none/none"] {
            assert_eq!(list(&to, empty).unwrap(), [], "{empty}");
        }
    }

    #[test]
    fn nothing_is_written_outside() {
        let dir = trainer_testkit::scratch();
        for path in ["../x", "/x", "", "a/../../x"] {
            assert!(put(dir.path(), path, Path::new("/dev/null")).is_err(), "{path}");
        }
    }

    #[test]
    fn a_copy_that_fails_leaves_nothing() {
        let dir = trainer_testkit::scratch();
        assert!(put(dir.path(), "x", &dir.path().join("missing")).is_err());
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    }
}
