//! From a finished run to what a tracking store is told of it, and to where that is.

mod champion;
mod datasets;
mod destination;
mod logged;
mod note;
mod origin;
mod parameters;
mod record;
mod registration;
pub mod system_metrics;
mod tables;

pub use destination::{Destination, Wanted, environment};
pub use logged::{Logged, again, told};
pub use record::{Recorded, record_of};
pub use registration::name as registered_name;
pub use tables::{confusion_matrix, feature_importance};
