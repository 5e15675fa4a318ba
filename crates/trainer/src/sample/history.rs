//! What was known of a made-up shop's customers, and when: the feature history behind the churn sample's labels.

use super::churn::Customer;
use super::draw::Draw;

/// What was known of a customer at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Snapshot {
    /// Since when it was true, in microseconds since 1970 (UTC).
    pub event_timestamp_us: i64,
    /// Whose.
    pub user_id: i64,
    /// When it was written.
    pub created_us: i64,
    /// Purchases so far.
    pub total_purchases: i64,
    /// Mean amount of a purchase, in cents.
    pub avg_purchase_cents: i64,
    /// Months since the first purchase.
    pub tenure_months: i64,
}

const HOUR_US: i64 = 3_600_000_000;

/// The snapshots of customers, in order of time.
///
/// For each one of a month before the forecast, the one that held then, and one of a month later, which nobody may see: who
/// stays has bought again. One in a hundred has none in time.
pub fn snapshots(customers: &[Customer]) -> Vec<Snapshot> {
    let mut all: Vec<Snapshot> = customers.iter().flat_map(of_customer).collect();
    all.sort_unstable();
    all
}

fn of_customer(customer: &Customer) -> Vec<Snapshot> {
    let mut draw = Draw::of(0x0068_6973_746f_7279, customer.user_id as u64);
    let mut at = |days: i64, purchases: i64, tenure_months: i64| {
        let event_timestamp_us = customer.event_timestamp_us + days * 24 * HOUR_US - draw.below(20) as i64 * HOUR_US;
        Snapshot {
            event_timestamp_us,
            user_id: customer.user_id,
            created_us: event_timestamp_us + (1 + draw.below(50) as i64) * HOUR_US / 60,
            total_purchases: (customer.total_purchases + purchases).max(0),
            avg_purchase_cents: customer.avg_purchase_cents,
            tenure_months: (customer.tenure_months + tenure_months).max(0),
        }
    };
    let (before, now) = (at(-30, -2, -1), at(0, 0, 0));
    let after = at(30, if customer.churned { 0 } else { 4 }, 1);
    if draw.below(100) == 0 { vec![after] } else { vec![before, now, after] }
}

#[cfg(test)]
mod tests {
    use super::super::churn::customers;
    use super::*;

    #[test]
    fn the_newest_snapshot_in_time_is_what_the_churn_sample_has() {
        let customers: Vec<Customer> = customers(0, 500).collect();
        let snapshots = snapshots(&customers);
        let newest = |customer: &Customer| {
            let known = snapshots.iter().filter(|it| it.user_id == customer.user_id);
            known.filter(|it| it.event_timestamp_us <= customer.event_timestamp_us).max().copied()
        };
        let found = customers.iter().filter_map(|customer| Some((customer, newest(customer)?)));
        assert!(found.clone().all(|(customer, it)| it.total_purchases == customer.total_purchases));
        let count = found.count();
        assert!((485..500).contains(&count), "{count}");
    }
}
