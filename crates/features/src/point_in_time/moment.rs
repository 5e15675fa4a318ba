use arrow::array::{Array, ArrowPrimitiveType, AsArray};
use arrow::datatypes::{
    DECIMAL128_MAX_PRECISION, DataType, Date32Type, Date64Type, Decimal128Type, TimeUnit, TimestampMicrosecondType,
};
use arrow::datatypes::{TimestampMillisecondType, TimestampNanosecondType, TimestampSecondType};
use trainer_data::Fault;

use crate::FeatureError;

/// Nanoseconds since 1970 in UTC: wide enough for every unit and year that a column may have, so that columns of different
/// units compare exactly.
pub type Moment = i128;

/// The moment of a cell without a value.
pub(crate) const NEVER: Moment = Moment::MIN;

const SECOND: Moment = 1_000_000_000;

/// The moments of a column of timestamps or days; those without a zone are taken as UTC. A cell without a value is before
/// every other.
///
/// # Errors
/// `Data` (`not_a_time`) for any other type.
pub fn moments(array: &dyn Array, column: &str) -> Result<Vec<Moment>, FeatureError> {
    Ok(match array.data_type() {
        DataType::Timestamp(TimeUnit::Second, _) => scaled::<TimestampSecondType>(array, SECOND),
        DataType::Timestamp(TimeUnit::Millisecond, _) => scaled::<TimestampMillisecondType>(array, SECOND / 1_000),
        DataType::Timestamp(TimeUnit::Microsecond, _) => scaled::<TimestampMicrosecondType>(array, SECOND / 1_000_000),
        DataType::Timestamp(TimeUnit::Nanosecond, _) => scaled::<TimestampNanosecondType>(array, 1),
        DataType::Date32 => scaled::<Date32Type>(array, 86_400 * SECOND),
        DataType::Date64 => scaled::<Date64Type>(array, SECOND / 1_000),
        // As united rows hold moments of any unit.
        DataType::Decimal128(DECIMAL128_MAX_PRECISION, 0) => {
            array.as_primitive::<Decimal128Type>().iter().map(|cell| cell.unwrap_or(NEVER)).collect()
        }
        DataType::Null => vec![NEVER; array.len()],
        other => {
            let fault = Fault::new("not_a_time", format!("expected timestamps, found {other}")).column(column);
            return Err(FeatureError::data(
                fault.hint("write them as `2026-05-01T08:00:00Z`, or as Parquet timestamps"),
            ));
        }
    })
}

fn scaled<T: ArrowPrimitiveType>(array: &dyn Array, scale: Moment) -> Vec<Moment>
where
    T::Native: Into<i64>,
{
    let cell = |cell: Option<T::Native>| cell.map_or(NEVER, |cell| Moment::from(cell.into()) * scale);
    array.as_primitive::<T>().iter().map(cell).collect()
}

#[cfg(test)]
mod tests {
    use arrow::array::{Date32Array, Int64Array, TimestampMillisecondArray, TimestampNanosecondArray};

    use super::*;

    #[test]
    fn units_are_one_scale() {
        let of = |array: &dyn Array| moments(array, "t").unwrap();
        let day = 86_400 * SECOND;
        assert_eq!(of(&Date32Array::from(vec![Some(1), None])), [day, NEVER]);
        assert_eq!(of(&TimestampMillisecondArray::from(vec![86_400_000])), [day]);
        assert_eq!(of(&TimestampNanosecondArray::from(vec![i64::MAX]).with_timezone("UTC")), [Moment::from(i64::MAX)]);
        let message = moments(&Int64Array::from(vec![1]), "at").unwrap_err().to_string();
        assert!(message.starts_with("column `at`: expected timestamps, found Int64"), "{message}");
    }
}
