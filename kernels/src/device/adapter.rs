//! What WGPU finds: the adapters of the system's own graphics interface.

use cubecl::wgpu::{AutoGraphicsApi, GraphicsApi, WgpuDevice};
use wgpu::{DeviceType, Instance, InstanceDescriptor};

/// One adapter.
pub struct Adapter {
    /// How it is opened.
    pub device: WgpuDevice,
    /// Name, kind and driver.
    pub about: String,
    /// It runs on the host's cores.
    pub software: bool,
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
        let about = format!("{}, {kind}, {:?}, {}", info.name, info.backend, driver.trim());
        Some(Adapter { device, about, software: info.device_type == DeviceType::Cpu })
    };
    found.into_iter().filter_map(adapter).collect()
}

/// Why there is none, and what mends it.
pub fn missing() -> (String, String) {
    let reason = "no Vulkan, Metal or DirectX 12 driver offers an adapter";
    let hint = "install the GPU's Vulkan driver and libvulkan1; in a container of NVIDIA, NVIDIA_DRIVER_CAPABILITIES must hold `graphics`";
    (reason.into(), hint.into())
}
