//! Whole plans of column programs on a device: one launch a block of rows, one unit a row and group. See
//! [`crate::columns`].
//!
//! | argument | shape | type | unit |
//! |---|---|---|---|
//! | `cells` | planes x rows | u32 | of each column: codes, bits of 32-bit numbers, or low and then high words of 64-bit numbers |
//! | `code` | operations x [`CODE_WORDS`] | u32 | what is done, and up to four numbers |
//! | `groups` | groups + 1 | u32 | where the operations of each group begin |
//! | `constants` | words | u32 | numbers (low word, high word) and their keys, where `code` says |
//! | `slots` | slots x 2 x rows | u32 | low words, then high words; of any content |
//! | `out` | outputs x rows | u32 | written: bits of 32-bit numbers |
//! | `tally` | 2 + counters | u32 | zero; then cubes that ran, whether a cell is odd, and what the counters counted |
//!
//! Memory: each cell of a column is read once (4 bytes, or 8 where 32 bits do not hold it), each result written once; what
//! stands in a slot is written and read once or more (8 bytes). A row is one unit's from start to end, so no unit waits for
//! another, and any number of rows is any number of blocks: results do not depend on their size.

use std::ops::Range;

use cubecl::prelude::*;
use rayon::prelude::*;

use super::double::{NAN, add, divide, from_bits_32, from_count, is_infinite, is_nan, key, less, multiply, to_bits_32};
use super::words::Two;
use super::{Buffer, Gpu, Memory, on_backend};
use crate::columns::{Applied, Cells, Operation, Pass};
use crate::device::Unavailable;

/// Most words of a buffer: 256 MiB; in tests few, so that there are several blocks.
const MOST_WORDS: usize = if cfg!(test) { 3000 } else { 1 << 26 };
/// Rows of a cube: one a unit.
const CUBE_ROWS: u32 = 256;
/// Words of an operation.
const CODE_WORDS: usize = 5;
/// Words of `tally` before the counters.
const TALLY_WORDS: usize = 2;

const READ_CODES: u32 = 0;
const READ_NARROW: u32 = 1;
const READ_WIDE: u32 = 2;
const RECALL: u32 = 3;
const KEEP: u32 = 4;
const WRITE: u32 = 5;
const WRITE_FLAG: u32 = 6;
const FLAG: u32 = 7;
const FILL: u32 = 8;
const AFFINE: u32 = 9;
const CLIP: u32 = 10;
const CUT: u32 = 11;
const FIND: u32 = 12;
const ADD: u32 = 13;
const DIVIDE: u32 = 14;

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

/// Numbers on the device, and where those of each operation begin.
struct Constants {
    words: Vec<u32>,
    /// Of each group's operations.
    places: Vec<Vec<u32>>,
}

impl Constants {
    fn of(pass: &Pass) -> Self {
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
    run::launch::<R>(
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

/// An operation as the kernel reads it; `planes`: kind and first plane of each column.
fn encoded(operation: &Operation, place: u32, planes: &[(u32, u32)]) -> [u32; CODE_WORDS] {
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

/// The constant at a place.
#[cube]
fn constant(constants: &Array<u32>, place: u32) -> Two {
    Two { w0: constants[place as usize], w1: constants[place as usize + 1] }
}

/// How many of `count` ascending keys are below `wanted`, or not above it.
#[cube]
fn keys_below(constants: &Array<u32>, first: u32, count: u32, wanted: Two, #[comptime] or_equal: bool) -> u32 {
    let mut low = 0u32;
    let mut high = count;
    while low < high {
        let middle = (low + high) / 2u32;
        let found = constant(constants, first + 2u32 * middle);
        let mut is_below = less(found, wanted);
        if comptime!(or_equal) {
            is_below = !less(wanted, found);
        }
        if is_below {
            low = middle + 1u32;
        } else {
            high = middle;
        }
    }
    low
}

#[cube]
fn is_same(a: Two, b: Two) -> bool {
    a.w0 == b.w0 && a.w1 == b.w1
}

/// `x` within the bounds; what is no number stays.
#[cube]
fn clamped(x: Two, constants: &Array<u32>, place: u32) -> Two {
    let low = constant(constants, place);
    let high = constant(constants, place + 2u32);
    let k = key(x);
    let is_number = !is_nan(x);
    let below = is_number && less(k, key(low));
    let above = is_number && less(key(high), k);
    let w0 = select(below, low.w0, x.w0);
    let w1 = select(below, low.w1, x.w1);
    Two { w0: select(above, high.w0, w0), w1: select(above, high.w1, w1) }
}

#[cube(launch)]
#[expect(clippy::too_many_arguments, reason = "each buffer of a kernel is an argument")]
fn run(
    cells: &Array<u32>,
    code: &Array<u32>,
    groups: &Array<u32>,
    constants: &Array<u32>,
    slots: &mut Array<u32>,
    out: &mut Array<u32>,
    tally: &mut Array<Atomic<u32>>,
    rows: u32,
    tiles: u32,
    cubes: u32,
) {
    let cube = CUBE_POS as u32;
    if cube < cubes && UNIT_POS == 0u32 {
        tally[0].fetch_add(1u32);
    }
    let row = (cube % tiles) * CUBE_ROWS + UNIT_POS;
    if cube < cubes && row < rows {
        let group = (cube / tiles) as usize;
        let last = groups[group + 1];
        let mut x0 = 0u32;
        // What is no number: see `NAN`.
        let mut x1 = 0x7ff8_0000u32;
        for at in groups[group]..last {
            let i = at as usize * CODE_WORDS;
            let what = code[i];
            let a = code[i + 1];
            let b = code[i + 2];
            let cell = (a * rows + row) as usize;
            let slot = (2u32 * a * rows + row) as usize;
            let x = Two { w0: x0, w1: x1 };
            if what == READ_NARROW {
                let y = from_bits_32(cells[cell]);
                if is_infinite(y) {
                    tally[1].store(1u32);
                }
                x0 = y.w0;
                x1 = y.w1;
            } else if what == READ_WIDE {
                let y = Two { w0: cells[cell], w1: cells[cell + rows as usize] };
                if is_infinite(y) {
                    tally[1].store(1u32);
                }
                x0 = y.w0;
                x1 = y.w1;
            } else if what == READ_CODES {
                let answer = (b + 3u32 * min(cells[cell], code[i + 4])) as usize;
                x0 = constants[answer];
                x1 = constants[answer + 1];
                if constants[answer + 2] != 0u32 {
                    tally[TALLY_WORDS + code[i + 3] as usize].fetch_add(1u32);
                }
            } else if what == RECALL {
                x0 = slots[slot];
                x1 = slots[slot + rows as usize];
            } else if what == KEEP {
                slots[slot] = x0;
                slots[slot + rows as usize] = x1;
            } else if what == WRITE {
                let bits = to_bits_32(x);
                out[cell] = bits;
                if (bits & 0x7fff_ffffu32) == 0x7f80_0000u32 {
                    tally[1].store(1u32);
                }
            } else if what == WRITE_FLAG {
                out[cell] = select(is_same(key(x), constant(constants, b)), 0x3f80_0000u32, 0u32);
            } else if what == FLAG {
                let high = select(is_same(key(x), constant(constants, b)), 0x3ff0_0000u32, 0u32);
                x0 = 0u32;
                x1 = high;
            } else if what == FILL {
                if is_nan(x) {
                    x0 = constants[b as usize];
                    x1 = constants[b as usize + 1];
                }
            } else if what == AFFINE {
                let apart = add(x, constant(constants, b + 4u32));
                let scaled = multiply(apart, constant(constants, b + 6u32));
                let y = clamped(add(scaled, constant(constants, b + 8u32)), constants, b);
                x0 = y.w0;
                x1 = y.w1;
            } else if what == CLIP {
                let is_zero = ((x1 & 0x7fff_ffffu32) | x0) == 0u32;
                let y = clamped(Two { w0: x0, w1: select(is_zero, 0u32, x1) }, constants, b);
                x0 = y.w0;
                x1 = y.w1;
            } else if what == CUT {
                if !is_nan(x) {
                    let y = from_count(keys_below(constants, b, a, key(x), true));
                    x0 = y.w0;
                    x1 = y.w1;
                }
            } else if what == FIND {
                if is_nan(x) {
                    x0 = constants[b as usize];
                    x1 = constants[b as usize + 1];
                } else {
                    let wanted = key(x);
                    let keys = b + 4u32;
                    let place = keys_below(constants, keys, a, wanted, false);
                    // Behind the last key stands a value, which is not looked at.
                    if place < a && is_same(wanted, constant(constants, keys + 2u32 * place)) {
                        let y = constant(constants, keys + 2u32 * (a + place));
                        x0 = y.w0;
                        x1 = y.w1;
                    } else {
                        x0 = constants[b as usize + 2];
                        x1 = constants[b as usize + 3];
                        tally[TALLY_WORDS + code[i + 3] as usize].fetch_add(1u32);
                    }
                }
            } else if what == ADD {
                let y = add(x, Two { w0: slots[slot], w1: slots[slot + rows as usize] });
                x0 = y.w0;
                x1 = y.w1;
            } else if what == DIVIDE {
                let y = Two { w0: slots[slot], w1: slots[slot + rows as usize] };
                let floor = constant(constants, b);
                let is_low = !is_nan(y) && less(key(y), key(floor));
                let z = divide(x, Two { w0: select(is_low, floor.w0, y.w0), w1: select(is_low, floor.w1, y.w1) });
                x0 = z.w0;
                x1 = z.w1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use proptest::prelude::*;

    use super::*;
    use crate::columns::{Answer, reference};
    use crate::gpu::tests::gpus;
    use crate::permutation::mix;

    /// Numbers of a seed: small ones, odd ones, and any bits.
    struct Draw(u32);

    impl Draw {
        fn below(&mut self, limit: usize) -> usize {
            self.0 = mix(self.0.wrapping_add(0x9e37_79b9));
            self.0 as usize % limit
        }

        fn number(&mut self) -> f64 {
            const ODD: [f64; 12] =
                [0.0, -0.0, 1e-310, -5e-324, 1e-45, 0.1, 1e9, -1e30, 3e38, 1e300, f64::MAX, f64::MIN_POSITIVE];
            match self.below(5) {
                0 => ODD[self.below(ODD.len())],
                1 => f64::NAN,
                2 => f64::from(f32::from_bits(self.below(usize::MAX) as u32)),
                3 => self.below(1000) as f64 / 7.0 - 50.0,
                _ => self.below(9) as f64 - 4.0,
            }
        }

        fn finite(&mut self) -> f64 {
            Some(self.number()).filter(|x| x.is_finite()).unwrap_or(2.0)
        }

        /// Distinct numbers in order.
        fn ascending(&mut self) -> Vec<f64> {
            let mut numbers: Vec<f64> = (0..self.below(9)).map(|_| self.finite() + 0.0).collect();
            numbers.sort_unstable_by(f64::total_cmp);
            numbers.dedup();
            numbers
        }
    }

    const NUMBERS: usize = 3;
    const CODES: usize = 2;

    fn next(draw: &mut Draw, kept: &[usize], pass: &mut Pass) -> Operation {
        let mut counter = || {
            pass.counters += 1;
            pass.counters - 1
        };
        match draw.below(if kept.is_empty() { 9 } else { 12 }) {
            0 => Operation::Read { column: draw.below(NUMBERS) },
            1 => {
                let answer = |_| Answer { value: draw.number(), unknown: draw.below(3) == 0 };
                let answers = (0..4).map(answer).collect();
                Operation::Answer { column: NUMBERS + draw.below(CODES), answers, counter: counter() }
            }
            2 => Operation::Fill { value: draw.finite() },
            3 => {
                let (low, high) = (draw.finite(), draw.finite());
                let (center, scale, offset) = (draw.finite(), draw.finite(), draw.finite());
                Operation::Affine { center, scale, offset, low: low.min(high), high: low.max(high) }
            }
            4 => Operation::Affine { center: 0.0, scale: 1.0, offset: 0.0, low: draw.finite(), high: f64::INFINITY },
            5 => Operation::Cut { edges: draw.ascending() },
            6 => {
                let keys = draw.ascending();
                let values = keys.iter().map(|_| draw.finite()).collect();
                Operation::Find { keys, values, missing: draw.number(), unknown: draw.number(), counter: counter() }
            }
            7 => Operation::Flag { value: draw.below(3) as u32 },
            8 => {
                pass.outputs += 1;
                Operation::WriteFlag { output: pass.outputs - 1, value: draw.below(3) as u32 }
            }
            9 => Operation::Recall { slot: kept[draw.below(kept.len())] },
            10 => Operation::Add { slot: kept[draw.below(kept.len())] },
            _ => Operation::Divide { slot: kept[draw.below(kept.len())], floor: draw.finite().abs().max(1e-320) },
        }
    }

    fn pass(seed: u32) -> Pass {
        let draw = &mut Draw(seed);
        let mut pass = Pass { groups: Vec::new(), slots: 0, counters: 0, outputs: 0, most_rows: 1 + draw.below(2000) };
        for _ in 0..1 + draw.below(3) {
            let mut group = vec![Operation::Read { column: draw.below(NUMBERS) }];
            let mut kept = Vec::new();
            for _ in 0..draw.below(9) {
                if draw.below(3) == 0 {
                    kept.push(pass.slots);
                    group.push(Operation::Keep { slot: pass.slots });
                    pass.slots += 1;
                }
                group.push(next(draw, &kept, &mut pass));
                if draw.below(3) == 0 {
                    group.push(Operation::Write { output: pass.outputs });
                    pass.outputs += 1;
                }
            }
            group.push(Operation::Write { output: pass.outputs });
            pass.outputs += 1;
            pass.groups.push(group);
        }
        pass
    }

    /// The cells of all columns: of one the numbers are short, and one has infinities in some tables.
    fn cells(rows: usize, seed: u32) -> Vec<Cells<'static>> {
        let draw = &mut Draw(mix(seed));
        let mut columns = Vec::new();
        for column in 0..NUMBERS {
            let odd = draw.below(4) == 0;
            let mut cell = |_| match draw.number() {
                x if column == 1 => f64::from(x as f32),
                _ if odd && draw.below(50) == 0 => f64::NEG_INFINITY,
                x => x,
            };
            let cells: Vec<f64> = (0..rows).map(&mut cell).collect();
            columns.push(Cells::Numbers(Cow::Owned(cells)));
        }
        for _ in 0..CODES {
            let code = |_| if draw.below(7) == 0 { u32::MAX } else { draw.below(4) as u32 };
            columns.push(Cells::Codes((0..rows).map(code).collect::<Vec<u32>>().leak()));
        }
        columns
    }

    fn part<'a>(columns: &'a [Cells<'static>], rows: &Range<usize>) -> Vec<Cells<'a>> {
        let part = |cells: &'a Cells<'static>| match cells {
            Cells::Numbers(numbers) => Cells::Numbers(Cow::Borrowed(&numbers[rows.clone()])),
            Cells::Codes(codes) => Cells::Codes(&codes[rows.clone()]),
        };
        columns.iter().map(part).collect()
    }

    /// The columns of these cells.
    fn split(cells: &mut [f32], rows: usize, columns: usize) -> Vec<&mut [f32]> {
        match rows {
            0 => std::iter::repeat_with(Default::default).take(columns).collect(),
            _ => cells.chunks_mut(rows).collect(),
        }
    }

    /// Bits, with one pattern for what is no number.
    fn bits(cells: &[f32]) -> Vec<u32> {
        cells.iter().map(|x| if x.is_nan() { f32::NAN.to_bits() } else { x.to_bits() }).collect()
    }

    fn assert_same(pass: &Pass, columns: &[Cells<'static>], rows: usize, gpus: &[Gpu]) {
        let (expected, told) = reference(pass, columns, rows);
        for gpu in gpus {
            let mut found = vec![0.0; rows * pass.outputs];
            let applied =
                apply_on(gpu, pass, rows, &mut |rows| part(columns, &rows), &mut split(&mut found, rows, pass.outputs))
                    .unwrap();
            assert_eq!(applied, told, "{gpu:?}, {pass:?}");
            for (i, (found, expected)) in bits(&found).into_iter().zip(bits(&expected)).enumerate() {
                let (column, row) = (i / rows, i % rows);
                assert_eq!(
                    found,
                    expected,
                    "{gpu:?}, column {column}, row {row}, {pass:?}, {:?}",
                    part(columns, &(row..row + 1))
                );
            }
        }
    }

    #[test]
    fn any_operations_give_the_hosts_bits() {
        let gpus = gpus();
        let config = ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() };
        let rows = prop_oneof![Just(0usize), Just(1), 2..40usize, 200..1500usize];
        proptest!(config, |(rows in rows, seed in any::<u32>())| {
            assert_same(&pass(seed), &cells(rows, seed), rows, &gpus);
        });
    }

    /// More groups and rows than one axis of a grid would hold if each cube were a row of it.
    #[test]
    fn many_columns_and_many_rows() {
        let each = |output| {
            vec![
                Operation::Read { column: output % NUMBERS },
                Operation::Fill { value: 0.5 },
                Operation::Write { output },
            ]
        };
        let wide = Pass { groups: (0..400).map(each).collect(), outputs: 400, ..pass(0) };
        let long = Pass { groups: vec![each(0)], outputs: 1, ..wide.clone() };
        assert_same(&wide, &cells(20, 1), 20, &gpus());
        assert_same(&long, &cells(20_000, 2), 20_000, &gpus());
    }
}
