use proptest::prelude::*;

use super::*;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]
    #[test]
    fn filter_derive_and_select_are_what_they_say(
        rows in prop::collection::vec((prop::option::of(-5i64..5), prop::option::of("[ab]{0,2}")), 0..40), cut in 1..9usize,
    ) {
        let engine = engine();
        let columns = || vec![("n", integers(rows.iter().map(|row| row.0))), ("t", texts(rows.iter().map(|row| row.1.as_deref())))];
        let input = scan(columns(), cut);
        let kept = made(&engine, r#"{"filter": "n >= 0 and t <> 'a'"}"#, &input, &[]);
        let shown = |n: Option<i64>| n.map_or("-".to_owned(), |n| n.to_string());
        let naive: Vec<String> = rows.iter()
            .filter_map(|(n, t)| Some((n.filter(|&n| n >= 0)?, t.as_deref().filter(|&t| t != "a")?)))
            .map(|(n, t)| format!("{n}|{t}")).collect();
        prop_assert_eq!(kept, naive);

        let derived = made(&engine, r#"{"derive": {"twice": "n * 2", "n": "coalesce(n, 7)", "more": "twice + n"}}"#, &input, &[]);
        let naive: Vec<String> = rows.iter().map(|(n, t)| {
            let twice = n.map(|n| n * 2);
            format!("{}|{}|{}|{}", n.unwrap_or(7), t.as_deref().unwrap_or("-"), shown(twice), shown(twice.map(|twice| twice + n.unwrap_or(7))))
        }).collect();
        prop_assert_eq!(derived, naive);

        let selected = made(&engine, r#"{"select": {"word": "t", "count": "n"}}"#, &input, &[]);
        let naive: Vec<String> =
            rows.iter().map(|(n, t)| format!("{}|{}", t.as_deref().unwrap_or("-"), shown(*n))).collect();
        prop_assert_eq!(selected, naive);
    }
}

#[test]
fn names_keep_their_case_and_columns_that_are_not_asked_for_are_not_computed() {
    let input = scan(vec![("Amount", integers([Some(1), Some(0)])), ("a b", integers([Some(5), Some(6)]))], 2);
    let engine = engine();
    let derived = apply(&engine, r#"{"derive": {"Sum": "Amount + \"a b\"", "bad": "1 / Amount"}}"#, &input);
    let sum: Vec<_> = derived.open(&[2]).unwrap().map(Result::unwrap).collect();
    assert_eq!(lines(&sum[0]), ["6", "6"]);
    assert!(derived.open(&[3]).unwrap().next().unwrap().is_err());
    let none: Vec<_> = derived.open(&[]).unwrap().map(Result::unwrap).collect();
    assert_eq!((none[0].num_columns(), none[0].num_rows()), (0, 2));
}

#[test]
fn steps_tally_their_rows() {
    let engine = engine();
    let input = scan(vec![("n", integers((0..100).map(Some)))], 7);
    let applied = engine.apply(&step(r#"{"filter": "n < 30"}"#), input, &BTreeMap::new()).unwrap();
    read(&*applied.scan);
    assert_eq!((applied.tally.rows_in(), applied.tally.rows_out()), (100, 30));
}
