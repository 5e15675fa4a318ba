//! Whole plans of column programs on a device: one launch a block of rows, one unit a row and group. See
//! [`crate::columns`].
//!
//! Memory: each cell of a column is read once (4 bytes, or 8 where 32 bits do not hold it), each result written once; what
//! stands in a slot is written and read once or more (8 bytes). A row is one unit's from start to end, so no unit waits for
//! another, and any number of rows is any number of blocks: results do not depend on their size.

use std::ops::Range;

use cubecl::prelude::*;
use rayon::prelude::*;

use super::{Buffer, Gpu, Memory, on_backend};
use crate::columns::{Applied, Cells, Operation, Pass};
use crate::device::Unavailable;
use code::{CODE_WORDS, Constants, READ_CODES, READ_NARROW, READ_WIDE, encoded};
use kernel::{CUBE_ROWS, TALLY_WORDS, run_operations};

mod code;
mod kernel;
#[cfg(test)]
mod tests;

/// Most words of a buffer: 256 MiB; in tests few, so that there are several blocks.
const MOST_WORDS: usize = if cfg!(test) { 3000 } else { 1 << 26 };

/// Applies a pass to rows in blocks; `out`: the columns of the result. `read` gives the cells of some rows, a column
/// each, always of the same kinds; it is asked while the device computes the rows before.
///
/// # Errors
/// A device that is lost, or too small for the constants.
///
/// # Panics
/// When `out` is not as many columns as the pass writes, each of as many rows, or `read` gives another number of rows.
pub fn apply_on<'a>(
    gpu: &Gpu,
    pass: &Pass,
    rows: usize,
    read: &mut dyn FnMut(Range<usize>) -> Vec<Cells<'a>>,
    out: &mut [&mut [f32]],
) -> Result<Applied, Unavailable> {
    assert!(out.len() == pass.outputs && out.iter().all(|column| column.len() == rows), "a place for every cell");
    on_backend!(gpu, memory => apply_in(&memory, pass, rows, read, out))
}

fn apply_in<'a, R: Runtime>(
    memory: &Memory<'_, R>,
    pass: &Pass,
    rows: usize,
    read: &mut dyn FnMut(Range<usize>) -> Vec<Cells<'a>>,
    out: &mut [&mut [f32]],
) -> Result<Applied, Unavailable> {
    let mut applied = Applied { is_odd: false, counts: vec![0; pass.counters] };
    if rows == 0 || pass.groups.is_empty() {
        return Ok(applied);
    }
    let constants = Constants::of(pass);
    memory.check_fits("the constants of the features", constants.words.len())?;
    let table = memory.upload(&constants.words);
    let block_rows = block_rows(memory, pass);
    let mut next = Block::of(read(0..block_rows.min(rows)));
    let mut start = 0;
    while start < rows {
        let block = start..(start + block_rows).min(rows);
        let launched = launch(memory, pass, &constants, &table, &next, block.len());
        let after = block.end..(block.end + block_rows).min(rows);
        if !after.is_empty() {
            next = Block::of(read(after));
        }
        launched.finish(memory, &block, out, &mut applied)?;
        start = block.end;
    }
    Ok(applied)
}

/// As many rows as every buffer holds.
fn block_rows<R: Runtime>(memory: &Memory<'_, R>, pass: &Pass) -> usize {
    let reads = |operation: &Operation| match operation {
        Operation::Read { column } | Operation::Answer { column, .. } => 2 * (column + 1),
        _ => 0,
    };
    let planes = pass.groups.iter().flatten().map(reads).max().unwrap_or(0);
    let widest = planes.max(2 * pass.slots).max(pass.outputs).max(1);
    (memory.max_words().min(MOST_WORDS) / widest).clamp(1, pass.most_rows.max(1))
}

/// One column of a block on its way to the device.
enum Packed<'a> {
    Codes(&'a [u32]),
    Narrow(Vec<u32>),
    Wide(Vec<u32>),
}

struct Block<'a> {
    columns: Vec<Packed<'a>>,
}

impl<'a> Block<'a> {
    fn of(cells: Vec<Cells<'a>>) -> Self {
        Self { columns: cells.into_par_iter().map(pack).collect() }
    }

    /// The planes of all columns, and of each column what it is and its first plane.
    fn words(&self, rows: usize) -> (Vec<u32>, Vec<(u32, u32)>) {
        let mut words = Vec::new();
        let mut places = Vec::with_capacity(self.columns.len());
        for column in &self.columns {
            let (kind, cells) = match column {
                Packed::Codes(codes) => (READ_CODES, *codes),
                Packed::Narrow(cells) => (READ_NARROW, &cells[..]),
                Packed::Wide(cells) => (READ_WIDE, &cells[..]),
            };
            assert_eq!(cells.len() % rows, 0, "whole planes");
            places.push((kind, (words.len() / rows) as u32));
            words.extend_from_slice(cells);
        }
        (words, places)
    }
}

/// Numbers that 32 bits hold as they are take 32 bits.
fn pack(cells: Cells<'_>) -> Packed<'_> {
    let numbers = match cells {
        Cells::Codes(codes) => return Packed::Codes(codes),
        Cells::Numbers(numbers) => numbers,
    };
    // Counted without a branch: one pass at the speed of memory.
    if numbers.iter().fold(true, |fits, &x| fits & ((f64::from(x as f32) == x) | x.is_nan())) {
        return Packed::Narrow(numbers.iter().map(|&x| (x as f32).to_bits()).collect());
    }
    let mut words = Vec::with_capacity(2 * numbers.len());
    words.extend(numbers.iter().map(|x| x.to_bits() as u32));
    words.extend(numbers.iter().map(|x| (x.to_bits() >> 32) as u32));
    Packed::Wide(words)
}

/// A block that the device computes.
struct Launched {
    cubes: u32,
    out: Buffer,
    tally: Buffer,
}

fn launch<R: Runtime>(
    memory: &Memory<'_, R>,
    pass: &Pass,
    constants: &Constants,
    table: &Buffer,
    block: &Block<'_>,
    rows: usize,
) -> Launched {
    let (cells, planes) = block.words(rows);
    let mut code = Vec::new();
    let mut groups = vec![0];
    for (group, places) in pass.groups.iter().zip(&constants.places) {
        code.extend(group.iter().zip(places).flat_map(|(operation, &place)| encoded(operation, place, &planes)));
        groups.push((code.len() / CODE_WORDS) as u32);
    }
    let tiles = (rows as u32).div_ceil(CUBE_ROWS);
    let cubes = tiles * pass.groups.len() as u32;
    let out = memory.reserve(rows * pass.outputs);
    let tally = memory.zeros(TALLY_WORDS + pass.counters);
    run_operations::launch::<R>(
        memory.client,
        memory.grid(cubes as usize),
        CubeDim::new_1d(CUBE_ROWS),
        memory.upload(&cells).arg(),
        memory.upload(&code).arg(),
        memory.upload(&groups).arg(),
        table.arg(),
        memory.reserve(rows * 2 * pass.slots).arg(),
        out.arg(),
        tally.arg(),
        rows as u32,
        tiles,
        cubes,
    );
    Launched { cubes, out, tally }
}

impl Launched {
    /// Waits for the block and takes its results.
    fn finish<R: Runtime>(
        self,
        memory: &Memory<'_, R>,
        rows: &Range<usize>,
        columns: &mut [&mut [f32]],
        applied: &mut Applied,
    ) -> Result<(), Unavailable> {
        let tally = memory.read(&self.tally)?;
        if tally[0] != self.cubes {
            return Err(memory.lost("the kernel of features did not run"));
        }
        applied.is_odd |= tally[1] > 0;
        applied.counts.iter_mut().zip(&tally[TALLY_WORDS..]).for_each(|(sum, &count)| *sum += u64::from(count));
        if columns.is_empty() {
            return Ok(());
        }
        let cells = memory.read(&self.out)?;
        columns.par_iter_mut().zip(cells.par_chunks(rows.len())).for_each(|(column, cells)| {
            column[rows.clone()].iter_mut().zip(cells).for_each(|(x, &bits)| *x = f32::from_bits(bits));
        });
        Ok(())
    }
}
