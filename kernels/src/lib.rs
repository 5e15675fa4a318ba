//! Kernels: the only code that runs on a device, with a host driver for each.

pub mod boost;
mod bootstrap;
mod columns;
pub mod cuts;
mod device;
mod entropy;
mod frontier;
#[cfg(feature = "gpu")]
mod gpu;
mod grow;
mod growth;
mod impurity;
#[cfg(not(feature = "gpu"))]
mod no_gpu;
mod pairs;
mod permutation;
mod permuted;
mod philox;
mod records;
#[cfg(test)]
mod reference;
mod scan;
mod tally;
mod traverse;
mod tree;
mod wide;

pub use bootstrap::{Drawn, MAX_ROWS};
pub use columns::{Answer, Applied, Cells, Operation, Pass};
#[cfg(feature = "gpu")]
pub use device::{CudaParts, CudaVersion, cuda_parts, is_runtime_panic, vulkan_loads};
pub use device::{Device, DeviceMemory, DeviceSpec, Limits, Listed, Unavailable, list};
#[cfg(feature = "gpu")]
pub use gpu::{
    Gpu, HeldMemory, Motion, Planned, Probe, Profile, apply_on, category_counts, grow_on, order_statistics, plan_on,
    profile, sum_leaves_on, sum_stages_on,
};
pub use grow::{Forest, OnTree, Weighing, grow};
pub use impurity::{Criterion, MAX_WEIGHT};
#[cfg(not(feature = "gpu"))]
pub use no_gpu::{Gpu, apply_on};
pub use permutation::Permutation;
pub use permuted::Walked;
pub use philox::{Purpose, draws_below, philox};
pub use records::{Bins, Records};
pub use scan::Cut;
pub use traverse::{IS_SET, MISSING_LEFT, Step, Steps, sum_leaves};
pub use tree::{Node, Tree};

/// The libraries that devices are reached through, and their versions.
pub const LIBRARIES: [(&str, &str); 3] = [("cubecl", "0.10.0"), ("cudarc", "0.19.10"), ("wgpu", "29.0.4")];
