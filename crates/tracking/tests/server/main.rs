//! Publishing to real MLflow servers, and to ones that fail.

mod faults;
mod promotion;
mod publishing;
mod sample;
mod secrets;
