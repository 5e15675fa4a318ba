use trainer_data::{Fault, Kind, Warning};

use crate::error::{listed, unknown_column};
use crate::fitted_plan::Input;
use crate::fitting::ColumnType;
use crate::plan::PlanSpec;
use crate::statistic::{Facts, levels::Values};
use crate::{FeatureError, Step};

/// A column that may become a feature.
pub(crate) struct Candidate {
    pub input: Input,
    /// Whether it becomes one without a step that names it.
    pub feature: bool,
}

/// The columns that a plan may read, and what was left out. Without facts, as if there was nothing odd about any.
///
/// # Errors
/// When the selection names a column that is not there, or one that is never a feature.
pub(crate) fn candidates(
    columns: &[ColumnType],
    facts: Option<&[Facts]>,
    spec: &PlanSpec,
) -> Result<(Vec<Candidate>, Vec<Warning>), FeatureError> {
    let named: Vec<&str> = spec.steps.iter().flat_map(Step::columns).collect();
    let names: Vec<&str> = match &spec.select {
        Some(select) => selected(columns, select, &spec.exclude)?,
        None => names(columns).filter(|name| !spec.exclude.iter().any(|other| other == name)).collect(),
    };
    let place = |name: &str| columns.iter().position(|column| column.name == name).expect("a name of the table");
    let fact = |name: &str| facts.map(|facts| &facts[place(name)]);
    // A table keeps its columns, whatever is in them.
    let dull = |name: &&str| spec.needs.and(fact(name)).and_then(|fact| dull(name, fact, named.contains(name)));
    let mut warnings: Vec<Warning> = names.iter().filter_map(dull).collect();
    let mut candidates = Vec::with_capacity(names.len());
    for name in names {
        let kind = columns[place(name)].kind;
        let temporal = matches!(kind, Kind::Date | Kind::Timestamp);
        let asked = spec.select.is_some() || named.contains(&name);
        let constant = warnings.iter().any(|warning| warning.column.as_deref() == Some(name));
        if temporal && !asked && !constant && spec.needs.is_some() {
            warnings.push(temporal_warning(name, kind, fact(name).map_or(0, |fact| fact.rows)));
        }
        let missing = fact(name).is_some_and(|fact| fact.missing > 0);
        let feature = !constant && (!temporal || asked);
        candidates.push(Candidate { input: Input { name: name.to_owned(), kind, missing }, feature });
    }
    Ok((candidates, warnings))
}

fn names(columns: &[ColumnType]) -> impl Iterator<Item = &str> + Clone {
    columns.iter().map(|column| column.name.as_str())
}

/// The columns of a selection such as `[age, user_features:tenure]`, in its order.
fn selected<'t>(
    columns: &'t [ColumnType],
    select: &[String],
    exclude: &[String],
) -> Result<Vec<&'t str>, FeatureError> {
    let mut names: Vec<&str> = Vec::with_capacity(select.len());
    for item in select {
        let name = resolve(columns, item)?;
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
fn resolve<'t>(columns: &'t [ColumnType], item: &str) -> Result<&'t str, FeatureError> {
    let found = |wanted: &str| names(columns).find(|name| *name == wanted);
    let short = item.rsplit_once(':').map(|(view, column)| (format!("{view}__{column}"), column));
    match &short {
        None => found(item),
        Some((long, column)) => found(item).or_else(|| found(long)).or_else(|| found(column)),
    }
    .ok_or_else(|| {
        let wanted = short.as_ref().map_or(item, |(_, column)| *column);
        let mut fault = unknown_column(wanted, names(columns));
        if wanted != item {
            fault.message = format!("expected a column of that name for `{item}`, found none");
        }
        FeatureError::config(fault)
    })
}

/// A warning of a column in which no two rows differ.
fn dull(name: &str, fact: &Facts, is_named: bool) -> Option<Warning> {
    let (code, what) = match &fact.values {
        _ if fact.missing == fact.rows => ("all_null_column", "no row has a value".to_owned()),
        Values::One(value) => ("constant_column", format!("every row has the value `{value}`")),
        Values::None | Values::Many => return None,
    };
    let done = if is_named { "only the steps that name it read it" } else { "it was left out" };
    Some(Warning::new(code, name, fact.rows, format!("{what}: nothing can be learned from it; {done}")))
}

fn temporal_warning(name: &str, kind: Kind, rows: u64) -> Warning {
    let message = format!("a {kind} is a feature only when `features.features` or a step names it: it was left out");
    Warning::new("temporal_column", name, rows, message)
}

/// An error for a plan without features.
pub(crate) fn no_features(columns: &[ColumnType]) -> FeatureError {
    let fault = Fault::new("no_features", "expected at least one feature, found none");
    FeatureError::data(fault.hint(format!("the table has the columns {}", listed(names(columns)))))
}

#[cfg(test)]
mod tests {
    use trainer_data::{Categories, Column, Needs, Table};

    use super::*;
    use crate::fit;

    fn table() -> Table {
        Table::from_columns(vec![
            Column::from_integers("user_id", vec![Some(1), Some(2), Some(3)]),
            Column::from_integers("tenure", vec![Some(5), Some(6), Some(7)]),
            Column::from_integers("web__visits", vec![Some(1), Some(2), Some(3)]),
            Column::from_text("same", vec![Some("x"); 3]),
            Column::from_numbers("none", vec![None; 3]),
            Column::from_text("day", vec![Some("a"), None, None]),
        ])
        .unwrap()
    }

    fn spec(select: Option<&[&str]>, steps: &str) -> PlanSpec {
        let needs = Needs { categories: Categories::Native { max_levels: 255 }, missing: true, scaled: false };
        let select = select.map(|names| names.iter().map(|name| (*name).to_owned()).collect());
        PlanSpec {
            select,
            exclude: vec!["user_id".into(), "absent".into()],
            steps: serde_json::from_str(steps).unwrap(),
            needs: Some(needs),
            pii: vec![],
        }
    }

    fn features(select: Option<&[&str]>, steps: &str) -> Result<Vec<String>, FeatureError> {
        let (plan, _) = fit(&table(), None, &spec(select, steps))?;
        Ok(plan.features().iter().map(|feature| feature.name.clone()).collect())
    }

    #[test]
    fn a_selection_names_columns_with_or_without_their_view() {
        assert_eq!(features(Some(&["web:visits", "user:tenure"]), "[]").unwrap(), ["web__visits", "tenure"]);
        assert_eq!(features(None, "[]").unwrap(), ["tenure", "web__visits", "day"]);
    }

    #[test]
    fn a_wrong_selection_is_an_error_that_names_the_nearest() {
        let error = features(Some(&["user:tenur"]), "[]").unwrap_err();
        assert_eq!(
            error.to_string(),
            "column `tenur`: expected a column of that name for `user:tenur`, found none\nhint: did you mean `tenure`?"
        );
        assert_eq!(features(Some(&["user_id"]), "[]").unwrap_err().code(), "never_a_feature");
        assert_eq!(features(Some(&["tenure", "v:tenure"]), "[]").unwrap_err().code(), "selected_twice");
        assert_eq!(features(Some(&["same"]), "[]").unwrap_err().code(), "no_features");
    }

    #[test]
    fn columns_in_which_no_rows_differ_are_left_out_with_a_warning() {
        let (_, warnings) = fit(&table(), None, &spec(None, "[]")).unwrap();
        let found: Vec<_> = warnings.iter().map(|w| (w.code.as_str(), w.column.as_deref().unwrap(), w.count)).collect();
        assert_eq!(found, [("constant_column", "same", 3), ("all_null_column", "none", 3)]);
        assert!(warnings[0].message.ends_with("it was left out"));
        let steps = r#"[{"row_sum": {"columns": ["tenure", "none"], "output": "sum"}}]"#;
        assert_eq!(features(None, steps).unwrap(), ["tenure", "web__visits", "day", "sum"]);
    }

    #[test]
    fn dates_are_features_only_when_asked_for() {
        let days = Column::from_integers("n", vec![Some(1), Some(2), Some(3)]);
        let dates = date_column("day", &[20_000, 20_010, 20_020]);
        let table = Table::from_columns(vec![days, dates]).unwrap();
        let names = |spec: &PlanSpec| {
            let (plan, warnings) = fit(&table, None, spec).unwrap();
            let names: Vec<String> = plan.features().iter().map(|feature| feature.name.clone()).collect();
            (names.join(" "), warnings.iter().map(|w| w.code.clone()).collect::<Vec<_>>().join(" "))
        };
        assert_eq!(names(&spec(None, "[]")), ("n".into(), "temporal_column".into()));
        assert_eq!(names(&spec(Some(&["day", "n"]), "[]")), ("day n".into(), String::new()));
        assert_eq!(names(&spec(None, r#"[{"standardize": {"columns": ["day"]}}]"#)), ("n day".into(), String::new()));
    }

    fn date_column(name: &str, days: &[i32]) -> Column {
        let csv: String = days.iter().fold(format!("{name},x\n"), |csv, day| {
            csv + &format!("{},1\n", ["2024-10-04", "2024-10-14", "2024-10-24"][(*day as usize - 20_000) / 10])
        });
        let options = trainer_data::ReadOptions::default();
        let table = trainer_data::read_bytes("days.csv", csv.into_bytes(), &options).unwrap().table;
        table.column(name).unwrap().clone()
    }
}
