//! Rows put aside on disk by the hash of their keys: those with equal keys come into the same part, in their order.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, RecordBatch, UInt32Array};
use arrow::compute::take_record_batch;
use arrow::datatypes::{DataType, Float32Type, Float64Type};
use datafusion::common::hash_utils::{RandomState, create_hashes};
use trainer_data::{Scan, ScanError};

use crate::EngineError;
use crate::engine::Room;
use crate::spill::{SpillWriter, Spilled};

/// Into how many parts rows are put aside, as a power of two.
const PART_BITS: u32 = 4;
/// How often a part may be parted again: as long as a hash has bits.
pub const DEEPEST: u32 = 64 / PART_BITS;

/// The parts of all rows; `depth` says how often they have been parted before.
pub fn parts(room: &Room, input: &dyn Scan, keys: &[usize], depth: u32) -> Result<Vec<Spilled>, ScanError> {
    let (folder, rows) = (room.spill_folder(), room.limits().batch_rows());
    let create = |_| SpillWriter::create(&folder, input.schema(), rows);
    let mut writers: Vec<SpillWriter> = (0..1 << PART_BITS).map(create).collect::<Result<_, _>>()?;
    let all: Vec<usize> = (0..input.schema().fields().len()).collect();
    for batch in input.open(&all)? {
        let batch = batch?;
        let places = places(&batch, keys, depth)?;
        for (writer, rows) in writers.iter_mut().zip(places) {
            if !rows.is_empty() {
                let rows = take_record_batch(&batch, &UInt32Array::from(rows)).map_err(EngineError::internal)?;
                writer.push(rows)?;
            }
        }
    }
    Ok(writers.into_iter().map(SpillWriter::finish).collect::<Result<_, _>>()?)
}

/// The rows of each part.
fn places(batch: &RecordBatch, keys: &[usize], depth: u32) -> Result<Vec<Vec<u32>>, EngineError> {
    let mut hashes = vec![0; batch.num_rows()];
    create_hashes(keys_of(batch, keys), &RandomState::with_seed(0), &mut hashes).map_err(EngineError::internal)?;
    let mut places = vec![Vec::new(); 1 << PART_BITS];
    for (row, hash) in hashes.iter().enumerate() {
        let place = hash >> (64 - PART_BITS * (depth + 1)) & ((1 << PART_BITS) - 1);
        places[place as usize].push(row as u32);
    }
    Ok(places)
}

/// The columns of keys, in which what is equal is the same.
pub fn keys_of(batch: &RecordBatch, keys: &[usize]) -> Vec<ArrayRef> {
    keys.iter().map(|&key| same_zeros(batch.column(key))).collect()
}

/// Minus zero as zero, and every `NaN` as the same: what is equal must be one key.
fn same_zeros(array: &ArrayRef) -> ArrayRef {
    match array.data_type() {
        DataType::Float64 => {
            let numbers = array.as_primitive::<Float64Type>();
            Arc::new(numbers.unary::<_, Float64Type>(|number| if number.is_nan() { f64::NAN } else { number + 0.0 }))
        }
        DataType::Float32 => {
            let numbers = array.as_primitive::<Float32Type>();
            Arc::new(numbers.unary::<_, Float32Type>(|number| if number.is_nan() { f32::NAN } else { number + 0.0 }))
        }
        _ => array.clone(),
    }
}
