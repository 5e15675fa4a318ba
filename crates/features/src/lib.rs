//! Feature plans: what is learned from a table's columns, and applied to any other table, in one form; expectations; and the
//! point-in-time join of feature stores.
//!
//! A plan is made by [`fit`] from the training rows only and applied by [`FittedPlan::apply`]; the same code computes the
//! columns while fitting, in training and in prediction. Steps ([`step`]) learn *column programs* ([`program`]); everything
//! after that - saving, applying, exporting - knows programs only.

mod codes;
#[cfg(test)]
mod contract;
pub mod dqx;
mod error;
mod evaluation;
pub mod expectation;
pub mod feast;
mod fitted_plan;
mod fitting;
mod frame;
mod graph;
mod learned;
mod on_device;
mod onnx;
mod output;
mod plan;
pub mod point_in_time;
pub mod program;
mod row_fold;
mod select;
mod sink;
mod source;
mod state;
pub mod statistic;
pub mod step;
mod stream;

pub use error::FeatureError;
pub use fitted_plan::{Applied, FittedPlan, Input, PLAN_VERSION, Program};
pub use fitting::{Advance, ColumnType, Fitting, Partial};
pub use frame::{Frame, FrameColumn, Takes};
pub use learned::{Drawn, Learned, LearnedProgram, LevelNames};
pub use onnx::{MISSING_TEXTS, OnnxPlan};
pub use plan::{Labels, PlanSpec, fit, fit_scan};
pub use state::{FeatureState, STATE_VERSION};
pub use step::{Step, Transform};
pub use stream::PlanScan;
