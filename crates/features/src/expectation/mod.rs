//! Expectations: what must hold of a table before anything is learned from it, in the terms of Great Expectations.
//!
//! Names, parameters, counting rules and the form of the result are those of Great Expectations 1.x on a pandas table, so a
//! suite that ran there gives the same numbers here. A config writes them inline, without the prefix `expect_` (which is
//! accepted too): `- column_values_to_be_between: {column: age, min_value: 0, max_value: 120, mostly: 0.99}`.
//!
//! Where this differs on purpose: a type that is not known, a parameter without a value and an empty suite are errors, where
//! Great Expectations passes over them.

use std::fmt;

use schemars::JsonSchema;
use serde::de::{self, Deserialize, Deserializer, MapAccess, Visitor};
use serde::{Deserialize as DeserializeDerive, Serialize};
use serde_json::{Map, Value};

mod aggregate;
mod bound;
mod carried;
mod cell;
mod check;
mod checks;
mod common_value;
pub(crate) mod condition;
mod distinct;
pub(crate) mod fingerprint;
mod group;
mod header;
mod interval;
mod length;
mod membership;
mod null;
pub(crate) mod number;
mod options;
mod order;
mod pair;
mod pair_set;
mod quantile;
pub(crate) mod regex;
mod regex_list;
mod repeated;
mod result;
mod rows;
pub(crate) mod strftime;
mod suggest;
mod suite;
mod table;
mod type_name;
mod unique;
mod values;
mod z_score;

pub use bound::Scalar;
pub use check::{Block, Check};
pub use checks::{Checks, Part};
pub use header::{Header, MASK};
pub use options::{ResultFormat, ResultOptions};
pub use result::{ExpectationResult, Statistics, ValidationResult, validate};
pub use rows::{Listing, UnexpectedRows};
pub use suggest::suggest;
pub use suite::{Suite, SuitedExpectation};

/// What a failure means for the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, DeserializeDerive, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// The run stops.
    #[default]
    Critical,
    /// The run goes on; the failure is a warning.
    Warning,
    /// The run goes on; the failure is a warning.
    Info,
}

impl Severity {
    fn is_default(&self) -> bool {
        *self == Self::Critical
    }
}

/// What every expectation can do.
pub trait Expectation {
    /// The column that it is about, if one.
    fn column(&self) -> Option<&str>;

    /// What a failure means for the run.
    fn severity(&self) -> Severity;

    /// Whether its parameters make sense; each alone is checked by its type.
    ///
    /// # Errors
    /// What was expected and what was found.
    fn check(&self) -> Result<(), String> {
        Ok(())
    }

    /// How it is judged on tables with these columns.
    ///
    /// # Errors
    /// Why it cannot be judged: a column is not there, or its cells cannot be compared with the parameters. The expectation
    /// then fails, with this as the exception's message.
    fn plan(&self, header: &Header, listing: &Listing) -> Result<Box<dyn Check>, String>;
}

/// What an expectation found.
pub enum Outcome {
    /// Nothing but whether it holds.
    Plain(bool),
    /// Whether it holds, and what was observed.
    Observed {
        /// Whether it holds.
        success: bool,
        /// `observed_value`, and details where there are any.
        result: Map<String, Value>,
    },
    /// Rows that are not as expected.
    Rows(UnexpectedRows),
}

impl Outcome {
    fn observed(success: bool, value: impl Into<Value>) -> Self {
        let result = Map::from_iter([("observed_value".to_owned(), value.into())]);
        Self::Observed { success, result }
    }
}

/// Declares the enum over all expectations: their names, their structs, and how they are read.
macro_rules! expectations {
    ($($name:ident => $Variant:ident($($Type:tt)+),)+) => {
        /// One expectation; written as one key, its name, with its parameters.
        #[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
        #[serde(rename_all = "snake_case")]
        pub enum AnyExpectation {
            $(
                #[doc = concat!("`", stringify!($name), "`")]
                $Variant($($Type)+),
            )+
        }

        impl AnyExpectation {
            /// The names that a config may use, in the order of the list.
            pub const NAMES: &'static [&'static str] = &[$(stringify!($name)),+];

            /// Its name, without the prefix.
            pub fn name(&self) -> &'static str {
                match self { $(Self::$Variant(_) => stringify!($name)),+ }
            }

            /// The variant as what they all are.
            pub fn as_dyn(&self) -> &dyn Expectation {
                match self { $(Self::$Variant(it) => it),+ }
            }

            /// The parameters of the expectation of that name.
            fn read<'de, A: MapAccess<'de>>(name: &str, map: &mut A) -> Result<Self, A::Error> {
                match name {
                    $(stringify!($name) => Ok(Self::$Variant(map.next_value()?)),)+
                    _ => Err(de::Error::custom(unknown_type(name))),
                }
            }
        }
    };
}

expectations! {
    column_to_exist => ColumnToExist(table::ColumnToExist),
    column_values_to_not_be_null => ColumnValuesToNotBeNull(null::NotBeNull),
    column_values_to_be_null => ColumnValuesToBeNull(null::BeNull),
    column_values_to_be_unique => ColumnValuesToBeUnique(unique::BeUnique),
    column_values_to_be_between => ColumnValuesToBeBetween(interval::BeBetween),
    column_values_to_be_in_set => ColumnValuesToBeInSet(membership::BeInSet),
    column_values_to_not_be_in_set => ColumnValuesToNotBeInSet(membership::NotBeInSet),
    column_values_to_match_strftime_format => ColumnValuesToMatchStrftimeFormat(strftime::MatchStrftimeFormat),
    column_values_to_match_regex => ColumnValuesToMatchRegex(regex::MatchRegex),
    column_values_to_not_match_regex => ColumnValuesToNotMatchRegex(regex::NotMatchRegex),
    column_values_to_match_regex_list => ColumnValuesToMatchRegexList(regex_list::MatchRegexList),
    column_values_to_not_match_regex_list => ColumnValuesToNotMatchRegexList(regex_list::NotMatchRegexList),
    column_value_lengths_to_be_between => ColumnValueLengthsToBeBetween(length::LengthsBetween),
    column_value_lengths_to_equal => ColumnValueLengthsToEqual(length::LengthsEqual),
    column_values_to_be_of_type => ColumnValuesToBeOfType(type_name::BeOfType),
    column_values_to_be_in_type_list => ColumnValuesToBeInTypeList(type_name::BeInTypeList),
    column_values_to_be_increasing => ColumnValuesToBeIncreasing(order::BeIncreasing),
    column_values_to_be_decreasing => ColumnValuesToBeDecreasing(order::BeDecreasing),
    column_value_z_scores_to_be_less_than => ColumnValueZScoresToBeLessThan(z_score::ZScoresLessThan),
    column_distinct_values_to_be_in_set => ColumnDistinctValuesToBeInSet(distinct::BeInSet),
    column_distinct_values_to_equal_set => ColumnDistinctValuesToEqualSet(distinct::EqualSet),
    column_distinct_values_to_contain_set => ColumnDistinctValuesToContainSet(distinct::ContainSet),
    column_min_to_be_between => ColumnMinToBeBetween(aggregate::Min),
    column_max_to_be_between => ColumnMaxToBeBetween(aggregate::Max),
    column_mean_to_be_between => ColumnMeanToBeBetween(aggregate::Mean),
    column_median_to_be_between => ColumnMedianToBeBetween(aggregate::Median),
    column_stdev_to_be_between => ColumnStdevToBeBetween(aggregate::Stdev),
    column_sum_to_be_between => ColumnSumToBeBetween(aggregate::Sum),
    column_unique_value_count_to_be_between => ColumnUniqueValueCountToBeBetween(aggregate::UniqueCount),
    column_proportion_of_unique_values_to_be_between => ColumnProportionOfUniqueValuesToBeBetween(aggregate::UniqueShare),
    column_proportion_of_non_null_values_to_be_between => ColumnProportionOfNonNullValuesToBeBetween(aggregate::NonNullShare),
    column_quantile_values_to_be_between => ColumnQuantileValuesToBeBetween(quantile::QuantilesBetween),
    column_most_common_value_to_be_in_set => ColumnMostCommonValueToBeInSet(common_value::MostCommonInSet),
    column_pair_values_a_to_be_greater_than_b => ColumnPairValuesAToBeGreaterThanB(pair::GreaterThan),
    column_pair_values_to_be_equal => ColumnPairValuesToBeEqual(pair::Equal),
    column_pair_values_to_be_in_set => ColumnPairValuesToBeInSet(pair_set::PairsInSet),
    compound_columns_to_be_unique => CompoundColumnsToBeUnique(group::CompoundUnique),
    select_column_values_to_be_unique_within_record =>
        SelectColumnValuesToBeUniqueWithinRecord(group::UniqueWithinRecord),
    multicolumn_values_to_be_equal => MulticolumnValuesToBeEqual(group::Equal),
    multicolumn_sum_to_equal => MulticolumnSumToEqual(group::SumEqual),
    table_row_count_to_be_between => TableRowCountToBeBetween(table::RowCountBetween),
    table_row_count_to_equal => TableRowCountToEqual(table::RowCountEqual),
    table_column_count_to_be_between => TableColumnCountToBeBetween(table::ColumnCountBetween),
    table_column_count_to_equal => TableColumnCountToEqual(table::ColumnCountEqual),
    table_columns_to_match_ordered_list => TableColumnsToMatchOrderedList(table::ColumnsMatchList),
    table_columns_to_match_set => TableColumnsToMatchSet(table::ColumnsMatchSet),
}

impl AnyExpectation {
    /// Its name as Great Expectations has it.
    pub fn type_name(&self) -> String {
        format!("expect_{}", self.name())
    }

    /// Its parameters, without those that are at their defaults.
    fn kwargs(&self) -> Map<String, Value> {
        let Ok(Value::Object(tagged)) = serde_json::to_value(self) else { return Map::new() };
        let Some((_, Value::Object(mut kwargs))) = tagged.into_iter().next() else { return Map::new() };
        kwargs.remove("severity");
        kwargs
    }
}

impl<'de> Deserialize<'de> for AnyExpectation {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OneKey;

        impl<'de> Visitor<'de> for OneKey {
            type Value = AnyExpectation;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(
                    "one expectation with its parameters, such as `column_values_to_not_be_null: {column: age}`",
                )
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<AnyExpectation, A::Error> {
                let name: String = map.next_key()?.ok_or_else(|| de::Error::invalid_length(0, &self))?;
                let expectation = AnyExpectation::read(plain_name(&name), &mut map)?;
                expectation.as_dyn().check().map_err(de::Error::custom)?;
                match map.next_key::<String>()? {
                    Some(second) => {
                        Err(de::Error::custom(format!("expected one expectation an entry, found `{second}` too")))
                    }
                    None => Ok(expectation),
                }
            }
        }

        deserializer.deserialize_map(OneKey)
    }
}

/// A name without the prefix.
fn plain_name(name: &str) -> &str {
    name.strip_prefix("expect_").unwrap_or(name)
}

fn unknown_type(name: &str) -> String {
    match crate::error::nearest(name, AnyExpectation::NAMES.iter().copied()) {
        Some(near) => format!("expected the name of an expectation, found `{name}`; did you mean `{near}`?"),
        None => format!(
            "expected the name of an expectation, found `{name}`; known are {}",
            AnyExpectation::NAMES.join(", ")
        ),
    }
}

fn all() -> crate::step::Fraction {
    crate::step::Fraction::try_from(1.0).expect("one is a fraction")
}

fn is_all(mostly: &crate::step::Fraction) -> bool {
    f64::from(*mostly) == 1.0
}

fn is_false(flag: &bool) -> bool {
    !flag
}
