//! A GPU that was opened, and its memory.
//!
//! The backend's type stays in here: outside, a GPU is a [`Gpu`]. Kernels are launched from one thread, which has its own
//! stream; threads of the host's pool never call the device.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
#[cfg(not(test))]
use std::sync::{Mutex, PoisonError};

use cubecl::bytes::Bytes;
use cubecl::client::ComputeClient;
use cubecl::cuda::CudaRuntime;
use cubecl::prelude::*;
use cubecl::server::Handle;
use cubecl::wgpu::WgpuDevice;
#[cfg(not(test))]
use cubecl::wgpu::{AutoGraphicsApi, MemoryConfiguration, RuntimeOptions, WgpuRuntime, init_setup};
use rayon::prelude::*;
#[cfg(test)]
use twin::Twin as WgpuRuntime;

use crate::device::{Adapter, Card, DeviceMemory, DeviceSpec, Limits, Unavailable, fault, free_of_cuda};

mod assemble;
mod batch;
mod candidate;
mod category_counts;
mod columns;
#[cfg(test)]
mod cuda_code;
mod decide;
mod descend;
mod double;
mod draw;
mod fill;
mod layout;
mod leaf_sums;
#[cfg(test)]
mod leaks;
mod offer;
mod order_statistics;
mod pages;
mod profile;
mod random;
mod rates;
#[cfg(test)]
mod refused;
mod shape;
mod small;
#[cfg(test)]
pub(crate) mod tests;
#[cfg(test)]
mod twin;
#[cfg(test)]
mod validation;
mod words;

pub use batch::{Planned, grow_on, plan_on};
pub use category_counts::category_counts;
pub use columns::apply_on;
use layout::Room;
pub use leaf_sums::{sum_leaves_on, sum_stages_on};
pub use order_statistics::order_statistics;
pub use profile::{Profile, profile};
pub use rates::{HeldMemory, Motion, Probe};

/// A GPU that was opened.
#[derive(Clone)]
pub struct Gpu {
    spec: DeviceSpec,
    client: Client,
    /// As it was when the device was opened.
    memory: DeviceMemory,
    software: bool,
}

#[derive(Clone)]
enum Client {
    Wgpu(ComputeClient<WgpuRuntime>),
    Cuda(ComputeClient<CudaRuntime>),
}

/// Calls a function of the backend's type.
macro_rules! on_backend {
    ($gpu:expr, $memory:ident => $body:expr) => {
        match &$gpu.client {
            $crate::gpu::Client::Wgpu(client) => {
                let $memory = $crate::gpu::Memory { client, gpu: &$gpu };
                $gpu.guarded(|| $body)
            }
            $crate::gpu::Client::Cuda(client) => {
                let $memory = $crate::gpu::Memory { client, gpu: &$gpu };
                $gpu.guarded(|| $body)
            }
        }
    };
}
pub(crate) use on_backend;

impl fmt::Debug for Gpu {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Gpu({})", self.spec)
    }
}

impl Gpu {
    /// Opens a WGPU adapter.
    pub(crate) fn open_wgpu(spec: DeviceSpec, adapter: &Adapter) -> Result<Self, Unavailable> {
        open(spec, || Self {
            spec,
            client: Client::Wgpu(client_of(&adapter.device)),
            memory: adapter.memory,
            software: adapter.software,
        })
    }

    /// Opens a CUDA device, when its libraries are known to be there.
    pub(crate) fn open_cuda(spec: DeviceSpec, index: u32, card: &Card) -> Result<Self, Unavailable> {
        let device = cubecl::cuda::CudaDevice { index: index as usize };
        open(spec, || Self {
            spec,
            client: Client::Cuda(CudaRuntime::client(&device)),
            memory: card.memory,
            software: false,
        })
    }

    /// Which one it is.
    pub fn spec(&self) -> DeviceSpec {
        self.spec
    }

    /// It is a rasteriser that runs on the host's cores.
    pub fn is_software(&self) -> bool {
        self.software
    }

    /// What it takes at once.
    pub fn limits(&self) -> Limits {
        match &self.client {
            Client::Wgpu(client) => Limits::of(client.properties()),
            Client::Cuda(client) => Limits::of(client.properties()),
        }
    }

    /// Its memory, in bytes; what is free is asked anew each time.
    pub fn memory(&self) -> DeviceMemory {
        let free_bytes = match self.spec {
            DeviceSpec::Cuda(index) => free_of_cuda(index),
            _ => self.memory.free_bytes,
        };
        DeviceMemory { free_bytes, ..self.memory }
    }

    /// Most bytes of one buffer.
    pub fn max_buffer_bytes(&self) -> u64 {
        self.limits().buffer_bytes
    }

    /// Runs a kernel and looks at what it left: a driver may offer a device and refuse its kernels.
    ///
    /// # Errors
    /// [`Unavailable::Lost`], with what the driver said.
    pub fn probe(&self) -> Result<(), Unavailable> {
        on_backend!(self, memory => {
            let words = memory.upload(&[u32::MAX; 1000]);
            memory.clear(&words);
            let ran = memory.read(&words)?.iter().all(|&word| word == 0);
            if ran { Ok(()) } else { Err(memory.lost("a kernel that was launched did not run")) }
        })
    }

    /// A device that is lost makes the runtime panic, here or in a thread of its own.
    pub(crate) fn guarded<T>(&self, work: impl FnOnce() -> Result<T, Unavailable>) -> Result<T, Unavailable> {
        fault::forget();
        let done = catch_unwind(AssertUnwindSafe(work));
        match done.unwrap_or_else(|panic| Err(self.lost(fault::reason(panic)))) {
            Err(Unavailable::Lost { reason, .. }) => {
                let reason = fault::said().map_or_else(|| reason.clone(), |said| format!("{reason}: {said}"));
                Err(self.lost(reason))
            }
            other => other,
        }
    }

    fn lost(&self, reason: String) -> Unavailable {
        let words = reason.to_lowercase().replace(['_', '-'], " ");
        if words.contains("out of memory") || words.contains("outofmemory") {
            return Unavailable::OutOfMemory { asked: self.spec, memory: self.memory(), reason };
        }
        Unavailable::Lost { asked: self.spec, reason }
    }
}

/// The client of an adapter, which tells [`fault`] when its driver gives it up.
#[cfg(not(test))]
fn client_of(device: &WgpuDevice) -> ComputeClient<WgpuRuntime> {
    // A second setup of a device would be another device.
    static SET_UP: Mutex<Vec<WgpuDevice>> = Mutex::new(Vec::new());
    let mut set_up = SET_UP.lock().unwrap_or_else(PoisonError::into_inner);
    if !set_up.contains(device) {
        // A buffer takes what it needs: the usual pools take whole pages, each as large as the largest buffer.
        let options =
            RuntimeOptions { memory_config: MemoryConfiguration::ExclusivePages, ..RuntimeOptions::default() };
        let setup = init_setup::<AutoGraphicsApi>(device, options);
        setup.device.set_device_lost_callback(|_, message| fault::gave_up(&message));
        set_up.push(device.clone());
    }
    WgpuRuntime::client(device)
}

/// In tests, the client that remembers what is launched.
#[cfg(test)]
fn client_of(device: &WgpuDevice) -> ComputeClient<WgpuRuntime> {
    WgpuRuntime::client(device)
}

fn open(spec: DeviceSpec, make: impl FnOnce() -> Gpu) -> Result<Gpu, Unavailable> {
    fault::forget();
    let broken = |panic| Unavailable::Broken { asked: spec, reason: fault::reason(panic) };
    catch_unwind(AssertUnwindSafe(make)).map_err(broken)
}

/// Where buffers are made and read.
pub(crate) struct Memory<'a, R: Runtime> {
    client: &'a ComputeClient<R>,
    gpu: &'a Gpu,
}

/// Words on the device.
#[derive(Clone)]
pub(crate) struct Buffer {
    handle: Handle,
    len: usize,
}

impl Buffer {
    /// As the argument of a kernel.
    pub fn arg<R: Runtime>(&self) -> ArrayArg<R> {
        // SAFETY: the buffer was made with this many words.
        unsafe { ArrayArg::from_raw_parts(self.handle.clone(), self.len) }
    }
}

/// Bytes that one core copies at a time.
const COPIED: usize = 1 << 22;
/// Words of a buffer that kernels can number, with room for a last step beyond its end.
const MOST_WORDS: u64 = u32::MAX as u64 - (1 << 21);
/// Cubes along the first axis of a grid: what every device takes.
const MOST_CUBES: u32 = 65_535;

impl<R: Runtime> Memory<'_, R> {
    /// A copy of these words; one word where there is none, as no device takes an empty buffer.
    pub fn upload(&self, words: &[u32]) -> Buffer {
        let words = if words.is_empty() { &[0] } else { words };
        Buffer { handle: self.client.create_from_slice(u32::as_bytes(words)), len: words.len() }
    }

    /// A copy of these bytes, as words.
    pub fn upload_bytes(&self, bytes: &[u8]) -> Buffer {
        let bytes = if bytes.is_empty() { &[0; 4] } else { bytes };
        // One copy by all cores: what the runtime is given of its own, it does not copy again.
        let mut own = vec![0; bytes.len()];
        own.par_chunks_mut(COPIED).zip(bytes.par_chunks(COPIED)).for_each(|(to, from)| to.copy_from_slice(from));
        Buffer { handle: self.client.create(Bytes::from_bytes_vec(own)), len: bytes.len() / size_of::<u32>() }
    }

    /// Copies words into a buffer, from place `at` on.
    pub fn paste(&self, words: &[u32], to: &Buffer, at: usize) {
        if words.is_empty() {
            return;
        }
        let from = self.upload(words);
        let grid = CubeCount::Static(words.len().div_ceil(4 * 256).clamp(1, 4096) as u32, 1, 1);
        let (count, at) = (words.len() as u32, at as u32);
        fill::paste::launch::<R>(self.client, grid, CubeDim::new_1d(256), from.arg(), to.arg(), count, at);
    }

    /// Words of any content.
    pub fn reserve(&self, len: usize) -> Buffer {
        let len = len.max(1);
        Buffer { handle: self.client.empty(len * size_of::<u32>()), len }
    }

    /// Words that are zero.
    pub fn zeros(&self, len: usize) -> Buffer {
        let buffer = self.reserve(len);
        self.clear(&buffer);
        buffer
    }

    /// Makes all words zero.
    pub fn clear(&self, buffer: &Buffer) {
        let cubes = (buffer.len.div_ceil(4 * 256)).clamp(1, 4096) as u32;
        let grid = CubeCount::Static(cubes, 1, 1);
        fill::clear::launch::<R>(self.client, grid, CubeDim::new_1d(256), buffer.arg(), buffer.len as u32);
    }

    /// The words of a buffer, when all that was launched before is done.
    pub fn read(&self, buffer: &Buffer) -> Result<Vec<u32>, Unavailable> {
        self.read_first(buffer, buffer.len)
    }

    /// The first words of a buffer, when all that was launched before is done.
    pub fn read_first(&self, buffer: &Buffer, words: usize) -> Result<Vec<u32>, Unavailable> {
        let rest = (buffer.len - words) * size_of::<u32>();
        let lost = |error: cubecl::server::ServerError| self.lost(&fault::in_one_line(&error.to_string()));
        let bytes = self.client.read_one(buffer.handle.clone().offset_end(rest as u64)).map_err(lost)?;
        Ok(bytes.chunks_exact(4).map(|word| u32::from_le_bytes([word[0], word[1], word[2], word[3]])).collect())
    }

    /// The error of a device that does not do what it was told.
    pub fn lost(&self, reason: &str) -> Unavailable {
        Unavailable::Lost { asked: self.gpu.spec, reason: reason.to_owned() }
    }

    /// Most words of one buffer, which kernels number in 32 bits.
    pub fn max_words(&self) -> usize {
        (self.client.properties().memory.max_page_size / 4).min(MOST_WORDS) as usize
    }

    /// At least this many cubes, spread over two axes.
    pub fn grid(&self, cubes: usize) -> CubeCount {
        let cubes = cubes.max(1) as u32;
        let across = cubes.min(MOST_CUBES);
        CubeCount::Static(across, cubes.div_ceil(across), 1)
    }

    /// Refuses what no buffer holds.
    pub fn check_fits(&self, what: &'static str, words: usize) -> Result<(), Unavailable> {
        let limit = self.max_words();
        if words > limit { Err(self.too_large(what, words, limit)) } else { Ok(()) }
    }

    /// The error of what does not fit: words that it takes, and words that there are.
    pub fn too_large(&self, what: &'static str, needed: usize, limit: usize) -> Unavailable {
        let bytes = |words: usize| words as u64 * size_of::<u32>() as u64;
        Unavailable::TooLarge { asked: self.gpu.spec, what, needed: bytes(needed), limit: bytes(limit) }
    }

    /// How the device's memory is shared out when a forest is grown.
    pub fn room(&self) -> Room {
        let memory = self.gpu.memory();
        // What the runtime keeps for later and does not use is free too.
        let kept = self.client.memory_usage().map_or(0, |usage| usage.bytes_reserved - usage.bytes_in_use);
        let free = memory.free_bytes.map(|bytes| bytes + kept);
        let bytes = free.or(memory.total_bytes).unwrap_or(UNKNOWN_BYTES);
        let software = self.gpu.software;
        // A driver and others need some of it; a rasteriser's is the host's.
        let all = (bytes / if software { 4 } else { 10 } * if software { 2 } else { 8 } / 4) as usize;
        let (sums, rows) = if software { (1 << 24, 1 << 22) } else { (1 << 28, 1 << 29) };
        let shared = self.client.properties().hardware.max_shared_memory_size / size_of::<u32>();
        let turns = if software { SOFTWARE_TURNS } else { usize::MAX };
        Room { buffer: self.max_words(), all, sums: sums.min(all / 4), rows, small: true, shared, thrift: 1, turns }
    }
}

/// Bytes that a device is taken to have where its driver does not tell.
const UNKNOWN_BYTES: u64 = 2 << 30;
/// Turns in loops that a unit may make on software Vulkan, which ends them after 65,535 without a word.
pub(crate) const SOFTWARE_TURNS: usize = 50_000;
