//! Text that has a pattern.

use regex::Regex;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::check::Check;
use super::header::Header;
use super::rows::{Listing, RowCheck};
use super::{Expectation, Severity, all, is_all};
use crate::step::Fraction;

/// A pattern of Python's `re`, as the pattern that means the same here.
///
/// # Errors
/// For what only a backtracking engine can do (lookaround, backreferences) and for what is no pattern.
pub(crate) fn pattern(python: &str) -> Result<Regex, String> {
    Regex::new(&translated(python)).map_err(|problem| {
        let last = problem.to_string().lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
        format!("expected a regular expression, found `{python}`: {last}")
    })
}

/// Python's `$` also matches before a last line break, its `\Z` only at the end, and within brackets nothing is nested.
fn translated(python: &str) -> String {
    let multi_line = python.starts_with("(?") && python.split(')').next().is_some_and(|flags| flags.contains('m'));
    let mut out = String::with_capacity(python.len() + 8);
    let mut chars = python.chars().peekable();
    let mut bracket = false;
    while let Some(c) = chars.next() {
        match c {
            '\\' => match chars.next() {
                Some('Z') if !bracket => out.push_str(r"\z"),
                Some(escaped) => out.extend(['\\', escaped]),
                None => out.push('\\'),
            },
            '[' if !bracket => {
                bracket = true;
                out.push('[');
                if chars.next_if_eq(&'^').is_some() {
                    out.push('^');
                }
                // Right after the opening a closing bracket is one of the set.
                if chars.next_if_eq(&']').is_some() {
                    out.push_str(r"\]");
                }
            }
            ']' if bracket => {
                bracket = false;
                out.push(']');
            }
            '[' | '&' | '~' if bracket => out.extend(['\\', c]),
            '$' if !bracket && !multi_line => out.push_str(r"(?:\n?\z)"),
            _ => out.push(c),
        }
    }
    out
}

/// Declares an expectation about a pattern.
macro_rules! patterned {
    ($(#[$attr:meta])* $Name:ident, $unexpected:literal) => {
        $(#[$attr])*
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
        #[serde(deny_unknown_fields)]
        pub struct $Name {
            /// The column.
            pub column: String,
            /// The pattern, in the syntax of Python's `re` without lookaround and backreferences. It may be anywhere in the
            /// text; `^` and `$` bind it to the ends.
            pub regex: String,
            /// The least share of rows with a value that must be so.
            #[serde(default = "all", skip_serializing_if = "is_all")]
            pub mostly: Fraction,
            /// What a failure means for the run.
            #[serde(default, skip_serializing_if = "Severity::is_default")]
            pub severity: Severity,
        }

        impl Expectation for $Name {
            fn column(&self) -> Option<&str> {
                Some(&self.column)
            }

            fn severity(&self) -> Severity {
                self.severity
            }

            fn check(&self) -> Result<(), String> {
                pattern(&self.regex).map(|_| ())
            }

            fn plan(&self, header: &Header, listing: &Listing) -> Result<Box<dyn Check>, String> {
                let (position, pattern) = (header.position(&self.column)?, pattern(&self.regex)?);
                let odd = move |text: &str| pattern.is_match(text) == $unexpected;
                Ok(Box::new(RowCheck::text(header, position, self.mostly, listing, odd)))
            }
        }
    };
}

patterned! {
    /// Every value, written as text, has the pattern. Missing cells are passed over.
    MatchRegex, false
}

patterned! {
    /// No value, written as text, has the pattern. Missing cells are passed over.
    NotMatchRegex, true
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Answers of Python's `re.search`.
    #[test]
    fn patterns_mean_what_they_mean_in_python() {
        for (python, text, expected) in [
            ("b", "abc", true),
            ("^b", "abc", false),
            ("c$", "abc\n", true),
            (r"c\Z", "abc\n", false),
            ("c$", "abc\n\n", false),
            ("(?m)b$", "ab\nc", true),
            ("[[]", "[", true),
            ("[]a]+$", "]a", true),
            ("[a&&b]", "&", true),
            ("[$]", "a$b", true),
            (r"\$", "a$b", true),
            (r"^\w+$", "été", true),
            (r"(?P<n>\d)", "x1", true),
            ("(?i)ABC", "abc", true),
        ] {
            assert_eq!(pattern(python).unwrap().is_match(text), expected, "{python}");
        }
    }

    #[test]
    fn what_cannot_be_done_is_an_error_that_says_so() {
        assert!(pattern("a(?=b)").unwrap_err().contains("look-around"));
        assert!(pattern(r"(a)\1").unwrap_err().contains("backreferences"));
        assert!(pattern("a(").unwrap_err().contains("unclosed group"));
    }
}
