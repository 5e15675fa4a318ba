//! Cells as nearly all are written, without asking what else they could be. `None` says nothing: the cell may be of the
//! type all the same, and [`crate::csv::cell::Rules::cell`] decides.

use crate::calendar;

/// Powers of ten that a float holds exactly.
const TENS: [f64; 16] = [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15];

/// `[-]digits`, at most eighteen, the first not a zero unless alone.
#[inline]
pub(super) fn integer(raw: &[u8]) -> Option<i64> {
    let (negative, digits) = signed(raw);
    if digits.is_empty() || digits.len() > 18 || digits[0] == b'0' && digits.len() > 1 {
        return None;
    }
    let mut value = 0i64;
    for &byte in digits {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        value = value * 10 + i64::from(digit);
    }
    Some(if negative { -value } else { value })
}

/// `[-]digits[.digits]`, at most fifteen digits: then the digits and the power of ten are floats, and their quotient is
/// the nearest float to the number (W. D. Clinger, How to read floating point numbers accurately, 1990).
#[inline]
pub(super) fn fraction(raw: &[u8], decimal: u8) -> Option<f64> {
    let (negative, digits) = signed(raw);
    if digits.is_empty() || digits.len() > 16 {
        return None;
    }
    let (mut value, mut point) = (0u64, usize::MAX);
    for (place, &byte) in digits.iter().enumerate() {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            if byte != decimal || point != usize::MAX || place == 0 {
                return None;
            }
            point = place;
            continue;
        }
        value = value * 10 + u64::from(digit);
    }
    let whole = if point == usize::MAX { digits.len() } else { point };
    let decimals = digits.len() - whole - usize::from(point != usize::MAX);
    // Codes and telephone numbers start with a zero; a point without decimals is rare.
    if whole > 1 && digits[0] == b'0' || point != usize::MAX && decimals == 0 || whole + decimals > 15 {
        return None;
    }
    let value = value as f64 / TENS[decimals];
    // An integer has no minus zero.
    Some(if negative && (point != usize::MAX || value != 0.0) { -value } else { value })
}

#[inline]
fn signed(raw: &[u8]) -> (bool, &[u8]) {
    match raw.split_first() {
        Some((b'-', digits)) => (true, digits),
        _ => (false, raw),
    }
}

/// Days of dates: logs have the same one for thousands of rows.
#[derive(Debug, Default)]
pub(super) struct Days {
    text: [u8; 10],
    days: Option<i32>,
}

impl Days {
    /// Days since 1970-01-01 of `YYYY-MM-DD`.
    #[inline]
    pub(super) fn of(&mut self, raw: &[u8]) -> Option<i32> {
        let text: &[u8; 10] = raw.try_into().ok()?;
        if *text != self.text {
            (self.text, self.days) = (*text, date(text));
        }
        self.days
    }
}

fn date(text: &[u8; 10]) -> Option<i32> {
    let pair = |at: usize| two(text[at], text[at + 1]);
    if text[4] != b'-' || text[7] != b'-' {
        return None;
    }
    let year = pair(0)? * 100 + pair(2)?;
    calendar::days(year as i32, pair(5)?, pair(8)?)
}

#[inline]
fn two(tens: u8, ones: u8) -> Option<u32> {
    let (tens, ones) = (tens.wrapping_sub(b'0'), ones.wrapping_sub(b'0'));
    (tens <= 9 && ones <= 9).then(|| u32::from(tens) * 10 + u32::from(ones))
}

/// `YYYY-MM-DD[T ]HH:MM:SS[.decimals]` without a zone, in units of which `per_second` make a second.
#[inline]
pub(super) fn instant(raw: &[u8], per_second: i64, days: &mut Days) -> Option<i64> {
    let (date, time) = raw.split_first_chunk::<10>()?;
    let (clock, decimals) = time.split_first_chunk::<9>()?;
    if !matches!(clock[0], b' ' | b'T') || clock[3] != b':' || clock[6] != b':' {
        return None;
    }
    let (hour, minute, second) = (two(clock[1], clock[2])?, two(clock[4], clock[5])?, two(clock[7], clock[8])?);
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let days = days.of(date)?;
    let seconds = i64::from(days) * 86_400 + i64::from(hour * 3600 + minute * 60 + second);
    let part = if decimals.is_empty() { 0 } else { part_of_second(decimals, per_second)? };
    seconds.checked_mul(per_second)?.checked_add(part)
}

/// `.digits` in units; `None` for more digits than the unit has.
#[inline]
fn part_of_second(text: &[u8], per_second: i64) -> Option<i64> {
    let digits = text.strip_prefix(b".")?;
    let most = if per_second == 1_000_000 { 6 } else { 9 };
    if digits.is_empty() || digits.len() > most {
        return None;
    }
    let mut value = 0;
    for &byte in digits {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        value = value * 10 + i64::from(digit);
    }
    Some(value * 10i64.pow((most - digits.len()) as u32))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::CsvOptions;
    use crate::csv::cell::{Cell, Rules};
    use crate::csv::shape::{Shape, ticks};

    fn cell(text: &str) -> Cell {
        Rules::new(&CsvOptions::default()).cell(text.as_bytes())
    }

    fn agree(text: &str) -> Result<(), TestCaseError> {
        let raw = text.as_bytes();
        if let Some(value) = integer(raw) {
            prop_assert_eq!(cell(text), Cell::Integer(value), "{}", text);
        }
        if let Some(value) = fraction(raw, b'.') {
            let bits = match cell(text) {
                Cell::Float(value) => value.to_bits(),
                Cell::Integer(value) => (value as f64).to_bits(),
                other => return Err(TestCaseError::fail(format!("{text}: {other:?}"))),
            };
            prop_assert_eq!(value.to_bits(), bits, "{}", text);
        }
        if let Some(days) = Days::default().of(raw) {
            prop_assert_eq!(cell(text), Cell::Date(days), "{}", text);
        }
        for (per_second, nanoseconds) in [(1_000_000, false), (1_000_000_000, true)] {
            if let Some(value) = instant(raw, per_second, &mut Days::default()) {
                let Cell::Instant(instant) = cell(text) else {
                    return Err(TestCaseError::fail(format!("{text}: {:?}", cell(text))));
                };
                let shape = Shape::Instant { nanoseconds, zone: false };
                prop_assert_eq!(ticks(instant, shape), Some(value), "{}", text);
            }
        }
        Ok(())
    }

    #[test]
    fn usual_cells_are_read_the_fast_way() {
        assert_eq!(integer(b"-120"), Some(-120));
        assert_eq!((integer(b"007"), integer(b"+1"), integer(b""), integer(b"-")), (None, None, None, None));
        assert_eq!(fraction(b"331.9", b'.'), Some(331.9));
        assert_eq!(fraction(b"-0", b'.').map(f64::to_bits), Some(0f64.to_bits()));
        assert_eq!(fraction(b"-0.0", b'.').map(f64::to_bits), Some((-0f64).to_bits()));
        assert_eq!((fraction(b"1,5", b','), fraction(b".5", b'.'), fraction(b"1.2.3", b'.')), (Some(1.5), None, None));
        assert_eq!(instant(b"1970-01-01 00:00:01.5", 1_000_000, &mut Days::default()), Some(1_500_000));
    }

    proptest! {
        #[test]
        fn fast_and_plain_reading_agree(
            number in "-?[0-9]{0,9}[.]?[0-9]{0,9}",
            any in "[-+0-9.eT: ]{0,20}",
            float: f64,
            date in "[0-2][0-9]{3}-[01][0-9]-[0-3][0-9]",
            time in "[ T][0-2][0-9]:[0-6][0-9]:[0-6][0-9]([.][0-9]{0,10})?Z?",
        ) {
            agree(&number)?;
            agree(&any)?;
            agree(&format!("{float}"))?;
            agree(&date)?;
            agree(&format!("{date}{time}"))?;
        }
    }
}
