//! Learners, and the forms of model that they learn.
//!
//! A learner is its parameters: `RandomForest { n_estimators: 200, .. }.fit(job)` gives a [`Model`], which predicts,
//! explains and saves itself without knowing who learned it.

mod artifact;
mod checkpoint;
#[cfg(test)]
mod contract;
mod ensemble;
pub mod learn;
mod model;
mod onnx;
mod permutation_importance;

pub use ensemble::{Ensemble, Link, Node, Split};
pub use learn::{AnyLearner, Job, Learner, Progress, Round};
pub use model::{Decision, Fitted, Form, Model, ModelError, OutOfBag};
pub use onnx::OnnxOutputs;
pub use permutation_importance::{Importance, permutation_importance};
