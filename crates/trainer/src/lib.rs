//! The `trainer` program: config, commands, run folder, exit codes.

pub mod command;
pub mod config;
pub mod exit;
pub mod sample;

pub use command::main;
