use super::*;

fn input() -> Arc<dyn Scan> {
    scan(vec![("amount", integers([Some(1), Some(0), None])), ("event_type", texts([Some("x"), None, Some("y")]))], 2)
}

#[test]
fn mistakes_are_found_before_anything_is_read() {
    let (engine, input) = (engine(), input());
    let said = |json: &str| {
        let error = try_apply(&engine, json, &input, &[("users", &input)]).unwrap_err();
        (error.code(), error.to_string())
    };
    let cases = [
        (r#"{"filter": "amonut > 1"}"#, "unknown_column", "did you mean `amount`?"),
        (r#"{"filter": "amount + 1"}"#, "not_a_condition", "to be true or false, found Int64"),
        (r#"{"filter": "amount >"}"#, "bad_sql", "expected `filter: amount >` to be SQL"),
        (r#"{"filter": "amount > 1; select 1"}"#, "bad_sql", "expected `filter"),
        (r#"{"filter": "sum(amount) > 1"}"#, "not_of_one_row", "the aggregate `sum`"),
        (r#"{"filter": "random() > 0.5"}"#, "not_reproducible", "`random`"),
        (r#"{"filter": "amount in (select 1)"}"#, "not_of_one_row", "a query"),
        (r#"{"derive": {"x": "flor(amount)"}}"#, "unknown_function", "did you mean `floor`?"),
        (r#"{"derive": {"x": "upper(amount, 1)"}}"#, "bad_sql", "derive: x"),
        (r#"{"select": ["amount", "event_typ"]}"#, "unknown_column", "did you mean `event_type`?"),
        (r#"{"select": ["amount", "amount"]}"#, "bad_step", "found `amount` again"),
        (r#"{"dedupe": {"keys": ["user"]}}"#, "unknown_column", "the columns are `amount`, `event_type`"),
        (r#"{"join": {"with": "user", "on": ["amount"]}}"#, "unknown_input", "did you mean `users`?"),
        (
            r#"{"join": {"with": "users", "on": {"amount": "event_type"}}}"#,
            "key_type",
            "found Int64 here and LargeUtf8",
        ),
        (
            r#"{"group": {"by": ["amount"], "aggregates": {"s": {"sum": "event_type"}}}}"#,
            "unsupported_type",
            "expected numbers",
        ),
        (
            r#"{"group": {"by": ["amount"], "aggregates": {"s": {"sum": "amount", "max": "amount"}}}}"#,
            "bad_step",
            "found 2 in `s`",
        ),
        (
            r#"{"group": {"by": ["amount"], "aggregates": {"s": {"count": "*", "over": "7d"}}}}"#,
            "bad_step",
            "as `time`",
        ),
        (
            r#"{"group": {"by": ["amount"], "time": "event_type", "aggregates": {"s": "count"}}}"#,
            "unsupported_type",
            "timestamps or dates",
        ),
        (r#"{"group": {"by": ["amount"], "aggregates": {"amount": "count"}}}"#, "bad_step", "found `amount` again"),
    ];
    for (json, code, words) in cases {
        let (found, text) = said(json);
        assert_eq!(found, code, "{json}: {text}");
        assert!(text.contains(words), "{json}: {text}");
    }
}

#[test]
fn parameters_are_checked_while_they_are_read() {
    let said = |json: &str| serde_json::from_str::<RowStep>(json).unwrap_err().to_string();
    assert!(said(r#"{"group": {"by": ["a"], "aggregates": {"n": {"sums": "a"}}}}"#).contains("unknown field `sums`"));
    assert!(
        said(r#"{"group": {"by": ["a"], "aggregates": {"n": {"sum": "a", "over": "7 days"}}}}"#).contains("such as 7d")
    );
    assert!(said(r#"{"group": {"by": ["a"], "aggregates": {"n": "counts"}}}"#).contains("`count`"));
    assert!(said(r#"{"derive": {"a": "1", "a": "2"}}"#).contains("found `a` again"));
    assert!(said(r#"{"join": {"with": "u", "on": ["k"], "how": "outer"}}"#).contains("`left`"));
}

#[test]
fn steps_read_back_as_they_are_written() {
    let steps = [
        r#"{"filter":"a > 1"}"#,
        r#"{"select":["b","a"]}"#,
        r#"{"select":{"z":"a","a":"z"}}"#,
        r#"{"derive":{"z":"1","a":"z + 1"}}"#,
        r#"{"dedupe":{"keys":["a"],"keep":"last","by":"t"}}"#,
        r#"{"join":{"with":"u","on":{"id":"user"},"how":"semi","suffix":"_u","validate":"many_to_one"}}"#,
        r#"{"group":{"by":["a"],"time":"t","as_of":"latest","aggregates":{"n":"count","s":{"sum":"x","over":"7d","where":"y > 1"}}}}"#,
        r#"{"sql":"select 1 as a"}"#,
    ];
    for text in steps {
        assert_eq!(serde_json::to_string(&step(text)).unwrap(), text);
    }
}

#[test]
fn a_cell_that_cannot_be_computed_is_named_by_its_row_only() {
    let engine = engine();
    let secret = scan(
        vec![("t", texts([Some("1"), Some("2"), Some("secret")])), ("n", integers([Some(i64::MAX), Some(1), Some(0)]))],
        2,
    );
    let error = |derive: &str| {
        let derived = apply(&engine, &format!(r#"{{"derive": {{"x": "{derive}"}}}}"#), &secret);
        let mut batches = derived.open(&[2]).unwrap();
        let error = batches.find_map(Result::err).unwrap();
        assert!(batches.next().is_none(), "nothing comes after an error");
        let error = error.downcast_ref::<EngineError>().unwrap().clone();
        (error.code(), error.fault().row, error.to_string())
    };
    let (code, row, text) = error("cast(t as bigint)");
    assert_eq!((code, row), ("step_failed", Some(3)));
    assert!(text.contains("a cell that cannot be cast") && !text.contains("secret"), "{text}");
    assert_eq!(error("n + 1").1, Some(1));
    let (_, row, text) = error("1 / n");
    assert_eq!(row, Some(3));
    assert!(text.contains("a division by zero"), "{text}");
}

#[test]
fn the_schema_of_a_config_knows_every_step() {
    let schema = serde_json::to_value(schemars::schema_for!(RowStep)).unwrap();
    let keys: Vec<&str> = schema["oneOf"]
        .as_array()
        .unwrap()
        .iter()
        .map(|branch| branch["properties"].as_object().unwrap().keys().next().unwrap().as_str())
        .collect();
    assert_eq!(keys, RowStep::NAMES);
}
