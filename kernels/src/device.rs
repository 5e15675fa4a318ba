use std::fmt;
use std::str::FromStr;

use crate::Gpu;

#[cfg(feature = "gpu")]
mod adapter;
#[cfg(feature = "gpu")]
pub(crate) mod fault;
mod limits;
#[cfg(feature = "gpu")]
mod nvidia;
#[cfg(feature = "gpu")]
mod toolkit;

pub use limits::{DeviceMemory, Limits};
#[cfg(feature = "gpu")]
pub(crate) use {
    adapter::Adapter,
    nvidia::{Card, free as free_of_cuda},
};
#[cfg(feature = "gpu")]
pub use {
    adapter::vulkan_loads,
    fault::is_runtime_panic,
    toolkit::{CudaParts, CudaVersion, cuda_parts},
};

/// Which device was asked for: `auto`, `cpu`, `wgpu:0`, `cuda:1`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DeviceSpec {
    /// The program's choice.
    #[default]
    Auto,
    /// The host's cores.
    Cpu,
    /// A GPU through Vulkan, Metal or DirectX 12, by number.
    Wgpu(u32),
    /// An NVIDIA GPU through CUDA, by number.
    Cuda(u32),
}

impl FromStr for DeviceSpec {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (name, number) = text.split_once(':').map_or((text, None), |(name, number)| (name, Some(number)));
        let index = || number.map_or(Ok(0), |number| number.parse::<u32>().map_err(|_| ()));
        match (name, number, index()) {
            ("auto", None, _) => Ok(Self::Auto),
            ("cpu", None, _) => Ok(Self::Cpu),
            ("wgpu", _, Ok(index)) => Ok(Self::Wgpu(index)),
            ("cuda", _, Ok(index)) => Ok(Self::Cuda(index)),
            _ => Err(format!("expected auto, cpu, wgpu:N or cuda:N, found `{text}`")),
        }
    }
}

impl fmt::Display for DeviceSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Cpu => f.write_str("cpu"),
            Self::Wgpu(index) => write!(f, "wgpu:{index}"),
            Self::Cuda(index) => write!(f, "cuda:{index}"),
        }
    }
}

/// Why a device was not opened, or does not do what was asked of it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unavailable {
    /// What every device of that kind needs is missing.
    #[error("device `{asked}` was asked for, and {reason}; available: {available}\n  hint: {hint}")]
    NoDriver {
        /// What was asked for.
        asked: DeviceSpec,
        /// What is missing.
        reason: String,
        /// What mends it.
        hint: String,
        /// The devices that open.
        available: String,
    },
    /// There are devices of that kind, and not this one.
    #[error(
        "device `{asked}` was asked for, and there is none of that number; available: {available}\n  hint: `trainer devices` lists them"
    )]
    NoSuchDevice {
        /// What was asked for.
        asked: DeviceSpec,
        /// The devices that open.
        available: String,
    },
    /// It is there, and does not open.
    #[error("device `{asked}` does not open: {reason}\n  hint: use `device: cpu`, which gives the same model")]
    Broken {
        /// What was asked for.
        asked: DeviceSpec,
        /// What its driver said.
        reason: String,
    },
    /// One buffer would be larger than the device has.
    #[error(
        "device `{asked}` takes buffers of {limit} bytes, and {what} take {needed}\n  hint: use `device: cpu`, which gives the same model"
    )]
    TooLarge {
        /// Which device.
        asked: DeviceSpec,
        /// What does not fit.
        what: &'static str,
        /// Bytes that it takes.
        needed: u64,
        /// Bytes of the largest buffer.
        limit: u64,
    },
    /// Its memory is full.
    #[error(
        "device `{asked}` has no memory left{}: {reason}\n  hint: end what else uses it, or use `device: cpu`, which gives the same model",
        of_memory(memory)
    )]
    OutOfMemory {
        /// Which device.
        asked: DeviceSpec,
        /// What it has.
        memory: DeviceMemory,
        /// What its driver said.
        reason: String,
    },
    /// It stopped answering.
    #[error("device `{asked}` was lost: {reason}\n  hint: run again, or use `device: cpu`, which gives the same model")]
    Lost {
        /// Which device.
        asked: DeviceSpec,
        /// What its driver said.
        reason: String,
    },
}

fn of_memory(memory: &DeviceMemory) -> String {
    match (memory.free_bytes, memory.total_bytes) {
        (Some(free), Some(total)) => format!(" ({free} of {total} bytes free)"),
        (None, Some(total)) => format!(" ({total} bytes in all)"),
        _ => String::new(),
    }
}

/// A device that was opened.
#[derive(Debug, Clone)]
pub enum Device {
    /// The host's cores, through the rayon pool that the caller runs in.
    Cpu,
    /// A GPU.
    Gpu(Gpu),
}

impl Device {
    /// Opens what was asked for. `auto` is the CPU: the kernels have run on software Vulkan and on no card yet, and a GPU is
    /// taken by its name until they have.
    ///
    /// # Errors
    /// A named device that is not there is never replaced by another: [`Unavailable`] says what is.
    pub fn open(spec: &DeviceSpec) -> Result<Self, Unavailable> {
        match *spec {
            DeviceSpec::Cpu | DeviceSpec::Auto => Ok(Self::Cpu),
            #[cfg(not(feature = "gpu"))]
            DeviceSpec::Wgpu(_) | DeviceSpec::Cuda(_) => Err(not_built(*spec)),
            #[cfg(feature = "gpu")]
            DeviceSpec::Wgpu(index) => {
                let adapters = adapter::all();
                if adapters.is_empty() {
                    let (reason, hint) = adapter::missing();
                    return Err(no_driver(*spec, reason, hint));
                }
                let adapter = adapters.get(index as usize).ok_or_else(|| no_such(*spec))?;
                Gpu::open_wgpu(*spec, adapter).map(Self::Gpu)
            }
            #[cfg(feature = "gpu")]
            DeviceSpec::Cuda(index) => {
                let cards = nvidia::cards().map_err(|(reason, hint)| no_driver(*spec, reason, hint))?;
                let card = cards.get(index as usize).ok_or_else(|| no_such(*spec))?;
                Gpu::open_cuda(*spec, index, card).map(Self::Gpu)
            }
        }
    }

    /// The device's name as a config writes it.
    pub fn name(&self) -> String {
        match self {
            Self::Cpu => "cpu".into(),
            Self::Gpu(gpu) => gpu.spec().to_string(),
        }
    }
}

#[cfg(not(feature = "gpu"))]
fn not_built(asked: DeviceSpec) -> Unavailable {
    let reason = "this build has the host's cores alone".to_owned();
    Unavailable::NoDriver {
        asked,
        reason,
        hint: "use `cpu`, which gives the same".to_owned(),
        available: "cpu".to_owned(),
    }
}

#[cfg(feature = "gpu")]
fn no_driver(asked: DeviceSpec, reason: String, hint: String) -> Unavailable {
    Unavailable::NoDriver { asked, reason, hint, available: available() }
}

#[cfg(feature = "gpu")]
fn no_such(asked: DeviceSpec) -> Unavailable {
    Unavailable::NoSuchDevice { asked, available: available() }
}

#[cfg(feature = "gpu")]
fn available() -> String {
    let names: Vec<String> = list().into_iter().filter(|listed| listed.unusable.is_none()).map(|it| it.name).collect();
    names.join(", ")
}

/// One device, or one kind of devices that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Listed {
    /// As a config writes it.
    pub name: String,
    /// What it is; nothing for the CPU.
    pub about: String,
    /// Its driver, with the version; nothing for the CPU.
    pub driver: String,
    /// It is a rasteriser that runs on the host's cores.
    pub software: bool,
    /// What it holds; nothing is known of the CPU's here.
    pub memory: DeviceMemory,
    /// What it takes at once; none for the CPU and for what cannot be used.
    pub limits: Option<Limits>,
    /// Why it cannot be used, and what mends that.
    pub unusable: Option<(String, String)>,
}

/// What there is, without opening it.
pub fn list() -> Vec<Listed> {
    let cpu = Listed { name: "cpu".into(), ..Listed::default() };
    #[cfg(feature = "gpu")]
    return std::iter::once(cpu).chain(list_wgpu()).chain(list_cuda()).collect();
    #[cfg(not(feature = "gpu"))]
    vec![cpu]
}

#[cfg(feature = "gpu")]
fn list_wgpu() -> Vec<Listed> {
    let adapters = adapter::all();
    if adapters.is_empty() {
        return vec![unusable(DeviceSpec::Wgpu(0), adapter::missing())];
    }
    let listed = |(index, adapter): (usize, Adapter)| Listed {
        name: DeviceSpec::Wgpu(index as u32).to_string(),
        about: adapter.about,
        driver: adapter.driver,
        software: adapter.software,
        memory: adapter.memory,
        limits: Some(adapter.limits),
        unusable: None,
    };
    adapters.into_iter().enumerate().map(listed).collect()
}

#[cfg(feature = "gpu")]
fn list_cuda() -> Vec<Listed> {
    let cards = match nvidia::cards() {
        Err(why) => return vec![unusable(DeviceSpec::Cuda(0), why)],
        Ok(cards) => cards,
    };
    let listed = |(index, card): (usize, Card)| Listed {
        name: DeviceSpec::Cuda(index as u32).to_string(),
        about: card.about,
        driver: card.driver,
        software: false,
        memory: card.memory,
        limits: Some(card.limits),
        unusable: None,
    };
    cards.into_iter().enumerate().map(listed).collect()
}

#[cfg(feature = "gpu")]
fn unusable(spec: DeviceSpec, why: (String, String)) -> Listed {
    Listed { name: spec.to_string(), unusable: Some(why), ..Listed::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spec_reads_back_as_it_prints() {
        for text in ["auto", "cpu", "wgpu:0", "cuda:3"] {
            assert_eq!(text.parse::<DeviceSpec>().unwrap().to_string(), text);
        }
        assert_eq!("cuda".parse(), Ok(DeviceSpec::Cuda(0)));
        for text in ["", "gpu", "cpu:0", "cuda:x", "auto:1", "cuda:-1"] {
            assert!(text.parse::<DeviceSpec>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_named_device_is_never_replaced() {
        for spec in [DeviceSpec::Wgpu(99), DeviceSpec::Cuda(99)] {
            let error = Device::open(&spec).unwrap_err().to_string();
            assert!(error.starts_with(&format!("device `{spec}` was asked for, and ")), "{error}");
            assert!(error.contains("available: cpu") && error.contains("\n  hint: "), "{error}");
        }
    }

    #[test]
    fn a_device_opens_with_the_limits_that_it_is_listed_with() {
        for listed in list() {
            let (Some(limits), None) = (listed.limits, &listed.unusable) else { continue };
            let Device::Gpu(gpu) = Device::open(&listed.name.parse().unwrap()).unwrap() else {
                panic!("{} is a GPU", listed.name)
            };
            assert_eq!((gpu.limits(), gpu.is_software()), (limits, listed.software), "{}", listed.name);
            let memory = gpu.memory();
            assert_eq!(memory.total_bytes, listed.memory.total_bytes, "{}", listed.name);
            assert!(memory.free_bytes <= memory.total_bytes || memory.total_bytes.is_none(), "{memory:?}");
            // WebGPU's own least, which every adapter offers.
            assert!(limits.buffer_bytes >= 128 << 20 && limits.shared_bytes >= 16 << 10, "{limits:?}");
            assert!(limits.units >= 256 && limits.buffers >= 7, "{limits:?}");
            if listed.about.contains("Vulkan") {
                assert!(listed.memory.total_bytes.is_some_and(|bytes| bytes > 64 << 20), "{listed:?}");
            }
        }
    }

    #[test]
    fn a_rasteriser_is_not_chosen() {
        let chosen = Device::open(&DeviceSpec::Auto).unwrap().name();
        let software: Vec<String> = list().into_iter().filter(|it| it.software).map(|it| it.name).collect();
        assert!(!software.contains(&chosen), "{chosen}");
    }
}
