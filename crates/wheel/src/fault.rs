//! Errors as Python's exceptions.

use pyo3::create_exception;
use pyo3::exceptions::PyException;
use pyo3::prelude::*;
use trainer_data::{DataError, Fault, ScanError, TypeChanged};
use trainer_features::FeatureError as FeaturesError;

create_exception!(
    trainer_features,
    FeatureError,
    PyException,
    "What was asked cannot be done: `code` is a stable name, `message` says what was expected and what was found, `hint` \
     what would mend it, `column` and `row` (from 1) where it is; each but the first two may be None. `exit_code` is how \
     `trainer` ends for it."
);

/// How `trainer` ends for what was asked wrongly, and for data that is not what it should be.
const USAGE: u8 = 2;
const DATA: u8 = 3;

/// The exception of a fault of what was asked.
pub fn raised(fault: &Fault) -> PyErr {
    raised_as(fault, USAGE)
}

fn raised_as(fault: &Fault, exit_code: u8) -> PyErr {
    let error = FeatureError::new_err(fault.to_string());
    // Only an interpreter that is out of memory cannot set them; the text is there all the same.
    let _ = Python::attach(|py| -> PyResult<()> {
        let value = error.value(py);
        value.setattr("code", fault.code)?;
        value.setattr("message", &fault.message)?;
        value.setattr("hint", fault.hint.as_deref())?;
        value.setattr("column", fault.column.as_deref())?;
        value.setattr("row", fault.row)?;
        value.setattr("exit_code", exit_code)
    });
    error
}

/// A fault of the call itself.
pub fn refused(code: &'static str, message: impl Into<String>) -> PyErr {
    raised(&Fault::new(code, message))
}

/// The exception of whatever stopped a scan.
pub fn raised_scan(error: ScanError) -> PyErr {
    if let Some(error) = error.downcast_ref::<FeaturesError>() {
        return raised_features(error);
    }
    if let Some(change) = error.downcast_ref::<TypeChanged>() {
        return raised_as(&Fault::new("type_changed", change.to_string()), DATA);
    }
    match error.downcast_ref::<DataError>() {
        Some(error) => raised_data(error),
        None => refused("scan", error.to_string()),
    }
}

fn raised_features(error: &FeaturesError) -> PyErr {
    raised_as(error.fault(), if matches!(error, FeaturesError::Config(_)) { USAGE } else { DATA })
}

fn raised_data(error: &DataError) -> PyErr {
    raised_as(error.fault(), if matches!(error, DataError::Options(_)) { USAGE } else { DATA })
}

/// Python's result of a fault.
pub trait OrRaise<T> {
    /// The value, or the exception.
    fn or_raise(self) -> PyResult<T>;
}

impl<T> OrRaise<T> for Result<T, FeaturesError> {
    fn or_raise(self) -> PyResult<T> {
        self.map_err(|error| raised_features(&error))
    }
}

impl<T> OrRaise<T> for Result<T, DataError> {
    fn or_raise(self) -> PyResult<T> {
        self.map_err(|error| raised_data(&error))
    }
}
