//! A made-up shop's customers and orders as two systems export them, with what such exports have wrong.

use std::fmt::Write as _;

use super::draw::Draw;

const NAMES: [&str; 8] = ["Ada", "Ben", "Chiara", "Deniz", "Elif", "Femi", "Greta", "Hugo"];
const STATUSES: [&str; 4] = ["active", "active", "paused", "closed"];
const ORDER_STATUSES: [&str; 5] = ["new", "paid", "paid", "shipped", "cancelled"];

/// Customers: some without id, some with an address that is none, some without status, some twice.
pub fn customers(rows: u64) -> String {
    let mut text = "customer_id,name,email,status,country,updated_at\n".to_owned();
    for row in 0..rows {
        let mut draw = Draw::of(0x6375_7374_6f6d, row);
        // One in twelve is a later state of an earlier customer.
        let known = row > 20 && draw.below(12) == 0;
        let id = if known { draw.below(row) } else { row };
        let name = NAMES[id as usize % NAMES.len()];
        let shown = if draw.below(40) == 0 { String::new() } else { format!("C{id:05}") };
        let email = match draw.below(30) {
            0 => format!("{}.{id}", name.to_lowercase()),
            1 => format!("{}@", name.to_lowercase()),
            _ => format!("{}.{id}@example.com", name.to_lowercase()),
        };
        let status = if draw.below(10) == 0 { "" } else { draw.one(&STATUSES) };
        let country = draw.one(&["DE", "FR", "IT", "PL"]);
        let day = if known { 15 + draw.below(14) } else { 1 + draw.below(14) };
        let _ = writeln!(text, "{shown},{name},{email},{status},{country},2026-10-{day:02}T08:00:00");
    }
    text
}

/// Orders: some without discount.
pub fn orders(rows: u64, customers: u64) -> String {
    let mut text = "order_id,customer_id,order_date,quantity,unit_price,discount,status\n".to_owned();
    for row in 0..rows {
        let mut draw = Draw::of(0x6f72_6465_7273, row);
        let customer = draw.below(customers);
        let day = 1 + draw.below(31);
        let quantity = 1 + draw.below(4).min(draw.below(6));
        let price = 199 + draw.below(90) * draw.below(90);
        let discount =
            if draw.below(3) == 0 { format!("{}.{:02}", draw.below(3), draw.below(100)) } else { String::new() };
        let _ = writeln!(
            text,
            "O{row:06},C{customer:05},2026-10-{day:02},{quantity},{}.{:02},{discount},{}",
            price / 100,
            price % 100,
            draw.one(&ORDER_STATUSES)
        );
    }
    text
}
