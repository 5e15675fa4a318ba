//! NVIDIA's parts: the driver, the compiler of kernels, and the headers that it reads.

use std::path::Path;

use trainer_kernels::{CudaParts, CudaVersion};

use super::{Check, For};

/// The header that every kernel includes.
const HEADER: &str = "include/cuda_runtime.h";

/// Looks at the parts; `is_file` tells whether a file is there. Without a driver the rest is looked at only when it is
/// `wanted`: nobody misses a compiler for a card that is not there.
pub fn checks(parts: &CudaParts, wanted: bool, is_file: impl Fn(&Path) -> bool) -> Vec<Check> {
    let mut checks = vec![driver(parts.driver)];
    if wanted || parts.driver.is_some() {
        checks.push(compiler(parts));
        checks.push(headers(parts.toolkit.as_deref(), is_file));
    }
    checks
}

fn driver(version: Option<CudaVersion>) -> Check {
    let name = "cuda driver";
    match version {
        Some(version) => Check::ok(name, For::Cuda, format!("libcuda, up to CUDA {version}")),
        None => Check::warning(
            name,
            For::Cuda,
            "libcuda is not there",
            "install NVIDIA's driver; start a container with `docker run --gpus all`",
        ),
    }
}

fn compiler(parts: &CudaParts) -> Check {
    let name = "cuda compiler";
    let Some(version) = parts.compiler else {
        return Check::warning(name, For::Cuda, "libnvrtc, which compiles kernels, is not there", wheels(parts.driver));
    };
    if let Some(complaint) = &parts.complaint {
        let found = format!("NVRTC {version} does not compile: {complaint}");
        let mend = "put the folder with libnvrtc and libnvrtc-builtins of the same version on LD_LIBRARY_PATH";
        return Check::warning(name, For::Cuda, found, mend);
    }
    match parts.driver {
        Some(driver) if driver < version => {
            let found = format!("NVRTC {version} writes code that a driver for CUDA {driver} may not take");
            Check::warning(name, For::Cuda, found, format!("update NVIDIA's driver, or {}", wheels(Some(driver))))
        }
        _ => Check::ok(name, For::Cuda, format!("NVRTC {version}")),
    }
}

fn headers(toolkit: Option<&Path>, is_file: impl Fn(&Path) -> bool) -> Check {
    let name = "cuda headers";
    let mend = "set CUDA_PATH to the folder with include/cuda_runtime.h: a toolkit's, or nvidia/cu13 of the wheel nvidia-cuda-runtime";
    match toolkit {
        None => Check::warning(name, For::Cuda, "no CUDA_PATH, and no toolkit in the usual places", mend),
        Some(folder) if !is_file(&folder.join(HEADER)) => {
            Check::warning(name, For::Cuda, format!("{} has no {HEADER}", folder.display()), mend)
        }
        Some(folder) => Check::ok(name, For::Cuda, folder.join("include").display().to_string()),
    }
}

/// The wheels that bring the compiler and its headers without a toolkit, of the driver's version.
fn wheels(driver: Option<CudaVersion>) -> String {
    // Wheels of older majors have it in their names.
    let named = |name: &str| match driver {
        Some(CudaVersion { major, minor }) if major < 13 => format!("'nvidia-{name}-cu{major}<={major}.{minor}.999'"),
        Some(CudaVersion { major, minor }) => format!("'nvidia-{name}<={major}.{minor}.999'"),
        None => format!("nvidia-{name}"),
    };
    let folder = match driver {
        Some(CudaVersion { major: ..13, .. }) => "CUDA_PATH at their nvidia/cuda_runtime, nvidia/cuda_nvrtc/lib",
        _ => "CUDA_PATH at their nvidia/cu13, its lib",
    };
    format!("`pip install {} {}`, {folder} on LD_LIBRARY_PATH", named("cuda-nvrtc"), named("cuda-runtime"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Verdict;

    const NEW: CudaVersion = CudaVersion { major: 13, minor: 1 };
    const OLD: CudaVersion = CudaVersion { major: 12, minor: 4 };

    fn whole() -> CudaParts {
        CudaParts { driver: Some(NEW), compiler: Some(NEW), complaint: None, toolkit: Some("/cuda".into()) }
    }

    fn of(parts: &CudaParts) -> Vec<Check> {
        checks(parts, true, |path| path == Path::new("/cuda/include/cuda_runtime.h"))
    }

    #[test]
    fn all_parts_there_are_ok() {
        assert!(of(&whole()).iter().all(|check| check.verdict == Verdict::Ok && check.mend.is_none()));
    }

    #[test]
    fn each_part_that_is_missing_has_its_line() {
        let cases = [
            (CudaParts { driver: None, ..whole() }, 0, "libcuda is not there", "--gpus all"),
            (CudaParts { compiler: None, ..whole() }, 1, "libnvrtc", "pip install 'nvidia-cuda-nvrtc<=13.1.999'"),
            (CudaParts { driver: Some(OLD), compiler: None, ..whole() }, 1, "libnvrtc", "nvidia-cuda-nvrtc-cu12<=12.4"),
            (CudaParts { driver: None, compiler: None, ..whole() }, 1, "libnvrtc", "pip install nvidia-cuda-nvrtc "),
            (CudaParts { driver: Some(OLD), ..whole() }, 1, "NVRTC 13.1", "update NVIDIA's driver, or"),
            (CudaParts { complaint: Some("no builtins".into()), ..whole() }, 1, "no builtins", "LD_LIBRARY_PATH"),
            (CudaParts { toolkit: None, ..whole() }, 2, "no CUDA_PATH", "set CUDA_PATH"),
            (CudaParts { toolkit: Some("/empty".into()), ..whole() }, 2, "/empty has no include", "set CUDA_PATH"),
        ];
        for (parts, at, found, mend) in cases {
            let check = &of(&parts)[at];
            assert_eq!(check.verdict, Verdict::Warning, "{check:?}");
            assert!(check.found.contains(found), "{check:?}");
            assert!(check.mend.as_ref().unwrap().contains(mend), "{check:?}");
            assert_eq!(check.needed_for, For::Cuda);
        }
    }

    #[test]
    fn without_a_driver_nobody_misses_the_compiler() {
        let none = CudaParts::default();
        assert_eq!(checks(&none, false, |_| false).len(), 1);
        assert_eq!(checks(&none, true, |_| false).len(), 3);
    }
}
