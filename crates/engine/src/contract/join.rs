use proptest::prelude::*;

use super::*;

type Row = (Option<i64>, i64);

fn naive(left: &[Row], right: &[Row], how: &str) -> Vec<String> {
    let mut out = Vec::new();
    let shown = |key: Option<i64>| key.map_or("-".to_owned(), |key| key.to_string());
    for (key, value) in left {
        let met: Vec<i64> =
            right.iter().filter(|other| key.is_some() && other.0 == *key).map(|other| other.1).collect();
        let row = format!("{}|{value}", shown(*key));
        match how {
            "semi" if !met.is_empty() => out.push(row),
            "anti" if met.is_empty() => out.push(row),
            "semi" | "anti" => {}
            "left" if met.is_empty() => out.push(format!("{row}|-")),
            _ => out.extend(met.iter().map(|other| format!("{row}|{other}"))),
        }
    }
    out
}

fn table(rows: &[Row], cut: usize) -> Arc<dyn Scan> {
    let keys = integers(rows.iter().map(|row| row.0));
    scan(vec![("k", keys), ("v", integers(rows.iter().map(|row| Some(row.1))))], cut)
}

fn rows() -> impl Strategy<Value = Vec<Row>> {
    prop::collection::vec((prop::option::of(0i64..5), 0i64..100), 0..25)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]
    #[test]
    fn rows_meet_in_the_order_of_both_sides(
        left in rows(), right in rows(), cut in 1..7usize, how in prop::sample::select(vec!["left", "inner", "semi", "anti"]),
    ) {
        let step = format!(r#"{{"join": {{"with": "other", "on": ["k"], "how": "{how}"}}}}"#);
        let (here, there) = (table(&left, cut), table(&right, cut + 1));
        let joined = made(&engine(), &step, &here, &[("other", &there)]);
        prop_assert_eq!(joined, naive(&left, &right, how));
    }
}

#[test]
fn keys_of_other_names_and_types_and_columns_of_the_same_name() {
    let here = scan(vec![("id", integers([Some(2), Some(1)])), ("v", texts([Some("x"), Some("y")]))], 1);
    let there = scan(vec![("user", numbers([Some(1.0), Some(2.0)])), ("v", integers([Some(10), Some(20)]))], 2);
    let engine = engine();
    let joined =
        apply_with(&engine, r#"{"join": {"with": "users", "on": {"id": "user"}}}"#, &here, &[("users", &there)]);
    let names: Vec<String> = joined.schema().fields().iter().map(|field| field.name().clone()).collect();
    assert_eq!(names, ["id", "v", "user", "v_users"]);
    assert_eq!(lines(&read(&*joined)), ["2|x|2.0|20", "1|y|1.0|10"]);
}

#[test]
fn keys_that_repeat_are_told_when_asked() {
    let twice = table(&[(Some(1), 1), (None, 2), (None, 3), (Some(1), 4)], 2);
    let once = table(&[(Some(1), 1), (None, 2), (None, 3)], 2);
    let engine = engine();
    let code = |left: &Arc<dyn Scan>, right: &Arc<dyn Scan>, validate: &str| {
        let step = format!(r#"{{"join": {{"with": "o", "on": ["k"], "validate": "{validate}"}}}}"#);
        let joined = apply_with(&engine, &step, left, &[("o", right)]);
        joined.open(&[0]).err().map(|error| error.downcast_ref::<EngineError>().unwrap().code())
    };
    assert_eq!(code(&twice, &once, "many_to_one"), None);
    assert_eq!(code(&twice, &once, "one_to_one"), Some("keys_repeat"));
    assert_eq!(code(&once, &twice, "many_to_one"), Some("keys_repeat"));
    assert_eq!(code(&once, &twice, "one_to_many"), None);
    assert_eq!(code(&twice, &twice, "many_to_many"), None);
}

/// So many rows on the other side that they do not fit: they are joined part by part, and the result is the same.
#[test]
fn what_does_not_fit_is_joined_to_the_same_rows() {
    let side = |rows: usize, step: usize| -> Vec<Row> {
        (0..rows).map(|row| ((row % 11 != 0).then_some((row * step % 40_000) as i64), row as i64)).collect()
    };
    let (left, right) = (table(&side(30_000, 7), 4096), table(&side(60_000, 13), 8192));
    for how in ["left", "inner", "semi", "anti"] {
        let step = format!(r#"{{"join": {{"with": "o", "on": ["k"], "how": "{how}"}}}}"#);
        let of = |memory| read(&*apply_with(&engine_of(2, memory), &step, &left, &[("o", &right)]));
        assert!(of(Some(1 << 20)) == of(None), "{how}");
    }
}
