//! The config: read, checked with every error at once, laid over with targets, environment and `--set`, and typed.

mod learner;
mod problem;
mod shape;

pub use learner::AnyLearner;
pub use problem::Problem;
pub use shape::{Config, Data, Features, Fraction, OneOrMany, Project, Training};
