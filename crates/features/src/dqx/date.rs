//! Dates in the patterns of Java's `DateTimeFormatter`, as Spark reads them: every letter stands for a fixed field, and two of
//! them for two digits.

use regex::Regex;

use crate::expectation::strftime::{days_in, instant};

/// A pattern, ready to read text.
#[derive(Debug)]
pub(super) struct JavaFormat(Regex);

impl JavaFormat {
    /// # Errors
    /// For a letter that is not known here.
    pub fn new(pattern: &str) -> Result<Self, String> {
        let mut regex = String::from(r"\A");
        let mut rest = pattern;
        while let Some(c) = rest.chars().next() {
            let run = rest.len() - rest.trim_start_matches(c).len();
            match c {
                '\'' => {
                    let end = rest[1..].find('\'').ok_or_else(|| format!("expected a closing ' in `{pattern}`"))?;
                    // Two quotes are one.
                    regex.push_str(&regex::escape(if end == 0 { "'" } else { &rest[1..=end] }));
                    rest = &rest[end + 2..];
                    continue;
                }
                c if c.is_ascii_alphabetic() => regex.push_str(&field(c, run, pattern)?),
                c => regex.push_str(&regex::escape(&c.to_string().repeat(run / c.len_utf8()))),
            }
            rest = &rest[run..];
        }
        Regex::new(&(regex + r"\z")).map(Self).map_err(|_| format!("expected every field once, found `{pattern}`"))
    }

    /// Whether text is in the pattern, and the date is one that there is.
    pub fn holds(&self, text: &str) -> bool {
        let Some(parts) = self.0.captures(text) else { return false };
        let number = |name: &str, otherwise: i64| {
            parts.name(name).and_then(|part| part.as_str().parse().ok()).unwrap_or(otherwise)
        };
        let (year, month, day) = (number("y", 1970), number("M", 1), number("d", 1));
        (1..=12).contains(&month)
            && day >= 1
            && day <= days_in(year, month)
            && number("H", 0) <= 23
            && number("h", 1) <= 12
    }
}

fn field(letter: char, run: usize, pattern: &str) -> Result<String, String> {
    let digits = match run {
        1 => r"\d{1,2}".to_owned(),
        run => format!(r"\d{{{run}}}"),
    };
    Ok(match letter {
        'y' | 'u' if run == 1 => r"(?<y>\d{1,6})".into(),
        'y' | 'u' | 'M' | 'd' | 'H' | 'h' if run <= 4 && !(letter == 'M' && run > 2) => {
            format!("(?<{}>{digits})", if letter == 'u' { 'y' } else { letter })
        }
        'm' | 's' if run == 1 => format!(r"(?<{letter}>[0-5]?\d)"),
        'm' | 's' => format!(r"(?<{letter}>[0-5]\d)"),
        'S' => format!(r"(?<S>\d{{{run}}})"),
        'a' => "(?<a>AM|PM)".into(),
        'X' | 'x' => r"(?<X>Z|[+-]\d{2}:?(?:\d{2})?)".into(),
        _ => {
            let letters = letter.to_string().repeat(run);
            return Err(format!(
                "expected a pattern of y, M, d, H, h, m, s, S, a and X, found `{letters}` in `{pattern}`"
            ));
        }
    })
}

/// Whether text is a date or a time as Spark reads one without a pattern.
pub(super) fn is_instant(text: &str) -> bool {
    instant(text.trim()).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_read_what_java_reads() {
        for (pattern, text, expected) in [
            ("yyyy-MM-dd", "2026-01-05", true),
            ("yyyy-MM-dd", "2026-1-5", false),
            ("yyyy-MM-dd", "2026-13-01", false),
            ("yyyy-MM-dd", "2026-02-30", false),
            ("yyyy-MM-dd", "01/02/2026", false),
            ("d/M/yyyy", "1/12/2026", true),
            ("dd.MM.yyyy HH:mm:ss", "05.01.2026 23:59:59", true),
            ("dd.MM.yyyy HH:mm:ss", "05.01.2026 24:59:59", false),
            ("yyyy-MM-dd'T'HH:mm:ss.SSS", "2026-01-05T01:02:03.004", true),
            ("yyyy-MM-dd'T'HH:mm:ssXXX", "2026-01-05T01:02:03+02:00", true),
        ] {
            assert_eq!(JavaFormat::new(pattern).unwrap().holds(text), expected, "{pattern} on {text}");
        }
        assert!(JavaFormat::new("EEEE").unwrap_err().contains("`EEEE`"));
        assert!(is_instant("2026-01-05") && !is_instant("yesterday"));
    }
}
