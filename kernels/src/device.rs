use std::fmt;
use std::str::FromStr;

/// Which device was asked for: `auto`, `cpu`, `wgpu:0`, `cuda:1`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DeviceSpec {
    /// The best that is there.
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

/// Why a named device was not opened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unavailable {
    /// This program was built without that backend.
    #[error(
        "device `{asked}` was asked for, and this build has no {backend} support; available: cpu\n  hint: use `device: cpu` or `device: auto`"
    )]
    NotBuilt {
        /// What was asked for.
        asked: DeviceSpec,
        /// The backend that is missing.
        backend: &'static str,
    },
}

/// A device that was opened.
#[derive(Debug, Clone)]
pub enum Device {
    /// The host's cores, through the rayon pool that the caller runs in.
    Cpu,
}

impl Device {
    /// Opens what was asked for; `auto` is the CPU until a GPU backend is built in.
    ///
    /// # Errors
    /// A named device that is not there is never replaced by another: [`Unavailable`] says what is.
    pub fn open(spec: &DeviceSpec) -> Result<Self, Unavailable> {
        match *spec {
            DeviceSpec::Auto | DeviceSpec::Cpu => Ok(Self::Cpu),
            DeviceSpec::Wgpu(_) => Err(Unavailable::NotBuilt { asked: *spec, backend: "WGPU" }),
            DeviceSpec::Cuda(_) => Err(Unavailable::NotBuilt { asked: *spec, backend: "CUDA" }),
        }
    }

    /// The device's name as a config writes it.
    pub fn name(&self) -> String {
        match self {
            Self::Cpu => "cpu".into(),
        }
    }
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
        assert!(Device::open(&DeviceSpec::Cuda(0)).is_err());
        assert_eq!(Device::open(&DeviceSpec::Auto).unwrap().name(), "cpu");
    }
}
