//! `trainer devices`: what is there, and what this build can open.

use clap::Args;
use serde_json::{Value as Json, json};
use trainer_kernels::{Device, DeviceSpec, Limits, Listed};

use super::{Common, Form, FormArgs};
use crate::console;
use crate::exit::Exit;
use crate::machine::{HostMemory, in_units};

/// Arguments of `trainer devices`.
#[derive(Debug, Clone, Args)]
pub struct DevicesArgs {
    /// Form of the result.
    #[command(flatten)]
    pub form: FormArgs,
}

/// Runs `trainer devices`.
///
/// # Errors
/// When stdout cannot be written.
pub fn run(args: &DevicesArgs, _common: &Common) -> anyhow::Result<Exit> {
    let devices = trainer_kernels::list();
    let auto = Device::open(&DeviceSpec::Auto)?.name();
    match args.form.form {
        Form::Json => {
            let devices: Vec<Json> = devices.iter().map(json_of).collect();
            console::print_json(&json!({ "auto": auto, "devices": devices }))?;
        }
        Form::Text => {
            let body: String = devices.iter().map(text_of).collect();
            console::print(&format!("device  opens\n{body}`device: auto` opens {auto}\n"))?;
        }
    }
    Ok(Exit::Done)
}

fn json_of(device: &Listed) -> Json {
    let limits = device.limits.map(|limits| {
        json!({
            "buffer_bytes": limits.buffer_bytes,
            "shared_bytes": limits.shared_bytes,
            "units": limits.units,
            "buffers": limits.buffers,
        })
    });
    json!({
        "name": device.name,
        "opens": device.unusable.is_none(),
        "software": device.software,
        "about": about(device),
        "driver": (!device.driver.is_empty()).then_some(&device.driver),
        "memory_bytes": memory(device),
        "limits": limits,
        "hint": device.unusable.as_ref().map(|(_, hint)| hint),
    })
}

fn text_of(device: &Listed) -> String {
    let opens = if device.unusable.is_none() { "yes" } else { "no" };
    let mut lines = vec![format!("{:<7} {opens:<4} {}", device.name, about(device))];
    let mut more = |line: String| lines.push(format!("{:13}{line}", ""));
    if !device.driver.is_empty() {
        more(format!("driver: {}", device.driver));
    }
    if device.unusable.is_none() {
        more(format!("memory: {}", memory(device).map_or_else(|| "not told".to_owned(), in_units)));
    }
    if let Some(limits) = device.limits {
        let Limits { buffer_bytes, shared_bytes, units, buffers } = limits;
        let (buffer, shared) = (in_units(buffer_bytes), in_units(shared_bytes));
        more(format!("limits: {buffer} a buffer, {buffers} buffers a kernel, {units} units and {shared} a workgroup"));
    }
    if let Some((_, hint)) = &device.unusable {
        more(format!("hint: {hint}"));
    }
    lines.join("\n") + "\n"
}

fn about(device: &Listed) -> String {
    match &device.unusable {
        Some((reason, _)) => reason.clone(),
        None if device.about.is_empty() => {
            let cores = std::thread::available_parallelism().map_or(1, usize::from);
            format!("{cores} cores, {}", std::env::consts::ARCH)
        }
        None if device.software => format!("{} (runs on the host's cores)", device.about),
        None => device.about.clone(),
    }
}

/// The CPU's is what this process may take.
fn memory(device: &Listed) -> Option<u64> {
    let is_host = device.limits.is_none() && device.unusable.is_none();
    if is_host { HostMemory::ask().map(|host| host.total_bytes) } else { device.memory.total_bytes }
}
