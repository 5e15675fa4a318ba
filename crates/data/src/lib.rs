//! Tables in and out, and the feature matrix that learners take.

mod calendar;
mod column;
mod error;
mod label;
mod levels;
mod matrix;
mod needs;
pub mod split;
mod table;
mod target;
mod warning;

pub use column::{Column, Kind};
pub use error::{DataError, Fault};
pub use label::Label;
pub use levels::Levels;
pub use matrix::{Dataset, Feature, FeatureKind, Matrix};
pub use needs::{Categories, Needs};
pub use table::{Place, Table};
pub use target::{Target, target, target_of_classes};
pub use warning::Warning;
