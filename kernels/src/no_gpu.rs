//! What stands for GPUs in a build without them: a type of which there is no value, so that what takes one is never run.

use std::ops::Range;

use crate::columns::{Applied, Cells, Pass};
use crate::device::{Device, DeviceSpec, Unavailable};

/// A GPU that was opened: none is.
#[derive(Debug, Clone)]
pub enum Gpu {}

impl Gpu {
    /// Which one it is.
    pub fn spec(&self) -> DeviceSpec {
        match *self {}
    }
}

/// Applies a pass on a GPU.
///
/// # Errors
/// Those of the GPU.
pub fn apply_on<'a>(
    gpu: &Gpu,
    _pass: &Pass,
    _rows: usize,
    _read: &mut dyn FnMut(Range<usize>) -> Vec<Cells<'a>>,
    _out: &mut [&mut [f32]],
) -> Result<Applied, Unavailable> {
    match *gpu {}
}

/// The cells that stand at some places of the order, the least at 0. Cells that are no number are left out; `ranks` is told
/// how many others there are, and gives the places, each below that number.
///
/// # Errors
/// None on the host.
pub fn order_statistics(
    device: &Device,
    cells: &[f64],
    ranks: impl FnOnce(u64) -> Vec<u64>,
) -> Result<Vec<f64>, Unavailable> {
    match device {
        Device::Cpu => Ok(crate::order::host(cells, ranks)),
        Device::Gpu(gpu) => match *gpu {},
    }
}
