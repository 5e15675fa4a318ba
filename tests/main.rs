//! Tests of the whole program: one binary, one module for each subject.

mod metrics;
mod parity;
mod sample;
mod tidy;
