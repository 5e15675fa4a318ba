//! What WGPU finds: the adapters of the system's own graphics interface.

use cubecl::wgpu::{AutoGraphicsApi, GraphicsApi, WgpuDevice};
use wgpu::hal::api::Vulkan;
use wgpu::{DeviceType, Instance, InstanceDescriptor};

use super::limits::{DeviceMemory, Limits};

/// Vulkan's `VK_MEMORY_HEAP_DEVICE_LOCAL_BIT`.
const DEVICE_LOCAL: u32 = 1;

/// One adapter.
pub struct Adapter {
    /// How it is opened.
    pub device: WgpuDevice,
    /// Name, kind and interface.
    pub about: String,
    /// Its driver.
    pub driver: String,
    /// It runs on the host's cores.
    pub software: bool,
    /// What it holds.
    pub memory: DeviceMemory,
    /// What it takes at once.
    pub limits: Limits,
}

/// Whether Vulkan's loader is there, with or without a driver for it to load.
pub fn vulkan_loads() -> bool {
    let backends = wgpu::Backends::VULKAN;
    let instance = Instance::new(InstanceDescriptor { backends, ..InstanceDescriptor::new_without_display_handle() });
    // SAFETY: nothing is asked of it.
    unsafe { instance.as_hal::<Vulkan>() }.is_some()
}

/// All adapters that can be opened by number, in the order in which they are found; none where there is no driver.
pub fn all() -> Vec<Adapter> {
    let backend = AutoGraphicsApi::backend();
    let backends = backend.into();
    let instance = Instance::new(InstanceDescriptor { backends, ..InstanceDescriptor::new_without_display_handle() });
    let found = cubecl::future::block_on(instance.enumerate_adapters(backends));
    // An adapter is opened by its kind and its number among those of its kind.
    let mut of_kind = [0; 3];
    let mut software = 0;
    let mut next = |kind: usize| {
        of_kind[kind] += 1;
        of_kind[kind] - 1
    };
    let adapter = |adapter: wgpu::Adapter| {
        let info = adapter.get_info();
        let (kind, device) = match info.device_type {
            DeviceType::DiscreteGpu => ("discrete", WgpuDevice::DiscreteGpu(next(0))),
            DeviceType::IntegratedGpu => ("integrated", WgpuDevice::IntegratedGpu(next(1))),
            DeviceType::VirtualGpu => ("virtual", WgpuDevice::VirtualGpu(next(2))),
            DeviceType::Cpu => {
                software += 1;
                // Only the first one can be opened, and one is enough.
                if software > 1 {
                    return None;
                }
                ("software", WgpuDevice::Cpu)
            }
            DeviceType::Other => return None,
        };
        let driver = [info.driver.as_str(), info.driver_info.as_str()].join(" ");
        Some(Adapter {
            device,
            about: format!("{}, {kind}, {:?}", info.name, info.backend),
            driver: driver.trim().to_owned(),
            software: info.device_type == DeviceType::Cpu,
            memory: DeviceMemory { total_bytes: total(&adapter), free_bytes: None },
            limits: limits(&adapter),
        })
    };
    found.into_iter().filter_map(adapter).collect()
}

/// What the runtime asks the adapter for: all that it offers.
fn limits(adapter: &wgpu::Adapter) -> Limits {
    let limits = adapter.limits();
    Limits {
        buffer_bytes: limits.max_storage_buffer_binding_size,
        shared_bytes: limits.max_compute_workgroup_storage_size.into(),
        units: limits.max_compute_invocations_per_workgroup,
        // One is the runtime's own: it holds the lengths of the others.
        buffers: limits.max_storage_buffers_per_shader_stage.saturating_sub(1),
    }
}

/// The largest heap of the device's own memory; Vulkan alone tells. Smaller ones may be windows into the same memory.
fn total(adapter: &wgpu::Adapter) -> Option<u64> {
    // SAFETY: the handles are only asked, and outlive the question with the adapter.
    let properties = unsafe {
        let adapter = adapter.as_hal::<Vulkan>()?;
        let instance = adapter.shared_instance().raw_instance();
        instance.get_physical_device_memory_properties(adapter.raw_physical_device())
    };
    let heaps = properties.memory_heaps.iter().take(properties.memory_heap_count as usize);
    heaps.filter(|heap| heap.flags.as_raw() & DEVICE_LOCAL != 0).map(|heap| heap.size).max()
}

/// Why there is none, and what mends it.
pub fn missing() -> (String, String) {
    let reason = "no Vulkan, Metal or DirectX 12 driver offers an adapter";
    let hint = "install the GPU's Vulkan driver and libvulkan1; in a container of NVIDIA, NVIDIA_DRIVER_CAPABILITIES must hold `graphics`";
    (reason.into(), hint.into())
}
