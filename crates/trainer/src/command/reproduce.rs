//! `trainer reproduce`: fits again what a lock file describes, and says what differs.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;
use trainer_kernels::Device;

use super::{Common, Form, FormArgs};
use crate::exit::{Exit, Failure};
use crate::input::Inputs;
use crate::lock::{Lock, Program};
use crate::progress::{Face, Progress, Stage};
use crate::saved_run::{config_of, read_lock};
use crate::{console, interrupt};

/// Arguments of `trainer reproduce`.
#[derive(Debug, Clone, Args)]
pub struct ReproduceArgs {
    /// The lock file of a run, or its folder
    #[arg(value_name = "RUN.LOCK.JSON")]
    pub lock: PathBuf,
    /// Form of the result.
    #[command(flatten)]
    pub form: FormArgs,
}

/// Something that is not as it was.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
struct Difference {
    what: String,
    locked: String,
    found: String,
}

/// Runs `trainer reproduce`.
///
/// # Errors
/// A lock file that does not read, or anything that stops the fit. A difference is no error: it is told, and the exit code
/// is 1.
pub fn run(args: &ReproduceArgs, common: &Common) -> anyhow::Result<Exit> {
    let path = if args.lock.is_dir() { args.lock.join(crate::saved_run::file::LOCK) } else { args.lock.clone() };
    let lock = read_lock(&path)?;
    let config = config_of(&lock, &path, false)?;
    let device = Device::open(&config.device_spec().map_err(Failure::usage)?)?;
    interrupt::listen()?;
    let progress = Progress::new(Face::of_stderr(common.quiet));
    progress.enter(Stage::Read);
    let inputs = Inputs::read(&config)?;
    let mut differences = input_differences(&lock, &inputs);
    let outcome = crate::run::fit(crate::fitting::material(&inputs), &config, &device, &progress)?;
    progress.finish();
    let found = outcome.model.hash();
    compare(&mut differences, "model_hash", &lock.model_hash, &found);
    compare(&mut differences, "rows", &lock.rows.to_string(), &outcome.rows.to_string());
    let same = found == lock.model_hash && differences.is_empty();
    // Told, and no difference of the result: the same model may come of another program.
    let program = Program::this();
    if !same {
        compare(&mut differences, "trainer.version", &lock.trainer.version, &program.version);
        compare(&mut differences, "trainer.platform", &lock.trainer.platform, &program.platform);
        compare(&mut differences, "device", &lock.device.used, &device.name());
    }
    let told = match args.form.form {
        Form::Json => format!(
            "{:#}\n",
            json!({ "reproduced": same, "locked": lock.model_hash, "found": found, "differences": differences })
        ),
        Form::Text if same => format!("reproduced: model {found}\n"),
        Form::Text => {
            let line = |it: &Difference| format!("  {}: locked {}, found {}\n", it.what, it.locked, it.found);
            format!("not reproduced\n{}", differences.iter().map(line).collect::<String>())
        }
    };
    console::print(&told)?;
    Ok(if same { Exit::Done } else { Exit::Bug })
}

fn compare(differences: &mut Vec<Difference>, what: &str, locked: &str, found: &str) {
    if locked != found {
        let (what, locked, found) = (what.to_owned(), locked.to_owned(), found.to_owned());
        differences.push(Difference { what, locked, found });
    }
}

fn input_differences(lock: &Lock, inputs: &Inputs) -> Vec<Difference> {
    let mut differences = Vec::new();
    let found = inputs.files();
    for (at, locked) in lock.inputs.iter().enumerate() {
        let what = format!("inputs.{} {}", locked.part, locked.file.path);
        let same = found.iter().find(|(part, file)| *part == locked.part && file.path == locked.file.path);
        let hash = same.or_else(|| found.get(at)).map_or("no such file", |(_, file)| file.sha256.as_str());
        compare(&mut differences, &what, &locked.file.sha256, hash);
    }
    compare(&mut differences, "inputs", &format!("{} files", lock.inputs.len()), &format!("{} files", found.len()));
    differences
}
