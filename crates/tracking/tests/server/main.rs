//! Publishing to real MLflow servers, and to ones that fail.

mod artifacts;
mod faults;
mod listener;
mod promotion;
mod publishing;
mod sample;
mod secrets;
mod tls;
mod words;
mod yaml;
