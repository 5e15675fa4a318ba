//! Tests of the whole program: one binary, one module for each subject.

mod expectations;
mod metrics;
mod parity;
mod sample;
mod steps;
mod tidy;
