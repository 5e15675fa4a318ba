//! Sample data, made up by rule: the same bytes on every machine.

pub mod churn;
mod draw;
mod events;
mod history;
mod shop;

use trainer_data::{Column, DataError, Table};

use churn::Customer;
use history::Snapshot;

/// The samples that there are.
pub const NAMES: [&str; 4] = ["churn", "churn_store", "events", "shop"];

/// What a file of a sample holds.
#[derive(Debug)]
pub enum Content {
    /// Rows of a Parquet file.
    Table(Table),
    /// The bytes of a text file.
    Text(String),
}

impl Content {
    /// How many rows there are, broken ones included; a header is none.
    pub fn rows(&self) -> usize {
        match self {
            Self::Table(table) => table.rows(),
            Self::Text(text) => text.lines().count() - 1,
        }
    }
}

/// The files of a sample, by name, in the order in which they are written.
pub type Files = Vec<(&'static str, Content)>;

/// Rows of the churn sample's two files.
const CHURN_TRAIN_ROWS: u64 = 10_000;
const CHURN_TEST_ROWS: u64 = 2_000;
/// Rows of the labels of the sample with a feature store.
const LABELS_TRAIN_ROWS: u64 = 2_000;
const LABELS_TEST_ROWS: u64 = 600;
/// Lines of the event log.
const EVENTS: u64 = 2_000;
/// Lines of the shop's two exports.
const CUSTOMERS: u64 = 300;
const ORDERS: u64 = 1_200;

/// The files of a sample, by name, in the order in which they are written; `None` when there is no such sample.
///
/// # Errors
/// None that a sample's rows can cause: those of [`Table::from_columns`].
pub fn files(name: &str) -> Option<Result<Files, DataError>> {
    match name {
        "churn" => Some(churn_files()),
        "churn_store" => Some(churn_store_files()),
        "events" => {
            let log = Content::Text(events::log("2025-11-19", EVENTS));
            Some(Ok(vec![("user_events_20251119.csv", log)]))
        }
        "shop" => {
            let customers = Content::Text(shop::customers(CUSTOMERS));
            let orders = Content::Text(shop::orders(ORDERS, CUSTOMERS));
            Some(Ok(vec![("customers.csv", customers), ("orders.csv", orders)]))
        }
        _ => None,
    }
}

fn churn_files() -> Result<Files, DataError> {
    let part = |skip, count| churn_table(&churn::customers(skip, count).collect::<Vec<_>>()).map(Content::Table);
    Ok(vec![("train.parquet", part(0, CHURN_TRAIN_ROWS)?), ("test.parquet", part(CHURN_TRAIN_ROWS, CHURN_TEST_ROWS)?)])
}

/// The labels alone, and beside them what was known of the customers at several times.
fn churn_store_files() -> Result<Files, DataError> {
    let customers: Vec<Customer> = churn::customers(0, LABELS_TRAIN_ROWS + LABELS_TEST_ROWS).collect();
    let (train, test) = customers.split_at(LABELS_TRAIN_ROWS as usize);
    let labels =
        |rows: &[Customer]| churn_table(rows)?.select(&["user_id", "event_timestamp", "target"]).map(Content::Table);
    let history = Content::Table(history_table(&history::snapshots(&customers))?);
    Ok(vec![
        ("train.parquet", labels(train)?),
        ("test.parquet", labels(test)?),
        ("features/data/user_features.parquet", history),
    ])
}

fn history_table(rows: &[Snapshot]) -> Result<Table, DataError> {
    let integers = |name: &str, cell: fn(&Snapshot) -> i64| {
        Column::from_integers(name, rows.iter().map(|row| Some(cell(row))).collect())
    };
    let times = |name: &str, cell: fn(&Snapshot) -> i64| {
        Column::from_timestamps(name, rows.iter().map(|row| Some(cell(row))).collect())
    };
    let amounts = rows.iter().map(|row| Some(row.avg_purchase_cents as f64 / 100.0)).collect();
    Table::from_columns(vec![
        integers("user_id", |row| row.user_id),
        times("event_timestamp", |row| row.event_timestamp_us),
        times("created", |row| row.created_us),
        integers("total_purchases", |row| row.total_purchases),
        Column::from_numbers("avg_purchase_amount", amounts),
        integers("tenure_months", |row| row.tenure_months),
    ])
}

fn churn_table(rows: &[Customer]) -> Result<Table, DataError> {
    let integers =
        |name: &str, cell: fn(&Customer) -> Option<i64>| Column::from_integers(name, rows.iter().map(cell).collect());
    let text = |name: &str, cell: fn(&Customer) -> Option<&'static str>| {
        Column::from_text(name, rows.iter().map(cell).collect())
    };
    let times = rows.iter().map(|row| Some(row.event_timestamp_us)).collect();
    // A division by 100 is rounded to nearest by IEEE 754: the same bits everywhere.
    let amounts = rows.iter().map(|row| Some(row.avg_purchase_cents as f64 / 100.0)).collect();
    Table::from_columns(vec![
        integers("user_id", |row| Some(row.user_id)),
        Column::from_timestamps("event_timestamp", times),
        integers("total_purchases", |row| Some(row.total_purchases)),
        Column::from_numbers("avg_purchase_amount", amounts),
        integers("tenure_months", |row| Some(row.tenure_months)),
        integers("support_tickets", |row| row.support_tickets),
        text("plan", |row| Some(row.plan)),
        text("region", |row| row.region),
        integers("target", |row| Some(i64::from(row.churned))),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_churn_sample_has_the_columns_of_the_example_config() {
        let files = files("churn").unwrap().unwrap();
        let shapes: Vec<(&str, usize)> = files.iter().map(|(name, content)| (*name, content.rows())).collect();
        assert_eq!(shapes, [("train.parquet", 10_000), ("test.parquet", 2_000)]);
        let Content::Table(train) = &files[0].1 else { panic!("a table") };
        for name in ["user_id", "event_timestamp", "total_purchases", "avg_purchase_amount", "tenure_months", "target"]
        {
            assert_eq!(train.column(name).unwrap().null_count(), 0, "{name}");
        }
    }

    #[test]
    fn every_name_has_its_files_and_no_other() {
        assert!(NAMES.iter().all(|name| files(name).is_some()));
        assert!(files("chrun").is_none());
    }
}
