//! The `trainer` program: config, commands, run folder, exit codes.

pub mod bug;
pub mod command;
pub mod config;
pub mod console;
pub mod exit;
pub mod interrupt;
pub mod progress;
pub mod run_folder;
pub mod sample;

pub use command::main;
