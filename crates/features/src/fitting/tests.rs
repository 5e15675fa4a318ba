use proptest::collection::vec;
use proptest::prelude::*;
use trainer_data::{Categories, Column, MemoryScan, Needs};
use trainer_kernels::Device;

use super::*;
use crate::contract::{spec, steps, table};
use crate::{FeatureState, PlanSpec, Step, fit, fit_scan};

const LINEAR: Needs = Needs { categories: Categories::OneHot, missing: false, scaled: true };

fn plan_spec(steps: &str, needs: Option<Needs>) -> PlanSpec {
    let steps: Vec<Step> = serde_json::from_str(steps).unwrap();
    PlanSpec { select: None, exclude: vec![], steps, needs, pii: vec![] }
}

fn rows(table: &Table, rows: Range<usize>) -> Table {
    table.take(&rows.map(|row| row as u32).collect::<Vec<_>>())
}

/// A fit by shards of these rows, through files, merged in this order.
fn sharded(table: &Table, spec: &PlanSpec, ends: &[usize], order: &[usize]) -> Result<(String, usize), FeatureError> {
    let y: Vec<u32> = (0..table.rows() as u32).map(|row| row % 3).collect();
    let mut state = FeatureState::new(spec, ColumnType::of(table))?;
    let mut passes = 0;
    while state.plan().is_none() {
        let mut shards = Vec::new();
        for (part, &end) in ends.iter().enumerate() {
            let start = if part == 0 { 0 } else { ends[part - 1] };
            let mut shard = FeatureState::from_json(&state.to_json())?.with_keys(&["k3y"])?;
            shard.add(&rows(table, start..end), Some(&y[start..end]))?;
            shards.push(shard.to_json());
        }
        let mut order = order.iter();
        let mut all: Vec<String> = Vec::new();
        // Each pick takes one of the shards that are left.
        while !shards.is_empty() {
            let place = order.next().unwrap_or(&0) % shards.len();
            all.push(shards.remove(place));
        }
        let mut all = all.into_iter().map(|json| FeatureState::from_json(&json).unwrap().with_keys(&["k3y"]).unwrap());
        let mut merged = all.next().expect("a shard");
        all.try_for_each(|shard| merged.merge(shard))?;
        state = merged.advance()?;
        passes += 1;
    }
    Ok((state.to_json(), passes))
}

#[test]
fn shards_learn_what_one_learns() {
    let table = table(900, 1);
    let y: Vec<u32> = (0..900).map(|row| row % 3).collect();
    for steps in steps() {
        let name = format!("{steps:?}");
        for needs in [None, spec(vec![]).needs, Some(LINEAR)] {
            let spec = PlanSpec { needs, ..spec(steps.clone()) };
            let whole = match sharded(&table, &spec, &[900], &[]) {
                Ok(whole) => whole,
                // A learner that takes no missing cells, and a column without any other.
                Err(error) if error.code() == "nothing_to_learn" => continue,
                Err(error) => panic!("{name}: {error}"),
            };
            assert_eq!(sharded(&table, &spec, &[1, 1, 500, 620, 900], &[3, 0, 2]).unwrap(), whole, "{name}");
            let (plan, warnings) = fit(&table, Some(&y), &spec).unwrap();
            let state = FeatureState::from_json(&whole.0).unwrap();
            assert_eq!((state.plan().unwrap().to_json(), state.warnings()), (plan.to_json(), &warnings[..]), "{name}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn any_cuts_in_any_order_give_the_same_bytes(seed in 0u64..9, mut ends in vec(0usize..300, 0..6), order in vec(0usize..9, 0..6)) {
        let table = table(300, seed);
        ends.push(300);
        ends.sort_unstable();
        let steps = r#"[{"impute": {}}, {"standardize": {"columns": ["share"], "suffix": "_z"}}, {"quantile_bin": {"columns": ["share", "amount"]}},
            {"one_hot": {"columns": ["city"]}}, {"ordinal": {"columns": ["count"]}}, {"row_sum": {"columns": ["share", "amount"]}}, {"min_max": {"columns": ["row_sum"]}}]"#;
        let spec = plan_spec(steps, None);
        prop_assert_eq!(sharded(&table, &spec, &ends, &order).unwrap().0, sharded(&table, &spec, &[300], &[]).unwrap().0);
    }
}

#[test]
fn steps_that_do_not_need_each_other_share_a_pass() {
    let passes = |steps: &str, needs| sharded(&table(200, 1), &plan_spec(steps, needs), &[200], &[]).unwrap().1;
    let apart = r#"[{"standardize": {"columns": ["amount"], "suffix": "_z"}}, {"quantile_bin": {"columns": ["amount"], "suffix": "_bin"}},
        {"one_hot": {"columns": ["city"]}}, {"min_max": {"columns": ["share"]}}, {"hash": {"columns": ["count"]}}]"#;
    assert_eq!(passes(apart, None), 1);
    assert_eq!(passes("[]", spec(vec![]).needs), 1);
    assert_eq!(passes("[]", None), 1);
    let after = r#"[{"impute": {"columns": ["amount"]}}, {"standardize": {"columns": ["amount"]}}, {"one_hot": {"columns": ["city"]}}]"#;
    assert_eq!(passes(after, None), 2);
    // Missing cells, then the scale, of the very columns.
    assert_eq!(passes("[]", Some(LINEAR)), 3);
}

#[test]
fn a_scan_is_learned_from_as_a_table_is() {
    let table = table(2000, 3);
    let batch = table.to_batch();
    for steps in steps() {
        let spec = PlanSpec { needs: None, ..spec(steps) };
        let batches = [batch.slice(0, 3), batch.slice(3, 0), batch.slice(3, 1200), batch.slice(1203, 797)];
        let scan = MemoryScan::new(batch.schema(), batches.to_vec());
        let labels =
            |table: &Table| Ok(table.column("member").unwrap().numbers().unwrap().iter().map(|&x| x as u32).collect());
        let y: Vec<u32> = labels(&table).unwrap();
        let (plan, warnings) = fit_scan(&scan, Some(&labels), &spec).unwrap();
        assert_eq!((plan, warnings), fit(&table, Some(&y), &spec).unwrap());
    }
    let none = MemoryScan::new(batch.schema(), vec![]);
    assert!(fit_scan(&none, None, &plan_spec(r#"[{"standardize": {}}]"#, None)).is_ok());
}

#[test]
fn states_of_different_fits_do_not_merge() {
    let table = table(50, 1);
    let state = |steps: &str| {
        let mut state = FeatureState::new(&plan_spec(steps, None), ColumnType::of(&table)).unwrap();
        state.add(&table, None).unwrap();
        state
    };
    let mut one = state(r#"[{"standardize": {}}]"#);
    assert_eq!(one.merge(state(r#"[{"standardize": {"with_std": false}}]"#)).unwrap_err().code(), "other_state");
    assert!(one.merge(state(r#"[{"standardize": {}}]"#)).is_ok());
    let done = one.advance().unwrap();
    assert_eq!(done.inspect()["rows"], 100);
    assert_eq!(state(r#"[{"standardize": {}}]"#).merge(done.clone()).unwrap_err().code(), "other_state");
    for (from, to) in [
        ("\"version\":1", "\"version\":2"),
        ("murmur3", "murmur2"),
        ("\"with_std\":true", "\"with_std\":false"),
        ("{", ""),
    ] {
        let damaged = done.to_json().replacen(from, to, 1);
        assert_eq!(FeatureState::from_json(&damaged).unwrap_err().code(), "damaged_state", "{from}");
    }
}

/// Personal data that must be nowhere: values of every kind of column.
const SECRETS: [&str; 3] = ["jo@example.org", "4917612345", "1234.5678"];

fn people() -> Table {
    let phone = |row: i64| if row == 3 { 4_917_612_345 } else { 4_900_000_000 + row };
    Table::from_columns(vec![
        Column::from_text(
            "email",
            (0..40).map(|row| Some(if row == 3 { SECRETS[0].into() } else { format!("p{row}@x.org") })).collect(),
        ),
        Column::from_integers("phone", (0..40).map(|row| Some(phone(row))).collect()),
        Column::from_numbers(
            "salary",
            (0..40).map(|row| Some(if row == 3 { 1234.5678 } else { f64::from(row) })).collect(),
        ),
        Column::from_text("same", vec![Some(SECRETS[0]); 40]),
        Column::from_numbers("amount", (0..40).map(|row| Some(f64::from(row))).collect()),
    ])
    .unwrap()
}

#[test]
fn personal_data_is_in_no_state_no_message_and_no_table() {
    let pii: Vec<String> = ["email", "phone", "salary", "same"].map(str::to_owned).to_vec();
    let table = people();
    let hidden = |text: &str| SECRETS.iter().all(|secret| !text.contains(secret));
    let steps = [
        "[]",
        r#"[{"mask": {"columns": ["email", "phone"], "key": "k3y"}}, {"one_hot": {"columns": ["email"]}}, {"standardize": {}}]"#,
        r#"[{"mask": {"columns": ["email"], "method": "redact"}}, {"mask": {"columns": ["phone"], "method": "drop"}}]"#,
        r#"[{"hash": {"columns": ["email", "phone"], "buckets": 16}}, {"coerce": {"unparsable": "zero"}}, {"impute": {"strategy": "most_frequent"}}]"#,
    ];
    for steps in steps {
        for needs in [None, Some(LINEAR)] {
            let spec = PlanSpec { pii: pii.clone(), ..plan_spec(steps, needs) };
            let mut state = FeatureState::new(&spec, ColumnType::of(&table)).unwrap();
            while state.plan().is_none() {
                state.add(&table, None).unwrap();
                assert!(hidden(&state.to_json()) && hidden(&state.inspect().to_string()), "{steps}");
                state = state.advance().unwrap();
            }
            let json = state.to_json();
            assert!(hidden(&json) && !json.contains("k3y") && hidden(&state.inspect().to_string()), "{json}");
            assert!(!format!("{state:?}").contains("k3y"));
            let plan = state.plan().unwrap();
            let applied = plan.apply(&table, &Device::Cpu).unwrap();
            assert!(hidden(&format!("{applied:?}")), "{steps}");
            let (made, warnings) = plan.transform(&table.to_batch(), &Device::Cpu).unwrap();
            let made = format!("{made:?}");
            assert!(hidden(&made) && hidden(&format!("{warnings:?}")), "{steps}: {made}");
            // A saved plan masks with its key, and with no other.
            let loaded = FittedPlan::from_json(&plan.to_json()).unwrap();
            if json.contains("fingerprint") && plan.to_json().contains("fingerprint") {
                assert_eq!(loaded.apply(&table, &Device::Cpu).unwrap_err().code(), "mask_key");
                assert_eq!(loaded.clone().with_keys(&["other"]).unwrap_err().code(), "mask_key");
            }
            assert_eq!(loaded.with_keys(&["other", "k3y"]).unwrap().apply(&table, &Device::Cpu).unwrap(), applied);
        }
    }
    for step in ["standardize", "quantile_bin", "ordinal", "one_hot", "impute", "coerce", "row_sum", "log1p"] {
        let spec =
            PlanSpec { pii: pii.clone(), ..plan_spec(&format!(r#"[{{"{step}": {{"columns": ["salary"]}}}}]"#), None) };
        let error = fit(&table, None, &spec).unwrap_err();
        assert_eq!((error.code(), error.fault().column.as_deref()), ("pii_column", Some("salary")), "{step}");
    }
    let (_, warnings) = fit(&table, None, &PlanSpec { pii, ..plan_spec("[]", None) }).unwrap();
    let told: Vec<_> = warnings.iter().map(|it| (it.code.as_str(), it.column.as_deref().unwrap())).collect();
    assert_eq!(told, ["email", "phone", "salary", "same"].map(|name| ("pii_left_out", name)));
}

#[test]
fn training_rows_do_not_see_their_own_class() {
    // A level a row: what a level says is its row's class alone.
    let rows = 300;
    let ids = Column::from_text("id", (0..rows).map(|row| Some(format!("u{row}"))).collect());
    let other = Column::from_text("half", (0..rows).map(|row| Some(if row % 2 == 0 { "a" } else { "b" })).collect());
    let table = Table::from_columns(vec![ids, other]).unwrap();
    let y: Vec<u32> = (0..rows).map(|row| u32::from(row % 2 == 0 && row % 10 != 0)).collect();
    let spec = PlanSpec { needs: spec(vec![]).needs, ..plan_spec(r#"[{"target_mean": {"smooth": 0}}]"#, None) };
    let (plan, _) = fit(&table, Some(&y), &spec).unwrap();
    let plan = FittedPlan::from_json(&plan.to_json()).unwrap();
    let plain = plan.apply(&table, &Device::Cpu).unwrap().matrix;
    assert!(plain.column(0).iter().zip(&y).all(|(&x, &y)| x == y as f32), "new rows are told all");
    let training = plan.apply_training(&table, &Device::Cpu).unwrap();
    let mean = y.iter().sum::<u32>() as f32 / rows as f32;
    assert!(training.matrix.column(0).iter().all(|x| (x - mean).abs() < 0.1), "levels of one row say nothing");
    // Levels of many rows say nearly the same without a fold.
    assert!(training.matrix.column(1).iter().zip(plain.column(1)).all(|(a, b)| (a - b).abs() < 0.1));
    assert_eq!(training.warnings, []);
    // The fold of a row follows from what is in it.
    let back: Vec<u32> = (0..rows as u32).rev().collect();
    let reversed = plan.apply_training(&table.take(&back), &Device::Cpu).unwrap().matrix;
    assert_eq!(reversed.take(&back), training.matrix);
    assert_eq!(fit(&table, None, &spec).unwrap_err().code(), "no_target");
    let two = r#"[{"target_mean": {"columns": ["id"], "cv": 3}}, {"target_mean": {"columns": ["half"]}}]"#;
    assert_eq!(fit(&table, Some(&y), &plan_spec(two, None)).unwrap_err().code(), "one_draw");
}
