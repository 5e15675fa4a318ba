use serde_json::{Value as Json, json};
use sha2::{Digest, Sha256};
use trainer_data::{Column, InputFile, Kind, Table};
use trainer_tracking::Dataset;

use crate::config::Config;

/// Characters of a digest; MLflow takes 36.
const DIGEST: usize = 16;

/// Rows that a run read for one purpose.
pub struct Rows<'a> {
    /// `training`, `validation` or `test`.
    pub context: &'static str,
    /// The rows.
    pub table: &'a Table,
    /// The files that they came from.
    pub files: Vec<&'a InputFile>,
    /// Where those are, as the config has it.
    pub path: &'a str,
}

/// How MLflow is told of rows.
pub fn dataset(config: &Config, rows: &Rows<'_>) -> Dataset {
    let (source_type, uri) = place(&config.data.source, rows.path);
    let columns: Vec<Json> = rows.table.columns().iter().map(colspec).collect();
    let schema = json!({ "mlflow_colspec": columns }).to_string();
    let (count, width) = (rows.table.rows(), rows.table.columns().len());
    Dataset {
        context: rows.context.to_owned(),
        name: format!("{}-{}", config.project.name, rows.context),
        digest: digest(rows, config.seed, &uri, &schema),
        source_type: source_type.to_owned(),
        source: json!({ "uri": uri }).to_string(),
        schema,
        profile: json!({ "num_rows": count, "num_elements": count * width }).to_string(),
    }
}

/// Changes with the bytes of the files, with which of their rows these are, and with all else that is told of them: a store
/// keeps what it was told first under a name and a digest.
fn digest(rows: &Rows<'_>, seed: u64, uri: &str, schema: &str) -> String {
    let mut all = Sha256::new();
    rows.files.iter().for_each(|file| all.update(&file.sha256));
    all.update(format!("{} {} {seed} {uri} {schema}", rows.context, rows.table.rows()));
    all.finalize().iter().map(|byte| format!("{byte:02x}")).collect::<String>()[..DIGEST].to_owned()
}

/// The kind of place, and its address.
fn place(source: &str, path: &str) -> (&'static str, String) {
    let joined = format!("{}/{path}", source.trim_end_matches('/'));
    match source.starts_with("s3://") {
        true => ("s3", joined),
        // What is not there any more keeps the name it was given.
        false => ("local", std::path::absolute(&joined).map_or(joined, |path| path.display().to_string())),
    }
}

fn colspec(column: &Column) -> Json {
    let kind = match column.kind() {
        Kind::Boolean => "boolean",
        Kind::Integer => "long",
        Kind::Float => "double",
        Kind::Date | Kind::Timestamp => "datetime",
        Kind::Text | Kind::Null => "string",
    };
    json!({ "type": kind, "name": column.name(), "required": column.null_count() == 0 })
}
