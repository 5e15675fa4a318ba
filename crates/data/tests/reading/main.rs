//! Reads files as they come: odd ones, packed ones, those of a bucket, and any bytes at all.

mod bad_inputs;
mod bytes;
mod data_sets;
mod s3;
mod seaweed;
mod sinks;
mod stream;
