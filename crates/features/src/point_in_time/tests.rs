//! The two ways and the rule word for word come to the same.

use std::sync::Arc;
use std::time::Duration;

use arrow::array::{ArrayRef, AsArray, BooleanArray, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray};
use arrow::compute::{SortColumn, SortOptions, concat_batches, lexsort_to_indices, take_record_batch};
use arrow::datatypes::Int64Type;
use proptest::prelude::*;
use trainer_data::MemoryScan;

use super::naive::{Case, found};
use super::*;

/// A feature row: key, time and created time in microseconds; and a label: key and time.
type FeatureRow = (Option<u8>, Option<i64>, Option<i64>);
type LabelRow = (Option<u8>, i64);

fn case(labels: &[LabelRow], features: &[FeatureRow]) -> Case<u8> {
    let us = |us: i64| Moment::from(us) * 1000;
    Case {
        labels: labels.iter().map(|&(key, t)| (key, us(t))).collect(),
        features: features.iter().map(|&(key, time, created)| (key, time.map(us), created.map(us))).collect(),
    }
}

fn keys(keys: impl Iterator<Item = Option<u8>>) -> ArrayRef {
    Arc::new(StringArray::from_iter(keys.map(|key| key.map(|key| format!("user {key}")))))
}

fn times(times: impl Iterator<Item = Option<i64>>) -> ArrayRef {
    Arc::new(TimestampMicrosecondArray::from_iter(times))
}

/// Feature rows with their number as the one feature, in batches of `cut` rows.
fn scan(features: &[FeatureRow], cut: usize) -> MemoryScan {
    let whole = RecordBatch::try_from_iter_with_nullable([
        ("key", keys(features.iter().map(|row| row.0)), true),
        ("time", times(features.iter().map(|row| row.1)), true),
        ("created", times(features.iter().map(|row| row.2)), true),
        ("number", Arc::new(Int64Array::from_iter_values(0..features.len() as i64)) as ArrayRef, true),
    ]);
    let whole = whole.unwrap();
    let batches = (0..whole.num_rows()).step_by(cut).map(|at| whole.slice(at, cut.min(whole.num_rows() - at)));
    MemoryScan::new(whole.schema(), batches.collect())
}

fn joined(labels: &[LabelRow], features: &[FeatureRow], rule: Rule, cut: usize) -> Joined {
    let scan = scan(features, cut);
    let side = FeatureSide { scan: &scan, keys: vec![0], time: 1, created: Some(2), features: vec![3] };
    let labels = LabelSide {
        keys: vec![("key", keys(labels.iter().map(|row| row.0)))],
        time_name: "event_timestamp",
        time: times(labels.iter().map(|row| Some(row.1))),
    };
    join(&labels, &side, rule).unwrap()
}

fn numbers(array: &ArrayRef) -> Vec<Option<u64>> {
    array.as_primitive::<Int64Type>().iter().map(|number| number.map(|number| number as u64)).collect()
}

/// Features and labels as one table: key, time, created, side, number of the feature row, number of the label.
fn united(labels: &[LabelRow], features: &[FeatureRow]) -> RecordBatch {
    let none = |rows: usize| std::iter::repeat_n(None, rows);
    let numbers = |rows: usize| (0..rows as i64).map(Some);
    let (m, n) = (features.len(), labels.len());
    let integers = |cells: Vec<Option<i64>>| Arc::new(Int64Array::from(cells)) as ArrayRef;
    RecordBatch::try_from_iter_with_nullable([
        ("key", keys(features.iter().map(|row| row.0).chain(labels.iter().map(|row| row.0))), true),
        ("time", times(features.iter().map(|row| row.1).chain(labels.iter().map(|row| Some(row.1)))), true),
        ("created", times(features.iter().map(|row| row.2).chain(none(n))), true),
        ("is_label", Arc::new(BooleanArray::from_iter((0..m + n).map(|row| Some(row >= m)))) as ArrayRef, true),
        ("number", integers(numbers(m).chain(none(n)).collect()), true),
        ("label", integers(none(m).chain(numbers(n)).collect()), true),
    ])
    .unwrap()
}

fn sorted(batch: &RecordBatch, rule: Rule) -> RecordBatch {
    let created = |row: usize| {
        batch.column(2).as_primitive::<arrow::datatypes::TimestampMicrosecondType>().iter().nth(row).flatten()
    };
    let time = batch.column(1).as_primitive::<arrow::datatypes::TimestampMicrosecondType>().iter().enumerate();
    let visible = times(time.map(|(row, time)| if rule.created_cutoff { time.max(created(row)) } else { time }));
    let options = Some(SortOptions { descending: false, nulls_first: true });
    let rows: ArrayRef = Arc::new(Int64Array::from_iter_values(0..batch.num_rows() as i64));
    let columns = [batch.column(0).clone(), visible, batch.column(3).clone(), rows];
    let columns: Vec<SortColumn> = columns.into_iter().map(|values| SortColumn { values, options }).collect();
    take_record_batch(batch, &lexsort_to_indices(&columns, None).unwrap()).unwrap()
}

fn layout() -> Layout {
    Layout { keys: vec![0], time: 1, created: Some(2), is_label: 3, features: vec![4] }
}

fn streamed(labels: &[LabelRow], features: &[FeatureRow], rule: Rule, cut: usize) -> Vec<Option<u64>> {
    let rows = sorted(&united(labels, features), rule);
    let mut pass = PointInTime::new(&rows.schema(), layout(), rule).unwrap();
    let cuts = (0..rows.num_rows()).step_by(cut);
    let out: Vec<_> = cuts.map(|at| pass.push(&rows.slice(at, cut.min(rows.num_rows() - at))).unwrap()).collect();
    let out = concat_batches(&pass.schema(), &out).unwrap();
    let found = numbers(out.column_by_name("number").unwrap());
    let mut by_label = vec![None; labels.len()];
    for (label, found) in numbers(out.column_by_name("label").unwrap()).into_iter().zip(found) {
        by_label[label.unwrap() as usize] = found;
    }
    assert_eq!(out.num_rows(), labels.len());
    by_label
}

fn rules() -> impl Strategy<Value = Rule> {
    (proptest::option::of(0_u64..12), any::<bool>())
        .prop_map(|(ttl, created_cutoff)| Rule { ttl: ttl.map(Duration::from_micros), created_cutoff })
}

proptest! {
    #[test]
    fn both_ways_are_the_rule(
        labels in prop::collection::vec((prop::option::weighted(0.9, 0_u8..4), 0_i64..20), 1..40),
        features in prop::collection::vec(
            (prop::option::weighted(0.9, 0_u8..4), prop::option::weighted(0.9, 0_i64..20), prop::option::weighted(0.8, 0_i64..20)),
            1..60,
        ),
        rule in rules(),
        cut in 1_usize..9,
    ) {
        let case = case(&labels, &features);
        let expected = found(&case, rule);
        let joined = joined(&labels, &features, rule, cut);
        prop_assert_eq!(&joined.found, &expected);
        let rows: Vec<Option<u64>> = expected.iter().map(|found| found.map(|found| found.row)).collect();
        prop_assert_eq!(numbers(&joined.columns[0]), rows.clone());
        prop_assert_eq!(streamed(&labels, &features, rule, cut), rows);
        let uncut = found(&case, Rule { created_cutoff: false, ..rule });
        prop_assert_eq!(joined.found_uncut, uncut.iter().map(Option::is_some).collect::<Vec<_>>());
        let known = |label: &LabelRow| label.0.is_some() && features.iter().any(|row| row.0 == label.0);
        prop_assert_eq!(joined.known, labels.iter().map(known).collect::<Vec<_>>());
    }
}

#[test]
fn ends_of_the_ttl_are_inside() {
    let rule = Rule { ttl: Some(Duration::from_micros(5)), created_cutoff: false };
    let features = [(Some(1), Some(10), None)];
    let labels: Vec<LabelRow> = [9, 10, 15, 16].map(|t| (Some(1), t)).to_vec();
    let found: Vec<bool> = joined(&labels, &features, rule, 8).found.iter().map(Option::is_some).collect();
    assert_eq!(found, [false, true, true, false]);
}

#[test]
fn the_numbers_of_a_join() {
    let features = [(Some(1), Some(3), None), (Some(1), None, None), (Some(2), Some(9), None), (None, Some(1), None)];
    let labels = [(Some(1), 5), (Some(2), 8), (Some(3), 8), (None, 8), (Some(2), 9)];
    let told = joined(&labels, &features, Rule::default(), 2).told;
    let expected = Told {
        feature_rows: 4,
        without_time: 1,
        labels: 5,
        null_keys: 1,
        found: 2,
        oldest: Some(3_000),
        newest: Some(9_000),
    };
    assert_eq!(told, expected);
}

#[test]
fn a_view_without_entities_is_of_every_label() {
    let scan = scan(&[(Some(1), Some(3), None), (None, Some(5), None)], 8);
    let side = FeatureSide { scan: &scan, keys: vec![], time: 1, created: None, features: vec![3] };
    let time = times([Some(2), Some(4), Some(9)].into_iter());
    let labels = LabelSide { keys: vec![], time_name: "event_timestamp", time };
    let joined = join(&labels, &side, Rule::default()).unwrap();
    assert_eq!(numbers(&joined.columns[0]), [None, Some(0), Some(1)]);
}

#[test]
fn rows_that_are_not_sorted_are_refused_by_number() {
    let rows = united(&[(Some(1), 5)], &[(Some(1), Some(7), None), (Some(1), Some(6), None), (Some(0), Some(1), None)]);
    let refused = |order: &[u32]| {
        let order = arrow::array::UInt32Array::from(order.to_vec());
        let rows = take_record_batch(&rows, &order).unwrap();
        let mut pass = PointInTime::new(&rows.schema(), layout(), Rule::default()).unwrap();
        let one_by_one = (0..rows.num_rows()).map(|row| rows.slice(row, 1));
        one_by_one.map(|batch| pass.push(&batch)).find_map(Result::err).map(|error| error.to_string())
    };
    assert_eq!(refused(&[2, 3, 1, 0]), None);
    let message = refused(&[2, 3, 0, 1]).unwrap();
    assert!(message.starts_with("row 4: expected rows sorted by key, time and side"), "{message}");
    // Another key in between, and a key that comes back.
    assert!(refused(&[3, 1, 2]).unwrap().starts_with("row 3:"));
}

#[test]
fn a_label_without_a_time_is_refused() {
    let scan = scan(&[(Some(1), Some(3), None)], 8);
    let side = FeatureSide { scan: &scan, keys: vec![0], time: 1, created: None, features: vec![3] };
    let labels = LabelSide {
        keys: vec![("key", keys([Some(1), Some(1)].into_iter()))],
        time_name: "event_timestamp",
        time: times([Some(3), None].into_iter()),
    };
    let message = join(&labels, &side, Rule::default()).unwrap_err().to_string();
    assert_eq!(message, "row 2, column `event_timestamp`: expected a time for every label, found none");
}
