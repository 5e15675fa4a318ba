//! What CUDA finds. Its libraries are opened when they are asked for; that they are there is tested before a client is
//! made, which would panic.

use cudarc::driver::result::{self, DriverError};
use cudarc::driver::sys::CUdevice_attribute as Attribute;

use super::limits::{DeviceMemory, Limits};
use super::toolkit;

/// Buffers that the runtime binds to one kernel, whatever the card.
const BUFFERS: u32 = 1024;
/// The runtime takes memory in pages of at most this part of all.
const PAGE_PARTS: u64 = 4;

/// One card.
pub struct Card {
    /// Its name.
    pub about: String,
    /// Its driver.
    pub driver: String,
    /// What it holds.
    pub memory: DeviceMemory,
    /// What it takes at once.
    pub limits: Limits,
}

/// All CUDA devices.
///
/// # Errors
/// Why there is none, and what mends it.
pub fn cards() -> Result<Vec<Card>, (String, String)> {
    let wheels = "`pip install nvidia-cuda-nvrtc nvidia-cuda-runtime`, CUDA_PATH at their nvidia/cu13 folder and its lib on LD_LIBRARY_PATH";
    if !toolkit::has_driver() {
        let hint = "install NVIDIA's driver; in a container, start it with `--gpus all`";
        return Err(("libcuda is not there".into(), hint.into()));
    }
    if !toolkit::has_compiler() {
        let hint = format!("install NVIDIA's NVRTC ({wheels})");
        return Err(("libnvrtc, which compiles kernels, is not there".into(), hint));
    }
    if toolkit::toolkit().is_none() {
        let hint = format!("set CUDA_PATH to a folder with CUDA's include ({wheels})");
        return Err(("CUDA's headers, which kernels are compiled with, are not there".into(), hint));
    }
    let hint = || "`nvidia-smi` says whether the driver works".to_owned();
    let failed = |error: DriverError| (format!("CUDA does not start: {error:?}"), hint());
    result::init().map_err(failed)?;
    let count = result::device::get_count().map_err(failed)?;
    if count == 0 {
        return Err(("CUDA finds no device".into(), hint()));
    }
    (0..count).map(|index| card(index).map_err(failed)).collect()
}

fn card(index: i32) -> Result<Card, DriverError> {
    let device = result::device::get(index)?;
    // SAFETY: the device was just got.
    let number = |attribute| unsafe { result::device::get_attribute(device, attribute) };
    let major = number(Attribute::CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR)?;
    let minor = number(Attribute::CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR)?;
    let shared = number(Attribute::CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN)?;
    let units = number(Attribute::CU_DEVICE_ATTRIBUTE_MAX_THREADS_PER_BLOCK)?;
    // SAFETY: as above.
    let total = unsafe { result::device::total_mem(device) }? as u64;
    let limits = Limits {
        buffer_bytes: total / PAGE_PARTS,
        shared_bytes: shared.unsigned_abs().into(),
        units: units.unsigned_abs(),
        buffers: BUFFERS,
    };
    Ok(Card {
        about: format!("{}, compute capability {major}.{minor}", result::device::get_name(device)?),
        driver: toolkit::driver_version().map_or_else(String::new, |version| format!("CUDA {version}")),
        memory: DeviceMemory { total_bytes: Some(total), free_bytes: None },
        limits,
    })
}

/// What a device's memory has left; none where it does not tell. Asked of devices that are open: of others it would take
/// a context, which takes memory and time.
pub fn free(index: u32) -> Option<u64> {
    let device = result::device::get(index.try_into().ok()?).ok()?;
    // SAFETY: the device was just got; its context is given back below, and the one before is put back.
    unsafe {
        let before = result::ctx::get_current().ok()?;
        let context = result::primary_ctx::retain(device).ok()?;
        let asked = result::ctx::set_current(context).and_then(|()| result::mem_get_info());
        let _ = result::ctx::set_current(before.unwrap_or(std::ptr::null_mut()));
        let _ = result::primary_ctx::release(device);
        asked.ok().map(|(free, _)| free as u64)
    }
}
