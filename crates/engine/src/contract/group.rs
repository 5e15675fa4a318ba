use arrow::array::TimestampSecondArray;
use proptest::prelude::*;

use super::*;

#[derive(Debug, Clone)]
struct Row {
    key: Option<u8>,
    time: Option<i64>,
    number: Option<f64>,
    whole: Option<i64>,
    text: Option<String>,
}

fn row() -> impl Strategy<Value = Row> {
    let number = prop_oneof![Just(f64::NAN), -100.0..100.0f64, Just(-0.0), Just(1e300)];
    (
        prop::option::of(0u8..3),
        prop::option::of(0i64..400_000),
        prop::option::of(number),
        prop::option::of(-9i64..9),
        prop::option::of("[ab]{1,20}"),
    )
        .prop_map(|(key, time, number, whole, text)| Row { key, time, number, whole, text })
}

fn table(rows: &[Row], cut: usize) -> Arc<dyn Scan> {
    let times: TimestampSecondArray = rows.iter().map(|row| row.time).collect();
    scan(
        vec![
            ("key", integers(rows.iter().map(|row| row.key.map(i64::from)))),
            ("time", Arc::new(times.with_timezone("UTC"))),
            ("number", numbers(rows.iter().map(|row| row.number))),
            ("whole", integers(rows.iter().map(|row| row.whole))),
            ("text", texts(rows.iter().map(|row| row.text.as_deref()))),
        ],
        cut,
    )
}

const STEP: &str = r#"{"group": {"by": ["key"], "time": "time", "as_of": "AS_OF", "aggregates": {
    "n": "count", "numbers": {"count": "number"}, "sum": {"sum": "whole"}, "least": {"min": "number"},
    "most": {"max": "text"}, "texts": {"distinct": "text"}, "wholes": {"distinct": "whole"},
    "first": {"first": "whole"}, "last": {"last": "text"}, "since": {"recency": "hours"},
    "late": {"count": "*", "over": "2d"}, "late_sum": {"sum": "whole", "over": "2d", "where": "number > 0"},
    "mean": {"mean": "whole"}
}}}"#;

/// The rows of one key, computed one by one.
fn naive(key: Option<u8>, rows: &[Row], as_of: i64, stated: bool) -> Option<String> {
    let rows: Vec<&Row> =
        rows.iter().filter(|row| row.key == key && (!stated || row.time.is_some_and(|time| time <= as_of))).collect();
    if rows.is_empty() {
        return None;
    }
    let some = |value: Option<String>| value.unwrap_or("-".into());
    let wholes: Vec<i64> = rows.iter().filter_map(|row| row.whole).collect();
    let numbers: Vec<f64> = rows.iter().filter_map(|row| row.number.filter(|number| !number.is_nan())).collect();
    let distinct = |values: Vec<String>| values.into_iter().collect::<std::collections::BTreeSet<_>>().len();
    let first = rows.iter().rev().min_by_key(|row| row.time.unwrap_or(i64::MAX));
    let first_time = first.and_then(|row| row.time);
    let first = rows.iter().find(|row| row.time == first_time).unwrap();
    let last_time = rows.iter().filter_map(|row| row.time).max();
    let last = rows.iter().rev().find(|row| row.time == last_time).unwrap();
    let late: Vec<&&Row> = rows.iter().filter(|row| row.time.is_some_and(|time| time > as_of - 172_800)).collect();
    let late_sum: Vec<i64> = late
        .iter()
        .filter(|row| row.number.is_some_and(|number| number > 0.0 || number.is_nan()))
        .filter_map(|row| row.whole)
        .collect();
    let least = numbers.iter().copied().reduce(f64::min).map(|number| format!("{:?}", number + 0.0));
    Some(
        [
            key.map_or("-".into(), |key| key.to_string()),
            rows.len().to_string(),
            numbers.len().to_string(),
            some((!wholes.is_empty()).then(|| wholes.iter().sum::<i64>().to_string())),
            some(least),
            some(rows.iter().filter_map(|row| row.text.clone()).max()),
            distinct(rows.iter().filter_map(|row| row.text.clone()).collect()).to_string(),
            distinct(wholes.iter().map(i64::to_string).collect()).to_string(),
            some(first.whole.map(|whole| whole.to_string())),
            some(last.text.clone()),
            some(last_time.map(|last| format!("{:?}", (as_of - last) as f64 / 3600.0))),
            late.len().to_string(),
            some((!late_sum.is_empty()).then(|| late_sum.iter().sum::<i64>().to_string())),
            some(
                (!wholes.is_empty()).then(|| format!("{:?}", wholes.iter().sum::<i64>() as f64 / wholes.len() as f64)),
            ),
        ]
        .join("|"),
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(80))]
    #[test]
    fn groups_are_those_of_a_loop_over_the_rows(rows in prop::collection::vec(row(), 0..40), cut in 1..9usize, stated in any::<bool>()) {
        let as_of = if stated { 259_200 } else { rows.iter().filter_map(|row| row.time).max().unwrap_or(0) };
        let step = STEP.replace("AS_OF", if stated { "1970-01-04T00:00:00Z" } else { "latest" });
        let grouped = made(&engine(), &step, &table(&rows, cut), &[]);
        let expected: Vec<String> =
            [None, Some(0), Some(1), Some(2)].into_iter().filter_map(|key| naive(key, &rows, as_of, stated)).collect();
        prop_assert_eq!(grouped, expected);
    }

    #[test]
    fn sums_do_not_depend_on_the_order(mut rows in prop::collection::vec((0i64..3, -1e9..1e9f64), 1..60), turn in 0..60usize) {
        let step = r#"{"group": {"by": ["k"], "aggregates": {"sum": {"sum": "x"}, "mean": {"mean": "x"}, "std": {"std": "x"}, "var": {"var": "x"}}}}"#;
        let of = |rows: &[(i64, f64)]| {
            let input = scan(vec![("k", integers(rows.iter().map(|row| Some(row.0)))), ("x", numbers(rows.iter().map(|row| Some(row.1))))], 7);
            read(&*apply(&engine(), step, &input))
        };
        let before = of(&rows);
        let turn = turn.min(rows.len());
        rows.rotate_left(turn);
        prop_assert!(before == of(&rows));
    }
}

#[test]
fn deviations_do_not_cancel_out() {
    let input = scan(
        vec![
            ("k", integers([Some(1); 3])),
            ("x", numbers([Some(1e9 + 1.0), Some(1e9 + 2.0), Some(1e9 + 3.0)])),
            ("n", integers([Some(i64::MAX), Some(i64::MAX - 1), Some(i64::MAX - 2)])),
        ],
        2,
    );
    let step = r#"{"group": {"by": ["k"], "aggregates": {"s": {"std": "x"}, "v": {"var": "n"}, "m": {"mean": "n"}}}}"#;
    assert_eq!(lines(&read(&*apply(&engine(), step, &input))), ["1|1.0|1.0|9.223372036854776e18"]);
    let step = r#"{"group": {"by": ["k"], "aggregates": {"all": {"sum": "n"}}}}"#;
    let grouped = apply(&engine(), step, &input);
    let error = grouped.open(&[1]).err().unwrap();
    let error = error.downcast_ref::<EngineError>().unwrap();
    assert_eq!((error.code(), error.fault().column.as_deref()), ("sum_too_large", Some("all")));
}

#[test]
fn types_are_kept_and_equal_keys_of_floats_are_one() {
    use arrow::array::{BooleanArray, Date32Array, Float32Array, TimestampMicrosecondArray};
    let input = scan(
        vec![
            ("k", numbers([Some(0.0), Some(-0.0)])),
            ("day", Arc::new(Date32Array::from(vec![Some(1), Some(2)]))),
            ("at", Arc::new(TimestampMicrosecondArray::from(vec![Some(5), None]).with_timezone("Europe/Berlin"))),
            ("yes", Arc::new(BooleanArray::from(vec![false, true]))),
            ("f", Arc::new(Float32Array::from(vec![0.1, 0.2]))),
        ],
        1,
    );
    let step = r#"{"group": {"by": ["k"], "time": "day", "aggregates": {"day": {"max": "day"}, "at": {"last": "at"}, "first": {"first": "at"},
        "yes": {"max": "yes"}, "share": {"mean": "yes"}, "f": {"min": "f"}, "week": {"count": "*", "over": "1d"}}}}"#;
    let grouped = apply(&engine(), step, &input);
    for name in ["day", "at", "yes", "f"] {
        assert_eq!(
            grouped.schema().field_with_name(name).unwrap().data_type(),
            input.schema().field_with_name(name).unwrap().data_type()
        );
    }
    assert_eq!(lines(&read(&*grouped)), ["0.0|1970-01-03|-|1970-01-01T01:00:00.000005+01:00|true|0.5|0.1|1"]);
}
