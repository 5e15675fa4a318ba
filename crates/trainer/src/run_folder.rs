//! The run folder: written aside, complete or not there at all.

use std::path::{Path, PathBuf};
use std::time::SystemTime;
use std::{io, process};

use fs_err as fs;
use jiff::Timestamp;

/// A run folder that is being written, under a name that starts with `.tmp-`.
///
/// [`RunFolder::commit`] gives it its final name. Dropped before that, it is removed; what a killed process leaves behind
/// (`.tmp-...`) is harmless, is never read, and may be deleted.
#[derive(Debug)]
pub struct RunFolder {
    parent: PathBuf,
    path: PathBuf,
    name: String,
    committed: bool,
}

impl RunFolder {
    /// Begins a folder within `parent`, which is made when it is not there: a place that cannot be written is found
    /// before anything is fitted. `project` is cut to what every file system takes.
    ///
    /// # Errors
    /// With the path: when the folder cannot be made.
    pub fn create(parent: &Path, project: &str, now: SystemTime) -> io::Result<Self> {
        fs::create_dir_all(parent)?;
        let name = format!("{}-{}", stamp(now), safe(project));
        let path = (0..)
            .map(|attempt: u32| parent.join(format!(".tmp-{name}-{}-{attempt}", process::id())))
            .find_map(|path| match fs::create_dir(&path) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => None,
                made => Some(made.map(|()| path)),
            })
            .expect("an endless row of names")?;
        Ok(Self { parent: parent.to_owned(), path, name, committed: false })
    }

    /// Where files go that others write; [`RunFolder::commit`] makes them durable too.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Adds a file; the folders of a name with `/` are made.
    ///
    /// # Errors
    /// With the path: when it cannot be written, such as on a full disk.
    pub fn add(&mut self, name: &str, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        let path = self.path.join(name);
        if let Some(parent) = path.parent().filter(|parent| *parent != self.path) {
            fs::create_dir_all(parent)?;
        }
        fs::write(path, bytes)
    }

    /// The files so far, in order of their names; those in folders with `/`.
    ///
    /// # Errors
    /// With the path: when a folder cannot be read.
    pub fn files(&self) -> io::Result<Vec<String>> {
        let mut files = Vec::new();
        let mut open = vec![self.path.clone()];
        while let Some(folder) = open.pop() {
            for entry in fs::read_dir(folder)? {
                let path = entry?.path();
                match path.is_dir() {
                    true => open.push(path),
                    false => files.extend(path.strip_prefix(&self.path).map(|it| it.to_string_lossy().into_owned())),
                }
            }
        }
        files.sort();
        Ok(files)
    }

    /// The name that it is to have: one that is not taken yet.
    pub fn final_name(&self, hash: &str) -> String {
        let short: String = hash.chars().filter(char::is_ascii_alphanumeric).take(8).collect();
        let name = format!("{}-{short}", self.name);
        let taken = |name: &String| self.parent.join(name).symlink_metadata().is_ok();
        let numbered = (2..).map(|number: u32| format!("{name}-{number}"));
        std::iter::once(name.clone()).chain(numbered).find(|name| !taken(name)).expect("an endless row of names")
    }

    /// Makes everything durable and gives the folder its final name, `<time>-<project>-<hash>`; one that is taken is
    /// never overwritten, a number is added instead.
    ///
    /// # Errors
    /// With the path: when something cannot be made durable or renamed; the folder is then removed.
    pub fn commit(mut self, hash: &str) -> io::Result<PathBuf> {
        sync(&self.path)?;
        let target = self.parent.join(self.final_name(hash));
        fs::rename(&self.path, &target)?;
        self.committed = true;
        fs::File::open(&self.parent)?.sync_all()?;
        Ok(target)
    }
}

impl Drop for RunFolder {
    fn drop(&mut self) {
        if !self.committed {
            // Nothing more can be done, and the name says that it is no run.
            let _ = fs::remove_dir_all(&self.path);
        }
    }
}

/// Makes a file, or a folder with all that is in it, durable.
fn sync(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        for entry in fs::read_dir(path)? {
            sync(&entry?.path())?;
        }
    }
    fs::File::open(path)?.sync_all()
}

/// Letters, digits, `.`, `_` and `-` of a name, at most 48, never starting with a dot or a dash.
fn safe(name: &str) -> String {
    let mapped: String =
        name.chars().map(|c| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '-' }).collect();
    let cut: String = mapped.trim_start_matches(['.', '-']).chars().take(48).collect();
    let cut = cut.trim_end_matches(['.', '-']);
    if cut.is_empty() { "run".to_owned() } else { cut.to_owned() }
}

/// The time in UTC as `20261120T065824Z`: sorts as it runs, and has no character that a file system minds.
fn stamp(now: SystemTime) -> String {
    Timestamp::try_from(now).unwrap_or_default().strftime("%Y%m%dT%H%M%SZ").to_string()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;

    fn at(seconds: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(seconds)
    }

    fn names(dir: &Path) -> Vec<String> {
        let mut names: Vec<String> =
            std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn it_appears_complete_under_its_name() {
        let dir = trainer_testkit::scratch();
        let runs = dir.path().join("a/runs");
        let mut folder = RunFolder::create(&runs, "Churn: prediction/1", at(1_795_244_304)).unwrap();
        folder.add("metrics.json", "{}").unwrap();
        folder.add("plots/a/b.svg", "<svg/>").unwrap();
        assert!(names(&runs).iter().all(|name| name.starts_with(".tmp-")));
        assert_eq!(folder.files().unwrap(), ["metrics.json", "plots/a/b.svg"]);
        let path = folder.commit("ab12cd34ef").unwrap();
        assert_eq!(names(&runs), ["20261121T065824Z-Churn--prediction-1-ab12cd34"]);
        assert_eq!(std::fs::read_to_string(path.join("metrics.json")).unwrap(), "{}");
        assert_eq!(std::fs::read_to_string(path.join("plots/a/b.svg")).unwrap(), "<svg/>");
    }

    #[test]
    fn it_never_overwrites() {
        let dir = trainer_testkit::scratch();
        for text in ["one", "two", "three"] {
            let mut folder = RunFolder::create(dir.path(), "x", at(0)).unwrap();
            folder.add("f", text).unwrap();
            folder.commit("h").unwrap();
        }
        let found = names(dir.path());
        assert_eq!(found, ["19700101T000000Z-x-h", "19700101T000000Z-x-h-2", "19700101T000000Z-x-h-3"]);
        assert_eq!(std::fs::read_to_string(dir.path().join(&found[0]).join("f")).unwrap(), "one");
    }

    #[test]
    fn dropped_before_the_end_it_leaves_nothing() {
        let dir = trainer_testkit::scratch();
        let mut folder = RunFolder::create(dir.path(), "x", at(0)).unwrap();
        folder.add("f", "1").unwrap();
        drop(folder);
        assert!(names(dir.path()).is_empty());
    }

    #[test]
    fn what_cannot_be_written_is_named() {
        let dir = trainer_testkit::scratch();
        let file = dir.path().join("file");
        std::fs::write(&file, "").unwrap();
        let error = RunFolder::create(&file, "x", at(0)).unwrap_err().to_string();
        assert!(error.contains(file.to_str().unwrap()), "{error}");
        let mut folder = RunFolder::create(dir.path(), "x", at(0)).unwrap();
        folder.add("file", "").unwrap();
        let error = folder.add("file/such", "1").unwrap_err().to_string();
        assert!(error.contains("file"), "{error}");
    }

    #[test]
    fn others_may_read_it() {
        let dir = trainer_testkit::scratch();
        let path = RunFolder::create(dir.path(), "x", at(0)).unwrap().commit("h").unwrap();
        let mode = std::fs::metadata(path).unwrap().permissions().mode();
        let plain = dir.path().join("plain");
        std::fs::create_dir(&plain).unwrap();
        assert_eq!(mode, std::fs::metadata(plain).unwrap().permissions().mode());
    }

    #[test]
    fn names_are_safe() {
        for (name, want) in [
            ("../../etc", "etc"),
            ("ä b", "b"),
            ("", "run"),
            (".hidden", "hidden"),
            ("a/b", "a-b"),
            ("v1.2_x", "v1.2_x"),
        ] {
            assert_eq!(safe(name), want, "{name}");
        }
        assert_eq!(safe(&"x".repeat(300)).len(), 48);
    }

    #[test]
    fn dates_are_those_of_the_calendar() {
        assert_eq!(stamp(at(1_795_244_304)), "20261121T065824Z");
        assert_eq!(stamp(at(0)), "19700101T000000Z");
        assert_eq!(stamp(at(951_782_399)), "20000228T235959Z");
        assert_eq!(stamp(at(951_782_400)), "20000229T000000Z");
        assert_eq!(stamp(at(1_709_164_800)), "20240229T000000Z");
        assert_eq!(stamp(at(4_107_542_400)), "21000301T000000Z");
    }
}
