//! What CUDA finds. Its libraries are opened when they are asked for; that they are there is tested before a client is
//! made, which would panic.

use cudarc::driver::result;

/// The names of all CUDA devices.
///
/// # Errors
/// Why there is none, and what mends it.
pub fn names() -> Result<Vec<String>, (String, String)> {
    // SAFETY: looks for a library, and runs what loading it runs.
    if !unsafe { cudarc::driver::sys::is_culib_present() } {
        let hint = "install NVIDIA's driver; in a container, start it with `--gpus all`";
        return Err(("libcuda is not there".into(), hint.into()));
    }
    // SAFETY: as above.
    if !unsafe { cudarc::nvrtc::sys::is_culib_present() } {
        let hint = "install NVIDIA's NVRTC (`pip install nvidia-cuda-nvrtc nvidia-cuda-runtime`, CUDA_PATH at their folder and its lib on LD_LIBRARY_PATH)";
        return Err(("libnvrtc, which compiles kernels, is not there".into(), hint.into()));
    }
    let hint = || "`nvidia-smi` says whether the driver works".to_owned();
    let failed = |error: result::DriverError| (format!("CUDA does not start: {error:?}"), hint());
    result::init().map_err(failed)?;
    let count = result::device::get_count().map_err(failed)?;
    if count == 0 {
        return Err(("CUDA finds no device".into(), hint()));
    }
    let about = |index| -> Result<String, result::DriverError> {
        let device = result::device::get(index)?;
        let name = result::device::get_name(device)?;
        // SAFETY: the device was just got.
        let bytes = unsafe { result::device::total_mem(device) }?;
        Ok(format!("{name}, {} GiB", bytes >> 30))
    };
    (0..count).map(|index| about(index).map_err(failed)).collect()
}
