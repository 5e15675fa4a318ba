use arrow::array::{Array, ArrayRef, UInt32Array, new_empty_array, new_null_array};
use arrow::compute::{cast, concat, take};
use arrow::datatypes::{DataType, SchemaRef};
use arrow::error::ArrowError;
use trainer_data::{Scan, ScanError};

use super::Found;

/// Cells of some rows of a scan: `columns` of the row that each label found, null where it found none.
///
/// Reads the columns once; what is kept is a cell for each row that was found.
pub(crate) fn gather(scan: &dyn Scan, columns: &[usize], found: &[Option<Found>]) -> Result<Vec<ArrayRef>, ScanError> {
    let mut wanted: Vec<u64> = found.iter().flatten().map(|found| found.row).collect();
    wanted.sort_unstable();
    wanted.dedup();
    if wanted.is_empty() || columns.is_empty() {
        return Ok(nulls(&scan.schema(), columns, found.len()));
    }
    let pieces = pieces(scan, columns, &wanted)?;
    let place = |found: &Option<Found>| {
        found.map(|found| wanted.binary_search(&found.row).expect("a row that is wanted") as u32)
    };
    let places: UInt32Array = found.iter().map(place).collect();
    pieces
        .into_iter()
        .map(|pieces| {
            let pieces: Vec<&dyn Array> = pieces.iter().map(|piece| piece.as_ref()).collect();
            Ok(take(&concat(&pieces)?, &places, None)?)
        })
        .collect()
}

/// The wanted rows of each column, piece by piece.
fn pieces(scan: &dyn Scan, columns: &[usize], wanted: &[u64]) -> Result<Vec<Vec<ArrayRef>>, ScanError> {
    let schema = scan.schema();
    let mut pieces: Vec<Vec<ArrayRef>> =
        columns.iter().map(|&column| vec![new_empty_array(plain_type(schema.field(column).data_type()))]).collect();
    let (mut first, mut at) = (0_u64, 0);
    for batch in scan.open(columns)? {
        let batch = batch?;
        let end = first + batch.num_rows() as u64;
        let upto = at + wanted[at..].partition_point(|&row| row < end);
        if upto > at {
            let rows: UInt32Array = wanted[at..upto].iter().map(|&row| Some((row - first) as u32)).collect();
            for (pieces, array) in pieces.iter_mut().zip(batch.columns()) {
                pieces.push(plain(&take(array, &rows, None)?)?);
            }
        }
        (first, at) = (end, upto);
        if at == wanted.len() {
            break;
        }
    }
    // A scan that is read again has the same rows.
    assert_eq!(at, wanted.len(), "the rows that were found are there when they are read again");
    Ok(pieces)
}

/// The type in which cells are kept: a view of text would keep the whole batch that it looks into.
fn plain_type(found: &DataType) -> &DataType {
    if *found == DataType::Utf8View { &DataType::LargeUtf8 } else { found }
}

fn plain(array: &ArrayRef) -> Result<ArrayRef, ArrowError> {
    let to = plain_type(array.data_type());
    if to == array.data_type() { Ok(array.clone()) } else { cast(array, to) }
}

fn nulls(schema: &SchemaRef, columns: &[usize], rows: usize) -> Vec<ArrayRef> {
    columns.iter().map(|&column| new_null_array(plain_type(schema.field(column).data_type()), rows)).collect()
}
