//! Labels and the features of several views as one table.

use std::collections::HashMap;

use anyhow::Context as _;
use serde::{Deserialize, Serialize};
use trainer_data::{Column, Fault, InputFile, Table, Warning};
use trainer_features::FeatureError;
use trainer_features::feast::{ViewJoin, Wanted};
use trainer_features::point_in_time::{FeatureRows, FeatureSide, LabelSide, Moment, Rule, Told};
use trainer_features::point_in_time::{join as join_view, moments};

use super::labels::time_column;
use super::opened::OpenStore;
use super::rows::Rows;
use crate::exit::anyhow_of;

/// What is asked of a store.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// The features.
    pub wanted: Wanted<'a>,
    /// Whether columns are called `view__feature`.
    pub full_names: bool,
    /// Whether a label sees no row that was created after it.
    pub created_cutoff: bool,
    /// Whether labels are dropped as Feast's own file store drops them.
    pub as_feast_file: bool,
}

/// Labels with features.
#[derive(Debug)]
pub struct Joined {
    /// The labels' columns, then the features.
    pub table: Table,
    /// Names of the columns of features.
    pub features: Vec<String>,
    /// What each view brought.
    pub views: Vec<ViewTold>,
    /// The files of the views.
    pub files: Vec<InputFile>,
    /// What was odd.
    pub warnings: Vec<Warning>,
}

/// What a view brought.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ViewTold {
    /// Its name.
    pub view: String,
    /// Labels that came in.
    pub rows_in: u64,
    /// Labels that went out: fewer only where they are dropped as Feast's file store does.
    pub rows_out: u64,
    /// Labels that found no row.
    pub rows_without_match: u64,
    /// Labels without a match because their key has a null.
    pub rows_with_null_key: u64,
    /// Rows of the view that were read.
    pub feature_rows: u64,
    /// Of these, rows without a time.
    pub feature_rows_without_time: u64,
    /// Time of the oldest row in use, in UTC.
    pub oldest: Option<String>,
    /// Time of the newest row in use, in UTC.
    pub newest: Option<String>,
}

/// Joins labels with what is asked for.
///
/// # Errors
/// Names that are not there (exit 2); files that cannot be read or lack columns, labels without keys or times (exit 3).
pub fn join(store: &OpenStore, labels: &Table, asked: Asked<'_>) -> anyhow::Result<Joined> {
    let joins = store.store.joins(asked.wanted, asked.full_names)?;
    check_names(&joins, labels)?;
    let time = time_column(labels)?.to_owned();
    let mut joined = Joined {
        table: labels.clone(),
        features: Vec::new(),
        views: Vec::new(),
        files: Vec::new(),
        warnings: Vec::new(),
    };
    let mut keys: Vec<&str> = Vec::new();
    for view in &joins {
        keys.extend(view.keys.iter().map(|key| key.label.as_str()));
        add(&mut joined, store, view, &time, asked, &keys).with_context(|| format!("feature view `{}`", view.name))?;
    }
    Ok(joined)
}

/// A feature must not hide a column of the labels, nor be hidden by one.
pub(super) fn check_names(joins: &[ViewJoin], labels: &Table) -> Result<(), FeatureError> {
    for (view, feature) in joins.iter().flat_map(|view| view.features.iter().map(move |feature| (view, feature))) {
        if labels.column(&feature.output).is_some() {
            let message = format!("the labels have a column of that name, and view `{}` a feature", view.name);
            let fault = Fault::new("same_name", message).column(&feature.output);
            let hint = "leave it out of the labels, or ask for full names (`view__feature`)";
            return Err(FeatureError::Data(Box::new(fault.hint(hint))));
        }
    }
    Ok(())
}

fn add(
    joined: &mut Joined,
    store: &OpenStore,
    view: &ViewJoin,
    time: &str,
    asked: Asked<'_>,
    keys: &[&str],
) -> anyhow::Result<()> {
    let (rows, features, rule) = feature_rows(store, view, asked)?;
    let table = &joined.table;
    let side = label_side(table, view, time)?;
    let FeatureRows { scan, keys: key_places, time: at, created, features: cells } = features;
    let features = FeatureSide { scan: scan.as_ref(), keys: key_places, time: at, created, features: cells };
    let found = join_view(&side, &features, rule).map_err(anyhow_of)?;
    let columns = view.features.iter().zip(&found.columns);
    let columns = columns.map(|(feature, array)| Column::new(&feature.output, array.clone()));
    let columns: Vec<Column> = columns.collect::<Result<_, _>>()?;
    let mut out = table.with_columns(columns)?;
    if asked.as_feast_file {
        let kept: Vec<bool> =
            found.known.iter().zip(&found.found_uncut).map(|(known, found)| !known || *found).collect();
        out = out.take(&last_of_alike(&out, &kept, keys, time)?);
    }
    joined.views.push(ViewTold::of(&view.name, &found.told, out.rows() as u64));
    joined.table = out;
    joined.features.extend(view.features.iter().map(|feature| feature.output.clone()));
    joined.warnings.extend(rows.warnings);
    joined.files.extend(rows.files.into_iter().filter(|file| !joined.files.contains(file)).collect::<Vec<_>>());
    Ok(())
}

/// The rows of a view, and what of them a label may see.
pub(super) fn feature_rows(
    store: &OpenStore,
    view: &ViewJoin,
    asked: Asked<'_>,
) -> anyhow::Result<(Rows, FeatureRows, Rule)> {
    let source = &view.source;
    let created = source.created_timestamp_column.as_deref().map(|name| source.column(name));
    let needed = view.keys.iter().map(|key| key.file.as_str()).chain([source.column(&source.timestamp_field)]);
    let needed: Vec<&str> = needed.chain(created).chain(view.features.iter().map(|it| it.file.as_str())).collect();
    let rows = Rows::open(&store.place(source), source, &needed)?;
    let at = |name: &str| {
        let known = rows.scan.schema();
        rows.position(name)
            .ok_or_else(|| missing(name, known.fields().iter().map(|field| field.name().as_str()), &rows))
    };
    let features = FeatureRows {
        scan: rows.scan.clone(),
        keys: view.keys.iter().map(|key| at(&key.file)).collect::<Result<_, _>>()?,
        time: at(source.column(&source.timestamp_field))?,
        created: created.map(at).transpose()?,
        features: view.features.iter().map(|feature| at(&feature.file)).collect::<Result<_, _>>()?,
    };
    // Without a created time there is nothing to cut off by.
    let rule = Rule { ttl: view.ttl, created_cutoff: asked.created_cutoff && created.is_some() };
    Ok((rows, features, rule))
}

fn label_side<'a>(labels: &'a Table, view: &'a ViewJoin, time: &'a str) -> anyhow::Result<LabelSide<'a>> {
    let mut keys = Vec::new();
    for key in &view.keys {
        keys.push((key.label.as_str(), labels.require(&key.label)?.array().clone()));
    }
    Ok(LabelSide { keys, time_name: time, time: labels.require(time)?.array().clone() })
}

fn missing<'a>(name: &str, known: impl Iterator<Item = &'a str>, rows: &Rows) -> FeatureError {
    let known: Vec<String> = known.map(|name| format!("`{name}`")).collect();
    let fault = Fault::new("missing_column", "expected a column of that name, found none").column(name);
    let fault = rows.files.iter().take(1).fold(fault, |fault, file| fault.file(&file.path));
    FeatureError::Data(Box::new(fault.hint(format!("the columns are {}", known.join(", ")))))
}

/// Of labels with equal keys and time the last, as Feast's file store leaves them; and of these, those that are kept.
fn last_of_alike(table: &Table, kept: &[bool], keys: &[&str], time: &str) -> anyhow::Result<Vec<u32>> {
    let times = moments(table.require(time)?.array(), time)?;
    let columns: Vec<&Column> = keys.iter().map(|key| table.require(key)).collect::<Result<_, _>>()?;
    let mut last: HashMap<(Moment, Vec<Option<String>>), u32> = HashMap::new();
    for row in (0..table.rows()).filter(|&row| kept[row]) {
        let key = columns.iter().map(|column| column.text(row).map(|text| text.into_owned())).collect();
        last.insert((times[row], key), row as u32);
    }
    let mut rows: Vec<u32> = last.into_values().collect();
    rows.sort_unstable();
    Ok(rows)
}

/// A moment in UTC.
fn shown(moment: Moment) -> String {
    let nanoseconds = jiff::Timestamp::from_nanosecond(moment);
    nanoseconds.map_or_else(|_| format!("{moment} ns since 1970"), |timestamp| timestamp.to_string())
}

impl ViewTold {
    pub(super) fn of(view: &str, told: &Told, rows_out: u64) -> Self {
        Self {
            view: view.to_owned(),
            rows_in: told.labels,
            rows_out,
            rows_without_match: told.labels - told.found,
            rows_with_null_key: told.null_keys,
            feature_rows: told.feature_rows,
            feature_rows_without_time: told.without_time,
            oldest: told.oldest.map(shown),
            newest: told.newest.map(shown),
        }
    }

    /// One line for people.
    pub fn line(&self) -> String {
        let Self { view, rows_in, rows_out, rows_without_match, .. } = self;
        let mut line = format!("{view}: {rows_in} rows in, {rows_out} out, {rows_without_match} without a match");
        if self.rows_with_null_key > 0 {
            line += &format!(" ({} of them with a null key)", self.rows_with_null_key);
        }
        if let (Some(oldest), Some(newest)) = (&self.oldest, &self.newest) {
            line += &format!(", features of {oldest} to {newest}");
        }
        if self.feature_rows_without_time > 0 {
            line += &format!(", {} of {} feature rows have no time", self.feature_rows_without_time, self.feature_rows);
        }
        line
    }
}
