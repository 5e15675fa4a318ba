//! What tests share: where things are, synthetic data, the built program, servers and Python peers.
//!
//! For tests and benchmarks only; nothing that is shipped depends on it. A failed expectation panics, as a test does.

mod place;
mod program;
mod proxy;
mod random;
mod server;
mod synthetic;

pub use place::{
    onnxruntime, python, python_feast, python_mlflow2, python_spark, repository, scratch, shared, weed, xgboost,
};
pub use program::{Outcome, Program};
pub use proxy::{Fault, Proxy};
pub use random::SplitMix64;
pub use server::{Server, free_port};
pub use synthetic::{Classification, classification};
