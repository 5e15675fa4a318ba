//! The rules of `crates/README.md`, checked against `cargo metadata` and the sources.
