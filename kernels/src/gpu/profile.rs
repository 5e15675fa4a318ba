//! What there is to say of a column of numbers: how many, the least, the greatest, sums, and a histogram.
//!
//! Everything is counted in integers, so that every device and every number of threads gives the same profile. Sums too: a
//! number is a whole mantissa times a power of two, and mantissas of equal exponents add up exactly. The sum over the
//! exponents is rounded once, at the end: `sum` and `sum_of_squares` are the 64-bit numbers nearest to the exact sums.
//!
//! | argument | shape | type | unit |
//! |---|---|---|---|
//! | `cells` | rows | u32 | bits of 32-bit numbers |
//! | `edges` | edges | u32 | keys of the histogram's inner edges, ascending |
//! | `out` | cubes x [`CUBE_WORDS`] | u32 | written: per cube the [`BINS`], then the least key, the greatest, and [`RAN`] |
//!
//! Memory: each cell is read once; a cube of 16,384 rows writes 8 KiB.

use cubecl::prelude::*;
use rayon::prelude::*;

use super::{Memory, on_backend};
use crate::device::{Device, Unavailable};

/// Rows of a cube: its sums of parts of mantissas stay below 2^32.
const TILE: u32 = 1 << 14;
/// Rows of a block: 64 MiB; in tests few, so that there are several.
const BLOCK: usize = if cfg!(test) { 40_000 } else { 1 << 24 };
/// Sums of a cube, 256 of each: low and high half of the mantissas of positive numbers, by exponent; of negative ones; three
/// parts of the squares of mantissas; and the histogram.
const BINS: usize = 2048;
const CUBE_WORDS: usize = BINS + 3;
/// In the last word of a cube: it ran.
const RAN: u32 = 0x5EED_0B0E;
/// Where the sums begin.
const NEGATIVE: u32 = 512;
const SQUARES: u32 = 1024;
const HISTOGRAM: u32 = 1792;
/// The most edges of a histogram.
const MOST_EDGES: usize = 255;
const SIGN: u32 = 1 << 31;
const INFINITY: u32 = 0x7f80_0000;

/// A column of numbers in numbers.
#[derive(Debug, Clone, PartialEq)]
pub struct Profile {
    /// Cells that hold a number.
    pub count: u64,
    /// Cells that do not.
    pub nulls: u64,
    /// The least number; none where there is no number. Minus zero is below zero.
    pub min: Option<f32>,
    /// The greatest number.
    pub max: Option<f32>,
    /// The sum, rounded once.
    pub sum: f64,
    /// The sum of the squares, rounded once.
    pub sum_of_squares: f64,
    /// Cells of each bin: those with as many edges not above them.
    pub histogram: Vec<u64>,
}

/// The profile of a column; not a number = missing. `edges`: inner edges of the histogram, ascending, at most 255.
///
/// # Errors
/// A device that is lost.
///
/// # Panics
/// When there are more edges, or one of them is no number.
pub fn profile(device: &Device, cells: &[f32], edges: &[f32]) -> Result<Profile, Unavailable> {
    assert!(
        edges.len() <= MOST_EDGES && edges.iter().all(|edge| !edge.is_nan()),
        "at most 255 edges, all of them numbers"
    );
    let sums = match device {
        Device::Cpu => host(cells, edges),
        Device::Gpu(gpu) => on_backend!(gpu, memory => on_device(&memory, cells, edges))?,
    };
    Ok(sums.profile(cells.len(), edges.len() + 1))
}

/// What rows add up to.
#[derive(Debug, Clone, PartialEq)]
struct Sums {
    /// Of mantissas, by exponent: positive numbers, and negative ones.
    mantissas: [Vec<u64>; 2],
    /// Of their squares.
    squares: Vec<u128>,
    histogram: Vec<u64>,
    /// Keys; the least above the greatest where there is no number.
    min: u32,
    max: u32,
}

impl Sums {
    fn none() -> Self {
        let zeros = || vec![0; 256];
        Self { mantissas: [zeros(), zeros()], squares: vec![0; 256], histogram: zeros(), min: u32::MAX, max: 0 }
    }

    /// The host's rule for one cell.
    fn add(&mut self, x: f32, edges: &[f32]) {
        if x.is_nan() {
            return;
        }
        let bits = x.to_bits();
        let exponent = ((bits & !SIGN) >> 23) as usize;
        let mantissa = u64::from(bits & 0x007f_ffff | if exponent > 0 { 1 << 23 } else { 0 });
        self.mantissas[(bits >> 31) as usize][exponent] += mantissa;
        self.squares[exponent] += u128::from(mantissa * mantissa);
        self.histogram[edges.partition_point(|&edge| edge <= x)] += 1;
        let key = order_key(bits);
        (self.min, self.max) = (self.min.min(key), self.max.max(key));
    }

    fn merge(mut self, other: &Self) -> Self {
        fn add<T: Copy + std::ops::AddAssign>(sums: &mut [T], others: &[T]) {
            sums.iter_mut().zip(others).for_each(|(sum, &other)| *sum += other);
        }
        for (sums, others) in self.mantissas.iter_mut().zip(&other.mantissas) {
            add(sums, others);
        }
        add(&mut self.squares, &other.squares);
        add(&mut self.histogram, &other.histogram);
        (self.min, self.max) = (self.min.min(other.min), self.max.max(other.max));
        self
    }

    /// What a cube wrote.
    fn of_words(words: &[u32]) -> Self {
        let at = |part: usize, i: usize| u64::from(words[256 * part + i]);
        let mantissas = [0, 2].map(|part| (0..256).map(|i| at(part, i) + (at(part + 1, i) << 12)).collect());
        let square = |i| [4, 5, 6].iter().rev().fold(0u128, |sum, &part| (sum << 16) + u128::from(at(part, i)));
        Self {
            mantissas,
            squares: (0..256).map(square).collect(),
            histogram: (0..256).map(|i| at(7, i)).collect(),
            min: words[BINS],
            max: words[BINS + 1],
        }
    }

    fn profile(&self, rows: usize, bins: usize) -> Profile {
        let count: u64 = self.histogram.iter().sum();
        let number = |key: u32| f32::from_bits(if key >= SIGN { key ^ SIGN } else { !key });
        let [positive, negative] = &self.mantissas;
        let signed = |i: usize| i128::from(positive[i]) - i128::from(negative[i]);
        let sum = match (positive[255] > 0, negative[255] > 0) {
            (true, true) => f64::NAN,
            (true, false) => f64::INFINITY,
            (false, true) => f64::NEG_INFINITY,
            _ => rounded((0..255).flat_map(|i| terms(signed(i), power(i)))),
        };
        let square = |i: usize| i128::try_from(self.squares[i]).expect("fewer than 2^63 rows");
        let sum_of_squares = match self.squares[255] {
            0 => rounded((0..255).flat_map(|i| terms(square(i), 2 * power(i)))),
            _ => f64::INFINITY,
        };
        Profile {
            count,
            nulls: rows as u64 - count,
            min: (count > 0).then(|| number(self.min)),
            max: (count > 0).then(|| number(self.max)),
            sum,
            sum_of_squares,
            histogram: self.histogram[..bins].to_vec(),
        }
    }
}

/// The unit of mantissas of this exponent, as a power of two.
fn power(exponent: usize) -> i32 {
    exponent.max(1) as i32 - 150
}

/// `value * 2^power` in parts that 64-bit numbers hold exactly.
fn terms(value: i128, power: i32) -> impl Iterator<Item = f64> {
    let (sign, size) = (if value < 0 { -1.0 } else { 1.0 }, value.unsigned_abs());
    (0..4).map(move |part| {
        let word = (size >> (32 * part)) as u32;
        sign * f64::from(word) * 2f64.powi(power + 32 * part)
    })
}

/// The number nearest to the exact sum (Shewchuk 1997, as Python's `math.fsum`): partial sums that do not overlap.
fn rounded(terms: impl Iterator<Item = f64>) -> f64 {
    let mut partials: Vec<f64> = Vec::new();
    for mut x in terms {
        let mut kept = 0;
        for i in 0..partials.len() {
            let mut y = partials[i];
            if x.abs() < y.abs() {
                std::mem::swap(&mut x, &mut y);
            }
            let high = x + y;
            let low = y - (high - x);
            if low != 0.0 {
                partials[kept] = low;
                kept += 1;
            }
            x = high;
        }
        partials.truncate(kept);
        partials.push(x);
    }
    let Some(mut high) = partials.pop() else { return 0.0 };
    while let Some(part) = partials.pop() {
        let whole = high;
        high = whole + part;
        let low = part - (high - whole);
        if low == 0.0 {
            continue;
        }
        // Half-way to the next number: what comes below decides.
        if let Some(&below) = partials.last()
            && (low < 0.0) == (below < 0.0)
        {
            let twice = low * 2.0;
            let next = high + twice;
            if next - high == twice {
                high = next;
            }
        }
        break;
    }
    high
}

/// An integer in the order of numbers; minus zero is below zero.
fn order_key(bits: u32) -> u32 {
    if bits >= SIGN { !bits } else { bits | SIGN }
}

/// An integer in the order of numbers, the same for both zeros.
fn edge_key(edge: f32) -> u32 {
    order_key((edge + 0.0).to_bits())
}

fn host(cells: &[f32], edges: &[f32]) -> Sums {
    let add = |mut sums: Sums, cells: &[f32]| {
        cells.iter().for_each(|&x| sums.add(x, edges));
        sums
    };
    cells.par_chunks(TILE as usize).fold(Sums::none, add).reduce(Sums::none, |sums, other| sums.merge(&other))
}

fn on_device<R: Runtime>(memory: &Memory<'_, R>, cells: &[f32], edges: &[f32]) -> Result<Sums, Unavailable> {
    let keys = memory.upload(&edges.iter().map(|&edge| edge_key(edge)).collect::<Vec<_>>());
    let mut sums = Sums::none();
    for cells in cells.chunks(memory.max_words().min(BLOCK)) {
        let tiles = (cells.len() as u32).div_ceil(TILE);
        let out = memory.zeros(tiles as usize * CUBE_WORDS);
        let words: Vec<u32> = cells.iter().map(|x| x.to_bits()).collect();
        profile_cells::launch::<R>(
            memory.client,
            memory.grid(tiles as usize),
            CubeDim::new_1d(256),
            memory.upload(&words).arg(),
            keys.arg(),
            out.arg(),
            cells.len() as u32,
            edges.len() as u32,
            tiles,
        );
        let found = memory.read(&out)?;
        if found.chunks(CUBE_WORDS).any(|cube| cube[CUBE_WORDS - 1] != RAN) {
            return Err(memory.lost("the kernel of profiles did not run"));
        }
        sums = found.chunks(CUBE_WORDS).map(Sums::of_words).fold(sums, |sums, cube| sums.merge(&cube));
    }
    Ok(sums)
}

/// How many edges are not above a number of this key.
#[cube]
fn bin_of(edges: &Array<u32>, count: u32, key: u32) -> u32 {
    let mut low = 0u32;
    let mut high = count;
    while low < high {
        let middle = (low + high) / 2u32;
        if edges[middle as usize] <= key {
            low = middle + 1u32;
        } else {
            high = middle;
        }
    }
    low
}

/// Adds one number to the cube's sums.
#[cube]
fn add_number(bits: u32, edges: &Array<u32>, edge_count: u32, own: &mut SharedMemory<Atomic<u32>>) {
    let exponent = (bits >> 23u32) & 255u32;
    let mantissa = (bits & 0x007f_ffffu32) | select(exponent > 0u32, 0x0080_0000u32, 0u32);
    let first = exponent + select(bits >= SIGN, NEGATIVE, 0u32);
    own[first as usize].fetch_add(mantissa & 0xfffu32);
    own[(first + 256u32) as usize].fetch_add(mantissa >> 12u32);
    let low = mantissa * mantissa;
    let square = (SQUARES + exponent) as usize;
    own[square].fetch_add(low & 0xffffu32);
    own[square + 256].fetch_add(low >> 16u32);
    own[square + 512].fetch_add(u32::mul_hi(mantissa, mantissa));
    let zero = select(bits == SIGN, 0u32, bits);
    let key = select(zero >= SIGN, !zero, zero | SIGN);
    own[(HISTOGRAM + bin_of(edges, edge_count, key)) as usize].fetch_add(1u32);
}

#[cube(launch)]
fn profile_cells(cells: &Array<u32>, edges: &Array<u32>, out: &mut Array<u32>, rows: u32, edge_count: u32, tiles: u32) {
    let mut own = SharedMemory::<Atomic<u32>>::new(2048usize);
    let mut least = SharedMemory::<u32>::new(256usize);
    let mut greatest = SharedMemory::<u32>::new(256usize);
    let tile = CUBE_POS as u32;
    let mut i = UNIT_POS as usize;
    while i < BINS {
        own[i].store(0u32);
        i += CUBE_DIM as usize;
    }
    sync_cube();
    let mut low = 0xffff_ffffu32;
    let mut high = 0u32;
    if tile < tiles {
        let first = tile * TILE;
        let last = min(rows - first, TILE);
        let mut row = UNIT_POS;
        while row < last {
            let bits = cells[(first + row) as usize];
            if (bits & 0x7fff_ffffu32) <= INFINITY {
                add_number(bits, edges, edge_count, &mut own);
                let key = select(bits >= SIGN, !bits, bits | SIGN);
                low = min(low, key);
                high = max(high, key);
            }
            row += CUBE_DIM;
        }
    }
    least[UNIT_POS as usize] = low;
    greatest[UNIT_POS as usize] = high;
    sync_cube();
    let mut half = CUBE_DIM / 2u32;
    while half > 0u32 {
        if UNIT_POS < half {
            let other = (UNIT_POS + half) as usize;
            least[UNIT_POS as usize] = min(least[UNIT_POS as usize], least[other]);
            greatest[UNIT_POS as usize] = max(greatest[UNIT_POS as usize], greatest[other]);
        }
        sync_cube();
        half /= 2u32;
    }
    if tile < tiles {
        let to = tile as usize * CUBE_WORDS;
        let mut j = UNIT_POS as usize;
        while j < BINS {
            out[to + j] = own[j].load();
            j += CUBE_DIM as usize;
        }
        if UNIT_POS == 0u32 {
            out[to + BINS] = least[0];
            out[to + BINS + 1] = greatest[0];
            out[to + BINS + 2] = RAN;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::gpu::tests::gpus;
    use crate::permutation::mix;

    #[test]
    fn small_numbers_beside_large_ones_count() {
        let found = profile(&Device::Cpu, &[1e30, 1.5, f32::NAN, -1e30, 1e-45, -0.0], &[0.0, 1.0]).unwrap();
        assert_eq!((found.count, found.nulls), (5, 1));
        assert_eq!((found.min, found.max), (Some(-1e30), Some(1e30)));
        assert_eq!(found.sum, 1.5 + f64::from(1e-45f32));
        assert_eq!(found.sum_of_squares, 2.0 * f64::from(1e30f32).powi(2));
        assert_eq!(found.histogram, [1, 2, 2]);
    }

    #[test]
    fn nothing_has_a_profile_too() {
        let none = profile(&Device::Cpu, &[f32::NAN], &[]).unwrap();
        let expected =
            Profile { count: 0, nulls: 1, min: None, max: None, sum: 0.0, sum_of_squares: 0.0, histogram: vec![0] };
        assert_eq!(none, expected);
        assert!(profile(&Device::Cpu, &[f32::INFINITY, f32::NEG_INFINITY], &[]).unwrap().sum.is_nan());
    }

    #[test]
    fn half_way_is_decided_by_what_comes_below() {
        assert_eq!(rounded([1.0, 2f64.powi(-53), 2f64.powi(-110)].into_iter()), 1.0 + f64::EPSILON);
        assert_eq!(rounded([1.0, 2f64.powi(-53)].into_iter()), 1.0);
        assert_eq!(rounded([1e16, 1.0, -1e16].into_iter()), 1.0);
    }

    fn cell(random: u32) -> f32 {
        const ODD: [f32; 6] = [0.0, -0.0, f32::NAN, 1e-45, f32::MAX, f32::MIN];
        match random % 4 {
            0 => ODD[(random / 4) as usize % ODD.len()],
            1 => (random / 4 % 100) as f32 / 8.0 - 6.0,
            _ => f32::from_bits(mix(random)),
        }
    }

    proptest! {
        /// Small whole numbers add up exactly in any order.
        #[test]
        fn sums_are_sums(cells in proptest::collection::vec(-2000i16..2000, 0..500)) {
            let numbers: Vec<f32> = cells.iter().copied().map(f32::from).collect();
            let found = profile(&Device::Cpu, &numbers, &[0.0]).unwrap();
            let whole = |cell: &i16| i64::from(*cell);
            prop_assert_eq!(found.sum, cells.iter().map(whole).sum::<i64>() as f64);
            prop_assert_eq!(found.sum_of_squares, cells.iter().map(|cell| whole(cell).pow(2)).sum::<i64>() as f64);
            prop_assert_eq!(found.histogram[1], cells.iter().filter(|&&cell| cell >= 0).count() as u64);
            prop_assert_eq!(found.min, numbers.iter().copied().reduce(f32::min));
        }
    }

    #[test]
    fn every_device_gives_the_same_profile() {
        let gpus = gpus();
        let config = ProptestConfig { cases: 20, failure_persistence: None, ..ProptestConfig::default() };
        let rows = prop_oneof![Just(0usize), Just(1), 2..700usize, 30_000..90_000usize];
        proptest!(config, |(rows in rows, bins in 0usize..256, infinite in 0usize..4, seed in any::<u32>())| {
            let cells: Vec<f32> = (0..rows as u32)
                .map(|row| cell(mix(seed ^ mix(row))))
                .map(|x| if infinite == 0 || x.is_finite() { x } else { f32::NAN })
                .collect();
            let mut edges: Vec<f32> = (0..bins as u32).map(|i| cell(mix(!seed ^ i))).filter(|x| !x.is_nan()).collect();
            edges.sort_unstable_by(f32::total_cmp);
            let expected = host(&cells, &edges);
            for gpu in &gpus {
                let found = on_backend!(gpu, memory => on_device(&memory, &cells, &edges)).unwrap();
                prop_assert_eq!(&found, &expected, "{:?}", gpu);
            }
        });
    }
}
