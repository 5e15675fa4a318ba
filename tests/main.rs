//! Tests of the whole program: one binary, one module for each subject.

mod command;
mod config;
mod devices;
mod example;
mod expectations;
mod export;
mod feast;
mod features;
mod fit;
mod golden;
mod gpu_node;
mod metrics;
mod mlflow;
mod onnx;
mod parity;
mod report;
mod s3;
mod sample;
mod snapshot;
mod state_fit;
mod steps;
mod stopping;
mod tidy;
mod validate;
mod wheel;
