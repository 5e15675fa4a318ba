//! Arrays of a file as arrays of the scan's schema.

use arrow::array::{Array, ArrayRef};
use arrow::datatypes::DataType;

use crate::plain::{plain, unsupported};
use crate::{DataError, Fault};

/// The type of a column as a stream holds it; `None` for what is not one value a cell.
pub(super) fn plain_type(found: &DataType) -> Option<DataType> {
    use DataType as T;
    Some(match found {
        T::Utf8 | T::LargeUtf8 | T::Utf8View => T::Utf8View,
        T::Dictionary(_, values) => plain_type(values)?,
        T::RunEndEncoded(_, values) => plain_type(values.data_type())?,
        other => plain(arrow::array::new_empty_array(other))?.1.data_type().clone(),
    })
}

/// As [`plain_type`], with the column named in the error.
pub(super) fn supported(name: &str, found: &DataType, file: &str) -> Result<DataType, DataError> {
    plain_type(found).ok_or_else(|| unsupported(name, found).map(|fault| fault.file(file)))
}

/// The array as one of the scan's type: `NaN` is null, and what a narrower file has is widened.
pub(super) fn converted(array: ArrayRef, to: &DataType, name: &str, file: &str) -> Result<ArrayRef, DataError> {
    let refused = |found: String| {
        let message = format!("expected values that fit the type of the other files ({to}), found {found}");
        DataError::mismatch(Fault::new("files_differ", message).file(file).column(name))
    };
    let array = match array.data_type() {
        DataType::Utf8View => array,
        found => {
            let found = found.clone();
            plain(array).ok_or_else(|| unsupported(name, &found).map(|fault| fault.file(file)))?.1
        }
    };
    if array.data_type() == to {
        return Ok(array);
    }
    let cast = arrow::compute::cast(&array, to).map_err(|error| refused(error.to_string()))?;
    // A cast makes nulls of what does not fit.
    if *array.data_type() != DataType::Null && cast.null_count() != array.null_count() {
        return Err(refused(array.data_type().to_string()));
    }
    Ok(cast)
}
