use proptest::prelude::*;

use super::*;

type Row = (Option<i64>, Option<String>, Option<i64>);

/// The row that stays is looked for among all rows, for every row.
fn naive(rows: &[Row], last: bool, by: bool) -> Vec<usize> {
    let wins = |a: usize, b: usize| {
        // Whether `a` stays and not `b`, a later row.
        if !by || rows[a].2 == rows[b].2 {
            return !last;
        }
        match (rows[a].2, rows[b].2) {
            (Some(a), Some(b)) => {
                if last {
                    a > b
                } else {
                    a < b
                }
            }
            (a, _) => a.is_some(),
        }
    };
    let same = |a: usize, b: usize| rows[a].0 == rows[b].0 && rows[a].1 == rows[b].1;
    let stays = |row: &usize| {
        (0..rows.len())
            .filter(|&other| other != *row && same(*row, other))
            .all(|other| if other < *row { !wins(other, *row) } else { wins(*row, other) })
    };
    (0..rows.len()).filter(stays).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]
    #[test]
    fn the_first_or_the_last_of_equal_keys_stays(
        rows in prop::collection::vec(
            (prop::option::of(0i64..3), prop::option::of("[ab]"), prop::option::of(0i64..3)), 0..40),
        cut in 1..9usize, last in any::<bool>(), by in any::<bool>(), text in any::<bool>(),
    ) {
        let by_column = |row: &Row| row.2.map(|by| format!("t{by}"));
        let by_array = if text { texts(rows.iter().map(by_column)) } else { integers(rows.iter().map(|row| row.2)) };
        let input = scan(vec![
            ("row", integers((0..rows.len()).map(|row| Some(row as i64)))),
            ("k", integers(rows.iter().map(|row| row.0))),
            ("t", texts(rows.iter().map(|row| row.1.as_deref()))),
            ("when", by_array),
        ], cut);
        let (keep, by_text) = (if last { "last" } else { "first" }, if by { r#", "by": "when""# } else { "" });
        let step = format!(r#"{{"dedupe": {{"keys": ["k", "t"], "keep": "{keep}"{by_text}}}}}"#);
        let deduped = apply(&engine(), &step, &input);
        let kept: Vec<String> = lines(&read(&*deduped)).iter().map(|line| line.split('|').next().unwrap().to_owned()).collect();
        let expected: Vec<String> = naive(&rows, last, by).iter().map(usize::to_string).collect();
        prop_assert_eq!(kept, expected);
    }
}
