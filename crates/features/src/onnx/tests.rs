use trainer_data::{Categories, Column, Needs, Table};

use super::*;
use crate::{PlanSpec, Step, fit};

fn plan(steps: &[&str]) -> FittedPlan {
    let table = Table::from_columns(vec![
        Column::from_numbers("share", vec![Some(0.5), Some(1.5), None]),
        Column::from_integers("count", vec![Some(1), Some(2), Some(3)]),
        Column::from_text("word", vec![Some("None"), Some("nan"), Some("NaN")]),
    ]);
    let steps: Vec<Step> = steps.iter().map(|step| serde_json::from_str(step).unwrap()).collect();
    let needs = Needs { categories: Categories::Native { max_levels: 255 }, missing: true, scaled: false };
    fit(&table.unwrap(), None, &PlanSpec { select: None, exclude: vec![], steps, needs: Some(needs), pii: vec![] })
        .unwrap()
        .0
}

fn export(steps: &[&str]) -> Result<OnnxPlan, FeatureError> {
    plan(steps).to_onnx(&mut Onnx::new(["share", "count", "word"]))
}

#[test]
fn levels_that_look_like_missing_values_are_told() {
    let notes = export(&[]).unwrap().notes;
    assert_eq!(notes, ["column `word` has levels that cannot be told apart from missing values: `None`, `nan`"]);
    let notes = export(&[r#"{"hash": {"columns": ["word", "count"], "buckets": 4}}"#]).unwrap().notes;
    assert_eq!(notes.len(), 2, "{notes:?}");
}

#[test]
fn a_log1p_among_several_columns_is_not_cut() {
    let log = r#"{"log1p": {"columns": ["share"]}}"#;
    let sum = r#"{"row_sum": {"columns": ["share", "count"], "output": "sum"}}"#;
    let ratio = r#"{"ratio": {"numerator": "count", "denominator": "share", "output": "sum"}}"#;
    let bins = r#"{"quantile_bin": {"columns": ["sum"], "n_bins": 2}}"#;
    let one_hot = r#"{"one_hot": {"columns": ["sum"]}}"#;
    for steps in [
        [log, sum, bins],
        [log, ratio, bins],
        [log, sum, one_hot],
        [log, ratio, &one_hot.replace("one_hot", "ordinal")],
    ] {
        let error = export(&steps).unwrap_err();
        assert!(matches!(error, FeatureError::Onnx(_)));
        assert_eq!((error.code(), error.fault().column.as_deref()), ("not_in_onnx", Some("sum")));
        // Without the logarithm, or without the bins, it is exact or near enough.
        assert!(export(&steps[1..]).is_ok() && export(&steps[..2]).is_ok());
    }
    // A bin is a bin again.
    assert!(export(&[log, &bins.replace("sum", "share"), sum, one_hot]).is_ok());
    assert!(export(&[log, log, &bins.replace("sum", "share")]).is_err(), "a logarithm of a logarithm");
}

#[test]
fn the_hash_of_a_fraction_has_no_onnx_form() {
    let hash = r#"{"hash": {"columns": ["share"], "buckets": 4}}"#;
    let error = export(&[hash]).unwrap_err();
    assert_eq!((error.code(), error.fault().column.as_deref()), ("not_in_onnx", Some("share")));
    assert!(matches!(error, FeatureError::Onnx(_)));
    // Numbers of bins are whole, and a whole number that is filled in or summed up stays whole.
    assert!(export(&[r#"{"quantile_bin": {"columns": ["share"], "n_bins": 2}}"#, hash]).is_ok());
    let sum = r#"{"row_sum": {"columns": ["count", "share"], "output": "sum"}}"#;
    let hash = r#"{"hash": {"columns": ["sum"], "buckets": 4}}"#;
    assert!(export(&[sum, hash]).is_err());
    assert!(export(&[&sum.replace(", \"share\"", ""), hash]).is_ok());
}

#[test]
fn a_cross_is_exported_where_it_is_looked_up() {
    let cross = r#"{"cross": {"columns": ["word", "other"], "into": "both"}}"#;
    let rows = |cells: [&'static str; 3]| cells.map(Some).to_vec();
    let table = Table::from_columns(vec![
        Column::from_text("word", rows(["a", "b", "c"])),
        Column::from_text("other", rows(["x", "y", "x"])),
        Column::from_integers("count", vec![Some(1), Some(2), Some(3)]),
    ])
    .unwrap();
    let export = |steps: &[&str]| {
        let steps: Vec<Step> = steps.iter().map(|step| serde_json::from_str(step).unwrap()).collect();
        let needs = Needs { categories: Categories::Native { max_levels: 255 }, missing: true, scaled: false };
        let spec = PlanSpec { select: None, exclude: vec![], steps, needs: Some(needs), pii: vec![] };
        fit(&table, None, &spec).unwrap().0.to_onnx(&mut Onnx::new(["word", "other", "count"]))
    };
    assert!(export(&[cross]).is_ok());
    let refused = |steps: &[&str]| {
        let error = export(steps).unwrap_err();
        assert_eq!(error.code(), "not_in_onnx");
        error.to_string()
    };
    let hashed = refused(&[&cross.replace("\"into\"", "\"buckets\": 4, \"into\"")]);
    assert!(hashed.contains("column `both`: the step `cross` with `buckets`"), "{hashed}");
    let numbers = refused(&[&cross.replace("other", "count")]);
    assert!(numbers.contains("the step `cross` of numbers"), "{numbers}");
    let twice = refused(&[cross, r#"{"cross": {"columns": ["both", "other"], "into": "more"}}"#]);
    assert!(twice.contains("the step `cross` of a cross"), "{twice}");
}
