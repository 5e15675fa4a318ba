//! `trainer doctor`: what this machine lacks, and the line that mends it.

use std::path::Path;

use clap::Args;
use serde_json::{Value as Json, json};
use trainer_kernels::{Device, DeviceSpec, Listed, Unavailable};

use super::{Common, Form, FormArgs};
use crate::console;
use crate::doctor::{Check, For, Variables, Verdict, container, credentials, cuda, host, vulkan};
use crate::exit::{Exit, Failure};
use crate::machine::{HostMemory, in_units};
use crate::tracking::environment;

/// Arguments of `trainer doctor`.
#[derive(Debug, Clone, Args)]
pub struct DoctorArgs {
    /// A device that must work: without it, exit code 5
    #[arg(long, value_name = "DEVICE")]
    pub device: Option<DeviceSpec>,
    /// Ask the tracking server too, for seconds
    #[arg(long)]
    pub network: bool,
    /// Form of the result.
    #[command(flatten)]
    pub form: FormArgs,
}

/// Runs `trainer doctor`.
///
/// # Errors
/// When the working folder is gone or stdout cannot be written. What is missing is no error: the exit code is that of the
/// first check that failed.
pub fn run(args: &DoctorArgs, _common: &Common) -> anyhow::Result<Exit> {
    let listed = trainer_kernels::list();
    let checks = examine(args, &listed)?;
    let exit = checks.iter().find(|check| check.verdict == Verdict::Failed).map_or(Exit::Done, |check| check.exit);
    console::print(&match args.form.form {
        Form::Json => format!("{:#}\n", to_json(&checks, &listed)),
        Form::Text => to_text(&checks, &listed),
    })?;
    Ok(exit)
}

fn examine(args: &DoctorArgs, listed: &[Listed]) -> anyhow::Result<Vec<Check>> {
    let environment = environment();
    let variables = Variables(&environment);
    let required = args.device.unwrap_or_default();
    let folder = std::env::current_dir().map_err(|error| Failure::data(format!("the working folder: {error}")))?;
    let parts = trainer_kernels::cuda_parts();

    let mut checks = cuda::checks(&parts, matches!(required, DeviceSpec::Cuda(_)), Path::is_file);
    let loader = vulkan::Parts::find(trainer_kernels::vulkan_loads(), &variables);
    checks.extend(vulkan::checks(&loader, parts.driver.is_some(), Path::is_file));
    checks.extend(container::checks(&variables));
    let opens: Vec<&Listed> = listed.iter().filter(|it| it.unusable.is_none() && it.limits.is_some()).collect();
    checks.extend(opens.iter().map(|listed| device(listed)));
    if let Some(missing) = missing(required, &opens) {
        checks.push(missing);
    }
    // What stands in the way of a device that is asked for and does not work has failed too.
    let name = required.to_string();
    let works = checks.iter().any(|check| check.name == name && check.verdict == Verdict::Ok);
    let kind = match required {
        DeviceSpec::Cuda(_) => Some(For::Cuda),
        DeviceSpec::Wgpu(_) => Some(For::Wgpu),
        DeviceSpec::Auto | DeviceSpec::Cpu => None,
    };
    let stands = |check: &Check| Some(check.needed_for) == kind && !works && !is_other_device(check, &name);
    let mut checks: Vec<Check> =
        checks.into_iter().map(|check| if stands(&check) { check.needed() } else { check }).collect();
    checks.extend([host::memory(HostMemory::ask()), host::folder(&folder)]);
    checks.extend([credentials::s3(&variables, Path::is_file), credentials::tracking(&environment, args.network)]);
    Ok(checks)
}

fn is_other_device(check: &Check, name: &str) -> bool {
    check.name != name && check.name.parse::<DeviceSpec>().is_ok()
}

/// A device that is there: opened, and a kernel run on it.
fn device(listed: &Listed) -> Check {
    let needed_for = if listed.name.starts_with("cuda") { For::Cuda } else { For::Wgpu };
    let runs = || match Device::open(&listed.name.parse().map_err(Failure::usage)?)? {
        Device::Gpu(gpu) => Ok(gpu.probe()?),
        Device::Cpu => Ok(()),
    };
    let memory = listed.memory.total_bytes.map(|bytes| format!(", {}", in_units(bytes))).unwrap_or_default();
    let software = if listed.software { "; software, for tests: no faster than `device: cpu`" } else { "" };
    let found = format!("{}{memory}, {}{software}", listed.about, listed.driver);
    match runs() {
        Ok(()) => Check::ok(&listed.name, needed_for, format!("{found}; kernels run")),
        Err(error) => refused(&listed.name, needed_for, &error),
    }
}

fn refused(name: &str, needed_for: For, error: &anyhow::Error) -> Check {
    let text = error.to_string();
    let (found, hint) = text.split_once("\n  hint: ").unwrap_or((&text, "use `device: cpu`"));
    Check::warning(name, needed_for, found, hint)
}

/// A device that is asked for and not there.
fn missing(required: DeviceSpec, opens: &[&Listed]) -> Option<Check> {
    let name = required.to_string();
    let needed_for = match required {
        DeviceSpec::Auto | DeviceSpec::Cpu => return None,
        DeviceSpec::Wgpu(_) => For::Wgpu,
        DeviceSpec::Cuda(_) => For::Cuda,
    };
    if opens.iter().any(|listed| listed.name == name) {
        return None;
    }
    let error: Unavailable = Device::open(&required).err()?;
    Some(refused(&name, needed_for, &error.into()))
}

fn gpus(checks: &[Check], listed: &[Listed]) -> Vec<String> {
    let works = |it: &&Listed| checks.iter().any(|check| check.name == it.name && check.verdict == Verdict::Ok);
    listed.iter().filter(|it| !it.software).filter(works).map(|it| it.name.clone()).collect()
}

fn to_json(checks: &[Check], listed: &[Listed]) -> Json {
    let failed = checks.iter().filter(|check| check.verdict == Verdict::Failed).count();
    json!({ "gpus": gpus(checks, listed), "failed": failed, "checks": checks })
}

fn to_text(checks: &[Check], listed: &[Listed]) -> String {
    let wide = checks.iter().map(|check| check.name.len()).max().unwrap_or_default();
    let line = |check: &Check| {
        let mend = check.mend.as_ref().map(|mend| format!("{:9}mend: {mend}\n", "")).unwrap_or_default();
        format!("{:<8} {:<wide$}  {}\n{mend}", check.verdict.name(), check.name, check.found)
    };
    let last = match gpus(checks, listed).as_slice() {
        [] => "no GPU: `device: cpu` works, and gives the same model".to_owned(),
        gpus => format!("GPUs that work: {}", gpus.join(", ")),
    };
    let body: String = checks.iter().map(line).collect();
    format!("{body}{last}\n")
}
