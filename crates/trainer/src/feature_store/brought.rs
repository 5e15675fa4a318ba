//! What a training config asks of its feature store.

use std::path::Path;

use serde::{Deserialize, Serialize};
use trainer_data::{Input, InputFile, Warning};
use trainer_features::feast::Wanted;

use super::joining::{Asked, ViewTold, join};
use super::opened::OpenStore;
use crate::config::Config;

/// What the store brought to the parts of a run.
#[derive(Debug, Clone, Default)]
pub struct Brought {
    /// The files of the views, each once.
    pub files: Vec<InputFile>,
    /// What each view brought to each part.
    pub views: Vec<PartView>,
    /// The columns that it brought; none without a store.
    pub features: Option<Vec<String>>,
}

/// What a view brought to a part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartView {
    /// `train` or `test`.
    pub part: String,
    /// The rest.
    #[serde(flatten)]
    pub told: ViewTold,
}

impl PartView {
    /// One line for people.
    pub fn line(&self) -> String {
        format!("{} {}", self.part, self.told.line())
    }
}

impl Brought {
    /// Joins the rows of a part with the features that the config asks for; nothing without a store.
    ///
    /// # Errors
    /// A store that cannot be opened, names that it has not, rows without keys or times.
    pub fn join(&mut self, config: &Config, part: &str, input: &mut Input) -> anyhow::Result<()> {
        let features = &config.features;
        let Some(folder) = &features.store_path else { return Ok(()) };
        let wanted = match &features.service {
            Some(service) => Wanted::Service(service),
            None => Wanted::Features(features.features.as_deref().unwrap_or_default()),
        };
        let (full_names, created_cutoff) = (features.full_names, features.created_cutoff);
        let asked = Asked { wanted, full_names, created_cutoff, as_feast_file: false };
        let joined = join(&OpenStore::open(Path::new(folder))?, &input.table, asked)?;
        input.table = joined.table;
        input.warnings.extend(joined.warnings);
        input.warnings.extend(joined.views.iter().filter_map(|view| unmatched(part, view)));
        self.views.extend(joined.views.into_iter().map(|told| PartView { part: part.to_owned(), told }));
        self.files.extend(joined.files.into_iter().filter(|file| !self.files.contains(file)).collect::<Vec<_>>());
        self.features = Some(joined.features);
        Ok(())
    }
}

/// Rows that a view knows nothing of are rows to fill: that is told.
fn unmatched(part: &str, view: &ViewTold) -> Option<Warning> {
    let count = view.rows_without_match;
    let message = format!("{part} rows: view `{}` has nothing for {count} of {} rows", view.view, view.rows_in);
    (count > 0).then(|| Warning::of_table("no_features", count, message))
}
