//! The rules of `crates/README.md`, checked against `cargo metadata` and the sources.
//!
//! A rule is a function from what it reads to its complaints, tested beside it on a small bad sample; here each is
//! run over the whole tree.

mod edge;
mod map;
mod name;
mod package;
mod source;
mod tree;

use std::path::Path;

use source::Text;
use tree::Tree;

/// Crates that do no I/O and read no clock and no environment.
const PURE: [&str; 4] = ["kernels/src/", "crates/features/src/", "crates/models/src/", "crates/quality/src/"];

fn nothing_to_say(rule: &str, complaints: Vec<String>) {
    assert!(complaints.is_empty(), "{rule}:\n  {}", complaints.join("\n  "));
}

fn over_rust_files(rule: &str, complain: impl Fn(&Text) -> Vec<String>) {
    let texts = Tree::read().rust();
    assert!(texts.len() > 20, "the tree was read: {} Rust files", texts.len());
    nothing_to_say(rule, texts.iter().flat_map(complain).collect());
}

#[test]
fn crates_depend_only_on_what_the_architecture_allows() {
    nothing_to_say("edges between crates", edge::between_ours(&package::workspace()));
}

#[test]
fn an_outside_crate_is_named_only_by_its_owner() {
    nothing_to_say("owners of outside crates", edge::owners(&package::workspace()));
}

#[test]
fn pure_crates_do_no_io_and_read_no_clock() {
    over_rust_files("pure crates", |text| {
        if PURE.iter().any(|folder| text.path.starts_with(folder)) { source::pure(text) } else { Vec::new() }
    });
}

#[test]
fn nothing_is_left_undone_or_ignored() {
    over_rust_files("left undone", source::left_undone);
}

#[test]
fn every_allow_gives_its_reason() {
    over_rust_files("lints that are silenced", source::unreasoned_allow);
}

#[test]
fn files_stay_short() {
    over_rust_files("length of files", source::too_long);
}

#[test]
fn no_file_names_a_folder_of_one_machine() {
    let complaints = Tree::read().texts().iter().flat_map(source::machine_path).collect();
    nothing_to_say("paths of a machine", complaints);
}

#[test]
fn files_are_named_for_what_they_define() {
    nothing_to_say("names of files", name::vague(&Tree::read().paths));
}

#[test]
fn every_crate_is_on_the_map() {
    let page = std::fs::read_to_string(trainer_testkit::repository().join("crates/README.md")).unwrap();
    nothing_to_say("crates/README.md", map::crates_without_row(&page, &package::workspace()));
}

#[test]
fn every_path_on_the_map_is_there() {
    let root = trainer_testkit::repository();
    let page = std::fs::read_to_string(root.join("crates/README.md")).unwrap();
    nothing_to_say("crates/README.md", map::rows_without_path(&page, |path| root.join(path).exists()));
}

#[test]
fn every_example_config_is_used_by_a_test() {
    let tree = Tree::read();
    let is_config = |path: &&String| Path::new(path).parent() == Some(Path::new("configs")) && path.ends_with(".yaml");
    let configs: Vec<&String> = tree.paths.iter().filter(is_config).collect();
    assert!(!configs.is_empty(), "there are examples");
    let tests: Vec<Text> = tree.rust().into_iter().filter(|text| text.path.starts_with("tests/")).collect();
    nothing_to_say("configs/", map::unused_configs(&configs, &tests));
}
