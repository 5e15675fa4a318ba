//! A made-up shop's customers, and which of them left: the sample that the example config trains on.
//!
//! Every number comes from integer arithmetic on a counter-based generator, so that the files are the same bytes on
//! every machine: no logarithm or exponential, whose last bit differs between platforms.

use super::draw::Draw;

/// One customer at the moment of the forecast.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Customer {
    /// Unique, without meaning.
    pub user_id: i64,
    /// When the row was taken, in microseconds since 1970 (UTC).
    pub event_timestamp_us: i64,
    /// Purchases so far.
    pub total_purchases: i64,
    /// Mean amount of a purchase, in cents.
    pub avg_purchase_cents: i64,
    /// Months since the first purchase, 1 to 72.
    pub tenure_months: i64,
    /// Calls for help in the last year; not known for everybody.
    pub support_tickets: Option<i64>,
    /// What the customer pays for.
    pub plan: &'static str,
    /// Where the customer lives; not known for everybody.
    pub region: Option<&'static str>,
    /// Whether the customer left in the three months that followed.
    pub churned: bool,
}

const REGIONS: [&str; 5] = ["central", "east", "north", "south", "west"];
/// 2026-01-01T00:00:00Z.
const FIRST_DAY_S: i64 = 1_767_225_600;
const DAYS: u64 = 120;

/// The first `count` customers after the first `skip`: two ranges that do not overlap share no customer.
pub fn customers(skip: u64, count: u64) -> impl Iterator<Item = Customer> {
    (skip..skip + count).map(customer)
}

fn customer(number: u64) -> Customer {
    let mut draw = Draw::of(0x6368_7572_6e21, number);
    let tenure_months = 1 + draw.below(72).min(draw.below(96)) as i64;
    let per_month = 1 + draw.below(5) + draw.below(5);
    let total_purchases = 1 + (tenure_months * per_month as i64 + draw.below(40) as i64) / 6;
    let avg_purchase_cents = 900 + (draw.below(110) * draw.below(130)) as i64 + draw.below(600) as i64;
    let trouble = draw.below(100) as i64;
    let risk = risk(tenure_months, total_purchases, avg_purchase_cents, trouble);
    Customer {
        user_id: 100_000 + scattered(number),
        event_timestamp_us: (FIRST_DAY_S + (draw.below(DAYS) * 86_400 + draw.below(86_400)) as i64) * 1_000_000,
        total_purchases,
        avg_purchase_cents,
        tenure_months,
        support_tickets: (draw.below(100) >= 3).then(|| trouble / 22 + draw.below(2) as i64),
        plan: plan(avg_purchase_cents, draw.below(4_000) as i64),
        region: (draw.below(100) >= 2).then(|| REGIONS[draw.below(5) as usize]),
        churned: (draw.below(1_000) as i64) < risk,
    }
}

/// Chance of leaving, in thousandths: a ramp over a score that falls with tenure, purchases and amount, with a floor
/// and a ceiling, so that no model can be right about everybody.
fn risk(tenure_months: i64, total_purchases: i64, avg_purchase_cents: i64, trouble: i64) -> i64 {
    let newcomer = 100 * (24 - tenure_months).max(0) / 24;
    let seldom = 100 * (14 - total_purchases).max(0) / 14;
    let thrifty = 100 * (6_000 - avg_purchase_cents).clamp(0, 6_000) / 6_000;
    // Dear and rare: those who bought once for much and never came back.
    let one_off = if total_purchases <= 6 && avg_purchase_cents > 8_000 { 60 } else { 0 };
    let score = 3 * newcomer + 2 * seldom + 2 * thrifty + 3 * one_off + trouble / 2;
    (500 + (score - 290) * 9).clamp(60, 935)
}

fn plan(avg_purchase_cents: i64, noise: i64) -> &'static str {
    match avg_purchase_cents + noise {
        ..4_000 => "basic",
        4_000..9_000 => "plus",
        _ => "premium",
    }
}

/// A one-to-one walk over 0..899_981 (a prime), so that ids say nothing about the order of the rows.
fn scattered(number: u64) -> i64 {
    (u128::from(number + 1) * 552_607 % 899_981) as i64
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn ids_are_unique_and_in_no_order() {
        let ids: Vec<i64> = customers(0, 12_000).map(|customer| customer.user_id).collect();
        assert_eq!(ids.iter().collect::<HashSet<_>>().len(), ids.len());
        let rising = ids.windows(2).filter(|pair| pair[0] < pair[1]).count();
        assert!((3_000..9_000).contains(&rising), "{rising}");
    }

    #[test]
    fn a_customer_does_not_depend_on_where_the_range_starts() {
        assert_eq!(customers(5, 3).collect::<Vec<_>>(), customers(0, 8).skip(5).collect::<Vec<_>>());
    }

    #[test]
    fn a_quarter_to_a_third_leave_and_few_cells_are_missing() {
        let all: Vec<Customer> = customers(0, 10_000).collect();
        let share = |is: fn(&Customer) -> bool| all.iter().filter(|customer| is(customer)).count() as f64 / 10_000.0;
        assert!((0.25..0.33).contains(&share(|customer| customer.churned)), "{}", share(|customer| customer.churned));
        assert!((0.02..0.04).contains(&share(|customer| customer.support_tickets.is_none())));
        assert!((0.01..0.03).contains(&share(|customer| customer.region.is_none())));
        assert!(all.iter().all(|customer| (1..=72).contains(&customer.tenure_months) && customer.total_purchases >= 1));
    }

    #[test]
    fn the_newcomer_who_buys_little_is_the_one_at_risk() {
        assert!(risk(1, 1, 1_000, 50) > 900);
        assert!(risk(60, 80, 9_000, 50) < 100);
    }
}
