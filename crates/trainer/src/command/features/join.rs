//! `trainer features join`: labels with the features of a store.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use serde_json::json;
use trainer_data::ReadOptions;
use trainer_features::feast::Wanted;

use crate::command::predict::outputs;
use crate::command::{Common, Form};
use crate::console;
use crate::exit::{Exit, Failure};
use crate::feature_store::{Asked, Joined, OpenStore, join, time_column};
use crate::input::read_place;

/// Arguments of `trainer features join`.
#[derive(Debug, Clone, Args)]
pub struct JoinArgs {
    /// Folder of the store: a Feast repository, or one with a store.yaml
    #[arg(long, value_name = "DIR")]
    pub store: PathBuf,
    /// File with the labels (Parquet or CSV): the views' keys and `event_timestamp`; times without a zone are UTC
    #[arg(long, value_name = "FILE")]
    pub entities: String,
    /// Features, parted by commas
    #[arg(long, value_name = "VIEW:FEATURE,...", value_delimiter = ',', required_unless_present = "service")]
    pub features: Vec<String>,
    /// Feature service
    #[arg(long, value_name = "NAME", conflicts_with = "features")]
    pub service: Option<String>,
    /// Call columns `view__feature`
    #[arg(long)]
    pub full_names: bool,
    /// See only rows that were created by the label's time
    #[arg(long)]
    pub created_cutoff: bool,
    /// Drop labels as another store does: feast-file is Feast's `type: file`
    #[arg(long, value_name = "STORE")]
    pub compat: Option<Compat>,
    /// File to write (Parquet or CSV, by its name); `json` or `text` say how the result is told on stdout, and may be
    /// given beside the file
    #[arg(short, long, value_name = "FILE|json|text", required = true)]
    pub output: Vec<String>,
}

/// Another store's way of dropping labels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Compat {
    /// Without a row that is neither late nor too old, though there are rows of the key; and all but one with one key and
    /// time.
    FeastFile,
}

/// Runs `trainer features join`.
///
/// # Errors
/// A store, names or files that are not as expected; a place that cannot be written.
pub fn run(args: &JoinArgs, common: &Common) -> anyhow::Result<Exit> {
    let (file, form) = outputs(&args.output)?;
    not_over_the_labels(file, Path::new(&args.entities))?;
    let store = OpenStore::open(&args.store)?;
    let asked = Asked {
        wanted: args.service.as_deref().map_or(Wanted::Features(&args.features), Wanted::Service),
        full_names: args.full_names,
        created_cutoff: args.created_cutoff,
        as_feast_file: args.compat == Some(Compat::FeastFile),
    };
    let labels = read_place(&args.entities, &ReadOptions::default(), None)?;
    let time = time_column(&labels.table)?;
    if time != "event_timestamp" {
        common.note(&format!("`{time}` is taken as the time of each label: there is no `event_timestamp`"));
    }
    let mut joined = join(&store, &labels.table, asked)?;
    joined.warnings.splice(0..0, labels.warnings);
    joined.warnings.iter().for_each(|warning| common.warn(&crate::warned::text(warning)));
    trainer_data::write(&joined.table, file)?;
    console::print(&told(&joined, file, form))?;
    Ok(Exit::Done)
}

fn told(joined: &Joined, file: &Path, form: Form) -> String {
    let Joined { table, views, files, warnings, .. } = joined;
    match form {
        Form::Json => format!(
            "{:#}\n",
            json!({ "output": file, "rows": table.rows(), "views": views, "files": files, "warnings": warnings })
        ),
        Form::Text => {
            let views: String = views.iter().map(|view| view.line() + "\n").collect();
            format!("{views}{}: {} rows\n", file.display(), table.rows())
        }
    }
}

fn not_over_the_labels(file: &Path, labels: &Path) -> Result<(), Failure> {
    let same = file.canonicalize().is_ok_and(|file| labels.canonicalize().is_ok_and(|labels| labels == file));
    if same {
        let message = format!("{}: expected a new file, found the labels", file.display());
        return Err(Failure::usage(format!("{message}\n  hint: give another --output")));
    }
    Ok(())
}
