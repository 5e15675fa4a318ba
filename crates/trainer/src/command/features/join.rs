//! `trainer features join`: labels with the features of a store.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::RecordBatch;
use bytesize::ByteSize;
use clap::{Args, ValueEnum};
use serde_json::json;
use trainer_data::{
    FileScan, InputFile, ReadOptions, Scan as _, ScanError, ScanOptions, Table, TableFile, TypeChanged, Warning,
};
use trainer_engine::Engine;
use trainer_features::feast::Wanted;

use super::run::LimitArgs;
use crate::command::predict::outputs;
use crate::command::{Common, Form};
use crate::exit::{Exit, Failure, anyhow_of};
use crate::feature_store::{Asked, Joined, JoinedRows, OpenStore, ViewTold, join, join_sorted, time_column};
use crate::input::read_place;
use crate::{console, interrupt};

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
    /// Memory for rows, such as 2GiB: labels and rows of views are sorted, and what needs more is spilled to disk
    /// [default: the labels and what they take are held in memory]
    #[arg(long, value_name = "SIZE", conflicts_with = "compat")]
    pub memory: Option<ByteSize>,
    /// Folder for what is spilled [default: the system's]
    #[arg(long, value_name = "DIR", requires = "memory")]
    pub spill_dir: Option<PathBuf>,
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
    let told = match args.memory {
        Some(_) => sorted(args, file, &store, asked, common)?,
        None => in_memory(args, file, &store, asked, common)?,
    };
    told.warnings.iter().for_each(|warning| common.warn(&crate::warned::text(warning)));
    console::print(&told.text(file, form))?;
    Ok(Exit::Done)
}

/// What was done.
struct Told {
    rows: u64,
    views: Vec<ViewTold>,
    files: Vec<InputFile>,
    warnings: Vec<Warning>,
}

fn in_memory(
    args: &JoinArgs,
    file: &Path,
    store: &OpenStore,
    asked: Asked<'_>,
    common: &Common,
) -> anyhow::Result<Told> {
    let labels = read_place(&args.entities, &ReadOptions::default(), None)?;
    tell_time(time_column(&labels.table)?, common);
    let Joined { table, views, files, warnings, .. } = join(store, &labels.table, asked)?;
    trainer_data::write(&table, file)?;
    let warnings = labels.warnings.into_iter().chain(warnings).collect();
    Ok(Told { rows: table.rows() as u64, views, files, warnings })
}

/// In as little memory as was asked for; once more from the start when a column of the labels turned out to be of another
/// type than its first rows.
fn sorted(args: &JoinArgs, file: &Path, store: &OpenStore, asked: Asked<'_>, common: &Common) -> anyhow::Result<Told> {
    interrupt::listen()?;
    let limits = LimitArgs { memory: args.memory, spill_dir: args.spill_dir.clone() };
    let engine = Engine::open(&limits.limits(common))?;
    let mut labels = FileScan::open(&args.entities, &ScanOptions::default())?;
    loop {
        let header = Table::from_batch(&RecordBatch::new_empty(labels.schema()))?;
        let joined = join_sorted(store, Arc::new(labels.clone()), asked, &engine)?;
        match written(&joined, file) {
            Ok(rows) => {
                tell_time(time_column(&header)?, common);
                let views = joined.views();
                let warnings = labels.report().warnings.into_iter().chain(joined.warnings).collect();
                return Ok(Told { rows, views, files: joined.files, warnings });
            }
            Err(error) => match error.downcast::<TypeChanged>() {
                Ok(change) => labels = labels.widened(&change)?,
                Err(error) => return Err(anyhow_of(error)),
            },
        }
    }
}

fn written(joined: &JoinedRows, file: &Path) -> Result<u64, ScanError> {
    let schema = joined.scan.schema();
    let mut out = TableFile::create(file, &Table::from_batch(&RecordBatch::new_empty(schema.clone()))?)?;
    let all: Vec<usize> = (0..schema.fields().len()).collect();
    for batch in joined.scan.open(&all)? {
        out.add(&Table::from_batch(&batch?)?)?;
    }
    Ok(out.finish()?)
}

fn tell_time(time: &str, common: &Common) {
    if time != "event_timestamp" {
        common.note(&format!("`{time}` is taken as the time of each label: there is no `event_timestamp`"));
    }
}

impl Told {
    fn text(&self, file: &Path, form: Form) -> String {
        let Self { rows, views, files, warnings } = self;
        match form {
            Form::Json => format!(
                "{:#}\n",
                json!({ "output": file, "rows": rows, "views": views, "files": files, "warnings": warnings })
            ),
            Form::Text => {
                let views: String = views.iter().map(|view| view.line() + "\n").collect();
                format!("{views}{}: {rows} rows\n", file.display())
            }
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
