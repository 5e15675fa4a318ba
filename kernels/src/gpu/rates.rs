//! How fast a device moves things: what a fit can hope for. Nothing here reads a clock; the caller times [`Probe::run`].

use cubecl::prelude::*;
use rayon::prelude::*;

use super::{Buffer, Client, Gpu, Memory, on_backend};
use crate::device::Unavailable;
use crate::permutation::mix;

mod motion;

use motion::{ADDS, BINS, READS, SALT};

/// Units of a cube.
const UNITS: u32 = 256;
/// Words of a record.
const RECORD_WORDS: usize = 8;

/// What is measured, and in what its size is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Motion {
    /// Bytes that go from the host to the device.
    Upload,
    /// Bytes of a buffer that is copied on the device; each is read once and written once.
    Copy,
    /// Additions to random ones of 2,048 bins of a cube's own memory.
    SpreadAdds,
    /// Additions to one bin of a cube's own memory.
    OneBinAdds,
    /// Rows of a table of 32-byte records, of which as many are read, at random.
    Gather,
    /// Kernels that do next to nothing; the size does not matter.
    Launch,
}

/// One measurement, ready to be run: its buffers are on the device, its kernels compiled, and one run was checked.
#[derive(Debug)]
pub struct Probe {
    gpu: Gpu,
    load: Load,
    units: u64,
}

enum Load {
    Upload { words: Vec<u32>, total: u32 },
    Copy { from: Buffer, to: Buffer },
    Adds { cubes: u32, mask: u32 },
    Gather { records: Buffer, sums: Buffer, rows: u32 },
    Launch,
}

impl std::fmt::Debug for Load {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Upload { .. } => "Upload",
            Self::Copy { .. } => "Copy",
            Self::Adds { .. } => "Adds",
            Self::Gather { .. } => "Gather",
            Self::Launch => "Launch",
        })
    }
}

impl Probe {
    /// Makes its buffers and checks the results of a first run. The size is rounded up to what a cube takes, and down to
    /// what one buffer of the device holds.
    ///
    /// # Errors
    /// A device that does not do what it is told.
    pub fn new(gpu: &Gpu, motion: Motion, size: u64) -> Result<Self, Unavailable> {
        on_backend!(gpu, memory => {
            let (load, units) = prepare(&memory, motion, size);
            check(&memory, &load)?;
            Ok(Self { gpu: gpu.clone(), load, units })
        })
    }

    /// What one run does, in the unit of its [`Motion`]: bytes, additions, records or kernels. A copy's bytes are counted
    /// twice, as they are read and written.
    pub fn units(&self) -> u64 {
        self.units
    }

    /// Runs it so many times in a row and waits until all are done. Zero runs take what only the waiting takes.
    ///
    /// # Errors
    /// A device that is lost, and a run that left no trace.
    pub fn run(&self, times: u32) -> Result<(), Unavailable> {
        on_backend!(self.gpu, memory => run(&memory, &self.load, times))
    }
}

/// Device memory of this process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HeldMemory {
    /// Bytes of buffers in use.
    pub used: u64,
    /// Bytes taken from the device: buffers in use, and those kept for the next ones. It grows with the need and stays.
    pub reserved: u64,
}

impl Gpu {
    /// The memory that the calling thread's work has on the device.
    ///
    /// # Errors
    /// A device that is lost.
    pub fn memory_held(&self) -> Result<HeldMemory, Unavailable> {
        on_backend!(self, memory => {
            let usage = memory.client.memory_usage().map_err(|error| memory.lost(&error.to_string()))?;
            Ok(HeldMemory { used: usage.bytes_in_use, reserved: usage.bytes_reserved })
        })
    }

    /// Gives back to the device what is kept for later, as far as the runtime does.
    pub fn release_memory(&self) {
        match &self.client {
            Client::Wgpu(client) => client.memory_cleanup(),
            Client::Cuda(client) => client.memory_cleanup(),
        }
    }
}

fn prepare<R: Runtime>(memory: &Memory<'_, R>, motion: Motion, size: u64) -> (Load, u64) {
    let most = memory.max_words() / RECORD_WORDS * RECORD_WORDS;
    let words = ((size / 4) as usize).next_multiple_of(RECORD_WORDS).clamp(RECORD_WORDS, most);
    let add = |mask| {
        let each = u64::from(UNITS * ADDS);
        let cubes = size.div_ceil(each).clamp(1, 1 << 24) as u32;
        (Load::Adds { cubes, mask }, u64::from(cubes) * each)
    };
    match motion {
        Motion::Upload => {
            let words: Vec<u32> = (0..words as u32).into_par_iter().map(mix).collect();
            let (total, bytes) = (total(words.par_iter().copied()), words.len() as u64 * 4);
            (Load::Upload { words, total }, bytes)
        }
        Motion::Copy => {
            let load = Load::Copy { from: random(memory, words), to: memory.zeros(words) };
            (load, words as u64 * 8)
        }
        Motion::SpreadAdds => add(BINS - 1),
        Motion::OneBinAdds => add(0),
        Motion::Gather => {
            let most = most / RECORD_WORDS / READS as usize * READS as usize;
            let rows = (size as usize).next_multiple_of(READS as usize).clamp(READS as usize, most);
            let records = random(memory, rows * RECORD_WORDS);
            let sums = memory.zeros(rows / READS as usize);
            (Load::Gather { records, sums, rows: rows as u32 }, rows as u64)
        }
        Motion::Launch => (Load::Launch, 1),
    }
}

fn random<R: Runtime>(memory: &Memory<'_, R>, words: usize) -> Buffer {
    let buffer = memory.reserve(words);
    let grid = CubeCount::Static(words.div_ceil(UNITS as usize).clamp(1, 4096) as u32, 1, 1);
    motion::fill_random::launch::<R>(memory.client, grid, CubeDim::new_1d(UNITS), buffer.arg(), words as u32);
    buffer
}

/// The wrapped sum of the words in a buffer of the device.
fn sum<R: Runtime>(memory: &Memory<'_, R>, buffer: &Buffer) -> Result<u32, Unavailable> {
    let total = memory.zeros(1);
    let grid = CubeCount::Static(buffer.len.div_ceil(UNITS as usize).clamp(1, 1024) as u32, 1, 1);
    let units = CubeDim::new_1d(UNITS);
    motion::sum_words::launch::<R>(memory.client, grid, units, buffer.arg(), total.arg(), buffer.len as u32);
    Ok(memory.read(&total)?[0])
}

fn run<R: Runtime>(memory: &Memory<'_, R>, load: &Load, times: u32) -> Result<(), Unavailable> {
    let marks = memory.zeros(1);
    let units = CubeDim::new_1d(UNITS);
    match load {
        Load::Upload { words, total } => {
            for _ in 0..times {
                if sum(memory, &memory.upload(words))? != *total {
                    return Err(memory.lost("what was sent is not what is there"));
                }
            }
            return Ok(());
        }
        Load::Adds { cubes, mask } => {
            let bins = memory.zeros(BINS as usize);
            for _ in 0..times {
                let grid = memory.grid(*cubes as usize);
                motion::add_to_bins::launch::<R>(memory.client, grid, units, bins.arg(), *cubes, *mask);
            }
            let added = memory.read(&bins)?.into_iter().fold(0, u32::wrapping_add);
            let expected = times.wrapping_mul(*cubes).wrapping_mul(UNITS * ADDS);
            return if added == expected { Ok(()) } else { Err(memory.lost("additions went missing")) };
        }
        Load::Copy { from, to } => {
            let vectors = (from.len / 4) as u32;
            for _ in 0..times {
                let grid = memory.grid(vectors.div_ceil(UNITS) as usize);
                motion::copy_words::launch::<R>(memory.client, grid, units, from.arg(), to.arg(), marks.arg(), vectors);
            }
        }
        Load::Gather { records, sums, rows } => {
            for _ in 0..times {
                let grid = memory.grid(sums.len.div_ceil(UNITS as usize));
                let (records, out, marks) = (records.arg(), sums.arg(), marks.arg());
                let count = sums.len as u32;
                motion::read_records::launch::<R>(memory.client, grid, units, records, out, marks, *rows, count);
            }
        }
        Load::Launch => {
            for _ in 0..times {
                motion::mark_launch::launch::<R>(memory.client, CubeCount::new_single(), units, marks.arg());
            }
        }
    }
    if memory.read(&marks)?[0] == times { Ok(()) } else { Err(memory.lost("a kernel did not run")) }
}

/// Runs it once and compares all of its result with the host's.
fn check<R: Runtime>(memory: &Memory<'_, R>, load: &Load) -> Result<(), Unavailable> {
    run(memory, load, 1)?;
    let (found, expected) = match load {
        Load::Copy { to, .. } => (sum(memory, to)?, total((0..to.len as u32).into_par_iter().map(mix))),
        Load::Gather { sums, rows, .. } => {
            let record = |read: u32| {
                let row = ((u64::from(mix(read ^ SALT)) * u64::from(*rows)) >> 32) as u32;
                let first = row * RECORD_WORDS as u32;
                (first..first + RECORD_WORDS as u32).map(mix).fold(0, u32::wrapping_add)
            };
            (sum(memory, sums)?, total((0..sums.len as u32 * READS).into_par_iter().map(record)))
        }
        // Their runs check all there is.
        Load::Upload { .. } | Load::Adds { .. } | Load::Launch => return Ok(()),
    };
    if found == expected { Ok(()) } else { Err(memory.lost("a kernel that is measured does not do its work")) }
}

/// The wrapped sum.
fn total(words: impl ParallelIterator<Item = u32>) -> u32 {
    words.reduce(|| 0, u32::wrapping_add)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gpu::tests::gpus;

    const ALL: [(Motion, u64); 6] = [
        (Motion::Upload, 4 << 16),
        (Motion::Copy, 4 << 16),
        (Motion::SpreadAdds, 1 << 20),
        (Motion::OneBinAdds, 1 << 20),
        (Motion::Gather, 5001),
        (Motion::Launch, 0),
    ];

    #[test]
    fn every_motion_does_its_work() {
        for gpu in gpus() {
            for (motion, size) in ALL {
                let probe = Probe::new(&gpu, motion, size).unwrap();
                assert!(probe.units() >= size, "{motion:?}: {}", probe.units());
                for times in [0, 1, 3] {
                    probe.run(times).unwrap_or_else(|error| panic!("{motion:?}, {times} times: {error}"));
                }
            }
        }
    }

    #[test]
    fn a_size_is_held_within_a_buffer() {
        for gpu in gpus() {
            for motion in [Motion::Gather, Motion::Launch] {
                Probe::new(&gpu, motion, 0).unwrap().run(1).unwrap();
            }
            let words = on_backend!(gpu, memory => Ok(prepare(&memory, Motion::Copy, u64::MAX).1 / 8)).unwrap();
            assert_eq!(words, gpu.max_buffer_bytes() / 32 * 8);
        }
    }

    /// Work that was not done is told.
    #[test]
    fn a_result_that_is_another_is_refused() {
        for gpu in gpus() {
            on_backend!(gpu, memory => {
                let (load, _) = prepare(&memory, Motion::Copy, 4096);
                let Load::Copy { from, .. } = &load else { unreachable!("a copy was asked for") };
                let wrong = Load::Copy { from: memory.zeros(from.len), to: memory.zeros(from.len) };
                let error = check(&memory, &wrong).unwrap_err().to_string();
                assert!(error.contains("does not do its work"), "{error}");
                let (Load::Upload { words, total }, _) = prepare(&memory, Motion::Upload, 64) else {
                    unreachable!("an upload was asked for")
                };
                let wrong = Load::Upload { words, total: total ^ 1 };
                assert!(run(&memory, &wrong, 1).is_err());
                Ok(())
            })
            .unwrap();
        }
    }

    #[test]
    fn memory_that_is_held_is_counted_and_given_back() {
        for gpu in gpus() {
            let before = gpu.memory_held().unwrap();
            let probe = Probe::new(&gpu, Motion::Copy, 1 << 22).unwrap();
            let during = gpu.memory_held().unwrap();
            assert!(during.used >= before.used + (2 << 22), "{before:?} {during:?}");
            assert!(during.reserved >= during.used);
            drop(probe);
            gpu.release_memory();
            assert!(gpu.memory_held().unwrap().used < during.used);
        }
    }
}
