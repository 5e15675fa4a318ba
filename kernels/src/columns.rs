//! Chains of operations on columns, as a device runs them: a whole plan in one pass over the rows.
//!
//! A [`Pass`] holds one list of [`Operation`]s for each group of columns that have nothing in common. For each row they are
//! done in order on one number, the *accumulator*; a number that is needed again is kept in a *slot*. Numbers are of 64
//! bits, and each operation is rounded once, so that results are equal to the bits of the same formulas on the host.

use std::borrow::Cow;

/// What is done next to the accumulator `x`; not a number = missing.
#[derive(Debug, Clone, PartialEq)]
pub enum Operation {
    /// `x` = the cell of this column; an infinite one is told.
    Read {
        /// A column of [`Cells::Numbers`].
        column: usize,
    },
    /// `x` = the answer to the code of this column; codes beyond the answers have the last one.
    Answer {
        /// A column of [`Cells::Codes`].
        column: usize,
        /// One a code; at least one.
        answers: Vec<Answer>,
        /// Where unknown cells are counted.
        counter: usize,
    },
    /// `x` = what was kept in this slot.
    Recall {
        /// The slot.
        slot: usize,
    },
    /// Keeps `x` in this slot.
    Keep {
        /// The slot.
        slot: usize,
    },
    /// Writes `x`, rounded to 32 bits; one that is infinite then is told.
    Write {
        /// A column of the result.
        output: usize,
    },
    /// Writes one where `x` is this number, zero elsewhere; `x` stays.
    WriteFlag {
        /// A column of the result.
        output: usize,
        /// The number.
        value: u32,
    },
    /// `x` = one where `x` is this number, zero elsewhere.
    Flag {
        /// The number.
        value: u32,
    },
    /// `x` = this number where `x` is missing.
    Fill {
        /// The number.
        value: f64,
    },
    /// `x = min(max((x - center) * scale + offset, low), high)`.
    Affine {
        /// Taken off.
        center: f64,
        /// Multiplied by.
        scale: f64,
        /// Added.
        offset: f64,
        /// The least result.
        low: f64,
        /// The greatest result.
        high: f64,
    },
    /// `x` = how many of the edges are not above `x`.
    Cut {
        /// Ascending.
        edges: Vec<f64>,
    },
    /// `x = values[i]`, where `x` is the `i`-th key.
    Find {
        /// Ascending.
        keys: Vec<f64>,
        /// One a key.
        values: Vec<f64>,
        /// The answer where `x` is missing.
        missing: f64,
        /// The answer where `x` is no key.
        unknown: f64,
        /// Where unknown cells are counted.
        counter: usize,
    },
    /// `x = x + slot`.
    Add {
        /// The slot.
        slot: usize,
    },
    /// `x = x / max(slot, floor)`; missing where the slot is.
    Divide {
        /// The slot.
        slot: usize,
        /// The least divisor; above zero.
        floor: f64,
    },
}

/// What a code stands for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Answer {
    /// The number.
    pub value: f64,
    /// Whether it is counted as unknown.
    pub unknown: bool,
}

/// Operations on columns, and how much they read and write.
#[derive(Debug, Clone, PartialEq)]
pub struct Pass {
    /// Lists that have no slot and no counter in common.
    pub groups: Vec<Vec<Operation>>,
    /// How many slots there are.
    pub slots: usize,
    /// How many counters there are.
    pub counters: usize,
    /// How many columns the result has. Each is written by one operation.
    pub outputs: usize,
    /// Most rows that are done at a time; fewer where the device's buffers are too small.
    pub most_rows: usize,
}

/// Some rows of a column.
#[derive(Debug, Clone, PartialEq)]
pub enum Cells<'a> {
    /// Numbers; not a number = missing.
    Numbers(Cow<'a, [f64]>),
    /// Codes of levels.
    Codes(&'a [u32]),
}

/// What a pass found.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Applied {
    /// A cell was infinite, or a result is too large for 32 bits.
    pub is_odd: bool,
    /// How many cells each counter counted.
    pub counts: Vec<u64>,
}

/// The same in the host's own numbers, for tests: one row after the other.
#[cfg(test)]
pub fn reference(pass: &Pass, columns: &[Cells<'_>], rows: usize) -> (Vec<f32>, Applied) {
    let mut out = vec![f32::NAN; rows * pass.outputs];
    let mut applied = Applied { is_odd: false, counts: vec![0; pass.counters] };
    let mut slots = vec![f64::NAN; pass.slots];
    for (row, group) in (0..rows).flat_map(|row| pass.groups.iter().map(move |group| (row, group))) {
        let mut x = f64::NAN;
        for operation in group {
            x = match operation {
                Operation::Read { column } => {
                    let Cells::Numbers(cells) = &columns[*column] else { panic!("numbers") };
                    applied.is_odd |= cells[row].is_infinite();
                    cells[row]
                }
                Operation::Answer { column, answers, counter } => {
                    let Cells::Codes(codes) = columns[*column] else { panic!("codes") };
                    let answer = answers[(codes[row] as usize).min(answers.len() - 1)];
                    applied.counts[*counter] += u64::from(answer.unknown);
                    answer.value
                }
                Operation::Recall { slot } => slots[*slot],
                Operation::Keep { slot } => {
                    slots[*slot] = x;
                    x
                }
                Operation::Write { output } => {
                    out[output * rows + row] = x as f32;
                    applied.is_odd |= (x as f32).is_infinite();
                    x
                }
                Operation::WriteFlag { output, value } => {
                    out[output * rows + row] = f32::from(u8::from(x == f64::from(*value)));
                    x
                }
                Operation::Flag { value } => f64::from(u8::from(x == f64::from(*value))),
                Operation::Fill { value } if x.is_nan() => *value,
                Operation::Fill { .. } => x,
                Operation::Affine { center, scale, offset, low, high } => {
                    ((x - center) * scale + offset).clamp(*low, *high)
                }
                Operation::Cut { .. } | Operation::Find { .. } if x.is_nan() => match operation {
                    Operation::Find { missing, .. } => *missing,
                    _ => x,
                },
                Operation::Cut { edges } => edges.iter().filter(|&&edge| edge <= x).count() as f64,
                Operation::Find { keys, values, unknown, counter, .. } => {
                    let place = keys.iter().position(|&key| key == x);
                    applied.counts[*counter] += u64::from(place.is_none());
                    place.map_or(*unknown, |place| values[place])
                }
                Operation::Add { slot } => x + slots[*slot],
                Operation::Divide { slot, .. } if slots[*slot].is_nan() => f64::NAN,
                Operation::Divide { slot, floor } => x / slots[*slot].max(*floor),
            };
        }
    }
    (out, applied)
}
