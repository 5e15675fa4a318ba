//! The cells at given places of the ascending order, exactly: what quantiles are made of.
//!
//! The device never sorts. Numbers are keys in their order, and eight bits a pass, from the top, it counts how the keys
//! that begin as a wanted cell's does go on: four passes for numbers that 32 bits hold, eight for others, however many
//! cells are wanted.
//!
//! | argument | shape | type | unit |
//! |---|---|---|---|
//! | `cells` | rows, or 2 x rows | u32 | bits of 32-bit numbers, or low and then high words of 64-bit numbers |
//! | `prefixes` | prefixes x 2 | u32 | high and low word of how keys begin; bits not known yet are zero |
//! | `out` | prefixes x 256 and one | u32 | zero; then cells that go on with each byte, and cubes that ran |
//!
//! Memory: each cell is read once a pass and for every eight prefixes. Sums of integers: the order in which units add does
//! not matter. Minus zero stands before zero, as in `total_cmp`.

use cubecl::prelude::*;

use super::words::Two;
use super::{Buffer, Memory, on_backend};
use crate::device::{Device, Unavailable};

/// Prefixes that a cube counts: 8 KiB.
const OWN: u32 = 8;
/// Rows of a cube.
const TILE: u32 = 8192;
/// Words of a block: 256 MiB; in tests few, so that there are several.
const BLOCK: usize = if cfg!(test) { 20_000 } else { 1 << 26 };
const SIGN: u32 = 1 << 31;

/// The cells that stand at some places of the order, the least at 0. Cells that are no number are left out; `ranks` is told
/// how many others there are, and gives the places, each below that number.
///
/// # Errors
/// A device that is lost.
///
/// # Panics
/// When a place is not below the number of cells.
pub fn order_statistics(
    device: &Device,
    cells: &[f64],
    ranks: impl FnOnce(u64) -> Vec<u64>,
) -> Result<Vec<f64>, Unavailable> {
    match device {
        Device::Cpu => Ok(host(cells, ranks)),
        Device::Gpu(gpu) => on_backend!(gpu, memory => on_device(&memory, cells, ranks)),
    }
}

fn host(cells: &[f64], ranks: impl FnOnce(u64) -> Vec<u64>) -> Vec<f64> {
    let mut present: Vec<f64> = cells.iter().copied().filter(|x| !x.is_nan()).collect();
    let ranks: Vec<usize> = ranks(present.len() as u64).into_iter().map(|rank| rank as usize).collect();
    let mut wanted = ranks.clone();
    wanted.sort_unstable();
    wanted.dedup();
    place(&mut present, &wanted, 0);
    ranks.into_iter().map(|rank| present[rank]).collect()
}

/// Brings the cells of these ranks to their places; `first`: the rank of the first of `cells`.
fn place(cells: &mut [f64], ranks: &[usize], first: usize) {
    // Sorting is quicker than many selections among few.
    if cells.len() <= 32 * ranks.len() {
        return cells.sort_unstable_by(f64::total_cmp);
    }
    let middle = ranks.len() / 2;
    let Some(&rank) = ranks.get(middle) else { return };
    let (below, _, above) = cells.select_nth_unstable_by(rank - first, f64::total_cmp);
    rayon::join(|| place(below, &ranks[..middle], first), || place(above, &ranks[middle + 1..], rank + 1));
}

/// A wanted cell: how its key begins, and its place among the cells that begin so.
#[derive(Clone, Copy)]
struct Wanted {
    prefix: u64,
    rank: u64,
}

fn on_device<R: Runtime>(
    memory: &Memory<'_, R>,
    cells: &[f64],
    ranks: impl FnOnce(u64) -> Vec<u64>,
) -> Result<Vec<f64>, Unavailable> {
    let is_narrow = cells.iter().fold(true, |fits, &x| fits & ((f64::from(x as f32) == x) | x.is_nan()));
    let column = Column { memory, cells, is_narrow, whole: None };
    let column = column.kept();
    let mut counts = column.count(&[0], 0)?;
    let mut wanted: Vec<Wanted> =
        ranks(counts.iter().sum()).into_iter().map(|rank| Wanted { prefix: 0, rank }).collect();
    let bytes = if is_narrow { 4 } else { 8 };
    for byte in 0..bytes {
        let mut prefixes: Vec<u64> = wanted.iter().map(|wanted| wanted.prefix).collect();
        prefixes.sort_unstable();
        prefixes.dedup();
        if byte > 0 {
            counts = column.count(&prefixes, byte)?;
        }
        for wanted in &mut wanted {
            let place = prefixes.binary_search(&wanted.prefix).expect("one of them");
            go_on(wanted, &counts[place * 256..][..256], byte);
        }
    }
    Ok(wanted.into_iter().map(|wanted| number(wanted.prefix, is_narrow)).collect())
}

/// Takes the byte in which the wanted cell lies.
fn go_on(wanted: &mut Wanted, counts: &[u64], byte: u32) {
    for (digit, &count) in counts.iter().enumerate() {
        if wanted.rank < count {
            wanted.prefix |= (digit as u64) << (56 - 8 * byte);
            return;
        }
        wanted.rank -= count;
    }
    panic!("expected a place below the number of cells");
}

/// The number of a key.
fn number(key: u64, is_narrow: bool) -> f64 {
    if is_narrow {
        let key = (key >> 32) as u32;
        return f64::from(f32::from_bits(if key >= SIGN { key ^ SIGN } else { !key }));
    }
    f64::from_bits(if key >> 63 == 1 { key ^ 1 << 63 } else { !key })
}

/// Cells on their way to the device: kept there when they are one block, brought again for each pass when not.
struct Column<'a, R: Runtime> {
    memory: &'a Memory<'a, R>,
    cells: &'a [f64],
    is_narrow: bool,
    whole: Option<Buffer>,
}

impl<R: Runtime> Column<'_, R> {
    fn kept(mut self) -> Self {
        let is_one = self.cells.len() <= self.block_rows();
        self.whole = is_one.then(|| self.upload(self.cells));
        self
    }

    fn block_rows(&self) -> usize {
        (self.memory.max_words().min(BLOCK) / if self.is_narrow { 1 } else { 2 }).max(1)
    }

    fn upload(&self, cells: &[f64]) -> Buffer {
        let words: Vec<u32> = match self.is_narrow {
            true => cells.iter().map(|&x| (x as f32).to_bits()).collect(),
            false => {
                let low = cells.iter().map(|x| x.to_bits() as u32);
                low.chain(cells.iter().map(|x| (x.to_bits() >> 32) as u32)).collect()
            }
        };
        self.memory.upload(&words)
    }

    /// How the cells whose keys begin as each prefix go on.
    fn count(&self, prefixes: &[u64], byte: u32) -> Result<Vec<u64>, Unavailable> {
        let memory = self.memory;
        let mut counts = vec![0u64; prefixes.len() * 256];
        let words: Vec<u32> = prefixes.iter().flat_map(|&prefix| [(prefix >> 32) as u32, prefix as u32]).collect();
        let words = memory.upload(&words);
        let known = if byte == 0 { 0 } else { u64::MAX << (64 - 8 * byte) };
        for cells in self.cells.chunks(self.block_rows()) {
            let uploaded = self.whole.clone().unwrap_or_else(|| self.upload(cells));
            let tiles = (cells.len() as u32).div_ceil(TILE);
            let cubes = tiles * (prefixes.len() as u32).div_ceil(OWN);
            let out = memory.zeros(counts.len() + 1);
            count_bytes::launch::<R>(
                memory.client,
                memory.grid(cubes as usize),
                CubeDim::new_1d(256),
                uploaded.arg(),
                words.arg(),
                out.arg(),
                cells.len() as u32,
                u32::from(self.is_narrow),
                prefixes.len() as u32,
                (known >> 32) as u32,
                known as u32,
                byte,
                tiles,
                cubes,
            );
            let found = memory.read(&out)?;
            if found.last() != Some(&cubes) {
                return Err(memory.lost("the kernel of quantiles did not run"));
            }
            counts.iter_mut().zip(found).for_each(|(sum, count)| *sum += u64::from(count));
        }
        Ok(counts)
    }
}

/// The key of a cell, in the upper word for a narrow one; zero where it is no number, which no number has.
#[cube]
fn key_of(cells: &Array<u32>, row: u32, rows: u32, is_narrow: bool) -> Two {
    let first = cells[row as usize];
    let mut high = first;
    let mut low = 0u32;
    let mut infinity = 0x7f80_0000u32;
    if !is_narrow {
        high = cells[(rows + row) as usize];
        low = first;
        infinity = 0x7ff0_0000u32;
    }
    let size = high & 0x7fff_ffffu32;
    let is_none = size > infinity || (size == infinity && low != 0u32);
    let is_negative = high >= SIGN;
    // A narrow key ends where it ends: its lower word stays zero.
    let low_key = select(is_negative && !is_narrow, !low, low);
    let high_key = select(is_negative, !high, high | SIGN);
    Two { w0: select(is_none, 0u32, low_key), w1: select(is_none, 0u32, high_key) }
}

#[cube(launch)]
#[expect(clippy::too_many_arguments, reason = "each buffer of a kernel is an argument")]
fn count_bytes(
    cells: &Array<u32>,
    prefixes: &Array<u32>,
    out: &mut Array<Atomic<u32>>,
    rows: u32,
    is_narrow: u32,
    prefix_count: u32,
    known_high: u32,
    known_low: u32,
    byte: u32,
    tiles: u32,
    cubes: u32,
) {
    let own = SharedMemory::<Atomic<u32>>::new(2048usize);
    let cube = CUBE_POS as u32;
    let first_prefix = (cube / tiles) * OWN;
    let mut i = UNIT_POS;
    while i < OWN * 256u32 {
        own[i as usize].store(0u32);
        i += CUBE_DIM;
    }
    sync_cube();
    if cube < cubes {
        if UNIT_POS == 0u32 {
            out[(prefix_count * 256u32) as usize].fetch_add(1u32);
        }
        let mine = min(prefix_count - first_prefix, OWN);
        let first = (cube % tiles) * TILE;
        let last = min(rows - first, TILE);
        let mut row = UNIT_POS;
        while row < last {
            let key = key_of(cells, first + row, rows, is_narrow == 1u32);
            if (key.w0 | key.w1) != 0u32 {
                let word = select(byte < 4u32, key.w1, key.w0);
                let digit = (word >> (24u32 - 8u32 * (byte % 4u32))) & 255u32;
                for place in 0..mine {
                    let at = (first_prefix + place) as usize * 2;
                    if (key.w1 & known_high) == prefixes[at] && (key.w0 & known_low) == prefixes[at + 1] {
                        own[(place * 256u32 + digit) as usize].fetch_add(1u32);
                    }
                }
            }
            row += CUBE_DIM;
        }
    }
    sync_cube();
    let mut j = UNIT_POS;
    while cube < cubes && j < min(prefix_count - first_prefix, OWN) * 256u32 {
        let found = own[j as usize].load();
        if found > 0u32 {
            out[(first_prefix * 256u32 + j) as usize].fetch_add(found);
        }
        j += CUBE_DIM;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::gpu::tests::gpus;
    use crate::permutation::mix;

    fn cells(rows: usize, seed: u32) -> Vec<f64> {
        const ODD: [f64; 7] = [0.0, -0.0, f64::INFINITY, f64::NEG_INFINITY, f64::NAN, 1e-45, -1e-40];
        let is_wide = seed & 1 == 1;
        let cell = |row: u32| match mix(seed ^ mix(row)) {
            random if random % 5 == 0 => ODD[(random / 5) as usize % ODD.len()],
            random if random % 5 == 1 => f64::from(random % 11) - 5.0,
            random if is_wide => f64::from_bits(u64::from(random) << 32 | u64::from(mix(random))),
            random => f64::from(f32::from_bits(random)),
        };
        (0..rows as u32).map(cell).collect()
    }

    #[test]
    fn every_device_takes_the_cell_of_the_sorted_column() {
        let gpus = gpus();
        let config = ProptestConfig { cases: 30, failure_persistence: None, ..ProptestConfig::default() };
        let rows = prop_oneof![Just(0usize), Just(1), 2..300usize, 9_000..45_000usize];
        proptest!(config, |(rows in rows, wanted in 0u64..40, seed in any::<u32>())| {
            let cells = cells(rows, seed);
            let mut sorted: Vec<f64> = cells.iter().copied().filter(|x| !x.is_nan()).collect();
            sorted.sort_unstable_by(f64::total_cmp);
            let ranks = |count: u64| {
                assert_eq!(count, sorted.len() as u64);
                (0..if count == 0 { 0 } else { wanted }).map(|i| u64::from(mix(seed ^ i as u32)) % count).collect::<Vec<_>>()
            };
            let expected: Vec<u64> = ranks(sorted.len() as u64).into_iter().map(|rank| sorted[rank as usize].to_bits()).collect();
            let devices = std::iter::once(Device::Cpu).chain(gpus.iter().cloned().map(Device::Gpu));
            for device in devices {
                let found = order_statistics(&device, &cells, ranks).unwrap();
                let found: Vec<u64> = found.into_iter().map(f64::to_bits).collect();
                prop_assert_eq!(&found, &expected, "{:?}", device);
            }
        });
    }
}
