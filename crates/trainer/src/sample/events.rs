//! A made-up shop's event log, as it comes: a few lines are broken, and a few numbers are none.

use std::fmt::Write as _;

use super::draw::Draw;

/// The header of the log.
const HEADER: &str =
    "event_time,user_id,session_id,event_type,device,country,is_premium,event_value,amount,session_length_sec";
const TYPES: [&str; 8] =
    ["page_view", "page_view", "page_view", "page_view", "click", "click", "search", "add_to_cart"];
const DEVICES: [&str; 4] = ["mobile", "mobile", "desktop", "tablet"];
const COUNTRIES: [&str; 6] = ["US", "IN", "DE", "BR", "JP", "GB"];
/// What stands where a number should be.
const NO_NUMBERS: [&str; 3] = ["N/A", "abc", ""];
const USERS: u64 = 150;
const SECONDS_OF_A_DAY: u64 = 86_400;

/// A day's log of so many events, in order of time.
pub fn log(date: &str, events: u64) -> String {
    let mut text = format!("{HEADER}\n");
    for row in 0..events {
        line(&mut text, date, row, events);
    }
    text
}

fn line(text: &mut String, date: &str, row: u64, events: u64) {
    let mut draw = Draw::of(0x6576_656e_7473, row);
    let second = row * SECONDS_OF_A_DAY / events + draw.below(SECONDS_OF_A_DAY / events);
    let (hours, minutes, seconds) = (second / 3_600, second / 60 % 60, second % 60);
    let user = 1_000 + draw.below(USERS).min(draw.below(USERS));
    let kind = if draw.below(100) < 4 { "purchase" } else { draw.one(&TYPES) };
    let cents = if kind == "purchase" { 500 + draw.below(9_500) } else { 0 };
    let value = draw.below(40_000).min(draw.below(40_000));
    let mut fields = vec![
        format!("{date}T{hours:02}:{minutes:02}:{seconds:02}"),
        user.to_string(),
        format!("s{:06}", user * 10 + second / 28_800),
        kind.to_owned(),
        draw.one(&DEVICES).to_owned(),
        COUNTRIES[user as usize % COUNTRIES.len()].to_owned(),
        u8::from(user.is_multiple_of(5)).to_string(),
        format!("{}.{:03}", value / 1_000, value % 1_000),
        format!("{}.{:02}", cents / 100, cents % 100),
        draw.below(900).to_string(),
    ];
    match draw.below(200) {
        0 => fields.truncate(7),
        1 => fields.extend(["x".to_owned(), "y".to_owned()]),
        2 => fields = vec![format!("#### line {row} was lost")],
        at @ 3..6 => fields[7] = NO_NUMBERS[at as usize - 3].to_owned(),
        6 => fields[8] = NO_NUMBERS[0].to_owned(),
        _ => {}
    }
    let _ = writeln!(text, "{}", fields.join(","));
}
