//! `trainer features`: batch features, one file a subcommand, one row in [`Features`].

mod join;
mod materialize;
mod run;

use clap::Subcommand;

use super::Common;
use crate::exit::Exit;

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Features {
    /// Make a table of features from raw files
    Run(run::RunArgs),
    /// Join labels with the features of a store, as they were known at each label's time
    Join(join::JoinArgs),
    /// Write new rows of a feature view where its store looks for them
    Materialize(materialize::MaterializeArgs),
}

impl Features {
    /// Runs the subcommand.
    ///
    /// # Errors
    /// Its own.
    pub fn run(&self, common: &Common) -> anyhow::Result<Exit> {
        match self {
            Self::Run(args) => run::run(args, common),
            Self::Join(args) => join::run(args, common),
            Self::Materialize(args) => materialize::run(args, common),
        }
    }
}
