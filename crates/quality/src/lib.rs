//! Named numbers that say how good a classifier is, and the gates that judge them.
//!
//! Pure functions of labels and probabilities: `f32` in, `f64` sums in the order of the rows, the same result for any
//! number of threads. A number that is undefined is `NaN` here, `null` in JSON, and never passes a gate.

mod average;
mod bootstrap;
mod calibration;
mod confusion;
mod curve;
mod decision;
mod error;
mod evaluation;
mod flat;
mod folds;
mod gate;
mod metric;
mod model_quality;
mod ranking;
#[cfg(test)]
mod sample;
mod sampling;
mod scores;
mod values;
mod weights;

pub use average::{Average, Averaging};
pub use bootstrap::{Bootstrap, Interval};
pub use calibration::CalibrationBin;
pub use confusion::Confusion;
pub use curve::{Curve, CurvePoint, ThresholdRow};
pub use decision::{DecisionThreshold, most_probable, positive_at_least};
pub use error::QualityError;
pub use evaluation::{ClassRow, Evaluation, evaluate};
pub use flat::FlatMetrics;
pub use folds::FoldSummary;
pub use gate::{Gate, GateReport, Gates, On, Rival, Verdict, compare, judge};
pub use metric::{Better, METRICS, Metric};
pub use model_quality::Measured;
pub use scores::Scores;
pub use values::{Values, measure};
