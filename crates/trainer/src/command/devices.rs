//! `trainer devices`: what is there, and what this build can open.

use clap::Args;
use serde_json::{Value as Json, json};
use trainer_kernels::{Device, DeviceSpec, Listed};

use super::{Common, Form, FormArgs};
use crate::console;
use crate::exit::Exit;

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
            let body: String = devices.iter().map(line_of).collect();
            console::print(&format!("device  opens\n{body}`device: auto` opens {auto}\n"))?;
        }
    }
    Ok(Exit::Done)
}

fn json_of(device: &Listed) -> Json {
    let hint = device.unusable.as_ref().map(|(_, hint)| hint);
    json!({
        "name": device.name,
        "opens": device.unusable.is_none(),
        "software": device.software,
        "about": about(device),
        "hint": hint,
    })
}

fn line_of(device: &Listed) -> String {
    let opens = if device.unusable.is_none() { "yes" } else { "no" };
    let hint = device.unusable.as_ref().map(|(_, hint)| format!("             hint: {hint}\n"));
    format!("{:<7} {opens:<4} {}\n{}", device.name, about(device), hint.unwrap_or_default())
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
