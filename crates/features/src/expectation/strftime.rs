//! Text that is a date or a time in a format of Python's `strptime`.

use regex::{Captures, Regex};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use trainer_data::Kind;

use super::check::Check;
use super::header::Header;
use super::rows::{Listing, RowCheck};
use super::{Expectation, Severity, all, is_all};
use crate::step::Fraction;

/// Every value is a date or a time in a format, as Python's `datetime.strptime` reads it. Missing cells are passed over.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MatchStrftimeFormat {
    /// The column.
    pub column: String,
    /// The format, such as `%Y-%m-%d`.
    pub strftime_format: String,
    /// The least share of rows with a value that must be so.
    #[serde(default = "all", skip_serializing_if = "is_all")]
    pub mostly: Fraction,
    /// What a failure means for the run.
    #[serde(default, skip_serializing_if = "Severity::is_default")]
    pub severity: Severity,
}

impl Expectation for MatchStrftimeFormat {
    fn column(&self) -> Option<&str> {
        Some(&self.column)
    }

    fn severity(&self) -> Severity {
        self.severity
    }

    fn check(&self) -> Result<(), String> {
        TimeFormat::new(&self.strftime_format).map(|_| ())
    }

    fn plan(&self, header: &Header, listing: &Listing) -> Result<Box<dyn Check>, String> {
        let position = header.position(&self.column)?;
        let format = TimeFormat::new(&self.strftime_format)?;
        let odd = move |text: &str| !format.holds(text);
        let kind = header.kind(position);
        let refusal = (kind != Kind::Text).then(|| format!("expected a column of text, found {kind}"));
        Ok(Box::new(RowCheck::text(header, position, self.mostly, listing, odd).refusing(refusal)))
    }
}

/// A format, ready to read text.
pub(crate) struct TimeFormat {
    pattern: Regex,
    /// The format as parts of fixed width, if it consists of such; nearly all text of the format is read by them alone.
    fixed: Option<Vec<Fixed>>,
}

/// A part of a format.
enum Fixed {
    /// This byte.
    Byte(u8),
    /// A directive and how many digits it has at most.
    Digits(char, usize),
}

/// A format of digits and ASCII that is neither a letter (which would match in both cases) nor a space (which would match
/// several).
fn fixed(format: &str) -> Option<Vec<Fixed>> {
    let mut parts = Vec::new();
    let mut chars = format.chars();
    while let Some(c) = chars.next() {
        parts.push(match c {
            '%' => match chars.next()? {
                letter @ ('d' | 'm' | 'y' | 'H' | 'M' | 'S') => Fixed::Digits(letter, 2),
                'Y' => Fixed::Digits('Y', 4),
                _ => return None,
            },
            'T' => Fixed::Byte(b'T'),
            c if c.is_ascii_punctuation() => Fixed::Byte(c as u8),
            _ => return None,
        });
    }
    Some(parts)
}

/// Whether text has the parts in full width: a date that there is, or one that there is not. `None`: the pattern decides.
fn holds_fixed(parts: &[Fixed], text: &str) -> Option<bool> {
    let mut bytes = text.as_bytes();
    let (mut year, mut month, mut day, mut second) = (1900, 1, 1, 0);
    for part in parts {
        match *part {
            Fixed::Byte(byte) => bytes = bytes.strip_prefix(&[byte])?,
            Fixed::Digits(letter, width) => {
                let (digits, rest) = bytes.split_at_checked(width)?;
                bytes = rest;
                let number = digits.iter().try_fold(0i64, |number, byte| {
                    byte.is_ascii_digit().then(|| number * 10 + i64::from(byte - b'0'))
                })?;
                let (range, place) = match letter {
                    'Y' => (0..=9999, Some(&mut year)),
                    'y' => (0..=99, Some(&mut year)),
                    'm' => (1..=12, Some(&mut month)),
                    'd' => (1..=31, Some(&mut day)),
                    'S' => (0..=61, Some(&mut second)),
                    'H' => (0..=23, None),
                    _ => (0..=59, None),
                };
                if !range.contains(&number) {
                    return None;
                }
                if let Some(place) = place {
                    *place = if letter == 'y' { full_year(number) } else { number };
                }
            }
        }
    }
    bytes.is_empty().then(|| year >= 1 && day <= days_in(year, month) && second <= 59)
}

/// The year that two digits stand for.
fn full_year(short: i64) -> i64 {
    short + if short < 69 { 2000 } else { 1900 }
}

const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];

/// What a directive matches; several times the same is refused, as in Python.
fn directive(letter: char) -> Option<&'static str> {
    Some(match letter {
        'd' => r"(?<d>3[0-1]|[1-2][0-9]|0[1-9]|[1-9]| [1-9])",
        'm' => r"(?<m>1[0-2]|0[1-9]|[1-9])",
        'Y' => r"(?<Y>[0-9]{4})",
        'y' => r"(?<y>[0-9]{2})",
        'H' => r"(?<H>2[0-3]|[0-1][0-9]|[0-9])",
        'I' => r"(?<I>1[0-2]|0[1-9]|[1-9]| [1-9])",
        'M' => r"(?<M>[0-5][0-9]|[0-9])",
        'S' => r"(?<S>6[0-1]|[0-5][0-9]|[0-9])",
        'f' => r"(?<f>[0-9]{1,6})",
        'j' => r"(?<j>36[0-6]|3[0-5][0-9]|[1-2][0-9][0-9]|0[1-9][0-9]|00[1-9]|[1-9][0-9]|0[1-9]|[1-9])",
        'w' => r"(?<w>[0-6])",
        'u' => r"(?<u>[1-7])",
        'p' => r"(?<p>am|pm)",
        'a' => r"(?<a>mon|tue|wed|thu|fri|sat|sun)",
        'A' => r"(?<A>monday|tuesday|wednesday|thursday|friday|saturday|sunday)",
        'b' | 'h' => r"(?<b>jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)",
        'B' => r"(?<B>january|february|march|april|may|june|july|august|september|october|november|december)",
        'z' => r"(?<z>[+-][0-9]{2}:?[0-5][0-9](?::?[0-5][0-9](?:\.[0-9]{1,6})?)?|(?-i:Z))",
        'Z' => r"(?<Z>utc|gmt)",
        '%' => "%",
        _ => return None,
    })
}

/// Directives that stand for others.
fn expanded(format: &str) -> String {
    format.replace("%c", "%a %b %d %H:%M:%S %Y").replace("%x", "%m/%d/%y").replace("%X", "%H:%M:%S")
}

impl TimeFormat {
    /// A format.
    ///
    /// # Errors
    /// For a directive that is not known, or that appears twice.
    pub fn new(format: &str) -> Result<Self, String> {
        let mut pattern = String::from(r"(?i)\A");
        let expanded = expanded(format);
        let mut chars = expanded.chars().peekable();
        while let Some(c) = chars.next() {
            match c {
                '%' => {
                    let letter = chars.next();
                    pattern.push_str(letter.and_then(directive).ok_or_else(|| unknown_directive(format, letter))?);
                }
                c if c.is_whitespace() => {
                    while chars.next_if(|next| next.is_whitespace()).is_some() {}
                    pattern.push_str(r"\s+");
                }
                c => pattern.push_str(&regex::escape(c.encode_utf8(&mut [0; 4]))),
            }
        }
        // The match must then reach the end: not the same as asking for the end, where directives could give way.
        Regex::new(&pattern)
            .map(|pattern| Self { pattern, fixed: fixed(format) })
            .map_err(|_| format!("expected every directive once, found `{format}`"))
    }

    /// Whether the text is in the format and the date is one that there is.
    pub fn holds(&self, text: &str) -> bool {
        let quick = self.fixed.as_ref().and_then(|parts| holds_fixed(parts, text));
        quick.unwrap_or_else(|| self.read(text).is_some())
    }

    /// Seconds since 1970-01-01, if the text is in the format and the date is one that there is.
    pub fn read(&self, text: &str) -> Option<f64> {
        let parts = self.pattern.captures(text)?;
        if parts.get(0)?.end() != text.len() {
            return None;
        }
        let number = |name: &str| parts.name(name).map(|part| part.as_str().trim().parse::<i64>().expect("digits"));
        let year = match (number("Y"), number("y")) {
            (Some(year), _) => year,
            (None, Some(short)) => full_year(short),
            (None, None) => 1900,
        };
        let (month, day) = (month(&parts).or(number("m")).unwrap_or(1), number("d").unwrap_or(1));
        let second = number("S").unwrap_or(0);
        if year < 1 || day > days_in(year, month) || second > 59 {
            return None;
        }
        let days = match number("j") {
            Some(day) => days_since_1970(year, 1, 1) + day - 1,
            None => days_since_1970(year, month, day),
        };
        let afternoon = parts.name("p").is_some_and(|part| part.as_str().eq_ignore_ascii_case("pm"));
        let hour = number("H").or(number("I").map(|hour| hour % 12 + if afternoon { 12 } else { 0 })).unwrap_or(0);
        let seconds = ((days * 24 + hour) * 60 + number("M").unwrap_or(0)) * 60 + second;
        let fraction = parts.name("f").map_or(0.0, |part| format!("0.{}", part.as_str()).parse().expect("digits"));
        Some(seconds as f64 + fraction - parts.name("z").map_or(0.0, |zone| offset(zone.as_str())))
    }
}

fn unknown_directive(format: &str, letter: Option<char>) -> String {
    match letter {
        Some(letter) => format!("expected a directive that `strptime` knows, found `%{letter}` in `{format}`"),
        None => format!("expected a directive after the last `%` of `{format}`"),
    }
}

fn month(parts: &Captures<'_>) -> Option<i64> {
    let name = parts.name("b").or(parts.name("B"))?.as_str().to_ascii_lowercase();
    MONTHS.iter().position(|month| month.starts_with(&name)).map(|place| place as i64 + 1)
}

/// Seconds east of Greenwich.
fn offset(zone: &str) -> f64 {
    if zone == "Z" {
        return 0.0;
    }
    let digits: String = zone[1..].chars().filter(|c| *c != ':').collect();
    let part = |from: usize| digits.get(from..from + 2).and_then(|part| part.parse::<f64>().ok()).unwrap_or(0.0);
    let size = part(0) * 3600.0 + part(2) * 60.0 + part(4);
    if zone.starts_with('-') { -size } else { size }
}

fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

pub(crate) fn days_in(year: i64, month: i64) -> i64 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if is_leap(year) => 29,
        2 => 28,
        _ => 31,
    }
}

/// Days of the Gregorian calendar (Howard Hinnant, `days_from_civil`): years begin in March, so that the leap day is last.
fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year - era * 400;
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// An ISO 8601 date or time as seconds since 1970-01-01.
pub(crate) fn instant(text: &str) -> Option<f64> {
    let formats =
        ["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%S.%f", "%Y-%m-%dT%H:%M:%S%z", "%Y-%m-%dT%H:%M:%S.%f%z"];
    let text = text.trim().replacen(' ', "T", 1);
    formats.iter().find_map(|format| TimeFormat::new(format).ok()?.read(&text))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn reads(format: &str, text: &str) -> Option<f64> {
        TimeFormat::new(format).unwrap().read(text)
    }

    /// Answers of Python 3.11's `datetime.strptime`.
    #[test]
    fn formats_read_what_python_reads() {
        for (format, text, expected) in [
            ("%Y-%m-%d", "2026-01-05", true),
            ("%Y-%m-%d", "2024-1-5", true),
            ("%Y-%m-%d", "2026-01-05 ", false),
            ("%Y-%m-%d", "2026-02-30", false),
            ("%Y-%m-%d", "2024-02-29", true),
            ("%Y-%m-%d", "1900-02-29", false),
            ("%Y-%m-%d", "2000-02-29", true),
            ("%Y-%m-%d", "0000-01-01", false),
            ("%Y-%m-%d", "26-01-05", false),
            ("%Y%m%d", "20260105", true),
            ("%Y%m%d", "202615", true),
            ("%d/%m/%y", "01/02/26", true),
            ("%H:%M:%S", "23:59:60", false),
            ("%H:%M:%S", "7:5:3", true),
            ("%I:%M %p", "12:30 PM", true),
            ("%I:%M %p", "13:30 PM", false),
            ("%d %b %Y", "5   jan 2026", true),
            ("%d %B %Y", "31 April 2026", false),
            ("%a, %d %b %Y", "Mon, 05 Jan 2026", true),
            ("%Y-%m-%dT%H:%M:%S.%f%z", "2026-01-05T01:02:03.5+02:00", true),
            ("%Y-%m-%dT%H:%M:%S%z", "2026-01-05T01:02:03Z", true),
            ("%Y-%m-%dT%H:%M:%S%z", "2026-01-05T01:02:03z", false),
            ("%j %Y", "366 2026", true),
            ("%d-%m", "29-02", false),
            ("%Y-%m-%d", "١٩٩٩-01-01", false),
            ("100%% %Y", "100% 2026", true),
            ("(%Y)", "(2026)", true),
        ] {
            assert_eq!(reads(format, text).is_some(), expected, "{format} on {text}");
            assert_eq!(TimeFormat::new(format).unwrap().holds(text), expected, "{format} on {text}");
        }
    }

    proptest! {
        #[test]
        fn fixed_width_is_a_short_cut_only(text in "[0-9]{1,4}[-/:]?[0-9]{1,2}[-/]?[0-3]?[0-9]( |T)?[0-9:]{0,8}", at in 0..4usize) {
            let format = ["%Y-%m-%d", "%Y%m%d", "%y/%m/%d", "%Y-%m-%dT%H:%M:%S"][at];
            let format = TimeFormat::new(format).unwrap();
            prop_assert_eq!(format.holds(&text), format.read(&text).is_some());
        }
    }

    #[test]
    fn instants_are_seconds_since_1970() {
        assert_eq!(instant("1970-01-01"), Some(0.0));
        assert_eq!(instant("2026-11-20T12:00:00"), Some(1_795_176_000.0));
        assert_eq!(instant("2026-11-20 14:00:00+02:00"), Some(1_795_176_000.0));
        assert_eq!(instant("1969-12-31"), Some(-86_400.0));
        assert_eq!(instant("yesterday"), None);
    }

    #[test]
    fn unknown_and_repeated_directives_are_refused() {
        assert!(TimeFormat::new("%Q").is_err_and(|problem| problem.contains("`%Q`")));
        assert!(TimeFormat::new("%").is_err());
        assert!(TimeFormat::new("%Y %Y").is_err_and(|problem| problem.contains("once")));
    }
}
