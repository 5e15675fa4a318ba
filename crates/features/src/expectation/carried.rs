//! What some rows yielded, as it goes to another process.
//!
//! Floats go by their bits: JSON has neither infinities nor a zero with a sign.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::checks::Checks;
use super::{AnyExpectation, Suite};
use crate::FeatureError;
use trainer_data::Fault;

/// What [`Checks`] know of some rows.
#[derive(Serialize, Deserialize)]
struct Carried {
    rows: u64,
    nulls: Vec<u64>,
    /// One an expectation; none of one that cannot be judged on this table.
    states: Vec<Option<Value>>,
}

impl Checks {
    /// What is known of the rows so far, to be added to what another process knows of the rows before.
    ///
    /// # Errors
    /// `Config` (`needs_all_values`) for an expectation of [`Suite::needing_all_values`].
    pub fn to_bytes(&self) -> Result<Vec<u8>, FeatureError> {
        let states = self.saved().map(|(name, state)| match state {
            None => Ok(None),
            Some(Some(state)) => Ok(Some(state)),
            Some(None) => {
                let message = format!("expected expectations that can be judged in parts, found {name}");
                Err(FeatureError::config(Fault::new("needs_all_values", message)))
            }
        });
        let states = states.collect::<Result<_, _>>()?;
        let carried = Carried { rows: self.rows(), nulls: self.nulls().to_vec(), states };
        Ok(serde_json::to_vec(&carried).expect("whole numbers and text"))
    }

    /// Takes in what other [`Checks`] of the same suite and columns know of the next rows.
    ///
    /// # Errors
    /// `Data` (`other_checks`) for anything else.
    pub fn add_bytes(&mut self, bytes: &[u8]) -> Result<(), FeatureError> {
        let other = || {
            let message = "expected what the same expectations found in other rows, found something else";
            FeatureError::data(Fault::new("other_checks", message))
        };
        let Carried { rows, nulls, states } = serde_json::from_slice(bytes).map_err(|_| other())?;
        self.take(rows, &nulls, states).ok_or_else(other)
    }
}

impl Suite {
    /// The expectations that are judged only where all values are in one place, by name.
    pub fn needing_all_values(&self) -> Vec<&'static str> {
        const NAMES: [&str; 7] = [
            "column_values_to_be_unique",
            "compound_columns_to_be_unique",
            "column_value_z_scores_to_be_less_than",
            "column_median_to_be_between",
            "column_quantile_values_to_be_between",
            "column_unique_value_count_to_be_between",
            "column_proportion_of_unique_values_to_be_between",
        ];
        let names = self.expectations.iter().map(|suited| AnyExpectation::name(&suited.expectation));
        let mut found: Vec<&str> = names.filter(|name| NAMES.contains(name)).collect();
        found.dedup();
        found
    }
}

/// As JSON.
pub fn saved(state: &impl Serialize) -> Option<Value> {
    Some(serde_json::to_value(state).expect("whole numbers and text"))
}

/// What was saved.
pub fn read<T: DeserializeOwned>(saved: Value) -> Option<T> {
    serde_json::from_value(saved).ok()
}

/// A float by its bits.
pub mod bits {
    use serde::{Deserialize, Deserializer, Serializer};

    pub fn serialize<S: Serializer>(number: &f64, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(number.to_bits())
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
        u64::deserialize(deserializer).map(f64::from_bits)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use trainer_data::{Column, Table};

    use super::super::{ResultFormat, ResultOptions};
    use super::*;

    fn table() -> Table {
        let number = |i: u32| (i % 9 != 4).then(|| if i == 77 { f64::INFINITY } else { f64::from(i) * 0.1 - 0.0 });
        let text = |i: u32| (i % 7 != 3).then(|| format!("v{}", i % 5));
        Table::from_columns(vec![
            Column::from_numbers("x", (0..200).map(number).collect()),
            Column::from_integers("i", (0..200).map(|i| (i % 11 != 0).then_some(i * 37 % 101)).collect()),
            Column::from_text("t", (0..200).map(text).collect()),
            Column::from_booleans("b", (0..200).map(|i| (i != 5).then_some(i % 3 == 0)).collect()),
        ])
        .unwrap()
    }

    /// One of each that can be judged in parts.
    fn suite() -> Suite {
        let entry = |(name, kwargs): (&str, Value)| json!({"type": format!("expect_{name}"), "kwargs": kwargs});
        let entries = [
            ("column_to_exist", json!({"column": "x"})),
            ("column_values_to_not_be_null", json!({"column": "x"})),
            ("column_values_to_be_null", json!({"column": "t"})),
            (
                "column_values_to_be_between",
                json!({"column": "x", "min_value": 1, "max_value": 15, "row_condition": "i > 20", "condition_parser": "pandas"}),
            ),
            ("column_values_to_be_in_set", json!({"column": "t", "value_set": ["v0", "v1"]})),
            ("column_values_to_match_regex", json!({"column": "i", "regex": "^[1-4]"})),
            ("column_value_lengths_to_be_between", json!({"column": "t", "max_value": 1})),
            ("column_values_to_be_of_type", json!({"column": "b", "type_": "bool_"})),
            ("column_values_to_be_increasing", json!({"column": "i"})),
            ("column_values_to_be_decreasing", json!({"column": "x"})),
            ("column_distinct_values_to_be_in_set", json!({"column": "t", "value_set": ["v0"]})),
            ("column_distinct_values_to_equal_set", json!({"column": "i", "value_set": [1, 2]})),
            ("column_most_common_value_to_be_in_set", json!({"column": "t", "value_set": ["v2"]})),
            ("column_min_to_be_between", json!({"column": "x", "min_value": 3})),
            ("column_max_to_be_between", json!({"column": "x", "max_value": 3})),
            ("column_mean_to_be_between", json!({"column": "i", "max_value": 3})),
            ("column_stdev_to_be_between", json!({"column": "i", "max_value": 3})),
            ("column_sum_to_be_between", json!({"column": "i", "max_value": 3})),
            ("column_proportion_of_non_null_values_to_be_between", json!({"column": "i", "max_value": 0.3})),
            ("column_pair_values_to_be_equal", json!({"column_A": "x", "column_B": "i"})),
            ("select_column_values_to_be_unique_within_record", json!({"column_list": ["x", "i"]})),
            ("table_row_count_to_equal", json!({"value": 3})),
        ];
        let entries: Vec<Value> = entries.into_iter().map(entry).collect();
        Suite::from_gx_json(&json!({"name": "s", "expectations": entries}).to_string()).unwrap()
    }

    #[test]
    fn parts_judged_elsewhere_come_to_the_verdict_of_one_process() {
        let (table, suite) = (table(), suite());
        assert!(suite.needing_all_values().is_empty());
        let options = || ResultOptions::from(ResultFormat::Complete);
        let expected = super::super::validate(&table, &suite, options());
        let begin = || suite.begin_table(&table, options()).unwrap();
        for cuts in [vec![0, 200], vec![0, 1, 78, 78, 130, 200], vec![0, 100, 200]] {
            let mut all = begin();
            for ends in cuts.windows(2) {
                let mut part = begin();
                part.add(&table.take(&(ends[0]..ends[1]).collect::<Vec<_>>()), 0).unwrap();
                all.add_bytes(&part.to_bytes().unwrap()).unwrap();
            }
            let found = serde_json::to_value(all.finish()).unwrap();
            assert_eq!(found["results"], serde_json::to_value(&expected).unwrap()["results"], "{cuts:?}");
        }
    }

    #[test]
    fn what_needs_all_values_is_known_by_name_and_cannot_be_carried() {
        let table = table();
        let alone = |name: &str, kwargs: Value| {
            let entry = json!({"type": format!("expect_{name}"), "kwargs": kwargs});
            Suite::from_gx_json(&json!({"name": "s", "expectations": [entry]}).to_string()).unwrap()
        };
        for (name, kwargs) in [
            ("column_values_to_be_unique", json!({"column": "i"})),
            ("compound_columns_to_be_unique", json!({"column_list": ["i", "x"]})),
            ("column_value_z_scores_to_be_less_than", json!({"column": "i", "threshold": 2, "double_sided": true})),
            ("column_median_to_be_between", json!({"column": "i", "max_value": 3})),
            (
                "column_quantile_values_to_be_between",
                json!({"column": "i", "quantile_ranges": {"quantiles": [0.5], "value_ranges": [[0, 9]]}}),
            ),
            ("column_unique_value_count_to_be_between", json!({"column": "i", "max_value": 3})),
            ("column_proportion_of_unique_values_to_be_between", json!({"column": "i", "max_value": 0.3})),
        ] {
            let suite = alone(name, kwargs);
            assert_eq!(suite.needing_all_values(), [name]);
            let checks = suite.begin_table(&table, ResultFormat::Summary).unwrap();
            assert_eq!(checks.to_bytes().unwrap_err().fault().code, "needs_all_values", "{name}");
        }
    }
}
