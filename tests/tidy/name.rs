//! How files are called.

use std::path::Path;

/// Names that say nothing about what is inside.
const VAGUE: [&str; 10] = ["base", "common", "core", "helper", "helpers", "imp", "manager", "misc", "util", "utils"];

/// Files and folders with such a name.
pub fn vague(paths: &[String]) -> Vec<String> {
    let is_vague = |path: &&String| {
        Path::new(path).components().any(|part| {
            let part = part.as_os_str().to_string_lossy();
            VAGUE.contains(&part.split('.').next().unwrap_or_default())
        })
    };
    paths.iter().filter(is_vague).map(|path| format!("{path}: named for nothing")).collect()
}

#[test]
fn vague_files_and_folders_are_found() {
    let paths = ["crates/data/src/utils.rs", "crates/core/src/lib.rs", "kernels/src/score.rs", "tests/helpers/mod.rs"];
    let complaints = vague(&paths.map(str::to_owned));
    assert_eq!(complaints.len(), 3, "{complaints:?}");
    assert!(complaints.iter().all(|complaint| !complaint.contains("score")));
}
