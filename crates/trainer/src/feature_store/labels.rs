//! What a table of labels must have.

use trainer_data::{Fault, Kind, Table};
use trainer_features::FeatureError;

/// The usual name of the column of times.
pub const EVENT_TIMESTAMP: &str = "event_timestamp";

/// The column that says when each label was taken: `event_timestamp`, else the only column of timestamps.
///
/// # Errors
/// `Data` (`no_time_column`): none, or several.
pub fn time_column(labels: &Table) -> Result<&str, FeatureError> {
    if labels.column(EVENT_TIMESTAMP).is_some() {
        return Ok(EVENT_TIMESTAMP);
    }
    let times = labels.columns().iter().filter(|column| column.kind() == Kind::Timestamp);
    let times: Vec<&str> = times.map(|column| column.name()).collect();
    match times.as_slice() {
        [one] => Ok(one),
        found => {
            let found = if found.is_empty() {
                "no column of timestamps".to_owned()
            } else {
                format!("`{}`", found.join("`, `"))
            };
            let message =
                format!("expected a column `{EVENT_TIMESTAMP}` that says when each row was taken, found {found}");
            Err(FeatureError::Data(Box::new(Fault::new("no_time_column", message))))
        }
    }
}
