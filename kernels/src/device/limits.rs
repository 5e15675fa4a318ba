//! What a device holds, and what it takes at once.

#[cfg(feature = "gpu")]
use cubecl::ir::DeviceProperties;

/// A device's own memory, in bytes; for a rasteriser the host's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DeviceMemory {
    /// All of it; none where the driver does not tell (Metal, DirectX 12).
    pub total_bytes: Option<u64>,
    /// What nobody has taken, this program included; only CUDA tells, and only of a device that is open.
    pub free_bytes: Option<u64>,
}

/// What one buffer, one workgroup and one kernel may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Most bytes of one buffer.
    pub buffer_bytes: u64,
    /// Most bytes that the units of a workgroup share.
    pub shared_bytes: u64,
    /// Most units of a workgroup.
    pub units: u32,
    /// Most buffers of a kernel.
    pub buffers: u32,
}

#[cfg(feature = "gpu")]
impl Limits {
    /// Those of a device that was opened.
    pub(crate) fn of(properties: &DeviceProperties) -> Self {
        let hardware = &properties.hardware;
        Self {
            buffer_bytes: properties.memory.max_page_size,
            shared_bytes: hardware.max_shared_memory_size as u64,
            units: hardware.max_units_per_cube,
            buffers: hardware.max_bindings,
        }
    }
}
