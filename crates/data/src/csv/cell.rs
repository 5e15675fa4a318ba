//! What a cell is, by itself: the column's type follows from all of its cells.

use crate::calendar;
use crate::options::CsvOptions;

/// What stands for a missing value in columns of numbers, dates and booleans when `data.csv.nulls` is not given: the
/// list of pandas, and those of R, MySQL, Stata and the UCI archive.
const TOKENS: &[&str] = &[
    "NA", "na", "N/A", "n/a", "#N/A", "#NA", "<NA>", "NaN", "nan", "NAN", "-NaN", "-nan", "null", "NULL", "Null",
    "None", "none", "NONE", "nil", "\\N", ".", "-", "?",
];

/// A cell, as far as its own text says.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Cell {
    /// Nothing at all.
    Empty,
    /// What was declared to stand for a missing value.
    Missing,
    /// What usually stands for a missing value, blanks among them.
    Token,
    Integer(i64),
    /// Beyond `i64`, within `u64`.
    Unsigned(u64),
    /// Digits beyond `u64`.
    Long,
    /// Digits after a zero or a plus: a code, a telephone number.
    Zeros,
    Float(f64),
    /// Infinity, in words or by its exponent.
    Infinite(f64),
    Boolean(bool),
    /// Days since 1970-01-01.
    Date(i32),
    Instant(Instant),
    /// Digits among currency signs, percent signs and separators.
    Formatted,
    Text,
}

/// A date with a time of day.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Instant {
    /// Since 1970-01-01.
    pub(crate) seconds: i64,
    pub(crate) nanoseconds: u32,
    /// Whether it names its distance from UTC (and is given in UTC).
    pub(crate) zone: bool,
}

/// How cells are written.
#[derive(Debug, Clone)]
pub(crate) struct Rules {
    nulls: Option<Vec<Vec<u8>>>,
    decimal: u8,
}

impl Rules {
    pub(crate) fn new(options: &CsvOptions) -> Self {
        let nulls = options.nulls.as_ref().map(|nulls| nulls.iter().map(|null| null.as_bytes().to_vec()).collect());
        Self { nulls, decimal: options.decimal as u8 }
    }

    /// What a cell is. Spaces around numbers, dates and booleans do not count.
    #[inline]
    pub(crate) fn cell(&self, raw: &[u8]) -> Cell {
        if raw.is_empty() {
            return Cell::Empty;
        }
        if self.is_null(raw) {
            return Cell::Missing;
        }
        let text = if raw[0] > b' ' && raw[raw.len() - 1] > b' ' { raw } else { raw.trim_ascii() };
        let Some(&first) = text.first() else {
            return if self.nulls.is_none() { Cell::Token } else { Cell::Text };
        };
        let cell = match first {
            b'0'..=b'9' | b'+' | b'-' | b'.' => self.numeric(text),
            b',' if self.decimal == b',' => self.numeric(text),
            b't' | b'T' | b'f' | b'F' => boolean(text),
            b'i' | b'I' => infinity(text),
            _ => Cell::Text,
        };
        if cell != Cell::Text {
            cell
        } else if self.nulls.is_none() && text.len() <= 5 && TOKENS.iter().any(|token| token.as_bytes() == text) {
            Cell::Token
        } else if is_formatted(text, self.decimal) {
            Cell::Formatted
        } else {
            Cell::Text
        }
    }

    /// Whether it is declared what stands for a missing value.
    pub(crate) fn has_nulls(&self) -> bool {
        self.nulls.is_some()
    }

    /// Whether a cell was declared to stand for a missing value.
    pub(crate) fn is_null(&self, raw: &[u8]) -> bool {
        self.nulls.as_ref().is_some_and(|nulls| nulls.iter().any(|null| null == raw))
    }

    /// The decimal mark.
    pub(crate) fn decimal(&self) -> u8 {
        self.decimal
    }

    /// The value as a float of a cell that is `Long` or `Zeros`.
    pub(crate) fn long(&self, raw: &[u8]) -> f64 {
        float(raw.trim_ascii(), self.decimal)
    }

    fn numeric(&self, text: &[u8]) -> Cell {
        let unsigned = text.strip_prefix(b"-").or_else(|| text.strip_prefix(b"+")).unwrap_or(text);
        let digits = digits(unsigned);
        match unsigned.get(digits) {
            _ if digits > 1 && unsigned[0] == b'0' && digits < unsigned.len() && unsigned[digits] == b'-' => date(text),
            None if digits > 0 => integer(text, unsigned),
            Some(b'-') if digits == 4 && unsigned.len() == text.len() => date(text),
            Some(b'i' | b'I') if digits == 0 => infinity(text),
            _ => self.fraction(text, unsigned, digits),
        }
    }

    /// `digits [decimal digits] [e [sign] digits]`, with a digit before or after the decimal mark.
    fn fraction(&self, text: &[u8], unsigned: &[u8], whole: usize) -> Cell {
        let mut at = whole;
        let mut decimals = 0;
        if unsigned.get(at) == Some(&self.decimal) {
            decimals = digits(&unsigned[at + 1..]);
            at += 1 + decimals;
        }
        if whole + decimals == 0 {
            return Cell::Text;
        }
        if matches!(unsigned.get(at), Some(b'e' | b'E')) {
            at += 1 + usize::from(matches!(unsigned.get(at + 1), Some(b'+' | b'-')));
            let exponent = unsigned.get(at..).map_or(0, digits);
            if exponent == 0 {
                return Cell::Text;
            }
            at += exponent;
        }
        if at != unsigned.len() {
            return Cell::Text;
        }
        if whole > 1 && unsigned[0] == b'0' {
            return Cell::Zeros;
        }
        let value = float(text, self.decimal);
        if value.is_finite() { Cell::Float(value) } else { Cell::Infinite(value) }
    }
}

/// How many digits a text starts with.
#[inline]
fn digits(text: &[u8]) -> usize {
    text.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(text.len())
}

fn integer(text: &[u8], digits: &[u8]) -> Cell {
    if digits.len() > 1 && digits[0] == b'0' || text[0] == b'+' {
        return Cell::Zeros;
    }
    if digits.len() <= 18 {
        let value = digits.iter().fold(0i64, |value, digit| value * 10 + i64::from(digit - b'0'));
        return Cell::Integer(if text[0] == b'-' { -value } else { value });
    }
    let text = std::str::from_utf8(text).expect("ASCII digits");
    if let Ok(value) = text.parse() {
        Cell::Integer(value)
    } else if let Ok(value) = text.parse() {
        Cell::Unsigned(value)
    } else {
        Cell::Long
    }
}

/// The nearest float to a number that is well formed.
fn float(text: &[u8], decimal: u8) -> f64 {
    let text = std::str::from_utf8(text).expect("ASCII number");
    match decimal {
        b'.' => text.parse(),
        _ => text.replace(decimal as char, ".").parse(),
    }
    .expect("a well-formed number")
}

fn infinity(text: &[u8]) -> Cell {
    let unsigned = text.strip_prefix(b"-").or_else(|| text.strip_prefix(b"+")).unwrap_or(text);
    if unsigned.eq_ignore_ascii_case(b"inf") || unsigned.eq_ignore_ascii_case(b"infinity") {
        Cell::Infinite(if text[0] == b'-' { f64::NEG_INFINITY } else { f64::INFINITY })
    } else {
        Cell::Text
    }
}

fn boolean(text: &[u8]) -> Cell {
    match text {
        b"true" | b"True" | b"TRUE" => Cell::Boolean(true),
        b"false" | b"False" | b"FALSE" => Cell::Boolean(false),
        _ => Cell::Text,
    }
}

/// `YYYY-MM-DD`, or that with a time of day: `[T ]HH:MM[:SS[.f]][Z|+HH:MM|+HHMM|+HH]`, at most nine decimals.
fn date(text: &[u8]) -> Cell {
    parse_date(text).unwrap_or(Cell::Text)
}

fn parse_date(text: &[u8]) -> Option<Cell> {
    let number = |at: usize, length: usize| -> Option<u32> {
        let part = text.get(at..at + length)?;
        part.iter()
            .all(u8::is_ascii_digit)
            .then(|| part.iter().fold(0, |value, digit| value * 10 + u32::from(digit - b'0')))
    };
    let mark = |at: usize, mark: u8| (text.get(at) == Some(&mark)).then_some(());
    mark(7, b'-')?;
    let days = calendar::days(number(0, 4)? as i32, number(5, 2)?, number(8, 2)?)?;
    if text.len() == 10 {
        return Some(Cell::Date(days));
    }
    mark(13, b':')?;
    if !matches!(text[10], b'T' | b' ') {
        return None;
    }
    let (hour, minute) = (number(11, 2)?, number(14, 2)?);
    let (mut second, mut nanoseconds, mut at) = (0, 0, 16);
    if text.get(at) == Some(&b':') {
        second = number(17, 2)?;
        at = 19;
        if text.get(at) == Some(&b'.') {
            let decimals = digits(&text[at + 1..]);
            if !(1..=9).contains(&decimals) {
                return None;
            }
            nanoseconds = number(at + 1, decimals)? * 10u32.pow(9 - decimals as u32);
            at += 1 + decimals;
        }
    }
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let offset = zone_offset(&text[at..])?;
    let local = i64::from(days) * 86_400 + i64::from(hour * 3600 + minute * 60 + second);
    let seconds = local - offset.unwrap_or(0);
    Some(Cell::Instant(Instant { seconds, nanoseconds, zone: offset.is_some() }))
}

/// Seconds east of UTC; nothing at all means that no zone is named.
fn zone_offset(text: &[u8]) -> Option<Option<i64>> {
    let (sign, rest) = match text {
        [] => return Some(None),
        b"Z" | b"z" => return Some(Some(0)),
        [b'+', rest @ ..] => (1, rest),
        [b'-', rest @ ..] => (-1, rest),
        _ => return None,
    };
    let two = |a: u8, b: u8| {
        (a.is_ascii_digit() && b.is_ascii_digit()).then(|| i64::from(a - b'0') * 10 + i64::from(b - b'0'))
    };
    let (hours, minutes) = match *rest {
        [a, b] => (two(a, b)?, 0),
        [a, b, c, d] | [a, b, b':', c, d] => (two(a, b)?, two(c, d)?),
        _ => return None,
    };
    (hours <= 23 && minutes <= 59).then_some(Some(sign * (hours * 3600 + minutes * 60)))
}

/// Digits, and only signs that number formats have besides.
fn is_formatted(text: &[u8], decimal: u8) -> bool {
    if !(text[0].is_ascii_digit() || matches!(text[0], b'$' | b'-' | b'+' | b'(' | b',' | b'.' | b'\'' | 0xc2 | 0xe2)) {
        return false;
    }
    let Ok(text) = std::str::from_utf8(text) else { return false };
    let mut signs = 0;
    let plain = text.chars().all(|char| {
        signs += usize::from(matches!(char, '$' | '€' | '£' | '¥' | '%' | ',') || char == '.' && decimal != b'.');
        char.is_ascii_digit() || " .,'$€£¥%()+-\u{a0}\u{202f}".contains(char)
    });
    plain && signs > 0 && text.bytes().any(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn cell(text: &str) -> Cell {
        Rules::new(&CsvOptions::default()).cell(text.as_bytes())
    }

    #[test]
    fn numbers() {
        for (text, expected) in [
            ("0", Cell::Integer(0)),
            ("-12", Cell::Integer(-12)),
            ("+5", Cell::Zeros),
            ("+5.5", Cell::Float(5.5)),
            (" 7\t", Cell::Integer(7)),
            ("9223372036854775807", Cell::Integer(i64::MAX)),
            ("-9223372036854775808", Cell::Integer(i64::MIN)),
            ("9223372036854775808", Cell::Unsigned(1 << 63)),
            ("18446744073709551616", Cell::Long),
            ("-9223372036854775809", Cell::Long),
            ("007", Cell::Zeros),
            ("-01", Cell::Zeros),
            ("00.5", Cell::Zeros),
            ("0.5", Cell::Float(0.5)),
            (".5", Cell::Float(0.5)),
            ("5.", Cell::Float(5.0)),
            ("-1e-3", Cell::Float(-0.001)),
            ("1E+2", Cell::Float(100.0)),
            ("1e999", Cell::Infinite(f64::INFINITY)),
            ("-inf", Cell::Infinite(f64::NEG_INFINITY)),
            ("Infinity", Cell::Infinite(f64::INFINITY)),
        ] {
            assert_eq!(cell(text), expected, "{text}");
        }
        for text in
            ["e5", "1e", "1e+", "--1", "+-1", "1.2.3", "0x1F", "1_000", "12a", "١٢", "infinite", "1 2", "+", "e"]
        {
            assert_eq!(cell(text), Cell::Text, "{text}");
        }
    }

    #[test]
    fn decimal_comma() {
        let options = CsvOptions { decimal: ',', ..CsvOptions::default() };
        let rules = Rules::new(&options);
        assert_eq!(rules.cell(b"1,5"), Cell::Float(1.5));
        assert_eq!(rules.cell(b",5e1"), Cell::Float(5.0));
        assert_eq!(rules.cell(b"1.5"), Cell::Formatted);
        assert_eq!(rules.cell(b"15"), Cell::Integer(15));
        assert_eq!(cell("1,5"), Cell::Formatted);
    }

    #[test]
    fn missing_values() {
        assert_eq!(cell(""), Cell::Empty);
        for text in [" ", "NA", "NaN", "?", "-", "\\N", " null "] {
            assert_eq!(cell(text), Cell::Token, "{text}");
        }
        let declared = Rules::new(&CsvOptions { nulls: Some(vec!["-9".to_owned()]), ..CsvOptions::default() });
        assert_eq!(declared.cell(b"-9"), Cell::Missing);
        assert_eq!(declared.cell(b"NA"), Cell::Text);
        assert_eq!(declared.cell(b" "), Cell::Text);
    }

    #[test]
    fn dates_and_instants() {
        let instant = |seconds, nanoseconds, zone| Cell::Instant(Instant { seconds, nanoseconds, zone });
        assert_eq!(cell("1970-01-02"), Cell::Date(1));
        assert_eq!(cell("0001-01-01"), Cell::Date(-719_162));
        assert_eq!(cell("1970-01-01T00:01"), instant(60, 0, false));
        assert_eq!(cell("1970-01-01 00:00:01.5"), instant(1, 500_000_000, false));
        assert_eq!(cell("1970-01-01T01:00:00+01:00"), instant(0, 0, true));
        assert_eq!(cell("1970-01-01T00:00:00.123456789Z"), instant(0, 123_456_789, true));
        assert_eq!(cell("1969-12-31T23:00:00-0100"), instant(0, 0, true));
        for text in [
            "2023-02-29",
            "2023-13-01",
            "2023-1-1",
            "2023-01-01T24:00",
            "2023-01-01T00:60",
            "2023-01-01T00:00:60",
            "2023-01-01X00:00",
            "2023-01-01T00:00:00.",
            "2023-01-01T00:00:00.1234567890",
            "2023-01-01T00:00:00+1",
            "2023-01-01T00:00:00+24:00",
            "2023-01-011",
            "2023-01-01T",
            "-2023-01-01",
            "2023-0101",
        ] {
            assert_eq!(cell(text), Cell::Text, "{text}");
        }
    }

    #[test]
    fn booleans_and_formatted_numbers() {
        assert_eq!(cell("true"), Cell::Boolean(true));
        assert_eq!(cell("FALSE"), Cell::Boolean(false));
        for text in ["tRue", "t", "yes", "truee", "F"] {
            assert_eq!(cell(text), Cell::Text, "{text}");
        }
        for text in ["$3.50", "1,234.50", "85%", "€ 7", "-1'000,5"] {
            assert_eq!(cell(text), Cell::Formatted, "{text}");
        }
        for text in ["1.2.3", "a,1", "$", "2-3", "(12) 34"] {
            assert_eq!(cell(text), Cell::Text, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_something(text in "\\PC{0,12}", number in "[-+0-9.,eE:TZ ]{0,24}") {
            cell(&text);
            cell(&number);
        }

        #[test]
        fn floats_and_integers_read_back(float: f64, integer: i64, unsigned: u64) {
            let text = format!("{float:?}");
            match cell(&text) {
                Cell::Float(value) | Cell::Infinite(value) => prop_assert_eq!(value.to_bits(), float.to_bits()),
                other => prop_assert!(float.is_nan() && other == Cell::Token, "{} {:?}", text, other),
            }
            prop_assert_eq!(cell(&integer.to_string()), Cell::Integer(integer));
            match cell(&unsigned.to_string()) {
                Cell::Integer(value) => prop_assert_eq!(value as u64, unsigned),
                other => prop_assert_eq!(other, Cell::Unsigned(unsigned)),
            }
        }
    }
}
