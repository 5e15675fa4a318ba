//! All tests of devices once more, with Vulkan's validation layers looking on: core validation notes what the interface
//! forbids, synchronisation validation every hazard between commands.
//!
//! Kernels are launched with CubeCL's bounds checks: a read past a buffer's end gives zero, a write there is dropped, and
//! nothing tells of either. So the tests run a second time with those checks off: no result may depend on them.

use std::process::Command;

use cubecl::prelude::*;

use super::{Gpu, Memory, on_backend};
use crate::device::Unavailable;
use crate::gpu::tests::gpus;

/// A set of this variable makes [`super::twin`] launch without bounds checks.
pub const UNCHECKED: &str = "TRAINER_TEST_UNCHECKED";

const LAYER: &str = "VK_LAYER_KHRONOS_validation";
/// What the layers begin their log with.
const AT_WORK: &str = "Khronos Validation Layer Active";
const SYNCHRONISATION: &str = "VK_VALIDATION_FEATURE_ENABLE_SYNCHRONIZATION_VALIDATION";

#[cube(launch)]
fn read_past_the_end(from: &Array<u32>, to: &mut Array<u32>, past: u32) {
    if ABSOLUTE_POS == 0usize {
        to[0] = from[(from.len() as u32 + past) as usize];
    }
}

fn read_past<R: Runtime>(memory: &Memory<'_, R>) -> Result<u32, Unavailable> {
    let from = memory.upload(&[7; 64]);
    let to = memory.upload(&[9]);
    read_past_the_end::launch::<R>(
        memory.client,
        CubeCount::new_single(),
        CubeDim::new_1d(32),
        from.arg(),
        to.arg(),
        3,
    );
    Ok(memory.read(&to)?[0])
}

/// What a device finds behind the end of a buffer.
pub fn read_past_on(gpu: &Gpu) -> u32 {
    on_backend!(gpu, memory => read_past(&memory)).unwrap()
}

#[test]
fn a_read_past_the_end_is_zero() {
    for gpu in gpus() {
        assert_eq!(read_past_on(&gpu), 0, "{gpu:?}");
    }
}

/// What the layers say of the tests of devices, which must pass.
fn complaints(variables: &[(&str, &str)]) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log.txt");
    let settings = [
        "debug_action = VK_DBG_LAYER_ACTION_LOG_MSG",
        "report_flags = error,warn,info",
        &format!("enables = {SYNCHRONISATION}_EXT"),
        &format!("log_filename = {}", log.display()),
    ];
    let settings: String = settings.iter().map(|setting| format!("khronos_validation.{setting}\n")).collect();
    std::fs::write(folder.path().join("vk_layer_settings.txt"), settings).unwrap();
    let ran = Command::new(std::env::current_exe().unwrap())
        // All that a process writes goes to one file: one test after the other. Those left out look on themselves, or
        // look at memory, of which the layers take their own.
        .args([
            "--test-threads",
            "1",
            "gpu::",
            "--skip",
            "::validation::",
            "--skip",
            "::cuda_code::",
            "--skip",
            "::leaks::",
        ])
        .envs(variables.iter().copied())
        .env("VK_INSTANCE_LAYERS", LAYER)
        .env("VK_LAYER_SETTINGS_PATH", folder.path())
        .output()
        .unwrap();
    let told = format!("{}{}", String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr));
    assert!(ran.status.success(), "{variables:?}: {told}");
    assert!(!told.contains(" 0 passed"), "no test ran: {told}");
    let log = String::from_utf8_lossy(&std::fs::read(log).unwrap_or_default()).into_owned();
    for text in [AT_WORK, SYNCHRONISATION] {
        assert!(log.contains(text), "`{text}` is not in the log of {LAYER} (./tests/run installs it): {log}\n{told}");
    }
    complaints_in(&log)
}

/// The lines of a log that are more than information.
fn complaints_in(log: &str) -> Vec<String> {
    let is_complaint = |line: &&str| line.contains("(ERROR / ") || line.contains("(WARN / ");
    log.lines().filter(is_complaint).map(str::to_owned).collect()
}

#[test]
fn complaints_are_found_in_a_log() {
    let log = "UNASSIGNED-cache-file-error(INFO / SPEC): msgNum: -25\n    Objects: 1\n\
               SYNC-HAZARD-WRITE-AFTER-WRITE(ERROR / SPEC): msgNum: 15\n\
               UNASSIGNED-BestPractices-x(WARN / PERF): msgNum: 3\n";
    let found = complaints_in(log);
    assert!(found.len() == 2 && found[0].starts_with("SYNC-HAZARD") && found[1].starts_with("UNASSIGNED-Best"));
}

#[test]
fn validation_layers_have_nothing_to_say() {
    if gpus().is_empty() {
        return;
    }
    for variables in [&[][..], &[(UNCHECKED, "1")]] {
        let complaints = complaints(variables);
        assert!(complaints.is_empty(), "{variables:?}: {}", complaints.join("\n"));
    }
}
