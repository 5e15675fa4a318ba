use std::collections::BTreeMap;

use serde_json::{Value, json};
use trainer_data::{Column, Table};

use super::*;

fn table() -> Table {
    Table::from_columns(vec![
        Column::from_text("id", vec![Some("a"), Some("a"), Some(""), None, Some("new")]),
        Column::from_numbers("amount", vec![Some(1.0), Some(-2.5), Some(1e9), None, Some(3.0)]),
        Column::from_integers("n", vec![Some(1), Some(2), Some(2), Some(4), None]),
    ])
    .unwrap()
}

fn judged(check: Value) -> (Judged, RuleSet) {
    let set = RuleSet::from_json(&json!([{ "check": check }])).unwrap();
    let references = BTreeMap::from([(
        "ref".to_owned(),
        Table::from_columns(vec![Column::from_integers("k", vec![Some(2)])]).unwrap(),
    )]);
    (set.judge(&table(), &references, &[]).unwrap(), set)
}

fn found(check: Value) -> (Vec<u32>, String) {
    let (judged, set) = judged(check);
    let rows = judged.broken[0].iter().map(|(row, _)| *row).collect();
    (rows, format!("{}: {}", set.rules[0].name, judged.broken[0].first().map_or("", |(_, message)| message)))
}

#[test]
fn functions_flag_what_spark_flags() {
    let of = |function: &str, arguments: Value| found(json!({"function": function, "arguments": arguments}));
    let on = |function: &str, column: &str| of(function, json!({"column": column}));
    for (found, rows, told) in [
        (on("is_not_null", "id"), vec![3], "id_is_null: Column 'id' value is null"),
        (on("is_null", "amount"), vec![0, 1, 2, 4], "amount_is_not_null: Column 'amount' value is not null"),
        (on("is_not_empty", "id"), vec![2], "id_is_empty: Column 'id' value is empty"),
        (on("is_not_null_and_not_empty", "id"), vec![2, 3], "id_is_null_or_empty: Column 'id' value is null or empty"),
        (
            of("is_in_list", json!({"column": "id", "allowed": ["'a'", "'b'"]})),
            vec![2, 4],
            "id_is_not_in_the_list: Value '' in Column 'id' is not in the allowed list: [a, b]",
        ),
        (
            of("is_in_list", json!({"column": "n", "allowed": [1, 2]})),
            vec![3],
            "n_is_not_in_the_list: Value '4' in Column 'n' is not in the allowed list: [1, 2]",
        ),
        (
            of(
                "is_not_null_and_is_in_list",
                json!({"column": "id", "allowed": ["'A'", "''"], "case_sensitive": false}),
            ),
            vec![3, 4],
            "id_is_null_or_is_not_in_the_list: Value 'null' in Column 'id' is null or not in the allowed list: [A, ]",
        ),
        (
            of("is_in_range", json!({"column": "amount", "min_limit": 0, "max_limit": 10})),
            vec![1, 2],
            "amount_not_in_range: Value '-2.5' in Column 'amount' not in range: [0, 10]",
        ),
        (
            of("is_not_less_than", json!({"column": "amount", "limit": "n", "allow_nulls": false})),
            vec![1, 3],
            "amount_is_null_or_less_than_limit: Value '-2.5' in Column 'amount' is less than limit: n",
        ),
        (
            of("is_not_greater_than", json!({"column": "amount", "limit": 10})),
            vec![2],
            "amount_greater_than_limit: Value '1.0E9' in Column 'amount' is greater than limit: 10",
        ),
        (
            of("regex_match", json!({"column": "id", "regex": "^a$"})),
            vec![2, 4],
            "id_not_matching_regex: Column 'id' is not matching regex",
        ),
        (
            of("sql_expression", json!({"expression": "amount > 0 and n < 4", "name": "small"})),
            vec![1, 3],
            "small: Value is not matching expression: amount > 0 and n < 4",
        ),
        (
            of("is_unique", json!({"columns": ["id"]})),
            vec![0, 1],
            "id_is_not_unique: Value 'a' in column 'id' is not unique, found 2 duplicates",
        ),
        (of("is_unique", json!({"columns": ["id", "n"]})), vec![], "struct_id_n_is_not_unique: "),
        (
            of("is_aggr_not_greater_than", json!({"column": "amount", "limit": 3})),
            vec![0, 1, 2, 3, 4],
            "amount_count_greater_than_limit: Count value 4 in column 'amount' is greater than limit: 3",
        ),
        (
            of(
                "is_aggr_not_less_than",
                json!({"column": "amount", "aggr_type": "sum", "group_by": ["id"], "limit": 0}),
            ),
            vec![0, 1],
            "amount_sum_group_by_id_less_than_limit: Sum value -1.5 in column 'amount' per group of columns 'id' is less than limit: 0",
        ),
        (
            of("foreign_key", json!({"columns": ["n"], "ref_columns": ["k"], "ref_df_name": "ref"})),
            vec![0, 3],
            "n_not_exists_in_ref_k: Value '1' in column 'n' not found in reference column 'k'",
        ),
    ] {
        assert_eq!((found.0, found.1.as_str()), (rows, told));
    }
}

#[test]
fn bare_text_is_a_column_or_text_and_a_warning() {
    let (bare, _) = judged(json!({"function": "is_in_list", "arguments": {"column": "id", "allowed": ["a", "new"]}}));
    assert_eq!(bare.broken[0].iter().map(|(row, _)| *row).collect::<Vec<_>>(), [2]);
    assert_eq!(bare.warnings.len(), 2);
    assert!(bare.warnings[0].message.contains("`a` is taken for text"), "{}", bare.warnings[0].message);
}

#[test]
fn rules_are_split_by_column_and_named() {
    let file = json!([
        {"criticality": "warn", "check": {"function": "is_not_null", "for_each_column": ["id", "n"]}},
        {"name": "few", "filter": "n > 1", "check": {"function": "is_unique", "for_each_column": [["id", "n"]]}},
    ]);
    let set = RuleSet::from_json(&file).unwrap();
    assert_eq!(set.rules.iter().map(|rule| rule.name.as_str()).collect::<Vec<_>>(), ["id_is_null", "n_is_null", "few"]);
    let judged = set.judge(&table(), &BTreeMap::new(), &[]).unwrap();
    assert_eq!((judged.quarantined_rows(), judged.valid_rows(&set)), (vec![3, 4], vec![0, 1, 2, 3, 4]));
    assert_eq!(judged.clean_rows(), [0, 1, 2]);
    let mut tally = Tally::default();
    tally.add(&set, &judged);
    assert!(tally.breaks(&set, Criticality::Warn) && !tally.breaks(&set, Criticality::Error));
}

#[test]
fn tables_one_after_the_other_are_judged_as_the_whole() {
    let file = json!([
        {"check": {"function": "is_not_null", "arguments": {"column": "id"}}},
        {"filter": "n > 1", "check": {"function": "is_unique", "arguments": {"columns": ["n"]}}},
        {"check": {"function": "is_aggr_not_less_than", "arguments":
            {"column": "amount", "aggr_type": "sum", "group_by": ["id"], "limit": 0}}},
        {"criticality": "warn", "check": {"function": "foreign_key", "arguments":
            {"columns": ["n"], "ref_columns": ["n"], "ref_df_name": "ref", "null_safe": true}}},
        {"check": {"function": "is_in_list", "arguments": {"column": "id", "allowed": ["a"]}}},
    ]);
    let set = RuleSet::from_json(&file).unwrap();
    let whole = set.judge(&table(), &BTreeMap::from([("ref".to_owned(), table().take(&[0, 4]))]), &[]).unwrap();
    let mut keys = set.reference("ref");
    [[0_u32], [4]].iter().for_each(|rows| keys.add(&table().take(rows)));
    let parts: Vec<Table> = [&[0_u32, 1][..], &[2], &[], &[3, 4]].iter().map(|rows| table().take(rows)).collect();
    let mut judge = set.begin(&parts[0], &BTreeMap::from([("ref".to_owned(), keys)]), &[]).unwrap();
    assert!(judge.needs_survey());
    parts.iter().for_each(|part| judge.survey(part).unwrap());
    let (mut first, mut found, mut tally) = (0, vec![Vec::new(); set.rules.len()], Tally::default());
    for part in &parts {
        let judged = judge.judge(part).unwrap();
        tally.add(&set, &judged);
        for (found, broken) in found.iter_mut().zip(judged.broken) {
            found.extend(broken.into_iter().map(|(row, message)| (row + first, message)));
        }
        first += part.rows() as u32;
    }
    assert_eq!((&found, &judge.warnings), (&whole.broken, &whole.warnings));
    let mut of_whole = Tally::default();
    of_whole.add(&set, &whole);
    assert_eq!(tally, of_whole);
    assert!(found.iter().all(|broken| !broken.is_empty()), "{found:?}");
}

#[test]
fn what_is_not_known_is_refused_with_the_nearest_name() {
    let problem = |rule: Value| RuleSet::from_json(&json!([rule])).unwrap_err().to_string();
    for (rule, word) in [
        (json!({"check": {"function": "is_not_nul", "arguments": {"column": "id"}}}), "did you mean `is_not_null`?"),
        (json!({"check": {"function": "is_not_null", "arguments": {"colum": "id"}}}), "did you mean `column`?"),
        (json!({"check": {"function": "is_not_null"}}), "argument `column`"),
        (
            json!({"criticality": "fatal", "check": {"function": "is_not_null", "arguments": {"column": "id"}}}),
            "`fatal`",
        ),
        (json!({"filter": "a ?", "check": {"function": "is_not_null", "arguments": {"column": "id"}}}), "`filter`"),
        (json!({"chek": {}}), "did you mean `check`?"),
    ] {
        let problem = problem(rule);
        assert!(problem.starts_with("rule 1: ") && problem.contains(word), "{problem}");
    }
    let set =
        RuleSet::from_json(&json!([{"check": {"function": "is_not_null", "arguments": {"column": "idd"}}}])).unwrap();
    assert!(set.judge(&table(), &BTreeMap::new(), &[]).unwrap_err().to_string().contains("`id`"));
}

#[test]
fn cells_that_are_personal_are_not_shown() {
    let rule = json!([{"check": {"function": "is_unique", "arguments": {"columns": ["id"]}}}]);
    let set = RuleSet::from_json(&rule).unwrap();
    let judged = set.judge(&table(), &BTreeMap::new(), &["id".to_owned()]).unwrap();
    assert!(judged.broken[0][0].1.starts_with("Value '<masked>' in"), "{:?}", judged.broken[0]);
}

#[test]
fn rows_come_with_what_they_break() {
    let (judged, set) = judged(json!({"function": "is_not_null", "arguments": {"column": "id"}}));
    let mark = Mark { run_time_us: 0, run_id: "r".into() };
    let batch = judged.annotated(&table(), &set, &mark, &[0, 3]);
    let errors = batch.column_by_name(ERRORS).unwrap();
    assert!(errors.is_null(0) && errors.is_valid(1));
    assert!(batch.column_by_name(WARNINGS).unwrap().is_null(1));
    assert_eq!((batch.num_rows(), batch.num_columns()), (2, 5));
}
