//! Parquet files: columns are decoded in parallel, each into one array.

use std::sync::Arc;

use ::parquet::arrow::ProjectionMask;
use ::parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder};
use ::parquet::errors::ParquetError;
use ::parquet::file::metadata::PageIndexPolicy;
use arrow::array::ArrayRef;
use arrow::datatypes::{DataType, Field, Schema};
use bytes::Bytes;
use rayon::prelude::*;

use crate::guard::guarded;
use crate::warning::absent_columns;
use crate::{Column, DataError, Fault, Table, Warning};

/// The columns of a file, but for those to skip.
///
/// # Errors
/// `Malformed`: not Parquet, cut or damaged, a column of a type that is not supported, or more rows than a table holds.
pub(crate) fn read(bytes: &Bytes, file: &str, skip: &[String]) -> Result<(Vec<Column>, Vec<Warning>), DataError> {
    let metadata = open(bytes, file)?;
    let names: Vec<&str> = metadata.schema().fields().iter().map(|field| field.name().as_str()).collect();
    let absent = absent_columns(skip, &names, file);
    let rows = metadata.metadata().file_metadata().num_rows();
    let rows = usize::try_from(rows).ok().filter(|&rows| rows <= Table::MAX_ROWS).ok_or_else(|| {
        let message = format!("expected at most {} rows, found {rows}", Table::MAX_ROWS);
        DataError::malformed(Fault::new("too_many_rows", message).file(file))
    })?;
    let wanted: Vec<usize> = (0..metadata.schema().fields().len())
        .filter(|&position| !skip.contains(metadata.schema().field(position).name()))
        .collect();
    let columns = wanted.into_par_iter().map(|position| column(bytes, &metadata, position, rows, file));
    Ok((columns.collect::<Result<_, _>>()?, absent))
}

/// The footer, with text asked for in the one form that columns hold.
fn open(bytes: &Bytes, file: &str) -> Result<ArrowReaderMetadata, DataError> {
    let damaged = |error| damaged(error, file);
    // Parquet's own types decide, not those that an arrow writer left beside them: one reading for every writer.
    let options =
        ArrowReaderOptions::new().with_skip_arrow_metadata(true).with_page_index_policy(PageIndexPolicy::Skip);
    let metadata = guarded(|| ArrowReaderMetadata::load(bytes, options.clone()))
        .unwrap_or_else(|panic| Err(ParquetError::General(panic)))
        .map_err(damaged)?;
    let fields: Vec<_> = metadata.schema().fields().iter().map(large_text).collect();
    let options = options.with_skip_arrow_metadata(true).with_schema(Arc::new(Schema::new(fields)));
    ArrowReaderMetadata::try_new(metadata.metadata().clone(), options).map_err(damaged)
}

fn large_text(field: &Arc<Field>) -> Arc<Field> {
    match field.data_type() {
        DataType::Utf8 | DataType::Utf8View => Arc::new(field.as_ref().clone().with_data_type(DataType::LargeUtf8)),
        _ => field.clone(),
    }
}

fn column(
    bytes: &Bytes,
    metadata: &ArrowReaderMetadata,
    position: usize,
    rows: usize,
    file: &str,
) -> Result<Column, DataError> {
    let field = metadata.schema().field(position);
    let in_column = |error: DataError| error.map(|fault| fault.file(file).column(field.name()));
    // Refused by type before it is decoded.
    Column::new(field.name(), arrow::array::new_empty_array(field.data_type())).map_err(in_column)?;
    let array = guarded(|| decode(bytes, metadata, position, rows))
        .unwrap_or_else(|panic| Err(ParquetError::General(panic)))
        .map_err(|error| in_column(damaged(error, file)))?;
    Column::new(field.name(), array).map_err(in_column)
}

fn decode(
    bytes: &Bytes,
    metadata: &ArrowReaderMetadata,
    position: usize,
    rows: usize,
) -> Result<ArrayRef, ParquetError> {
    let field = metadata.schema().field(position);
    let reader = ParquetRecordBatchReaderBuilder::new_with_metadata(bytes.clone(), metadata.clone())
        .with_projection(ProjectionMask::roots(metadata.parquet_schema(), [position]))
        // One batch is one array, which needs no copy to become the column.
        .with_batch_size(rows.max(1))
        .build()?;
    let mut parts = Vec::new();
    for batch in reader {
        parts.push(batch?.column(0).clone());
    }
    let found: usize = parts.iter().map(|part| part.len()).sum();
    if found != rows {
        return Err(ParquetError::EOF(format!("expected {rows} rows, found {found}")));
    }
    Ok(match parts.len() {
        0 => arrow::array::new_empty_array(field.data_type()),
        1 => parts.remove(0),
        _ => arrow::compute::concat(&parts.iter().map(|part| part.as_ref()).collect::<Vec<_>>())?,
    })
}

fn damaged(error: ParquetError, file: &str) -> DataError {
    let message = format!("expected a whole Parquet file, found it damaged or cut: {error}");
    DataError::malformed(Fault::new("damaged_parquet", message).file(file))
}

#[cfg(test)]
mod tests {
    use ::parquet::arrow::ArrowWriter;
    use ::parquet::file::properties::WriterProperties;
    use arrow::array::{BinaryArray, Int32Array, ListArray, RecordBatch, StringArray, TimestampMillisecondArray};
    use arrow::datatypes::Int32Type;

    use super::*;
    use crate::Kind;

    fn file(columns: Vec<(&str, ArrayRef)>, row_group_rows: usize) -> Bytes {
        let batch = RecordBatch::try_from_iter(columns).unwrap();
        let properties = WriterProperties::builder().set_max_row_group_row_count(Some(row_group_rows)).build();
        let mut writer = ArrowWriter::try_new(Vec::new(), batch.schema(), Some(properties)).unwrap();
        writer.write(&batch).unwrap();
        writer.into_inner().unwrap().into()
    }

    #[test]
    fn row_groups_are_one_column() {
        let numbers: ArrayRef = Arc::new((0..1000).map(|row| (row % 3 > 0).then_some(row)).collect::<Int32Array>());
        let text: ArrayRef = Arc::new((0..1000).map(|row| Some(format!("{}", row % 7))).collect::<StringArray>());
        let times: ArrayRef = Arc::new(TimestampMillisecondArray::from_iter_values(0..1000).with_timezone("UTC"));
        let bytes = file(vec![("n", numbers.clone()), ("t", text.clone()), ("at", times.clone())], 64);
        let (columns, _) = read(&bytes, "a.parquet", &[]).unwrap();
        for (column, array) in columns.iter().zip([numbers, text, times]) {
            assert_eq!(*column, Column::new(column.name(), array).unwrap());
        }
        assert!(columns[2].has_zone());
    }

    #[test]
    fn columns_of_other_types_are_refused_by_name_unless_skipped() {
        let lists: ArrayRef =
            Arc::new(ListArray::from_iter_primitive::<Int32Type, _, _>(vec![Some(vec![Some(1)]), None]));
        let binary: ArrayRef = Arc::new(BinaryArray::from_vec(vec![b"a", b"\xff"]));
        let plain: ArrayRef = Arc::new(Int32Array::from(vec![1, 2]));
        for (name, array) in [("basket", lists), ("image", binary)] {
            let bytes = file(vec![("id", plain.clone()), (name, array)], 10);
            let error = read(&bytes, "a.parquet", &[]).unwrap_err();
            assert!(
                error.to_string().starts_with(&format!("a.parquet, column `{name}`: expected one number")),
                "{error}"
            );
            let (columns, _) = read(&bytes, "a.parquet", &[name.to_owned()]).unwrap();
            assert_eq!((columns.len(), columns[0].kind()), (1, Kind::Integer));
        }
    }

    #[test]
    fn no_rows_are_columns_without_cells() {
        let empty: ArrayRef = Arc::new(Int32Array::from(Vec::<i32>::new()));
        let (columns, _) = read(&file(vec![("id", empty)], 10), "a.parquet", &[]).unwrap();
        assert_eq!((columns.len(), columns[0].len()), (1, 0));
    }
}
