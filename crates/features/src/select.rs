use trainer_data::{Column, Fault, Kind, Table, Warning, dull_columns};

use crate::error::{listed, unknown_column};
use crate::plan::{Input, PlanSpec};
use crate::{FeatureError, Step};

/// A column that may become a feature.
pub(crate) struct Candidate {
    pub input: Input,
    /// Whether it becomes one without a step that names it.
    pub feature: bool,
}

/// The columns that a plan may read, and what was left out.
///
/// # Errors
/// When the selection names a column that is not there, or one that is never a feature.
pub(crate) fn candidates(table: &Table, spec: &PlanSpec) -> Result<(Vec<Candidate>, Vec<Warning>), FeatureError> {
    let named: Vec<&str> = spec.steps.iter().flat_map(Step::columns).collect();
    let names: Vec<&str> = match &spec.select {
        Some(select) => selected(table, select, &spec.exclude)?,
        None => table.names().filter(|name| !spec.exclude.iter().any(|other| other == name)).collect(),
    };
    let mut warnings = dull(table, &names, &named);
    let mut candidates = Vec::with_capacity(names.len());
    for name in names {
        let column = table.column(name).expect("a name of the table");
        let kind = column.kind();
        let temporal = matches!(kind, Kind::Date | Kind::Timestamp);
        let asked = spec.select.is_some() || named.contains(&name);
        let constant = warnings.iter().any(|warning| warning.column.as_deref() == Some(name));
        if temporal && !asked && !constant {
            warnings.push(temporal_warning(column));
        }
        let missing = column.null_count() > 0;
        let feature = !constant && (!temporal || asked);
        candidates.push(Candidate { input: Input { name: name.to_owned(), kind, missing }, feature });
    }
    Ok((candidates, warnings))
}

/// The columns of a selection such as `[age, user_features:tenure]`, in its order.
fn selected<'t>(table: &'t Table, select: &[String], exclude: &[String]) -> Result<Vec<&'t str>, FeatureError> {
    let mut names: Vec<&str> = Vec::with_capacity(select.len());
    for item in select {
        let name = resolve(table, item)?;
        if exclude.iter().any(|other| other == name) {
            let message =
                "expected a feature, found a column that is never one (target, id, event_timestamp, weight or ignored)";
            return Err(FeatureError::config(
                Fault::new("never_a_feature", message).column(name).hint("take it out of the selection"),
            ));
        }
        if names.contains(&name) {
            let fault = Fault::new("selected_twice", format!("expected every column once, found it again as `{item}`"))
                .column(name);
            return Err(FeatureError::config(fault.hint("take one of the two out of the selection")));
        }
        names.push(name);
    }
    Ok(names)
}

/// The column that an item of a selection means: the column of that very name; else, for `view:column`, the column
/// `view__column` (as feature stores name it when two views have the same column) or `column`.
fn resolve<'t>(table: &'t Table, item: &str) -> Result<&'t str, FeatureError> {
    let found = |wanted: &str| table.names().find(|name| *name == wanted);
    let short = item.rsplit_once(':').map(|(view, column)| (format!("{view}__{column}"), column));
    match &short {
        None => found(item),
        Some((long, column)) => found(item).or_else(|| found(long)).or_else(|| found(column)),
    }
    .ok_or_else(|| {
        let wanted = short.as_ref().map_or(item, |(_, column)| *column);
        let mut fault = unknown_column(wanted, table.names());
        if wanted != item {
            fault.message = format!("expected a column of that name for `{item}`, found none");
        }
        FeatureError::config(fault)
    })
}

/// Warnings of the columns in which no two rows differ.
fn dull(table: &Table, names: &[&str], named: &[&str]) -> Vec<Warning> {
    let mut warnings = dull_columns(table, names).expect("names of the table");
    for warning in &mut warnings {
        let named = warning.column.as_deref().is_some_and(|name| named.contains(&name));
        let done = if named { "; only the steps that name it read it" } else { "; it was left out" };
        warning.message.push_str(done);
    }
    warnings
}

fn temporal_warning(column: &Column) -> Warning {
    Warning {
        code: "temporal_column".into(),
        column: Some(column.name().to_owned()),
        count: column.len() as u64,
        message: format!(
            "a {} is a feature only when `features.features` or a step names it: it was left out",
            column.kind()
        ),
    }
}

/// An error for a plan without features.
pub(crate) fn no_features(table: &Table) -> FeatureError {
    let fault = Fault::new("no_features", "expected at least one feature, found none");
    FeatureError::data(fault.hint(format!("the table has the columns {}", listed(table.names()))))
}
