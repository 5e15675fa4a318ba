//! Errors as Python's exceptions.

use pyo3::create_exception;
use pyo3::exceptions::PyException;
use pyo3::prelude::*;
use trainer_data::{Fault, ScanError};

create_exception!(
    trainer_features,
    FeatureError,
    PyException,
    "What was asked cannot be done: `code` is a stable name, `message` says what was expected and what was found, `hint` \
     what would mend it, `column` and `row` (from 1) where it is; each but the first two may be None."
);

/// The exception of a fault.
pub fn raised(fault: &Fault) -> PyErr {
    let error = FeatureError::new_err(fault.to_string());
    // Only an interpreter that is out of memory cannot set them; the text is there all the same.
    let _ = Python::attach(|py| -> PyResult<()> {
        let value = error.value(py);
        value.setattr("code", fault.code)?;
        value.setattr("message", &fault.message)?;
        value.setattr("hint", fault.hint.as_deref())?;
        value.setattr("column", fault.column.as_deref())?;
        value.setattr("row", fault.row)
    });
    error
}

/// A fault of the call itself.
pub fn refused(code: &'static str, message: impl Into<String>) -> PyErr {
    raised(&Fault::new(code, message))
}

/// The exception of whatever stopped a scan.
pub fn raised_scan(error: ScanError) -> PyErr {
    if let Some(error) = error.downcast_ref::<trainer_features::FeatureError>() {
        return raised(error.fault());
    }
    match error.downcast_ref::<trainer_data::DataError>() {
        Some(error) => raised(error.fault()),
        None => refused("scan", error.to_string()),
    }
}

/// Python's result of a fault.
pub trait OrRaise<T> {
    /// The value, or the exception.
    fn or_raise(self) -> PyResult<T>;
}

impl<T> OrRaise<T> for Result<T, trainer_features::FeatureError> {
    fn or_raise(self) -> PyResult<T> {
        self.map_err(|error| raised(error.fault()))
    }
}

impl<T> OrRaise<T> for Result<T, trainer_data::DataError> {
    fn or_raise(self) -> PyResult<T> {
        self.map_err(|error| raised(error.fault()))
    }
}
