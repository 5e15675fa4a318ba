//! How the program ends: the documented exit codes, and the one way from an error to its code.

use std::fmt;
use std::process::ExitCode;

use crate::config::Problem;

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
    /// What went wrong, lower case; empty when `problems` say it all.
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
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}

/// The exit code of an error: the first link of its chain that has one decides; an unknown error is our bug.
pub fn exit_of(error: &anyhow::Error) -> Exit {
    error.chain().find_map(exit_of_link).unwrap_or(Exit::Bug)
}

fn exit_of_link(link: &(dyn std::error::Error + 'static)) -> Option<Exit> {
    if let Some(failure) = link.downcast_ref::<Failure>() {
        return Some(failure.exit);
    }
    // A new library error enum is one row here.
    let rows: [(bool, Exit); 2] =
        [(link.is::<trainer_kernels::Unavailable>(), Exit::Device), (link.is::<std::io::Error>(), Exit::Data)];
    rows.iter().find(|(is, _)| *is).map(|&(_, exit)| exit)
}
