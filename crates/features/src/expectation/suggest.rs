//! Expectations that a table suggests: what holds of it now, to be read over by somebody who knows what should hold.
//!
//! The rules are those of Deequ's suggestions: completeness (with the lower end of its 95 % interval), type, range of
//! categories, no negative numbers, uniqueness. The table itself meets what it suggests.

use serde_json::{Value, json};
use trainer_data::{Column, Kind, Table};

use super::cell::PandasType;

/// At most this share of the values may be distinct for a column of categories.
const CATEGORIES: f64 = 0.1;
/// And at most this many.
const MOST_CATEGORIES: usize = 100;
/// Columns that are complete less often are left alone.
const LEAST_COMPLETE: f64 = 0.2;
/// How far from unique a key may be.
const NEARLY_UNIQUE: f64 = 0.08;

/// A suite in the form of Great Expectations 1.x; `notes` say from what numbers each expectation comes.
pub fn suggest(table: &Table, name: &str) -> Value {
    let expectations: Vec<Value> = table.columns().iter().flat_map(of_column).collect();
    json!({ "name": name, "id": null, "meta": {}, "notes": null, "expectations": expectations })
}

fn expectation(kind: &str, kwargs: Value, notes: String) -> Value {
    json!({ "type": kind, "kwargs": kwargs, "meta": {}, "notes": notes, "severity": "critical" })
}

fn of_column(column: &Column) -> Vec<Value> {
    let (name, rows) = (column.name(), column.len());
    let present = rows - column.null_count();
    let exists = format!("the column was there in a file of {rows} rows");
    let mut found = vec![expectation("expect_column_to_exist", json!({ "column": name }), exists)];
    found.extend(completeness(name, present, rows));
    if present == 0 {
        return found;
    }
    found.extend(type_of(column));
    found.extend(not_negative(column));
    let levels = column.levels();
    found.extend(categories(column, &levels.values, present));
    found.extend(unique(name, levels.values.len(), present, rows));
    found
}

/// A number with two digits, rounded down.
fn floored(share: f64) -> f64 {
    (share * 100.0).floor() / 100.0
}

fn completeness(name: &str, present: usize, rows: usize) -> Option<Value> {
    let share = present as f64 / rows as f64;
    let counted = format!("{present} of {rows} cells have a value");
    if rows > 0 && present == rows {
        return Some(expectation("expect_column_values_to_not_be_null", json!({ "column": name }), counted));
    }
    let bound = floored(share - 1.96 * (share * (1.0 - share) / rows as f64).sqrt());
    let notes = format!("{counted} ({share:.4}); {bound} is the lower end of the 95 % interval, rounded down");
    let kwargs = json!({ "column": name, "mostly": bound });
    (share > LEAST_COMPLETE && bound > 0.0).then(|| expectation("expect_column_values_to_not_be_null", kwargs, notes))
}

fn type_of(column: &Column) -> Option<Value> {
    let stored = column.array().data_type().to_string().to_lowercase();
    let types: Vec<String> = match PandasType::of(column.kind(), column.null_count() > 0) {
        PandasType::Boolean => vec!["bool".into()],
        PandasType::Integer => vec![stored],
        PandasType::Float if column.kind() == Kind::Float && stored == "float32" => vec![stored],
        PandasType::Float => vec!["float64".into()],
        // Of text there is nothing more to say; the others are objects to pandas.
        PandasType::Text | PandasType::BooleanObject | PandasType::DateObject | PandasType::Timestamp => return None,
    };
    let notes = format!("all values are of type {}", column.kind());
    let kwargs = json!({ "column": column.name(), "type_list": types });
    Some(expectation("expect_column_values_to_be_in_type_list", kwargs, notes))
}

fn not_negative(column: &Column) -> Option<Value> {
    let numbers = column.numbers().filter(|_| matches!(column.kind(), Kind::Integer | Kind::Float))?;
    let least = numbers.into_iter().filter(|x| !x.is_nan()).reduce(f64::min)?;
    let kwargs = json!({ "column": column.name(), "min_value": 0 });
    (least >= 0.0)
        .then(|| expectation("expect_column_values_to_be_between", kwargs, format!("the least value is {least}")))
}

fn categories(column: &Column, values: &[String], present: usize) -> Option<Value> {
    let few = values.len() <= MOST_CATEGORIES && values.len() as f64 <= CATEGORIES * present as f64;
    if !few || !matches!(column.kind(), Kind::Text | Kind::Integer) {
        return None;
    }
    let value = |text: &String| match column.kind() {
        Kind::Integer => text.parse::<i64>().map_or_else(|_| json!(text), Value::from),
        _ => text.as_str().into(),
    };
    let set: Vec<Value> = values.iter().map(value).collect();
    let notes = format!("{} distinct among {present} values", set.len());
    let kwargs = json!({ "column": column.name(), "value_set": set });
    Some(expectation("expect_column_values_to_be_in_set", kwargs, notes))
}

fn unique(name: &str, distinct: usize, present: usize, rows: usize) -> Option<Value> {
    let share = distinct as f64 / present as f64;
    let notes = format!("{distinct} distinct among {present} values");
    if present < rows || present < 2 || 1.0 - share > NEARLY_UNIQUE {
        return None;
    }
    if distinct == present {
        return Some(expectation("expect_column_values_to_be_unique", json!({ "column": name }), notes));
    }
    let kwargs = json!({ "column": name, "min_value": floored(share) });
    Some(expectation("expect_column_proportion_of_unique_values_to_be_between", kwargs, notes))
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::option::of;
    use proptest::prelude::*;

    use super::super::{ResultFormat, Suite, validate};
    use super::*;

    fn types(table: &Table) -> Vec<String> {
        let suite = suggest(table, "s");
        let of = |one: &Value| {
            format!("{} {}", one["type"].as_str().unwrap().trim_start_matches("expect_column_"), one["kwargs"])
        };
        suite["expectations"].as_array().unwrap().iter().map(of).collect()
    }

    #[test]
    fn suggestions_follow_from_the_numbers() {
        let gappy: Vec<Option<f64>> = (0..60).map(|row| (row != 7).then_some(f64::from(row) - 3.0)).collect();
        let table = Table::from_columns(vec![
            Column::from_integers("id", (0..60).map(Some).collect()),
            Column::from_numbers("gappy", gappy),
            Column::from_text("kind", (0..60).map(|row| Some(["a", "b"][row % 2])).collect()),
        ]);
        let types = types(&table.unwrap());
        for expected in [
            r#"values_to_be_unique {"column":"id"}"#,
            r#"values_to_be_between {"column":"id","min_value":0}"#,
            // Deequ's own bound for 59 of 60.
            r#"values_to_not_be_null {"column":"gappy","mostly":0.95}"#,
            r#"values_to_be_in_type_list {"column":"gappy","type_list":["float64"]}"#,
            r#"values_to_be_in_set {"column":"kind","value_set":["a","b"]}"#,
        ] {
            assert!(types.iter().any(|one| one == expected), "{expected} is not in {types:#?}");
        }
        assert!(!types.iter().any(|one| one.starts_with(r#"values_to_be_between {"column":"gappy""#)));
    }

    proptest! {
        #[test]
        fn a_table_meets_what_it_suggests(
            numbers in vec(of(-5.0..50.0f64), 40),
            whole in vec(of(0..4i64), 40),
            text in vec(of("[a-c]{0,2}"), 40),
            flags in vec(of(any::<bool>()), 40),
        ) {
            let table = Table::from_columns(vec![
                Column::from_numbers("numbers", numbers),
                Column::from_integers("whole", whole),
                Column::from_text("text", text),
                Column::from_booleans("flags", flags),
            ]).unwrap();
            let suite = Suite::from_gx_json(&suggest(&table, "s").to_string()).unwrap();
            let result = validate(&table, &suite, ResultFormat::Basic);
            prop_assert!(result.success, "{:?}", result.results.iter().filter(|one| !one.success).collect::<Vec<_>>());
        }
    }
}
