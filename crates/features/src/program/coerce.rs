//! The number that a text says.

use serde::{Deserialize, Serialize};

use super::{Answer, Cell, CellType, Operator};

/// `y` = the number that the text says; what says none is counted, and becomes what `unparsable` says. Missing stays missing.
///
/// Numbers are written as the CSV reader takes them, with a decimal point; `true` is 1 and `false` 0. What usually stands for
/// a missing value (`NA`, `null`, `-`, blanks) is missing, and an infinite number is none. Leading zeros and a plus do no harm.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Coerce {
    /// What becomes of a text that says no number.
    pub unparsable: Unparsable,
}

/// What becomes of a text that says no number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Unparsable {
    /// It becomes 0, and so does a missing cell.
    Zero,
    /// It becomes missing.
    Null,
    /// It stops the run, with its place.
    #[default]
    Error,
}

/// What a text is as a number.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Parsed {
    /// This number.
    Number(f64),
    /// This number, written as a code is: with leading zeros, or a plus before its digits.
    Code(f64),
    /// It stands for a missing value.
    Missing,
    /// None.
    Nothing,
}

/// What stands for a missing value in a text file.
const TOKENS: [&str; 23] = [
    "NA", "na", "N/A", "n/a", "#N/A", "#NA", "<NA>", "NaN", "nan", "NAN", "-NaN", "-nan", "null", "NULL", "Null", "None",
    "none", "NONE", "nil", "\\N", ".", "-", "?",
];

/// Reads a text as a number.
pub(crate) fn parse(text: &str) -> Parsed {
    let text = text.trim_ascii();
    match text.as_bytes().first() {
        None => Parsed::Missing,
        Some(b'0'..=b'9' | b'+' | b'-' | b'.') => number(text),
        Some(b't' | b'T' | b'f' | b'F') => match text {
            "true" | "True" | "TRUE" => Parsed::Number(1.0),
            "false" | "False" | "FALSE" => Parsed::Number(0.0),
            _ => Parsed::Nothing,
        },
        Some(_) => other(text),
    }
}

fn other(text: &str) -> Parsed {
    if TOKENS.contains(&text) { Parsed::Missing } else { Parsed::Nothing }
}

/// `[sign] digits [. digits] [e [sign] digits]`, with a digit before or after the point.
fn number(text: &str) -> Parsed {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let count = |text: &str| text.bytes().position(|byte| !byte.is_ascii_digit()).unwrap_or(text.len());
    let whole = count(unsigned);
    let mut rest = &unsigned[whole..];
    let mut decimals = 0;
    if let Some(after) = rest.strip_prefix('.') {
        decimals = count(after);
        rest = &after[decimals..];
    }
    if whole + decimals == 0 {
        return other(text);
    }
    let is_plain = rest.is_empty() && whole == unsigned.len();
    if let Some(after) = rest.strip_prefix(['e', 'E']) {
        let digits = after.strip_prefix(['-', '+']).unwrap_or(after);
        if digits.is_empty() || count(digits) != digits.len() {
            return Parsed::Nothing;
        }
    } else if !rest.is_empty() {
        return Parsed::Nothing;
    }
    let value: f64 = text.parse().expect("it was just read");
    let is_code = whole > 1 && unsigned.starts_with('0') || is_plain && text.starts_with('+');
    match value.is_finite() {
        false => Parsed::Nothing,
        true if is_code => Parsed::Code(value),
        true => Parsed::Number(value),
    }
}

impl Operator for Coerce {
    fn output(&self, input: CellType) -> Result<CellType, &'static str> {
        if input == CellType::Text { Ok(CellType::Number) } else { Err("text") }
    }

    fn numbers(&self, inputs: &[&[f64]], output: &mut [f64], _unknown: &mut u64) {
        output.copy_from_slice(inputs[0]);
    }

    fn level(&self, cell: Cell<'_>) -> Answer {
        let Cell::Text(text) = cell else { return Answer::known(f64::NAN) };
        match parse(text) {
            Parsed::Number(value) | Parsed::Code(value) => Answer::known(value),
            Parsed::Missing => Answer::known(f64::NAN),
            Parsed::Nothing if self.unparsable == Unparsable::Zero => Answer::unknown(0.0),
            Parsed::Nothing => Answer::unknown(f64::NAN),
        }
    }

    fn asks_each_row(&self) -> bool {
        true
    }

    fn is_strict(&self) -> bool {
        self.unparsable == Unparsable::Error
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn numbers_are_those_of_the_csv_reader() {
        for (text, value) in [
            ("0", 0.0),
            ("-12", -12.0),
            (" 7\t", 7.0),
            ("18446744073709551616", 18_446_744_073_709_551_616.0),
            ("0.5", 0.5),
            (".5", 0.5),
            ("5.", 5.0),
            ("+5.5", 5.5),
            ("-1e-3", -0.001),
            ("1E+2", 100.0),
            ("true", 1.0),
            ("FALSE", 0.0),
        ] {
            assert_eq!(parse(text), Parsed::Number(value), "{text}");
        }
        for (text, value) in [("007", 7.0), ("+5", 5.0), ("-01", -1.0), ("00.5", 0.5)] {
            assert_eq!(parse(text), Parsed::Code(value), "{text}");
        }
        for text in ["e5", "1e", "1e+", "--1", "1.2.3", "0x1F", "1_000", "12a", "١٢", "1 2", "+", "1e999", "inf", "abc", "1,5"] {
            assert_eq!(parse(text), Parsed::Nothing, "{text}");
        }
        for text in ["", " ", "NA", "NaN", "?", "-", ".", "\\N", " null "] {
            assert_eq!(parse(text), Parsed::Missing, "{text}");
        }
    }

    #[test]
    fn what_is_no_number_becomes_what_was_asked_for() {
        let answer = |unparsable, text| Coerce { unparsable }.level(Cell::Text(text));
        assert_eq!((answer(Unparsable::Zero, "abc").value, answer(Unparsable::Zero, "abc").unknown), (0.0, true));
        assert!(answer(Unparsable::Null, "abc").value.is_nan() && answer(Unparsable::Null, "abc").unknown);
        assert!(answer(Unparsable::Zero, "NA").value.is_nan() && !answer(Unparsable::Zero, "NA").unknown);
        assert!(Coerce { unparsable: Unparsable::Error }.is_strict());
    }

    proptest! {
        #[test]
        fn any_text_is_something_and_floats_read_back(text in "\\PC{0,12}", number in "[-+0-9.eE ]{0,12}", float: f64) {
            parse(&text);
            parse(&number);
            if float.is_finite() {
                prop_assert_eq!(parse(&float.to_string()), Parsed::Number(float));
            }
        }
    }
}
