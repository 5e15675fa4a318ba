//! The `trainer` program: config, commands, run folder, exit codes.

pub mod bug;
pub mod checksums;
pub mod command;
pub mod config;
pub mod console;
pub mod doctor;
pub mod evaluation;
pub mod exit;
pub mod expectations;
pub mod export;
pub mod feature_run;
pub mod feature_store;
pub mod fitting;
pub mod input;
pub mod interrupt;
pub mod lock;
pub mod machine;
pub mod model_directory;
pub mod onnx_check;
pub mod predictions;
pub mod progress;
pub mod report;
pub mod reporting;
pub mod run;
pub mod run_folder;
pub mod sample;
pub mod saved_run;
pub mod state_file;
pub mod text_table;
pub mod tracking;
pub mod validation;
pub mod warned;

pub use command::main;
