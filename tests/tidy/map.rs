//! What the pages and the examples promise.

use super::package::Package;
use super::source::Text;

/// Packages whose folder has no row (`` | `folder` | ... ``) on the page.
pub fn crates_without_row(page: &str, packages: &[Package]) -> Vec<String> {
    let has_row = |package: &Package| page.lines().any(|line| first_cell(line) == Some(&package.folder));
    packages
        .iter()
        .filter(|package| !has_row(package))
        .map(|package| format!("no row for {}", package.folder))
        .collect()
}

/// Rows whose path is not in the checkout.
pub fn rows_without_path(page: &str, exists: impl Fn(&str) -> bool) -> Vec<String> {
    let paths = page.lines().filter_map(first_cell).filter(|cell| cell.contains('/'));
    paths.filter(|path| !path.contains("NAME") && !exists(path)).map(|path| format!("{path} is not there")).collect()
}

/// Configs whose file name stands in no test.
pub fn unused_configs(configs: &[&String], tests: &[Text]) -> Vec<String> {
    let file = |path: &str| path.rsplit('/').next().unwrap_or_default().to_owned();
    let used = |path: &str| tests.iter().any(|text| text.contains(&file(path)));
    configs.iter().filter(|path| !used(path)).map(|path| format!("{path} is used by no test")).collect()
}

/// The text in backticks that a table row begins with.
fn first_cell(line: &str) -> Option<&str> {
    line.strip_prefix("| `")?.split('`').next().map(|cell| cell.trim_end_matches('/'))
}

#[test]
fn a_crate_without_a_row_is_found() {
    let packages = [Package::sample("trainer-data", &[]), Package::sample("trainer-models", &[])];
    assert_eq!(crates_without_row("| `crates/data` | tables |\n", &packages), ["no row for crates/models"]);
}

#[test]
fn a_row_without_its_folder_is_found() {
    let page = "| `crates/gone/` | x |\n| `crates/data` | y |\n| `step/NAME.rs` | z |\n| `fit` | w |\n";
    assert_eq!(rows_without_path(page, |path| path == "crates/data"), ["crates/gone is not there"]);
}

#[test]
fn an_unused_config_is_found() {
    let tests = [Text::new("tests/fit.rs", "run(\"used.yaml\")".into())];
    let configs = ["configs/used.yaml".to_owned(), "configs/forgotten.yaml".to_owned()];
    let configs: Vec<&String> = configs.iter().collect();
    assert_eq!(unused_configs(&configs, &tests), ["configs/forgotten.yaml is used by no test"]);
}
