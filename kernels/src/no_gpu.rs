//! What stands for GPUs in a build without them: a type of which there is no value, so that what takes one is never run.

use std::ops::Range;

use crate::columns::{Applied, Cells, Pass};
use crate::device::{DeviceSpec, Unavailable};

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
