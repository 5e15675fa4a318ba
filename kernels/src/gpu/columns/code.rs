//! Operations in words, as the kernel reads them.

use super::super::double::NAN;
use crate::columns::{Operation, Pass};

/// Words of an operation.
pub const CODE_WORDS: usize = 5;

pub const READ_CODES: u32 = 0;
pub const READ_NARROW: u32 = 1;
pub const READ_WIDE: u32 = 2;
pub const RECALL: u32 = 3;
pub const KEEP: u32 = 4;
pub const WRITE: u32 = 5;
pub const WRITE_FLAG: u32 = 6;
pub const FLAG: u32 = 7;
pub const FILL: u32 = 8;
pub const AFFINE: u32 = 9;
pub const CLIP: u32 = 10;
pub const CUT: u32 = 11;
pub const FIND: u32 = 12;
pub const ADD: u32 = 13;
pub const DIVIDE: u32 = 14;

/// Numbers on the device, and where those of each operation begin.
pub struct Constants {
    pub words: Vec<u32>,
    /// Of each group's operations.
    pub places: Vec<Vec<u32>>,
}

impl Constants {
    pub fn of(pass: &Pass) -> Self {
        let mut words = Vec::new();
        let mut place = |operation: &Operation| {
            let at = words.len() as u32;
            push_constants(operation, &mut words);
            at
        };
        let places = pass.groups.iter().map(|group| group.iter().map(&mut place).collect()).collect();
        Self { words, places }
    }
}

fn push(words: &mut Vec<u32>, value: f64) {
    let bits = if value.is_nan() { u64::from(NAN) << 32 } else { value.to_bits() };
    words.extend([bits as u32, (bits >> 32) as u32]);
}

/// [`key`], on the host.
fn push_key(words: &mut Vec<u32>, value: f64) {
    let bits = (value + 0.0).to_bits();
    let key = if bits >> 63 == 1 { !bits } else { bits | 1 << 63 };
    words.extend([key as u32, (key >> 32) as u32]);
}

fn push_constants(operation: &Operation, words: &mut Vec<u32>) {
    match operation {
        Operation::Answer { answers, .. } => {
            for answer in answers {
                push(words, answer.value);
                words.push(u32::from(answer.unknown));
            }
        }
        Operation::WriteFlag { value, .. } | Operation::Flag { value } => push_key(words, f64::from(*value)),
        Operation::Fill { value } => push(words, *value),
        Operation::Affine { center, scale, offset, low, high } => {
            // The centre is added with its sign turned.
            [*low, *high, -*center, *scale, *offset].iter().for_each(|&value| push(words, value));
        }
        Operation::Cut { edges } => edges.iter().for_each(|&edge| push_key(words, edge)),
        Operation::Find { keys, values, missing, unknown, .. } => {
            push(words, *missing);
            push(words, *unknown);
            keys.iter().for_each(|&key| push_key(words, key));
            values.iter().for_each(|&value| push(words, value));
        }
        Operation::Divide { floor, .. } => push(words, *floor),
        Operation::Read { .. }
        | Operation::Recall { .. }
        | Operation::Keep { .. }
        | Operation::Write { .. }
        | Operation::Add { .. } => {}
    }
}

/// An operation as the kernel reads it; `planes`: kind and first plane of each column.
pub fn encoded(operation: &Operation, place: u32, planes: &[(u32, u32)]) -> [u32; CODE_WORDS] {
    match operation {
        Operation::Read { column } => [planes[*column].0, planes[*column].1, 0, 0, 0],
        Operation::Answer { column, answers, counter } => {
            [READ_CODES, planes[*column].1, place, *counter as u32, answers.len() as u32 - 1]
        }
        Operation::Recall { slot } => [RECALL, *slot as u32, 0, 0, 0],
        Operation::Keep { slot } => [KEEP, *slot as u32, 0, 0, 0],
        Operation::Write { output } => [WRITE, *output as u32, 0, 0, 0],
        Operation::WriteFlag { output, .. } => [WRITE_FLAG, *output as u32, place, 0, 0],
        Operation::Flag { .. } => [FLAG, 0, place, 0, 0],
        Operation::Fill { .. } => [FILL, 0, place, 0, 0],
        // Taking off nothing, times one, plus nothing is the number itself, and minus zero becomes zero.
        Operation::Affine { center, scale, offset, .. } if *center == 0.0 && *scale == 1.0 && offset.to_bits() == 0 => {
            [CLIP, 0, place, 0, 0]
        }
        Operation::Affine { .. } => [AFFINE, 0, place, 0, 0],
        Operation::Cut { edges } => [CUT, edges.len() as u32, place, 0, 0],
        Operation::Find { keys, counter, .. } => [FIND, keys.len() as u32, place, *counter as u32, 0],
        Operation::Add { slot } => [ADD, *slot as u32, 0, 0, 0],
        Operation::Divide { slot, .. } => [DIVIDE, *slot as u32, place, 0, 0],
    }
}
