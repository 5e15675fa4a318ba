//! Kernels that do one thing, so that it can be timed. Each writes a trace of every launch, which is checked.
//!
//! | argument | shape | type | unit |
//! |---|---|---|---|
//! | `words`, `from`, `to`, `records` | sizes of the measurement | u32, four at a time | any |
//! | `bins` | [`BINS`] | u32 | additions, of all launches |
//! | `sums` | reads / [`READS`] | u32 | wrapped sums of what a unit read |
//! | `total` | 1 | u32 | wrapped sum of all words |
//! | `marks` | 1 | u32 | launches; a launch adds one when the one before it is done |

use cubecl::prelude::*;

use crate::gpu::words::mix;

/// Bins of a cube's own memory: 8 KiB, about what the histograms of a forest's node take.
pub const BINS: u32 = 2048;
/// Additions of one unit.
pub const ADDS: u32 = 1024;
/// Records that one unit reads.
pub const READS: u32 = 8;
/// Vectors of four words in a record.
const RECORD: u32 = 2;
/// Stands for the reads' own random numbers.
pub const SALT: u32 = 0x9E37_79B9;

/// Four words, read and written at once.
pub type Four = Vector<u32, Const<4>>;

#[cube]
fn mark(marks: &mut Array<u32>) {
    if ABSOLUTE_POS == 0usize {
        marks[0] += 1u32;
    }
}

/// Does next to nothing.
#[cube(launch)]
pub fn mark_launch(marks: &mut Array<u32>) {
    mark(marks);
}

/// Random words, the same on every device.
#[cube(launch)]
pub fn fill_random(words: &mut Array<u32>, count: u32) {
    let step = CUBE_COUNT as u32 * CUBE_DIM;
    let mut i = ABSOLUTE_POS as u32;
    while i < count {
        words[i as usize] = mix(i);
        i += step;
    }
}

/// The wrapped sum of all words.
#[cube(launch)]
pub fn sum_words(words: &Array<u32>, total: &mut Array<Atomic<u32>>, count: u32) {
    let step = CUBE_COUNT as u32 * CUBE_DIM;
    let mut sum = 0u32;
    let mut i = ABSOLUTE_POS as u32;
    while i < count {
        sum += words[i as usize];
        i += step;
    }
    total[0].fetch_add(sum);
}

/// One vector a unit.
#[cube(launch)]
pub fn copy_words(from: &Array<Four>, to: &mut Array<Four>, marks: &mut Array<u32>, vectors: u32) {
    let i = ABSOLUTE_POS as u32;
    if i < vectors {
        to[i as usize] = from[i as usize];
    }
    mark(marks);
}

/// Adds ones to bins of the cube's own memory: to random bins, or to those that `mask` leaves of them.
#[cube(launch)]
pub fn add_to_bins(bins: &mut Array<Atomic<u32>>, cubes: u32, mask: u32) {
    let own = SharedMemory::<Atomic<u32>>::new(comptime!(BINS as usize));
    let mut i = UNIT_POS;
    while i < BINS {
        own[i as usize].store(0u32);
        i += CUBE_DIM;
    }
    sync_cube();
    if (CUBE_POS as u32) < cubes {
        let mut random = mix(ABSOLUTE_POS as u32);
        for _ in 0..ADDS {
            // A generator of one step: the additions are what takes the time.
            random = random * 1_664_525u32 + 1_013_904_223u32;
            own[((random >> 16u32) & mask) as usize].fetch_add(1u32);
        }
    }
    sync_cube();
    let mut i = UNIT_POS;
    while i < BINS {
        let count = own[i as usize].load();
        if count > 0u32 {
            bins[i as usize].fetch_add(count);
        }
        i += CUBE_DIM;
    }
}

/// Reads records of 32 bytes at random rows.
#[cube(launch)]
pub fn read_records(records: &Array<Four>, sums: &mut Array<u32>, marks: &mut Array<u32>, rows: u32, units: u32) {
    let unit = ABSOLUTE_POS as u32;
    if unit < units {
        let mut sum = 0u32;
        // Unrolled, so that all reads are on their way before the first is needed.
        #[unroll]
        for k in 0..READS {
            let row = u32::mul_hi(mix((unit * READS + k) ^ SALT), rows);
            let at = (row * RECORD) as usize;
            let low = records[at];
            let high = records[at + 1];
            #[unroll]
            for word in 0..4usize {
                sum += low[word] + high[word];
            }
        }
        sums[unit as usize] = sum;
    }
    mark(marks);
}
