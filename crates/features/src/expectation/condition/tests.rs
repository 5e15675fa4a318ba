use serde_json::{Value, json};
use trainer_data::{Column, Table};

use super::super::check::Block;
use super::*;

fn table() -> Table {
    Table::from_columns(vec![
        Column::from_numbers("a", vec![Some(1.0), Some(7.0), None, Some(-2.0)]),
        Column::from_text("b", vec![Some("x"), Some("y"), Some("xy"), None]),
        Column::from_booleans("flag", vec![Some(true), Some(false), None, Some(true)]),
        Column::from_integers("odd name", vec![Some(1), Some(2), Some(3), Some(4)]),
        Column::from_timestamps("at", vec![Some(0), Some(86_400_000_000), None, Some(-1)]),
    ])
    .unwrap()
}

fn rows(condition: &Condition) -> Vec<usize> {
    let table = table();
    let bound = condition.bind(&Header::of(&table)).unwrap();
    let holds = bound.holds(&Block::of(&table, 0..4, 0));
    (0..4).filter(|&row| holds[row]).collect()
}

#[test]
fn conditions_hold_where_pandas_and_sql_say() {
    for (text, pandas, sql) in [
        ("a > 5", vec![1], vec![1]),
        ("a > 5 and b == \"y\"", vec![1], vec![1]),
        ("(a > 5) | (b == 'x')", vec![0, 1], vec![0, 1]),
        ("a != 1", vec![1, 2, 3], vec![1, 3]),
        ("not a > 0", vec![2, 3], vec![3]),
        ("~(a > 0)", vec![2, 3], vec![3]),
        ("b in ['x', 'y']", vec![0, 1], vec![0, 1]),
        ("b not in ('x', 'y')", vec![2, 3], vec![2]),
        ("a in [1, 7.0]", vec![0, 1], vec![0, 1]),
        ("b.notnull()", vec![0, 1, 2], vec![0, 1, 2]),
        ("col(\"b\").isnull()", vec![3], vec![3]),
        ("a is null or flag", vec![0, 2, 3], vec![0, 2, 3]),
        ("a is not null and not flag", vec![1], vec![1]),
        ("-3 < a <= 1", vec![0, 3], vec![0, 3]),
        ("a between -2 and 1", vec![0, 3], vec![0, 3]),
        ("b like 'x%'", vec![0, 2], vec![0, 2]),
        ("b like '_'", vec![0, 1], vec![0, 1]),
        ("b rlike '^x$'", vec![0], vec![0]),
        ("a + 2 * `odd name` = 3", vec![0], vec![0]),
        ("`odd name` % 2 = 0 and abs(a) > 1", vec![1, 3], vec![1, 3]),
        ("length(b) = 2 or upper(b) = 'Y'", vec![1, 2], vec![1, 2]),
        ("at >= '1970-01-02'", vec![1], vec![1]),
        ("flag == True", vec![0, 3], vec![0, 3]),
        ("b.isin([\"x\"])", vec![0], vec![0]),
        ("a / 0 > 1", vec![], vec![]),
    ] {
        assert_eq!(rows(&Condition::of_gx(&text.into(), Some("pandas")).unwrap()), pandas, "{text}");
        assert_eq!(rows(&Condition::sql(text).unwrap()), sql, "{text}");
    }
}

#[test]
fn objects_of_1_x_are_conditions() {
    let column = json!({"name": "a"});
    let greater = json!({"type": "comparison", "column": column, "operator": ">", "parameter": 0});
    let empty = json!({"type": "nullity", "column": {"name": "b"}, "is_null": true});
    let within = json!({"type": "comparison", "column": column, "operator": "NOT_IN", "parameter": [1, 7]});
    let rows = |object: Value| rows(&Condition::of_gx(&object, None).unwrap());
    assert_eq!(rows(greater.clone()), [0, 1]);
    assert_eq!(rows(empty.clone()), [3]);
    assert_eq!(rows(within), [2, 3]);
    assert_eq!(rows(json!({"type": "or", "conditions": [greater, empty]})), [0, 1, 3]);
    assert_eq!(rows(json!({"type": "pass_through", "pass_through_filter": "a == 7"})), [1]);
    assert!(Condition::of_gx(&json!({"type": "xor"}), None).unwrap_err().contains("comparison, nullity"));
}

#[test]
fn what_is_beyond_is_refused() {
    for (text, word) in [
        ("a >", "found the end"),
        ("a > 5 b", "found `b`"),
        ("a = 'x", "closing '"),
        ("a ? 5", "found `?`"),
        ("sqrt(a) > 1", "`sqrt`"),
        ("b.str.len() > 1", "`str`"),
        ("case when a > 1", "found `case`"),
        ("a in (select 1)", "found `select`"),
        ("@x > 1", "found `@`"),
    ] {
        let problem = Condition::sql(text).unwrap_err();
        assert!(problem.contains(word), "{text}: {problem}");
    }
    assert!(Condition::sql(&"(".repeat(5000)).unwrap_err().contains("nested"));
    assert!(Condition::sql(&"not ".repeat(5000)).unwrap_err().contains("nested"));
    assert!(Condition::of_gx(&"a > 1".into(), Some("polars")).unwrap_err().contains("`polars`"));
    let bound = |text: &str| Condition::sql(text).unwrap().bind(&Header::of(&table())).unwrap_err();
    assert!(bound("c > 1").contains("column `c`"));
    assert!(bound("a > 'x'").contains("found a number and text"));
    assert!(bound("a + 1").contains("true or false"));
    assert!(bound("at > 'yesterday'").contains("'yesterday'"));
}
