//! What all cells of a column say together about its type.

use crate::Warning;

use super::cell::Cell;
use super::shape::Shape;

/// Where more of a text column's cells are of another kind than this, it is worth a warning.
const MOST: f64 = 0.5;

/// Kinds of cells that are counted apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Class {
    Empty,
    Missing,
    Token,
    Integer,
    Negative,
    Unsigned,
    Long,
    Zeros,
    Float,
    Infinite,
    Boolean,
    Date,
    Local,
    Zoned,
    Formatted,
    Text,
}

const CLASSES: usize = Class::Text as usize + 1;

/// Kinds of cells that can be told from each other in a warning.
const FAMILIES: [(&str, &[Class]); 5] = [
    (
        "numbers",
        &[Class::Integer, Class::Negative, Class::Unsigned, Class::Long, Class::Zeros, Class::Float, Class::Infinite],
    ),
    ("dates", &[Class::Date]),
    ("timestamps without zone", &[Class::Local]),
    ("timestamps with zone", &[Class::Zoned]),
    ("booleans", &[Class::Boolean]),
];

const TYPED: [Class; 11] = [
    Class::Integer,
    Class::Negative,
    Class::Unsigned,
    Class::Long,
    Class::Zeros,
    Class::Float,
    Class::Infinite,
    Class::Boolean,
    Class::Date,
    Class::Local,
    Class::Zoned,
];

const UNTYPED: [Class; 2] = [Class::Formatted, Class::Text];

/// How many cells of each kind a column has, and the first of each.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tally {
    counts: [u64; CLASSES],
    firsts: [Option<First>; CLASSES],
    /// Decimals of seconds beyond the sixth.
    nanoseconds: bool,
    /// Instants that 64 bits of nanoseconds do not reach.
    far: bool,
}

/// Row (from 0) and text of a cell.
#[derive(Debug, Clone)]
struct First {
    row: u64,
    text: String,
}

impl Tally {
    /// Counts a cell.
    #[inline]
    pub(crate) fn add(&mut self, cell: Cell, row: u64, raw: &[u8]) {
        let class = self.class(cell) as usize;
        if self.counts[class] == 0 {
            self.firsts[class] = Some(First { row, text: shown(raw) });
        }
        self.counts[class] += 1;
    }

    fn class(&mut self, cell: Cell) -> Class {
        match cell {
            Cell::Empty => Class::Empty,
            Cell::Missing => Class::Missing,
            Cell::Token => Class::Token,
            Cell::Integer(value) if value < 0 => Class::Negative,
            Cell::Integer(_) => Class::Integer,
            Cell::Unsigned(_) => Class::Unsigned,
            Cell::Long => Class::Long,
            Cell::Zeros => Class::Zeros,
            Cell::Float(_) => Class::Float,
            Cell::Infinite(_) => Class::Infinite,
            Cell::Boolean(_) => Class::Boolean,
            Cell::Date(_) => Class::Date,
            Cell::Instant(instant) => {
                self.nanoseconds |= instant.nanoseconds % 1000 != 0;
                // 1678 to 2261, whole years.
                self.far |= !(-9_214_560_000..9_214_646_400).contains(&instant.seconds);
                if instant.zone { Class::Zoned } else { Class::Local }
            }
            Cell::Formatted => Class::Formatted,
            Cell::Text => Class::Text,
        }
    }

    /// Adds what a later part of the same column has; its rows start at `base`.
    pub(crate) fn join(&mut self, later: Tally, base: u64) {
        for (class, first) in later.firsts.into_iter().enumerate() {
            if self.counts[class] == 0 {
                self.firsts[class] = first.map(|first| First { row: first.row + base, ..first });
            }
            self.counts[class] += later.counts[class];
        }
        self.nanoseconds |= later.nanoseconds;
        self.far |= later.far;
    }

    fn count(&self, classes: &[Class]) -> u64 {
        classes.iter().map(|&class| self.counts[class as usize]).sum()
    }

    fn first(&self, classes: &[Class]) -> Option<&First> {
        classes.iter().filter_map(|&class| self.firsts[class as usize].as_ref()).min_by_key(|first| first.row)
    }

    /// Number of cells that are not missing.
    fn values(&self) -> u64 {
        self.counts.iter().sum::<u64>() - self.count(&[Class::Empty, Class::Missing, Class::Token])
    }

    /// Whether at least this share of the cells that are not missing are numbers, codes with leading zeros not among
    /// them.
    pub(crate) fn are_numbers(&self, share: f64) -> bool {
        let numbers = self.count(FAMILIES[0].1) - self.count(&[Class::Zeros]);
        numbers > 0 && numbers as f64 >= share * self.values() as f64
    }

    /// Whether the column is text for its long or infinite numbers alone: with a fraction among them it is of floats.
    pub(crate) fn is_provisional(&self) -> bool {
        self.shape() == Shape::Text && self.count(&[Class::Zeros]) == 0 && self.count(FAMILIES[0].1) == self.values()
    }

    /// The column's type: the one that holds every cell without loss.
    pub(crate) fn shape(&self) -> Shape {
        let values = self.values();
        let all = |classes: &[Class]| self.count(classes) == values;
        let [numbers, dates, local, zoned, booleans] = FAMILIES.map(|(_, classes)| classes);
        if values == 0 {
            Shape::Null
        } else if all(numbers) {
            self.number_shape()
        } else if all(dates) {
            Shape::Date
        } else if (all(local) || all(zoned)) && !(self.nanoseconds && self.far) {
            Shape::Instant { nanoseconds: self.nanoseconds, zone: all(zoned) }
        } else if all(booleans) {
            Shape::Boolean
        } else {
            Shape::Text
        }
    }

    /// The shape of a column that is declared to hold instants.
    pub(crate) fn instants(&self) -> Shape {
        let zone = self.count(&[Class::Zoned]) > self.count(&[Class::Local]);
        Shape::Instant { nanoseconds: self.nanoseconds && !self.far, zone }
    }

    fn number_shape(&self) -> Shape {
        let has = |class| self.count(&[class]) > 0;
        if has(Class::Zeros) {
            Shape::Text
        } else if has(Class::Float) || has(Class::Infinite) && self.count(&[Class::Integer, Class::Negative]) > 0 {
            Shape::Float
        } else if has(Class::Infinite) || has(Class::Long) || has(Class::Unsigned) && has(Class::Negative) {
            Shape::Text
        } else if has(Class::Unsigned) {
            Shape::Unsigned
        } else {
            Shape::Integer
        }
    }

    /// Whether the column is text, but its cells are whole numbers.
    pub(crate) fn is_digits(&self) -> bool {
        let whole = [Class::Integer, Class::Negative, Class::Unsigned, Class::Long, Class::Zeros];
        self.shape() == Shape::Text && self.count(&whole) == self.values()
    }

    /// What is odd about the column, given its type.
    pub(crate) fn warnings(&self, column: &str, file: &str, shape: Shape) -> Vec<Warning> {
        let mut warnings = Vec::new();
        let mut warn = |code, count, message| warnings.push(Warning::new(code, column, count, message));
        let at = |classes: &[Class]| {
            let first = self.first(classes).expect("a cell that was counted");
            format!("`{}` ({file}, row {})", first.text, first.row + 1)
        };
        if shape != Shape::Text {
            let tokens = self.count(&[Class::Token]);
            if tokens > 0 {
                let message =
                    format!("cells such as {} are read as missing; data.csv.nulls says otherwise", at(&[Class::Token]));
                warn("null_tokens", tokens, message);
            }
            return warnings;
        }
        if self.count(FAMILIES[0].1) == self.values() {
            let (code, classes, what): (_, &[Class], _) = match self.count(&[Class::Zeros]) {
                0 => ("long_integers", &[Class::Long, Class::Unsigned, Class::Infinite], "are beyond 64 bits"),
                _ => ("leading_zeros", &[Class::Zeros], "start with a zero or a plus"),
            };
            let message = format!("digits such as {} {what}: the column is read as text", at(classes));
            warn(code, self.count(classes), message);
            return warnings;
        }
        let formatted = self.count(&[Class::Formatted]);
        let numbers = self.count(FAMILIES[0].1);
        if formatted > self.count(&[Class::Text]) && (formatted + numbers) as f64 >= MOST * self.values() as f64 {
            let message = format!(
                "cells such as {} look like numbers with separators or signs: the column is read as text; \
                 data.csv.decimal sets the decimal mark",
                at(&[Class::Formatted])
            );
            warn("formatted_numbers", formatted, message);
        } else if self.count(&TYPED) as f64 >= MOST * self.values() as f64 {
            let (what, classes) = FAMILIES.iter().max_by_key(|(_, classes)| self.count(classes)).expect("families");
            let others: Vec<Class> =
                TYPED.iter().chain(&UNTYPED).copied().filter(|class| !classes.contains(class)).collect();
            let count = self.count(classes);
            // None are others where instants are too far apart for their decimals.
            if self.count(&others) > 0 {
                let share = 100.0 * count as f64 / self.values() as f64;
                let message = format!(
                    "{share:.1} % of the cells are {what}, but not {}: the column is read as text; \
                     mend the cells, or list them in data.csv.nulls if they stand for missing values",
                    at(&others)
                );
                warn("mixed_column", self.values() - count, message);
            }
        }
        warnings
    }
}

/// The start of a cell, in one line.
pub(crate) fn shown(raw: &[u8]) -> String {
    let text = String::from_utf8_lossy(&raw[..raw.len().min(160)]);
    let short: String = text.chars().take(40).flat_map(char::escape_debug).collect();
    if text.chars().count() > 40 { format!("{short}...") } else { short }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::csv::cell::Rules;

    fn tally(cells: &[&str]) -> Tally {
        let rules = Rules::new(&Default::default());
        let mut tally = Tally::default();
        for (row, text) in cells.iter().enumerate() {
            tally.add(rules.cell(text.as_bytes()), row as u64, text.as_bytes());
        }
        tally
    }

    #[test]
    fn the_type_that_holds_every_cell() {
        let instant = |nanoseconds, zone| Shape::Instant { nanoseconds, zone };
        for (cells, expected) in [
            (&["1", "", "-2"][..], Shape::Integer),
            (&["1", "2.5"], Shape::Float),
            (&["1", "NA"], Shape::Integer),
            (&["1", "inf"], Shape::Float),
            (&["inf", "inf"], Shape::Text),
            (&["007", "8"], Shape::Text),
            (&["1", "x"], Shape::Text),
            (&["1", "true"], Shape::Text),
            (&["true", "False"], Shape::Boolean),
            (&["9223372036854775808", "1"], Shape::Unsigned),
            (&["9223372036854775808", "-1"], Shape::Text),
            (&["18446744073709551616", "1"], Shape::Text),
            (&["18446744073709551616", "1.5"], Shape::Float),
            (&["2024-01-01", ""], Shape::Date),
            (&["2024-01-01", "2024-01-01T00:00"], Shape::Text),
            (&["2024-01-01T00:00", "2024-01-01 10:00:00"], instant(false, false)),
            (&["2024-01-01T00:00Z", "2024-01-01 10:00:00"], Shape::Text),
            (&["2024-01-01T00:00:00.123456789Z"], instant(true, true)),
            (&["1500-01-01T00:00:00.123456789Z"], Shape::Text),
            (&["1500-01-01T00:00:00.123456Z"], instant(false, true)),
            (&["", "NA"], Shape::Null),
        ] {
            assert_eq!(tally(cells).shape(), expected, "{cells:?}");
        }
    }

    #[test]
    fn warnings_say_which_cell() {
        let warn = |cells: &[&str]| {
            let tally = tally(cells);
            let warnings = tally.warnings("c", "a.csv", tally.shape());
            warnings.into_iter().map(|warning| (warning.code, warning.count, warning.message)).collect::<Vec<_>>()
        };
        let mut cells = vec!["1"; 19];
        cells.push("x");
        let [(code, count, message)] = &warn(&cells)[..] else { panic!("one warning") };
        assert_eq!((code.as_str(), *count), ("mixed_column", 1));
        assert!(message.starts_with("95.0 % of the cells are numbers, but not `x` (a.csv, row 20)"), "{message}");
        assert_eq!(warn(&["1", "x", "y"]), []);
        assert_eq!(warn(&["1", "2024-01-01", "true"])[0].1, 2);
        assert_eq!(warn(&["1", "2024-01-01", "true", "x"])[0].1, 3);
        assert_eq!(warn(&["1", " ", "NA"])[0].1, 2);
        assert_eq!(warn(&["007", "8"])[0].0, "leading_zeros");
        assert_eq!(warn(&["18446744073709551616", "8"])[0].0, "long_integers");
        assert_eq!(warn(&["$1", "$2.50", "3"])[0].0, "formatted_numbers");
        assert_eq!(warn(&["a", "b", ""]), []);
    }

    #[test]
    fn parts_join_with_their_rows() {
        let mut all = tally(&["1", "2"]);
        all.join(tally(&["3", "x", "y"]), 2);
        assert_eq!(all.shape(), Shape::Text);
        assert_eq!(all.first(&[Class::Text]).map(|first| (first.row, first.text.as_str())), Some((3, "x")));
        assert_eq!(all.values(), 5);
    }
}
