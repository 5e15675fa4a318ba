//! The columns that DQX adds to a table.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::builder::ListBuilder;
use arrow::array::{
    Array, ArrayRef, BooleanArray, ListArray, MapBuilder, MapFieldNames, RecordBatch, StringArray, StringBuilder,
    StructArray, TimestampMicrosecondArray,
};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::datatypes::{DataType, Field, Fields};
use trainer_data::Table;

use super::judge::Judged;
use super::rule::{Criticality, Rule, RuleSet};

/// The column of broken rules that make a row invalid.
pub const ERRORS: &str = "_errors";
/// The column of the other broken rules.
pub const WARNINGS: &str = "_warnings";

/// What is the same in every entry.
#[derive(Debug, Clone)]
pub struct Mark {
    /// When the rules were held against the table, in microseconds since 1970 in UTC.
    pub run_time_us: i64,
    /// A name of the run.
    pub run_id: String,
}

impl Judged {
    /// The table's rows of those numbers with the columns `_errors` and `_warnings`: lists of what each row breaks, null
    /// where it breaks nothing.
    pub fn annotated(&self, table: &Table, set: &RuleSet, mark: &Mark, rows: &[u32]) -> RecordBatch {
        let batch = table.take(rows).to_batch();
        let mut columns: Vec<(String, ArrayRef)> = batch
            .schema()
            .fields()
            .iter()
            .zip(batch.columns())
            .map(|(field, column)| (field.name().clone(), column.clone()))
            .collect();
        for (name, criticality) in [(ERRORS, Criticality::Error), (WARNINGS, Criticality::Warn)] {
            columns.push((name.to_owned(), Arc::new(self.entries(set, criticality, mark, rows))));
        }
        let columns = columns.iter().map(|(name, column)| (name, column.clone(), true));
        RecordBatch::try_from_iter_with_nullable(columns).expect("columns of one length")
    }

    fn entries(&self, set: &RuleSet, criticality: Criticality, mark: &Mark, rows: &[u32]) -> ListArray {
        let mut by_row: HashMap<u32, Vec<(&Rule, &str)>> = HashMap::new();
        for (rule, broken) in set.rules.iter().zip(&self.broken).filter(|(rule, _)| rule.criticality == criticality) {
            broken.iter().for_each(|(row, message)| by_row.entry(*row).or_default().push((rule, message)));
        }
        let of_rows: Vec<&[(&Rule, &str)]> =
            rows.iter().map(|row| by_row.get(row).map_or(&[][..], Vec::as_slice)).collect();
        let entries: Vec<(&Rule, &str)> = of_rows.iter().flat_map(|entries| entries.iter().copied()).collect();
        let structs = structs(&entries, &set.fingerprint, mark);
        let field = Arc::new(Field::new("element", structs.data_type().clone(), true));
        let offsets = OffsetBuffer::from_lengths(of_rows.iter().map(|entries| entries.len()));
        let nulls: NullBuffer = of_rows.iter().map(|entries| !entries.is_empty()).collect();
        ListArray::new(field, offsets, Arc::new(structs), Some(nulls))
    }
}

fn structs(entries: &[(&Rule, &str)], set_fingerprint: &str, mark: &Mark) -> StructArray {
    let text = |of: &dyn Fn(&Rule, &str) -> Option<String>| {
        Arc::new(entries.iter().map(|(rule, message)| of(rule, message)).collect::<StringArray>()) as ArrayRef
    };
    let filter =
        |rule: &Rule, _: &str| rule.filter.as_ref().and_then(|filter| filter.source.as_str()).map(str::to_owned);
    let times = TimestampMicrosecondArray::from(vec![mark.run_time_us; entries.len()]).with_timezone("UTC");
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("name", text(&|rule, _| Some(rule.name.clone()))),
        ("message", text(&|_, message| Some(message.to_owned()))),
        ("columns", columns(entries)),
        ("filter", text(&filter)),
        ("function", text(&|rule, _| Some(rule.function.name().to_owned()))),
        ("run_time", Arc::new(times)),
        ("run_id", text(&|_, _| Some(mark.run_id.clone()))),
        ("user_metadata", metadata(entries)),
        ("rule_fingerprint", text(&|rule, _| Some(rule.fingerprint.clone()))),
        ("rule_set_fingerprint", text(&|_, _| Some(set_fingerprint.to_owned()))),
        ("skipped", Arc::new(BooleanArray::new_null(entries.len()))),
    ];
    let fields: Fields =
        columns.iter().map(|(name, column)| Field::new(*name, column.data_type().clone(), true)).collect();
    let arrays = columns.into_iter().map(|(_, column)| column).collect();
    StructArray::try_new_with_length(fields, arrays, None, entries.len()).expect("columns of one length")
}

fn columns(entries: &[(&Rule, &str)]) -> ArrayRef {
    let mut lists = ListBuilder::new(StringBuilder::new()).with_field(Field::new("element", DataType::Utf8, true));
    for (rule, _) in entries {
        rule.function.columns().iter().for_each(|column| lists.values().append_value(column));
        // An expression over a row names no column.
        lists.append(!rule.function.columns().is_empty());
    }
    Arc::new(lists.finish())
}

fn metadata(entries: &[(&Rule, &str)]) -> ArrayRef {
    let names = MapFieldNames { entry: "key_value".into(), key: "key".into(), value: "value".into() };
    let mut maps = MapBuilder::new(Some(names), StringBuilder::new(), StringBuilder::new());
    for (rule, _) in entries {
        for (key, value) in &rule.user_metadata {
            maps.keys().append_value(key);
            maps.values().append_value(value);
        }
        maps.append(true).expect("as many keys as values");
    }
    Arc::new(maps.finish())
}
