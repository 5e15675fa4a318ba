//! `trainer features`: batch features, one file a subcommand, one row in [`Features`].

mod apply;
mod fit;
mod inspect;
mod join;
mod materialize;
mod run;
mod spark;

use clap::Subcommand;

use super::Common;
use crate::exit::Exit;

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Features {
    /// Make a table of features from raw files
    Run(run::RunArgs),
    /// Learn what a config's steps of columns learn, and write no rows
    Fit(fit::FitArgs),
    /// Apply what was learned from other rows
    Apply(apply::ApplyArgs),
    /// Show what a file of learned features holds
    Inspect(inspect::InspectArgs),
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
            Self::Fit(args) => fit::run(args, common),
            Self::Apply(args) => apply::run(args, common),
            Self::Inspect(args) => inspect::run(args, common),
            Self::Join(args) => join::run(args, common),
            Self::Materialize(args) => materialize::run(args, common),
        }
    }
}
