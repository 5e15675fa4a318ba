//! What the times were taken on.

use serde_json::{Value as Json, json};
use sysinfo::System;

use crate::lock::Program;

/// The machine, without a name that tells whose it is.
pub fn describe() -> Json {
    let Ok(mut system) = System::new() else { return Json::Null };
    system.refresh_memory();
    system.refresh_cpu_list(sysinfo::CpuRefreshKind::nothing());
    let cpu = system.cpus().first().map(|cpu| cpu.brand().trim().to_owned()).unwrap_or_default();
    let devices = trainer_kernels::list().into_iter().filter(|device| device.name != "cpu");
    let devices = devices.map(|device| match device.unusable {
        None => json!({ "device": device.name, "about": device.about, "software": device.software }),
        Some((reason, _)) => json!({ "device": device.name, "unusable": reason }),
    });
    json!({
        "cpu": cpu,
        "cores": std::thread::available_parallelism().map_or(1, usize::from),
        "memory_gib": (system.total_memory() as f64 / f64::from(1 << 30)).round(),
        "devices": devices.collect::<Vec<_>>(),
    })
}

/// This program, what it was built from, and the libraries that its kernels go through.
pub fn versions() -> Json {
    let mut versions = json!({
        "trainer": Program::this(),
        // Set by whoever builds: a program that is carried elsewhere has no checkout beside it.
        "commit": option_env!("TRAINER_COMMIT"),
        "optimised": !cfg!(debug_assertions),
    });
    for (library, version) in trainer_kernels::LIBRARIES {
        versions[library] = Json::from(version);
    }
    versions
}
