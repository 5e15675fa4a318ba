//! From what a config calls the rows to scans of them.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{RecordBatch, RecordBatchOptions, new_null_array};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use trainer_data::{Batches, ColumnType, DataError, FileScan, Lenient, Malformed, Scan, ScanError, ScanOptions};
use trainer_features::Step;
use trainer_features::expectation::Suite;
use trainer_features::step::coerce::{Columns, Unparsable};

use crate::config::{BuildStep, Extract, FeatureConfig};

/// How the rows of the extract are read: numbers that the first step makes of cells are made while they are read, and a
/// column whose form an expectation looks at, or that is personal data, is text, unless it has a type.
///
/// # Errors
/// Files that cannot be looked into.
pub fn options(config: &FeatureConfig, suite: Option<&Suite>) -> Result<ScanOptions, DataError> {
    let mut options = plain(&config.extract, config.validate.malformed);
    let judged = suite.map(Suite::text_columns).unwrap_or_default();
    let mut lenient = lenient(&config.build);
    let header = config.extract.header.as_deref().unwrap_or_default();
    // A cell that nobody may see must not be shown for not being a number.
    let texts: Vec<&String> = judged.iter().chain(&config.pii).collect();
    if !texts.is_empty() || !header.is_empty() || matches!(lenient, Lenient::Columns(_)) {
        let plain = ScanOptions { types: Types::new(), ..options.clone() };
        let came = FileScan::open(&config.extract.path, &plain)?.schema();
        let is_there = |name: &String| came.index_of(name).is_ok();
        // Whoever looks for a column says better that it is not there; and one of the header may be lost.
        options.types.retain(|name, _| is_there(name) || !header.contains(name));
        for column in texts.into_iter().filter(|name| is_there(name)) {
            options.types.entry(column.clone()).or_insert(ColumnType::Text);
        }
        if let Lenient::Columns(names) = &mut lenient {
            names.retain(is_there);
        }
    }
    Ok(ScanOptions { lenient, ..options })
}

/// How the rows of a further input are read.
pub fn plain(extract: &Extract, malformed: Malformed) -> ScanOptions {
    ScanOptions {
        format: extract.format,
        csv: extract.csv.clone(),
        columns: None,
        malformed,
        types: extract.types.clone(),
        lenient: Lenient::Nothing,
    }
}

/// A `coerce` that comes before everything else, and does not stop at what is no number, says which columns are numbers
/// whatever some of their cells are.
fn lenient(build: &[BuildStep]) -> Lenient {
    match build.first() {
        Some(BuildStep::Columns(Step::Coerce(step))) if step.unparsable != Unparsable::Error => match &step.columns {
            Columns::These(_) => Lenient::Numeric,
            Columns::Named(names) => Lenient::Columns(names.clone()),
        },
        _ => Lenient::Nothing,
    }
}

/// Types that were declared, as the plan of a scan wants them.
pub type Types = BTreeMap<String, ColumnType>;

/// The type of a column of nulls.
fn arrow_type(declared: ColumnType) -> DataType {
    match declared {
        ColumnType::Boolean => DataType::Boolean,
        ColumnType::Integer => DataType::Int64,
        ColumnType::Float => DataType::Float64,
        ColumnType::Text => DataType::Utf8,
        ColumnType::Date => DataType::Date32,
        ColumnType::Timestamp => DataType::Timestamp(TimeUnit::Microsecond, None),
    }
}

/// The rows of a scan with every column that they are known to have: one that did not come is null in every row.
#[derive(Debug)]
pub struct Headed {
    scan: Arc<dyn Scan>,
    schema: SchemaRef,
    /// Where each column is in the scan.
    from: Vec<Option<usize>>,
}

/// What a header that is known says about the columns that came.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct HeaderChange {
    /// Columns that came and are not known.
    pub appeared: Vec<String>,
    /// Columns that are known and did not come.
    pub disappeared: Vec<String>,
}

impl Headed {
    /// The rows with the columns of a header; those that are not in it come after.
    pub fn of(scan: Arc<dyn Scan>, header: &[String], types: &Types) -> (Arc<dyn Scan>, HeaderChange) {
        let came = scan.schema();
        let mut change = HeaderChange::default();
        let (mut fields, mut from) = (Vec::new(), Vec::new());
        for name in header {
            match came.index_of(name) {
                Ok(place) => {
                    fields.push(came.fields()[place].clone());
                    from.push(Some(place));
                }
                Err(_) => {
                    let data_type = types.get(name).map_or(DataType::Null, |it| arrow_type(*it));
                    fields.push(Arc::new(Field::new(name, data_type, true)));
                    from.push(None);
                    change.disappeared.push(name.clone());
                }
            }
        }
        for (place, field) in came.fields().iter().enumerate().filter(|(_, field)| !header.contains(field.name())) {
            change.appeared.push(field.name().clone());
            fields.push(field.clone());
            from.push(Some(place));
        }
        let schema = Arc::new(Schema::new(fields));
        (Arc::new(Self { scan, schema, from }), change)
    }
}

impl Scan for Headed {
    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    fn open(&self, columns: &[usize]) -> Result<Batches, ScanError> {
        let read: Vec<usize> = columns.iter().filter_map(|&column| self.from[column]).collect();
        let schema = Arc::new(self.schema.project(columns)?);
        let came: Vec<bool> = columns.iter().map(|&column| self.from[column].is_some()).collect();
        Ok(Box::new(self.scan.open(&read)?.map(move |batch| headed(&batch?, &schema, &came))))
    }

    fn rows(&self) -> Option<u64> {
        self.scan.rows()
    }
}

fn headed(batch: &RecordBatch, schema: &SchemaRef, came: &[bool]) -> Result<RecordBatch, ScanError> {
    let rows = batch.num_rows();
    let mut arrays = batch.columns().iter();
    let column = |(&came, field): (&bool, &Arc<Field>)| match came {
        true => arrays.next().expect("a column that came").clone(),
        false => new_null_array(field.data_type(), rows),
    };
    let columns = came.iter().zip(schema.fields()).map(column).collect();
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    Ok(RecordBatch::try_new_with_options(schema.clone(), columns, &options)?)
}

#[cfg(test)]
mod tests {
    use arrow::array::{ArrayRef, Int64Array};
    use trainer_data::MemoryScan;

    use super::*;

    #[test]
    fn a_column_that_did_not_come_is_null_and_one_that_is_new_stays() {
        let column: ArrayRef = Arc::new(Int64Array::from(vec![1, 2]));
        let batch = RecordBatch::try_from_iter([("new", column.clone()), ("a", column)]).unwrap();
        let scan = Arc::new(MemoryScan::new(batch.schema(), vec![batch]));
        let header = ["a".to_owned(), "lost".to_owned()];
        let types = Types::from([("lost".to_owned(), ColumnType::Float)]);
        let (headed, change) = Headed::of(scan, &header, &types);
        assert_eq!(change, HeaderChange { appeared: vec!["new".into()], disappeared: vec!["lost".into()] });
        let batch = headed.open(&[1, 0]).unwrap().next().unwrap().unwrap();
        assert_eq!((batch.num_rows(), batch.column(0).null_count(), batch.column(1).null_count()), (2, 2, 0));
        assert_eq!(batch.schema().field(0).data_type(), &DataType::Float64);
    }
}
