//! How the program ends: the documented exit codes, and the one way from an error to its code.

use std::error::Error as StdError;
use std::fmt;
use std::io::Write as _;
use std::process::ExitCode;

use trainer_data::{DataError, ScanError};
use trainer_engine::EngineError;
use trainer_features::FeatureError;
use trainer_kernels::Unavailable;
use trainer_models::ModelError;
use trainer_quality::QualityError;
use trainer_tracking::TrackingError;

use crate::config::Problem;
use crate::interrupt::{self, Stopped};

/// The documented exit codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Done, and every gate passed.
    Done = 0,
    /// A bug of this program, or `reproduce` found a difference.
    Bug = 1,
    /// The command line or the config is wrong.
    Usage = 2,
    /// Data, or another file, could not be read, written, or is not what it should be.
    Data = 3,
    /// The model was trained and a quality gate failed.
    Gate = 4,
    /// The device that was asked for is not there.
    Device = 5,
    /// Trained, but not logged to the remote tracker.
    NotLogged = 6,
    /// Stopped by SIGINT (Ctrl-C).
    Interrupted = 130,
    /// Stopped by SIGTERM.
    Terminated = 143,
}

impl Exit {
    /// The code's name in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Bug => "bug",
            Self::Usage => "usage",
            Self::Data => "data",
            Self::Gate => "gate",
            Self::Device => "device",
            Self::NotLogged => "not_logged",
            Self::Interrupted => "interrupted",
            Self::Terminated => "terminated",
        }
    }

    /// Ends the program without the usual clearing up: for a device that failed, whose threads may be in the midst of
    /// something, and would crash over what is taken from under them.
    pub fn at_once(self) -> ! {
        let _ = std::io::stdout().flush();
        signal_hook::low_level::exit(self as i32)
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        ExitCode::from(exit as u8)
    }
}

/// An error whose exit code is known where it is made: `bail!(Failure::data("..."))`.
///
/// A message may end in one line `\n  hint: ...`.
#[derive(Debug)]
pub struct Failure {
    /// How the program ends.
    pub exit: Exit,
    /// What went wrong, lower case.
    pub message: String,
    /// The config's errors, when it is they that stopped the program.
    pub problems: Vec<Problem>,
}

impl Failure {
    /// A failure with this code.
    pub fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self { exit, message: message.into(), problems: Vec::new() }
    }

    /// The command line or the config is wrong.
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(Exit::Usage, message)
    }

    /// Data, or another file, is not what it should be.
    pub fn data(message: impl Into<String>) -> Self {
        Self::new(Exit::Data, message)
    }

    /// The config is wrong.
    pub fn config(problems: Vec<Problem>) -> Self {
        let errors = if problems.len() == 1 { "1 error".to_owned() } else { format!("{} errors", problems.len()) };
        Self { problems, ..Self::usage(format!("the config has {errors}")) }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl StdError for Failure {}

/// The exit code of an error: a [`Failure`] decides, as the error or as context of another; else the first link of the
/// chain that has a code; an unknown error is our bug.
pub fn exit_of(error: &anyhow::Error) -> Exit {
    // Only so is a failure found that was attached as context.
    let failure = error.downcast_ref::<Failure>().map(|failure| failure.exit);
    failure.or_else(|| error.chain().find_map(exit_of_link)).unwrap_or(Exit::Bug)
}

/// A new library error enum is one row here.
fn exit_of_link(link: &(dyn StdError + 'static)) -> Option<Exit> {
    None.or_else(|| link.downcast_ref().map(|failure: &Failure| failure.exit))
        .or_else(|| link.downcast_ref().map(|stopped: &Stopped| stopped.exit()))
        .or_else(|| link.downcast_ref().map(exit_of_data))
        .or_else(|| link.downcast_ref().map(exit_of_engine))
        .or_else(|| link.downcast_ref().map(exit_of_features))
        .or_else(|| link.downcast_ref().map(exit_of_model))
        .or_else(|| link.downcast_ref().map(|_: &QualityError| Exit::Usage))
        .or_else(|| link.downcast_ref().map(|_: &Unavailable| Exit::Device))
        .or_else(|| link.downcast_ref().map(exit_of_tracking))
        .or_else(|| link.downcast_ref().map(|_: &std::io::Error| Exit::Data))
}

fn exit_of_data(error: &DataError) -> Exit {
    if matches!(error, DataError::Options(_)) { Exit::Usage } else { Exit::Data }
}

fn exit_of_engine(error: &EngineError) -> Exit {
    match error {
        EngineError::Config(_) => Exit::Usage,
        EngineError::Data(_) | EngineError::Memory(_) => Exit::Data,
        EngineError::Internal(_) => Exit::Bug,
    }
}

/// An error of a scan, as one whose exit code can be found. A new library error enum is one row here.
pub fn anyhow_of(error: ScanError) -> anyhow::Error {
    fn known<E: StdError + Send + Sync + 'static>(error: ScanError) -> Result<anyhow::Error, ScanError> {
        error.downcast::<E>().map(|error| anyhow::Error::new(*error))
    }
    known::<DataError>(error)
        .or_else(known::<FeatureError>)
        .or_else(known::<EngineError>)
        .or_else(known::<Failure>)
        .or_else(known::<Stopped>)
        .or_else(known::<Unavailable>)
        .or_else(known::<std::io::Error>)
        .unwrap_or_else(anyhow::Error::from_boxed)
}

fn exit_of_features(error: &FeatureError) -> Exit {
    match error {
        FeatureError::Config(_) => Exit::Usage,
        FeatureError::Device(_) => Exit::Device,
        _ => Exit::Data,
    }
}

fn exit_of_tracking(error: &TrackingError) -> Exit {
    match error {
        TrackingError::Config(_) => Exit::Usage,
        TrackingError::Gate(_) => Exit::Gate,
        // Only what was trained is "not logged": whoever publishes a run says so.
        _ => Exit::Data,
    }
}

fn exit_of_model(error: &ModelError) -> Exit {
    match error {
        ModelError::Parameter(_) => Exit::Usage,
        ModelError::Device(_) => Exit::Device,
        // Who else could have asked for the end: without a signal it is our bug.
        ModelError::Stopped { .. } => interrupt::stopped().map_or(Exit::Bug, |stopped| stopped.exit()),
        _ => Exit::Data,
    }
}

#[cfg(test)]
mod tests {
    use anyhow::{Context as _, anyhow};
    use trainer_kernels::{Device, DeviceSpec};

    use super::*;

    #[test]
    fn an_error_finds_its_code_through_any_context() {
        let of = |error: anyhow::Error| exit_of(&error.context("while doing something"));
        assert_eq!(of(Failure::data("x").into()), Exit::Data);
        assert_eq!(of(Device::open(&DeviceSpec::Cuda(99)).unwrap_err().into()), Exit::Device);
        let lost = trainer_data::Fault::new("device", "device `wgpu:0` was lost");
        assert_eq!(of(FeatureError::Device(Box::new(lost)).into()), Exit::Device);
        assert_eq!(of(ModelError::Parameter("x".into()).into()), Exit::Usage);
        assert_eq!(of(ModelError::Data("x".into()).into()), Exit::Data);
        assert_eq!(of(QualityError::OneClass { rows: 3 }.into()), Exit::Usage);
        assert_eq!(of(std::io::Error::other("disk full").into()), Exit::Data);
        assert_eq!(of(anyhow!("nobody knows")), Exit::Bug);
    }

    #[test]
    fn a_failure_as_context_decides() {
        let error = Err::<(), _>(std::io::Error::other("x")).context(Failure::new(Exit::NotLogged, "not logged"));
        assert_eq!(exit_of(&error.unwrap_err()), Exit::NotLogged);
    }
}
