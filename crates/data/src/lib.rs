//! Tables in and out, and the feature matrix that learners take.

mod label;
mod matrix;
mod needs;
mod warning;

pub use label::Label;
pub use matrix::{Dataset, Feature, FeatureKind, Matrix};
pub use needs::{Categories, Needs};
pub use warning::Warning;
