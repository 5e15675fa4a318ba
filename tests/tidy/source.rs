//! What may not stand in a source.

use std::collections::HashSet;
use std::path::Path;

/// More lines of code than this and a file hides a second thing.
const MOST_LINES: usize = 500;

/// One file.
pub struct Text {
    /// From the root of the checkout.
    pub path: String,
    body: String,
    /// The whole file is test code.
    tests_only: bool,
}

impl Text {
    pub fn new(path: &str, body: String) -> Self {
        let tests_only = path.starts_with("tests/") || path.starts_with("crates/testkit/");
        Self { path: path.to_owned(), body, tests_only }
    }

    /// Marks the files whose `mod` line stands under `#[cfg(test)]`.
    pub fn mark_tests(mut texts: Vec<Self>) -> Vec<Self> {
        let files: HashSet<String> = texts.iter().flat_map(Self::test_modules).collect();
        texts.iter_mut().for_each(|text| text.tests_only |= files.contains(&text.path));
        texts
    }

    pub fn contains(&self, part: &str) -> bool {
        self.body.contains(part)
    }

    /// Lines with their numbers, from 1.
    fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        self.body.lines().enumerate().map(|(index, line)| (index + 1, line))
    }

    /// Lines of what is shipped: without the test module at the foot, and without comments.
    fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        let end = if self.tests_only { 0 } else { self.foot() };
        self.lines().take(end).filter(|(_, line)| !line.trim_start().starts_with("//"))
    }

    /// Number of lines before the test module.
    fn foot(&self) -> usize {
        let lines: Vec<&str> = self.body.lines().collect();
        let is_foot =
            |pair: &[&str]| pair[0] == "#[cfg(test)]" && pair[1].starts_with("mod ") && pair[1].ends_with('{');
        lines.windows(2).position(is_foot).unwrap_or(lines.len())
    }

    /// The files of `#[cfg(test)] mod name;`.
    fn test_modules(&self) -> Vec<String> {
        let path = Path::new(&self.path);
        let folder = path.parent().unwrap_or(Path::new(""));
        let stem = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
        let inside = if ["lib", "main", "mod"].contains(&stem) { folder.to_path_buf() } else { folder.join(stem) };
        let lines: Vec<&str> = self.body.lines().map(str::trim).collect();
        let declared = lines.windows(2).filter(|pair| pair[0] == "#[cfg(test)]");
        let name = |pair: &[&str]| {
            let line = pair[1].trim_start_matches("pub(crate) ").trim_start_matches("pub ");
            line.strip_prefix("mod ")?.strip_suffix(';').map(str::to_owned)
        };
        declared
            .filter_map(name)
            .flat_map(|name| [inside.join(format!("{name}.rs")), inside.join(name).join("mod.rs")])
            .map(|file| file.display().to_string())
            .collect()
    }

    fn complain(&self, line: usize, what: &str) -> String {
        format!("{}:{line}: {what}", self.path)
    }
}

/// I/O, the clock and the environment in a crate that must not have them.
pub fn pure(text: &Text) -> Vec<String> {
    const IMPURE: [&str; 16] = [
        "std::fs",
        "std::env",
        "std::net",
        "std::process",
        "std::io",
        "fs_err",
        "tempfile",
        "Instant::",
        "SystemTime",
        "println!",
        "eprintln!",
        "print!(",
        "option_env!",
        "tokio",
        "Utc::now",
        "Local::now",
    ];
    let found = |line: &str| IMPURE.iter().find(|part| line.contains(**part));
    text.code().filter_map(|(number, line)| Some(text.complain(number, &format!("`{}`", found(line)?)))).collect()
}

/// Macros and attributes that stand for work that was not done.
pub fn left_undone(text: &Text) -> Vec<String> {
    // In two parts, so that this file does not hold what it looks for.
    const LEFT: [&str; 5] = [
        concat!("to", "do!("),
        concat!("unimpl", "emented!("),
        concat!("#[ig", "nore"),
        concat!("```ig", "nore"),
        concat!("db", "g!("),
    ];
    let found = |line: &str| LEFT.iter().find(|part| line.contains(**part));
    text.lines().filter_map(|(number, line)| Some(text.complain(number, &format!("`{}`", found(line)?)))).collect()
}

/// `#[allow]` or `#[expect]` with no comment on its line or the one before, and no `reason`.
pub fn unreasoned_allow(text: &Text) -> Vec<String> {
    const SILENCERS: [&str; 4] = [concat!("#[al", "low("), concat!("#![al", "low("), "#[expect(", "#![expect("];
    let mut before = "";
    let mut complaints = Vec::new();
    for (number, line) in text.lines() {
        let silences = SILENCERS.iter().any(|start| line.trim_start().starts_with(start));
        let reasoned = line.contains("//") || line.contains("reason") || before.trim_start().starts_with("//");
        if silences && !reasoned {
            complaints.push(text.complain(number, "a lint is silenced without a reason"));
        }
        before = line;
    }
    complaints
}

/// Files with more code than a reader takes in.
pub fn too_long(text: &Text) -> Vec<String> {
    let lines = text.foot();
    let complaint = || text.complain(lines, &format!("{lines} lines of code, expected at most {MOST_LINES}"));
    (lines > MOST_LINES).then(complaint).into_iter().collect()
}

/// Folders that are there on one machine only.
pub fn machine_path(text: &Text) -> Vec<String> {
    const FOLDERS: [&str; 3] = [concat!("/ro", "ot/"), concat!("/wo", "rk/"), concat!("/ho", "me/")];
    let found = |line: &str| FOLDERS.iter().find(|part| line.contains(**part));
    text.lines().filter_map(|(number, line)| Some(text.complain(number, &format!("`{}`", found(line)?)))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(body: &str) -> Text {
        Text::new("crates/models/src/forest.rs", body.to_owned())
    }

    #[test]
    fn io_is_found_in_code_and_not_in_tests_or_comments() {
        let body = "// std::fs is not for us\nuse std::fs;\n\n#[cfg(test)]\nmod tests {\n    use std::env;\n}\n";
        assert_eq!(pure(&text(body)), ["crates/models/src/forest.rs:2: `std::fs`"]);
        assert_eq!(pure(&text("let t = std::time::Instant::now();")).len(), 1);
        assert!(pure(&text("fn fit(started_ms: u64) {}")).is_empty());
    }

    #[test]
    fn a_file_that_only_tests_use_is_test_code() {
        let parent = Text::new("kernels/src/lib.rs", "#[cfg(test)]\nmod reference;\nmod gini;\n".into());
        let reference = Text::new("kernels/src/reference.rs", "use std::fs;".into());
        let gini = Text::new("kernels/src/gini.rs", "use std::fs;".into());
        let complaints: Vec<String> = Text::mark_tests(vec![parent, reference, gini]).iter().flat_map(pure).collect();
        assert_eq!(complaints, ["kernels/src/gini.rs:1: `std::fs`"]);
    }

    #[test]
    fn unfinished_work_is_found_wherever_it_stands() {
        let body = format!("fn a() {{ {}) }}\n    {}]\nfn b() {{}}\n", concat!("to", "do!("), concat!("#[ig", "nore"));
        assert_eq!(left_undone(&text(&body)).len(), 2);
        assert!(left_undone(&text("// what is left to do!\nlet ignored = 1;\n")).is_empty());
    }

    #[test]
    fn a_silenced_lint_needs_a_reason() {
        let silencer = concat!("#[al", "low(dead_code)]");
        assert_eq!(unreasoned_allow(&text(&format!("{silencer}\nfn f() {{}}\n"))).len(), 1);
        assert!(unreasoned_allow(&text(&format!("// used on other platforms\n{silencer}\nfn f() {{}}\n"))).is_empty());
        assert!(unreasoned_allow(&text(&format!("{silencer} // used on other platforms\n"))).is_empty());
    }

    #[test]
    fn a_long_file_is_found_and_its_tests_do_not_count() {
        let code = "let x = 1;\n".repeat(MOST_LINES);
        let tests = format!("#[cfg(test)]\nmod tests {{\n{code}}}\n");
        assert!(too_long(&text(&format!("{code}{tests}"))).is_empty());
        assert_eq!(too_long(&text(&format!("{code}let y = 2;\n{tests}"))).len(), 1);
    }

    #[test]
    fn a_folder_of_one_machine_is_found() {
        let body = format!("data: {}me/data\n", concat!("/ro", "ot/"));
        assert_eq!(machine_path(&Text::new("configs/x.yaml", body)).len(), 1);
        assert!(machine_path(&Text::new("configs/x.yaml", "data: datasets/churn/\n".into())).is_empty());
    }
}
