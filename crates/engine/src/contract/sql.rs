use super::*;

#[test]
fn queries_come_in_an_order_without_ties() {
    let input = scan(
        vec![
            ("k", integers([Some(3), Some(1), None, Some(1)])),
            ("v", texts([Some("a"), Some("z"), Some("b"), Some("c")])),
        ],
        2,
    );
    let other = scan(vec![("k", integers([Some(1)])), ("w", integers([Some(10)]))], 1);
    let engine = engine();
    let of = |query: &str| made(&engine, &format!(r#"{{"sql": "{query}"}}"#), &input, &[("other", &other)]);
    assert_eq!(of("select v, k from input"), ["a|3", "b|-", "c|1", "z|1"], "by all columns");
    assert_eq!(of("select v from input order by k desc nulls last"), ["a", "c", "z", "b"], "ties by the other columns");
    assert_eq!(of("select v from input limit 2"), ["a", "b"]);
    assert_eq!(of("select v from input order by k limit 1"), ["c"]);
    assert_eq!(of("select input.v, w from input join other on input.k = other.k"), ["c|10", "z|10"]);
    assert_eq!(of("select k, count(*) as n from input group by k order by n desc, k"), ["1|2", "3|1", "-|1"]);
    assert_eq!(of("with t as (select k from input) select distinct k from t where k in (select k from other)"), ["1"]);
}

#[test]
fn only_queries_that_give_the_same_again_are_run() {
    let input = scan(vec![("k", integers([Some(3)]))], 1);
    let engine = engine();
    let code = |query: &str| {
        try_apply(&engine, &format!(r#"{{"sql": "{query}"}}"#), &input, &[])
            .err()
            .map(|error| (error.code(), error.fault().hint.clone()))
    };
    assert_eq!(code("create table t as select 1"), Some(("not_a_query", None)));
    assert_eq!(code("explain select * from input"), Some(("not_a_query", None)));
    assert_eq!(code("copy input to 'x.csv'"), Some(("not_a_query", None)));
    assert_eq!(code("select k, random() as r from input").unwrap().0, "not_reproducible");
    assert_eq!(code("select k from input where (select max(now()) from input) is null").unwrap().0, "not_reproducible");
    assert_eq!(code("select k, k from input").unwrap().0, "bad_sql");
    assert_eq!(code("select a.k, b.k from input a, input b").unwrap().0, "duplicate_column");
    assert_eq!(code("select * from inputs"), Some(("unknown_input", Some("did you mean `input`?".into()))));
    assert_eq!(code("select kk from input"), Some(("unknown_column", Some("did you mean `k`?".into()))));
    assert_eq!(code("select * from 'secret.csv'").unwrap().0, "unknown_input");
    assert_eq!(code("set datafusion.execution.batch_size = 1").unwrap().0, "not_a_query");
}

#[test]
fn sums_are_exact_and_never_go_round() {
    let input = scan(
        vec![
            ("k", integers([Some(i64::MAX), Some(i64::MAX), Some(-5)])),
            ("x", numbers([Some(1e100), Some(1.0), Some(-1e100)])),
            ("g", integers([Some(1), Some(1), Some(2)])),
        ],
        2,
    );
    let engine = engine();
    let of = |query: &str| made(&engine, &format!(r#"{{"sql": "{query}"}}"#), &input, &[]);
    assert_eq!(of("select sum(x) as s, mean(x) * 3 as m, count(*) as n from input"), ["1.0|1.0|3"]);
    assert_eq!(of("select sum(k) as s from input where k < 0"), ["-5"]);
    assert_eq!(of("select sum(k) as s from input where k = 0"), ["-"]);
    for query in ["select sum(k) as s from input", "select g, sum(k) as s from input group by g"] {
        let rows = apply(&engine, &format!(r#"{{"sql": "{query}"}}"#), &input);
        let last = rows.schema().fields().len() - 1;
        let error = rows.open(&[last]).unwrap().find_map(Result::err).unwrap();
        assert_eq!(error.downcast_ref::<EngineError>().unwrap().code(), "sum_too_large");
    }
}
