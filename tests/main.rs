//! Tests of the whole program: one binary, one module for each subject.

mod parity;
mod sample;
mod tidy;
