//! `trainer features materialize`: new rows of a view, where its store looks for them.

use std::path::PathBuf;

use clap::Args;
use trainer_data::ReadOptions;

use crate::command::{Common, Form, FormArgs};
use crate::console;
use crate::exit::Exit;
use crate::feature_store::{Materialized, OpenStore, materialize};
use crate::input::read_place;

/// Arguments of `trainer features materialize`.
#[derive(Debug, Clone, Args)]
pub struct MaterializeArgs {
    /// Folder of the store: a Feast repository, or one with a store.yaml
    #[arg(long, value_name = "DIR")]
    pub store: PathBuf,
    /// Feature view
    #[arg(long, value_name = "NAME")]
    pub view: String,
    /// File with the rows (Parquet or CSV): the columns of the view's files; times without a zone are UTC
    #[arg(long, value_name = "FILE")]
    pub input: String,
    /// Put the rows after those that are there; a row of the same key and times is replaced
    #[arg(long)]
    pub append: bool,
    /// Form of the result.
    #[command(flatten)]
    pub form: FormArgs,
}

/// Runs `trainer features materialize`.
///
/// # Errors
/// A store or a view that is not there, rows that do not fit it, a place that cannot be written.
pub fn run(args: &MaterializeArgs, common: &Common) -> anyhow::Result<Exit> {
    let store = OpenStore::open(&args.store)?;
    let rows = read_place(&args.input, &ReadOptions::default(), None)?;
    rows.warnings.iter().for_each(|warning| common.warn(&crate::warned::text(warning)));
    let written = materialize(&store, &args.view, &rows.table, args.append)?;
    for column in &written.without_zone {
        common.note(&format!("column `{column}` has no time zone: it is written as UTC"));
    }
    if written.rows_repeated > 0 {
        common.warn(&format!("{} rows have key and times of a later row, which is taken", written.rows_repeated));
    }
    match args.form.form {
        Form::Json => console::print_json(&serde_json::to_value(&written)?)?,
        Form::Text => console::print(&text(&written))?,
    }
    Ok(Exit::Done)
}

fn text(written: &Materialized) -> String {
    let Materialized { view, path, rows, rows_in_file, rows_replaced, .. } = written;
    format!("{view}: {rows} rows to {}, {rows_in_file} rows there now, {rows_replaced} replaced\n", path.display())
}
