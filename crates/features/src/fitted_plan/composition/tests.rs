use trainer_data::{Categories, Needs};
use trainer_kernels::Device;

use super::*;
use crate::{PlanSpec, fit};

const FOREST: Needs = Needs { categories: Categories::Native { max_levels: 255 }, missing: true, scaled: false };
const LINEAR: Needs = Needs { categories: Categories::OneHot, missing: false, scaled: true };

fn spec(steps: &str, needs: Option<Needs>) -> PlanSpec {
    let steps = serde_json::from_str(steps).unwrap();
    PlanSpec { select: None, exclude: vec!["y".into()], steps, needs, pii: vec![] }
}

fn table() -> Table {
    let words = ["a", "b", "c"];
    Table::from_columns(vec![
        Column::from_numbers("age", (0..60).map(|row| (row % 7 != 0).then(|| f64::from(row % 13) / 3.0)).collect()),
        Column::from_integers("count", (0..60).map(|row| Some(row % 5)).collect()),
        Column::from_text("kind", (0..60).map(|row| (row % 11 != 0).then(|| words[row % 3])).collect()),
        Column::from_text("town", (0..60).map(|row| Some(words[row % 2])).collect()),
        Column::from_integers("y", (0..60).map(|row| Some(row % 2)).collect()),
    ])
    .unwrap()
}

const STATE: &str = r#"[{"impute": {"columns": ["age"], "strategy": "mean"}},
    {"standardize": {"columns": ["age"], "suffix": "_z"}}, {"one_hot": {"columns": ["kind"]}},
    {"cross": {"columns": ["town", "count"]}}]"#;

fn composed(steps: &str, needs: Needs) -> (FittedPlan, FittedPlan, FittedPlan) {
    let (first, _) = fit(&table(), None, &spec(STATE, None)).unwrap();
    let made = first.columns_of(&table(), |name| name != "y").unwrap();
    let (next, _) = fit(&made, None, &spec(steps, Some(needs))).unwrap();
    let both = first.then(&next, &table()).unwrap();
    (first, next, both)
}

#[test]
fn two_plans_in_one_give_what_they_give_one_after_the_other() {
    for (steps, needs) in [
        ("[]", FOREST),
        ("[]", LINEAR),
        (r#"[{"one_hot": {"columns": ["age_z"]}}, {"ordinal": {"columns": ["town"]}}]"#, FOREST),
        (
            r#"[{"quantile_bin": {"columns": ["age_z"], "n_bins": 4}}, {"hash": {"columns": ["kind_a"], "buckets": 9}}]"#,
            FOREST,
        ),
        (r#"[{"row_sum": {"columns": ["age", "age_z", "count"], "into": "kind"}}]"#, LINEAR),
    ] {
        let (first, next, both) = composed(steps, needs);
        let made = first.columns_of(&table(), |_| true).unwrap();
        let apart = next.apply(&made, &Device::Cpu).unwrap();
        let together = both.apply(&table(), &Device::Cpu).unwrap();
        assert_eq!(apart.matrix.features, together.matrix.features, "{steps}");
        let bits = |matrix: &trainer_data::Matrix| matrix.x.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
        assert_eq!(bits(&apart.matrix), bits(&together.matrix), "{steps}");
        assert_eq!(together.warnings, [], "{steps}");
        let again = FittedPlan::from_json(&both.to_json()).unwrap();
        assert_eq!(again, both);
    }
}

#[test]
fn what_no_feature_needs_is_in_neither_plan() {
    let (first, _) = fit(&table(), None, &spec(STATE, None)).unwrap();
    let made = first.columns_of(&table(), |name| name.starts_with("kind")).unwrap();
    assert_eq!(made.names().collect::<Vec<_>>(), ["kind_a", "kind_b", "kind_c", "kind_missing"]);
    let (next, _) = fit(&made, None, &spec("[]", Some(FOREST))).unwrap();
    let both = first.then(&next, &table()).unwrap();
    let inputs: Vec<&str> = both.inputs().iter().map(|input| input.name.as_str()).collect();
    assert_eq!((inputs, both.programs().len()), (vec!["kind"], 1));
    assert_eq!(first.made_of("town"), ["town_x_count"]);
    assert_eq!(first.made_of("age"), ["age", "age_z"]);
    assert!(first.made_of("nothing").is_empty());
}

#[test]
fn columns_that_are_not_there_are_named() {
    let (first, _) = fit(&table(), None, &spec(STATE, None)).unwrap();
    let without = table().select(&["age", "count", "kind", "y"]).unwrap();
    let error = first.columns_of(&without, |_| true).unwrap_err();
    assert_eq!((error.code(), error.fault().column.as_deref()), ("unknown_column", Some("town")));
    assert!(first.columns_of(&without, |name| name != "town_x_count").is_ok());
    let error = first.columns_of(&table(), |_| false).unwrap_err();
    assert_eq!(error.code(), "no_columns");
}

#[test]
fn numbers_that_are_computed_have_no_text() {
    let (first, _) = fit(&table(), None, &spec(STATE, None)).unwrap();
    let made = first.columns_of(&table(), |name| name != "y").unwrap();
    let (next, _) = fit(&made, None, &spec(r#"[{"cross": {"columns": ["age_z", "town"]}}]"#, Some(FOREST))).unwrap();
    assert_eq!(first.then(&next, &table()).unwrap_err().code(), "changed_column");
}
