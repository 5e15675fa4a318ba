//! `trainer devices`: what is there, and what this build can open.

use clap::Args;
use serde_json::{Value as Json, json};
use trainer_kernels::{Device, DeviceSpec};

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

/// One row of the list.
struct Row {
    name: &'static str,
    opens: bool,
    about: String,
}

/// Runs `trainer devices`.
///
/// # Errors
/// When stdout cannot be written.
pub fn run(args: &DevicesArgs, _common: &Common) -> anyhow::Result<Exit> {
    let rows = rows();
    let auto = Device::open(&DeviceSpec::Auto)?.name();
    match args.form.form {
        Form::Json => {
            let devices: Vec<Json> =
                rows.iter().map(|row| json!({"name": row.name, "opens": row.opens, "about": row.about})).collect();
            console::print_json(&json!({ "auto": auto, "devices": devices }))?;
        }
        Form::Text => {
            let line =
                |row: &Row| format!("{:<7} {:<4} {}\n", row.name, if row.opens { "yes" } else { "no" }, row.about);
            let body: String = rows.iter().map(line).collect();
            console::print(&format!("device  opens\n{body}`device: auto` opens {auto}\n"))?;
        }
    }
    Ok(Exit::Done)
}

fn rows() -> Vec<Row> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let backends = [("cpu", DeviceSpec::Cpu), ("wgpu:0", DeviceSpec::Wgpu(0)), ("cuda:0", DeviceSpec::Cuda(0))];
    backends
        .into_iter()
        .map(|(name, spec)| match Device::open(&spec) {
            Ok(_) => Row { name, opens: true, about: format!("{cores} cores, {}", std::env::consts::ARCH) },
            Err(error) => {
                let text = error.to_string();
                let reason = text.lines().next().unwrap_or_default();
                let short = reason.split(", and ").nth(1).and_then(|rest| rest.split(';').next()).unwrap_or(reason);
                Row { name, opens: false, about: short.to_owned() }
            }
        })
        .collect()
}
