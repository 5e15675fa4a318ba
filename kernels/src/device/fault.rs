//! What device runtimes say by panicking, told apart from panics that are bugs of ours.
//!
//! A runtime panics in threads of its own when a driver refuses something; what was asked of it then fails, and that failure
//! is the error. A program that has a panic hook asks [`is_runtime_panic`] in it, and leaves such a panic to the error.

use std::any::Any;
use std::panic::{PanicHookInfo, resume_unwind};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

/// How the names of the crates begin that open devices and compile kernels.
const RUNTIMES: [&str; 5] = ["cubecl", "cudarc", "naga", "wgpu", "gpu-allocator"];
/// Most characters of a reason: errors hold whole kernels.
const MOST: usize = 300;

/// What a runtime said first since a device was last asked for something.
static SAID: Mutex<Option<String>> = Mutex::new(None);
/// Something else than a runtime panicked.
static IS_BUG: AtomicBool = AtomicBool::new(false);

/// For a panic hook: whether this panic is a device runtime's, which comes out as an [`crate::Unavailable`]; what it says
/// is kept for that error.
pub fn is_runtime_panic(info: &PanicHookInfo<'_>) -> bool {
    let is_runtime = info.location().is_some_and(|at| is_runtime_file(at.file()));
    if is_runtime {
        let mut said = SAID.lock().unwrap_or_else(PoisonError::into_inner);
        said.get_or_insert_with(|| words_of(info.payload()));
    } else {
        IS_BUG.store(true, Ordering::Relaxed);
    }
    is_runtime
}

/// By the folder of the crate, such as `cubecl-wgpu-0.10.0`; our own sources are in none of such a name.
fn is_runtime_file(file: &str) -> bool {
    let mut parts = Path::new(file).components().map(|part| part.as_os_str().to_string_lossy());
    parts.any(|part| RUNTIMES.iter().any(|name| part.starts_with(name)))
}

/// Before a device is asked for something.
pub fn forget() {
    *SAID.lock().unwrap_or_else(PoisonError::into_inner) = None;
    IS_BUG.store(false, Ordering::Relaxed);
}

/// A driver has given a device up, and says why: nearer to the cause than whatever comes of it.
#[cfg_attr(test, expect(dead_code, reason = "tests have a runtime of their own"))]
pub fn gave_up(message: &str) {
    let message = if message.is_empty() { "its driver gave no reason" } else { message };
    *SAID.lock().unwrap_or_else(PoisonError::into_inner) = Some(in_one_line(message));
}

/// What a runtime said since, if it said something.
pub fn said() -> Option<String> {
    SAID.lock().unwrap_or_else(PoisonError::into_inner).take()
}

/// Why the device failed when asking it panicked. A bug of ours goes on as the panic that it is.
pub fn reason(panic: Box<dyn Any + Send>) -> String {
    if IS_BUG.load(Ordering::Relaxed) {
        resume_unwind(panic);
    }
    // What its thread said is nearer to the cause than what the asker noticed.
    said().unwrap_or_else(|| words_of(&*panic))
}

/// What a panic said, in one line.
fn words_of(panic: &(dyn Any + Send)) -> String {
    let words = panic.downcast_ref::<String>().cloned();
    let words = words.or_else(|| panic.downcast_ref::<&str>().map(|&words| words.to_owned()));
    in_one_line(&words.unwrap_or_else(|| "no reason was given".into()))
}

/// The first lines of a text as one, not too long.
pub fn in_one_line(text: &str) -> String {
    let mut line = String::new();
    for part in text.lines().map(str::trim).filter(|part| !part.is_empty()) {
        let between = if line.is_empty() || line.ends_with(':') { " " } else { "; " };
        line += if line.is_empty() { "" } else { between };
        line += part;
    }
    match line.char_indices().nth(MOST) {
        Some((end, _)) => line[..end].trim_end().to_owned() + " ...",
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_runtime_is_known_by_its_folder() {
        let registry = "/x/registry/src/index.crates.io-1949cf8c6b5b557f";
        for file in
            ["cubecl-wgpu-0.10.0/src/compute/server.rs", "wgpu-29.0.4/src/backend/wgpu_core.rs", "naga/src/a.rs"]
        {
            assert!(is_runtime_file(&format!("{registry}/{file}")), "{file}");
        }
        assert!(is_runtime_file("vendor/cudarc/src/driver/result.rs"));
        for file in [file!(), "crates/trainer/src/bug.rs", "/rustc/abc/library/core/src/option.rs", "src/main.rs"] {
            assert!(!is_runtime_file(file), "{file}");
        }
    }

    #[test]
    fn a_reason_is_one_line() {
        let text = "wgpu error: Validation Error\n\nCaused by:\n  In Device::create_buffer\n    Buffer too large\n";
        assert_eq!(
            in_one_line(text),
            "wgpu error: Validation Error; Caused by: In Device::create_buffer; Buffer too large"
        );
        assert_eq!(in_one_line(&"é".repeat(MOST + 1)), "é".repeat(MOST) + " ...");
        assert_eq!(in_one_line(""), "");
    }
}
