//! How many rows have each level.
//!
//! | argument | shape | type | unit |
//! |---|---|---|---|
//! | `codes` | rows | u32 | code of a level; from `levels` on: missing |
//! | `out` | levels + 2 | u32 | zero; then rows of each level, of none, and cubes that ran |
//!
//! Memory: each code is read once. Few levels are counted in the cube's own memory first, so that a frequent one does not
//! hold up the device. Sums of integers: the order in which units add does not matter.

use cubecl::prelude::*;
use rayon::prelude::*;

use super::{Memory, on_backend};
use crate::device::{Device, Unavailable};

/// Counters of a cube: 8 KiB.
const OWN: u32 = 2048;
/// Rows of a cube.
const TILE: u32 = 8192;
/// Rows of a block: 256 MiB; in tests few, so that there are several.
const BLOCK: usize = if cfg!(test) { 20_000 } else { 1 << 26 };

/// Rows of each level, and after them those of none: codes from `levels` on.
///
/// # Errors
/// A device that is lost, or takes no buffer of so many levels.
pub fn category_counts(device: &Device, codes: &[u32], levels: usize) -> Result<Vec<u64>, Unavailable> {
    match device {
        Device::Cpu => Ok(host(codes, levels)),
        Device::Gpu(gpu) => on_backend!(gpu, memory => on_device(&memory, codes, levels)),
    }
}

fn host(codes: &[u32], levels: usize) -> Vec<u64> {
    let none = || vec![0u64; levels + 1];
    let count = |mut counts: Vec<u64>, codes: &[u32]| {
        codes.iter().for_each(|&code| counts[(code as usize).min(levels)] += 1);
        counts
    };
    // Each thread's counts cost as much as its rows do, at the least.
    let rows = TILE as usize * (1 + levels / TILE as usize);
    codes.par_chunks(rows).fold(none, count).reduce(none, |mut sums, counts| {
        sums.iter_mut().zip(counts).for_each(|(sum, count)| *sum += count);
        sums
    })
}

fn on_device<R: Runtime>(memory: &Memory<'_, R>, codes: &[u32], levels: usize) -> Result<Vec<u64>, Unavailable> {
    memory.check_fits("the counts of the levels", levels + 2)?;
    let mut counts = vec![0u64; levels + 1];
    for codes in codes.chunks(memory.max_words().min(BLOCK)) {
        let tiles = (codes.len() as u32).div_ceil(TILE);
        let out = memory.zeros(levels + 2);
        count_codes::launch::<R>(
            memory.client,
            memory.grid(tiles as usize),
            CubeDim::new_1d(256),
            memory.upload(codes).arg(),
            out.arg(),
            codes.len() as u32,
            levels as u32,
            tiles,
        );
        let found = memory.read(&out)?;
        if found[levels + 1] != tiles {
            return Err(memory.lost("the kernel of counts did not run"));
        }
        counts.iter_mut().zip(found).for_each(|(sum, count)| *sum += u64::from(count));
    }
    Ok(counts)
}

#[cube(launch)]
fn count_codes(codes: &Array<u32>, out: &mut Array<Atomic<u32>>, rows: u32, levels: u32, tiles: u32) {
    let own = SharedMemory::<Atomic<u32>>::new(2048usize);
    let tile = CUBE_POS as u32;
    let is_few = levels < OWN;
    let mut i = UNIT_POS;
    while i < OWN {
        own[i as usize].store(0u32);
        i += CUBE_DIM;
    }
    sync_cube();
    if tile < tiles {
        if UNIT_POS == 0u32 {
            out[(levels + 1u32) as usize].fetch_add(1u32);
        }
        let first = tile * TILE;
        let last = min(rows - first, TILE);
        let mut row = UNIT_POS;
        while row < last {
            let level = min(codes[(first + row) as usize], levels) as usize;
            if is_few {
                own[level].fetch_add(1u32);
            } else {
                out[level].fetch_add(1u32);
            }
            row += CUBE_DIM;
        }
    }
    sync_cube();
    let mut level = UNIT_POS;
    while is_few && level <= levels {
        let found = own[level as usize].load();
        if found > 0u32 {
            out[level as usize].fetch_add(found);
        }
        level += CUBE_DIM;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::gpu::tests::gpus;
    use crate::permutation::mix;

    #[test]
    fn levels_are_counted() {
        assert_eq!(host(&[0, 2, 2, u32::MAX, 3], 3), [1, 0, 2, 2]);
        assert_eq!(host(&[], 2), [0, 0, 0]);
    }

    #[test]
    fn every_device_counts_the_same() {
        let gpus = gpus();
        let config = ProptestConfig { cases: 20, failure_persistence: None, ..ProptestConfig::default() };
        let rows = prop_oneof![Just(0usize), Just(1), 2..500usize, 15_000..70_000usize];
        let levels = prop_oneof![Just(0usize), 1..10usize, 2046..2050usize, 5000..6000usize];
        proptest!(config, |(rows in rows, levels in levels, seed in any::<u32>())| {
            let code = |row: u32| match mix(seed ^ mix(row)) {
                random if random % 9 == 0 => u32::MAX,
                random => random % (levels as u32 + 2),
            };
            let codes: Vec<u32> = (0..rows as u32).map(code).collect();
            let expected = host(&codes, levels);
            prop_assert_eq!(expected.iter().sum::<u64>(), rows as u64);
            for gpu in &gpus {
                let found = category_counts(&Device::Gpu(gpu.clone()), &codes, levels).unwrap();
                prop_assert_eq!(&found, &expected, "{:?}", gpu);
            }
        });
    }
}
