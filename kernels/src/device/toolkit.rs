//! The parts that CUDA needs besides a card, each as it is found: for those who look for what is missing.

use std::ffi::CStr;
use std::fmt;
use std::path::PathBuf;

use cudarc::driver::sys;
use cudarc::nvrtc::result::{compile_program, create_program, destroy_program, get_program_log};
use cudarc::nvrtc::sys as nvrtc;

/// A version of CUDA.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct CudaVersion {
    /// Its first number.
    pub major: i32,
    /// Its second number.
    pub minor: i32,
}

impl fmt::Display for CudaVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

/// The parts that CUDA needs.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CudaParts {
    /// The newest CUDA that the driver takes; none where libcuda is not there.
    pub driver: Option<CudaVersion>,
    /// NVRTC's, which compiles kernels; none where it is not there. The driver must take what it writes.
    pub compiler: Option<CudaVersion>,
    /// What NVRTC says of a kernel that does nothing, when it does not compile: its builtins are a library of their own.
    pub complaint: Option<String>,
    /// The folder whose `include` kernels are compiled with: `CUDA_PATH`, or one of the usual places.
    pub toolkit: Option<PathBuf>,
}

/// Looks for them. Nothing is opened but the libraries.
pub fn cuda_parts() -> CudaParts {
    let compiler = has_compiler().then(compiler_version).flatten();
    let complaint = compiler.and_then(|_| complaint(c"extern \"C\" __global__ void nothing() {}"));
    CudaParts { driver: has_driver().then(driver_version).flatten(), compiler, complaint, toolkit: toolkit() }
}

/// Whether libcuda is there.
pub fn has_driver() -> bool {
    // SAFETY: looks for a library, and runs what loading it runs.
    unsafe { sys::is_culib_present() }
}

/// Whether NVRTC is there.
pub fn has_compiler() -> bool {
    // SAFETY: as above.
    unsafe { nvrtc::is_culib_present() }
}

/// The folder that the runtime takes headers from; without one it would panic.
pub fn toolkit() -> Option<PathBuf> {
    cubecl::cuda::install::cuda_path()
}

/// The newest CUDA that the driver takes. libcuda must be there.
pub fn driver_version() -> Option<CudaVersion> {
    let mut version = 0;
    // SAFETY: writes one number.
    unsafe { sys::cuDriverGetVersion(&raw mut version) }.result().ok()?;
    Some(CudaVersion { major: version / 1000, minor: version % 1000 / 10 })
}

fn compiler_version() -> Option<CudaVersion> {
    let mut version = CudaVersion { major: 0, minor: 0 };
    // SAFETY: writes two numbers.
    unsafe { nvrtc::nvrtcVersion(&raw mut version.major, &raw mut version.minor) }.result().ok()?;
    Some(version)
}

/// Why NVRTC does not compile this source, if it does not.
fn complaint(source: &CStr) -> Option<String> {
    let program = match create_program(source, None) {
        Ok(program) => program,
        Err(error) => return Some(format!("{:?}", error.0)),
    };
    // SAFETY: the program was just made, and is not used after it is destroyed.
    unsafe {
        let compiled = compile_program::<&str>(program, &[]);
        let log = get_program_log(program).unwrap_or_default();
        let _ = destroy_program(program);
        let said: Vec<u8> = log.into_iter().map(|byte| byte as u8).take_while(|&byte| byte != 0).collect();
        let said = String::from_utf8_lossy(&said).lines().find(|line| !line.trim().is_empty()).map(str::to_owned);
        compiled.err().map(|error| said.unwrap_or_else(|| format!("{:?}", error.0)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_ordered_as_they_came_out() {
        let version = |major, minor| CudaVersion { major, minor };
        assert!(version(12, 9) < version(13, 0) && version(13, 0) < version(13, 1));
        assert_eq!(version(12, 4).to_string(), "12.4");
    }

    #[test]
    fn a_part_that_is_missing_is_none() {
        let parts = cuda_parts();
        assert_eq!((parts.driver.is_some(), parts.compiler.is_some()), (has_driver(), has_compiler()));
        // Without a compiler nothing is compiled, so nothing is complained of.
        assert!(parts.compiler.is_some() || parts.complaint.is_none(), "{parts:?}");
        if parts.compiler.is_some() {
            assert!(complaint(c"this is no kernel").is_some_and(|said| said.contains("error")));
        }
    }
}
