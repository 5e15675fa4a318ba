//! A GPU that was opened, and its memory.
//!
//! The backend's type stays in here: outside, a GPU is a [`Gpu`]. Kernels are launched from one thread, which has its own
//! stream; threads of the host's pool never call the device.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

use cubecl::client::ComputeClient;
use cubecl::cuda::CudaRuntime;
use cubecl::prelude::*;
use cubecl::server::Handle;
#[cfg(not(test))]
use cubecl::wgpu::WgpuRuntime;
#[cfg(test)]
use twin::Twin as WgpuRuntime;

use crate::device::{DeviceSpec, Unavailable};

mod batch;
mod candidate;
#[cfg(test)]
mod cuda_code;
mod histogram;
mod leaf_sums;
#[cfg(test)]
mod leaks;
mod rates;
mod route;
mod search;
#[cfg(test)]
pub(crate) mod tests;
#[cfg(test)]
mod twin;
#[cfg(test)]
mod validation;
mod words;

pub use batch::grow_on;
pub use leaf_sums::sum_leaves_on;
pub use rates::{DeviceMemory, Motion, Probe};

/// A GPU that was opened.
#[derive(Clone)]
pub struct Gpu {
    spec: DeviceSpec,
    client: Client,
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
                let $memory = $crate::gpu::Memory { client, spec: $gpu.spec };
                $gpu.guarded(|| $body)
            }
            $crate::gpu::Client::Cuda(client) => {
                let $memory = $crate::gpu::Memory { client, spec: $gpu.spec };
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
    /// Opens a WGPU adapter that [`crate::device::adapters`] listed.
    pub(crate) fn open_wgpu(spec: DeviceSpec, device: &cubecl::wgpu::WgpuDevice) -> Result<Self, Unavailable> {
        open(spec, || Self { spec, client: Client::Wgpu(WgpuRuntime::client(device)) })
    }

    /// Opens a CUDA device, when its libraries are known to be there.
    pub(crate) fn open_cuda(spec: DeviceSpec, index: usize) -> Result<Self, Unavailable> {
        open(spec, || Self { spec, client: Client::Cuda(CudaRuntime::client(&cubecl::cuda::CudaDevice { index })) })
    }

    /// Which one it is.
    pub fn spec(&self) -> DeviceSpec {
        self.spec
    }

    /// Most bytes of one buffer.
    pub fn max_buffer_bytes(&self) -> u64 {
        match &self.client {
            Client::Wgpu(client) => client.properties().memory.max_page_size,
            Client::Cuda(client) => client.properties().memory.max_page_size,
        }
    }

    /// A device that is lost makes the runtime panic.
    pub(crate) fn guarded<T>(&self, work: impl FnOnce() -> Result<T, Unavailable>) -> Result<T, Unavailable> {
        let lost = |panic| Unavailable::Lost { asked: self.spec, reason: words_of(panic) };
        catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| Err(lost(panic)))
    }
}

fn open(spec: DeviceSpec, make: impl FnOnce() -> Gpu) -> Result<Gpu, Unavailable> {
    catch_unwind(AssertUnwindSafe(make)).map_err(|panic| Unavailable::Broken { asked: spec, reason: words_of(panic) })
}

/// The first line of what a panic said.
fn words_of(panic: Box<dyn std::any::Any + Send>) -> String {
    let words = panic.downcast_ref::<String>().cloned();
    let words = words.or_else(|| panic.downcast_ref::<&str>().map(|&words| words.to_owned()));
    words.and_then(|words| words.lines().next().map(str::to_owned)).unwrap_or_else(|| "no reason was given".into())
}

/// Where buffers are made and read.
pub(crate) struct Memory<'a, R: Runtime> {
    client: &'a ComputeClient<R>,
    spec: DeviceSpec,
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

/// Cubes along the first axis of a grid: what every device takes.
const MOST_CUBES: u32 = 65_535;

impl<R: Runtime> Memory<'_, R> {
    /// A copy of these words; one word where there is none, as no device takes an empty buffer.
    pub fn upload(&self, words: &[u32]) -> Buffer {
        let words = if words.is_empty() { &[0] } else { words };
        Buffer { handle: self.client.create_from_slice(u32::as_bytes(words)), len: words.len() }
    }

    /// Words of any content.
    pub fn reserve(&self, len: usize) -> Buffer {
        let len = len.max(1);
        Buffer { handle: self.client.empty(len * size_of::<u32>()), len }
    }

    /// Words that are zero.
    pub fn zeros(&self, len: usize) -> Buffer {
        let buffer = self.reserve(len);
        let cubes = (len.div_ceil(4 * 256)).clamp(1, 4096) as u32;
        let grid = CubeCount::Static(cubes, 1, 1);
        histogram::clear::launch::<R>(self.client, grid, CubeDim::new_1d(256), buffer.arg(), len as u32);
        buffer
    }

    /// The words of a buffer, when all that was launched before is done.
    pub fn read(&self, buffer: &Buffer) -> Result<Vec<u32>, Unavailable> {
        let lost = |error: cubecl::server::ServerError| {
            self.lost(&error.to_string().lines().take(3).collect::<Vec<_>>().join(": "))
        };
        let bytes = self.client.read_one(buffer.handle.clone()).map_err(lost)?;
        Ok(bytes.chunks_exact(4).map(|word| u32::from_le_bytes([word[0], word[1], word[2], word[3]])).collect())
    }

    /// The error of a device that does not do what it was told.
    pub fn lost(&self, reason: &str) -> Unavailable {
        Unavailable::Lost { asked: self.spec, reason: reason.to_owned() }
    }

    /// Most words of one buffer, which kernels number in 32 bits.
    pub fn max_words(&self) -> usize {
        (self.client.properties().memory.max_page_size / 4).min(u32::MAX.into()) as usize
    }

    /// At least this many cubes, spread over two axes.
    pub fn grid(&self, cubes: usize) -> CubeCount {
        let cubes = cubes.max(1) as u32;
        let across = cubes.min(MOST_CUBES);
        CubeCount::Static(across, cubes.div_ceil(across), 1)
    }

    /// Refuses what no buffer holds.
    pub fn check_fits(&self, what: &'static str, words: usize) -> Result<(), Unavailable> {
        let (needed, limit) = (words as u64 * 4, self.max_words() as u64 * 4);
        if needed > limit {
            return Err(Unavailable::TooLarge { asked: self.spec, what, needed, limit });
        }
        Ok(())
    }
}
