//! The files of the checkout.

use std::path::Path;
use std::process::Command;

use super::source::Text;

/// The files that are, or would be, under version control.
pub struct Tree {
    /// From the root of the checkout, in order.
    pub paths: Vec<String>,
}

impl Tree {
    /// Reads the list: git's where there is a git checkout, else every file but what is built.
    pub fn read() -> Self {
        let root = trainer_testkit::repository();
        let mut paths = if root.join(".git").exists() { of_git(&root) } else { of_folder(&root) };
        paths.retain(|path| root.join(path).is_file());
        paths.sort();
        paths.dedup();
        Self { paths }
    }

    /// The Rust sources.
    pub fn rust(&self) -> Vec<Text> {
        Text::mark_tests(self.paths.iter().filter(|path| path.ends_with(".rs")).filter_map(|path| text(path)).collect())
    }

    /// Everything that is text.
    pub fn texts(&self) -> Vec<Text> {
        self.paths.iter().filter_map(|path| text(path)).collect()
    }
}

fn text(path: &str) -> Option<Text> {
    let bytes = std::fs::read(trainer_testkit::repository().join(path)).expect("a file of the tree can be read");
    Some(Text::new(path, String::from_utf8(bytes).ok()?))
}

fn of_git(root: &Path) -> Vec<String> {
    let mut git = Command::new("git");
    git.args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"]).current_dir(root);
    let output = git.output().expect("git starts");
    assert!(output.status.success(), "git ls-files: {}", String::from_utf8_lossy(&output.stderr));
    let list = String::from_utf8(output.stdout).expect("names of files in UTF-8");
    list.split_terminator('\0').map(str::to_owned).collect()
}

fn of_folder(root: &Path) -> Vec<String> {
    const BUILT: [&str; 4] = [".git", "target", "runs", "__pycache__"];
    let mut found = Vec::new();
    let mut folders = vec![root.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("a folder that can be read") {
            let path = entry.expect("an entry").path();
            if BUILT.iter().any(|name| path.ends_with(name)) {
                continue;
            } else if path.is_dir() {
                folders.push(path);
            } else {
                found.push(path.strip_prefix(root).expect("below the root").display().to_string());
            }
        }
    }
    found
}

#[test]
fn both_ways_find_this_file() {
    let root = trainer_testkit::repository();
    let this = "tests/tidy/tree.rs".to_owned();
    assert!(of_folder(&root).contains(&this));
    assert!(!root.join(".git").exists() || of_git(&root).contains(&this));
}
