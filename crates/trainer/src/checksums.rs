//! `SHA256SUMS`: the files of a run folder as they were when it was complete, in the form of `sha256sum --check`.

use std::path::Path;

use crate::exit::Failure;
use crate::lock::hex_sha256;
use crate::run_folder::RunFolder;
use crate::saved_run::file;

/// Writes the sums of all files so far.
///
/// # Errors
/// A file that cannot be read or written.
pub fn write(folder: &mut RunFolder) -> std::io::Result<()> {
    let mut lines = String::new();
    for name in folder.files()? {
        let sum = hex_sha256(&fs_err::read(folder.path().join(&name))?);
        lines += &format!("{sum}  {name}\n");
    }
    folder.add(file::CHECKSUMS, lines)
}

/// Whether every file is there, and as it was.
///
/// # Errors
/// The first that is not (exit 3).
pub fn check(run: &Path) -> anyhow::Result<()> {
    let text = fs_err::read_to_string(run.join(file::CHECKSUMS))?;
    for (sum, name) in text.lines().filter_map(|line| line.split_once("  ")) {
        let path = run.join(name);
        let wrong = |found: &str| {
            let message = format!("{}: expected the file that the run wrote, found {found}", path.display());
            Failure::data(format!("{message}\n  hint: fit again, or take the folder from where it was copied"))
        };
        if !path.is_file() {
            return Err(wrong("none").into());
        }
        if hex_sha256(&fs_err::read(&path)?) != sum {
            return Err(wrong("another").into());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;

    #[test]
    fn what_was_changed_or_removed_is_named() {
        let dir = trainer_testkit::scratch();
        let mut folder = RunFolder::create(dir.path(), "x", UNIX_EPOCH).unwrap();
        folder.add("a.json", "{}").unwrap();
        folder.add("plots/b.svg", "<svg/>").unwrap();
        write(&mut folder).unwrap();
        let run = folder.commit("h").unwrap();
        check(&run).unwrap();
        std::fs::write(run.join("tracking.state.json"), "later").unwrap();
        check(&run).unwrap();
        std::fs::write(run.join("plots/b.svg"), "<svg>").unwrap();
        assert!(
            check(&run).unwrap_err().to_string().contains("b.svg: expected the file that the run wrote, found another")
        );
        std::fs::remove_file(run.join("a.json")).unwrap();
        assert!(
            check(&run).unwrap_err().to_string().contains("a.json: expected the file that the run wrote, found none")
        );
    }
}
