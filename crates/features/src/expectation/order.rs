//! Values that rise or fall from row to row.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use trainer_data::Kind;

use super::carried::{self, bits};
use super::cell::Cell;
use super::check::{Block, Check, Counting};
use super::header::{Facts, Header};
use super::rows::{self, Listing, Odd, Shown, UnexpectedRows};
use super::{Expectation, Outcome, Severity, all, is_all, is_false};
use crate::step::Fraction;

/// Declares an expectation about each value and the one before it.
macro_rules! ordered {
    ($(#[$attr:meta])* $Name:ident, |$before:ident, $value:ident| $strict:expr) => {
        $(#[$attr])*
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
        #[serde(deny_unknown_fields)]
        pub struct $Name {
            /// The column.
            pub column: String,
            /// Whether a value equal to the one before it is unexpected.
            #[serde(default, skip_serializing_if = "is_false")]
            pub strictly: bool,
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

            fn plan(&self, header: &Header, listing: &Listing) -> Result<Box<dyn Check>, String> {
                let (position, strictly) = (header.position(&self.column)?, self.strictly);
                if let kind @ (Kind::Text | Kind::Boolean) = header.kind(position) {
                    return Err(format!("expected a column of numbers, dates or times, found {kind}"));
                }
                Ok(Box::new(OrderCheck {
                    shown: Shown::Cell(position),
                    mostly: self.mostly.into(),
                    listing: listing.clone(),
                    holds: Box::new(move |$before: f64, $value: f64| $strict || (!strictly && $before == $value)),
                }))
            }
        }
    };
}

/// Every value with the one before it.
struct OrderCheck {
    shown: Shown,
    mostly: f64,
    listing: Listing,
    holds: Box<dyn Fn(f64, f64) -> bool + Send + Sync>,
}

/// A row with a value at the end of some rows.
#[derive(Serialize, Deserialize)]
struct End {
    row: u64,
    #[serde(with = "bits")]
    number: f64,
    cells: Vec<Cell>,
}

/// The last value.
#[derive(Clone, Copy, Serialize, Deserialize)]
struct Last(#[serde(with = "bits")] f64);

/// Rows so far.
#[derive(Default, Serialize, Deserialize)]
struct Run {
    elements: u64,
    missing: u64,
    first: Option<End>,
    last: Option<Last>,
    odd: Odd,
}

impl Counting for OrderCheck {
    type Part = Run;
    type State = Run;

    fn look(&self, block: &Block<'_>) -> Run {
        let position = self.shown.positions()[0];
        let (elements, missing) = (block.rows().len() as u64, block.missing(position));
        let mut run = Run { elements, missing, ..Run::default() };
        for (row, number) in block.rows().zip(block.numbers(position)).filter(|(_, x)| !x.is_nan()) {
            match run.last.replace(Last(number)) {
                None => {
                    let cells = rows::cells(block, row, &self.shown, &self.listing);
                    run.first = Some(End { row: block.number(row), number, cells });
                }
                Some(Last(before)) if !(self.holds)(before, number) => {
                    run.odd.push(block, row, &self.shown, &self.listing);
                }
                Some(_) => {}
            }
        }
        run
    }

    fn merge(&self, state: &mut Run, part: Run) {
        state.elements += part.elements;
        state.missing += part.missing;
        if let (Some(Last(before)), Some(first)) = (state.last, &part.first)
            && !(self.holds)(before, first.number)
        {
            state.odd.push_as(first.row, || first.cells.clone(), self.listing.most);
        }
        state.odd.merge(part.odd, self.listing.most);
        state.last = part.last.or(state.last);
        // Of rows that may come after others.
        state.first = state.first.take().or(part.first);
    }

    fn save(&self, state: &Run) -> Option<serde_json::Value> {
        carried::saved(state)
    }

    fn read(&self, saved: serde_json::Value, first_row: u64) -> Option<Run> {
        let mut run: Run = carried::read(saved)?;
        run.odd = run.odd.after(first_row);
        run.first.iter_mut().for_each(|end| end.row += first_row);
        Some(run)
    }

    fn finish(&self, state: Run, facts: &Facts<'_>) -> Result<Outcome, String> {
        let counts = (state.elements, Some(state.missing));
        let rows = UnexpectedRows::new(state.odd, counts, self.mostly, &self.shown, &self.listing, facts);
        Ok(Outcome::Rows(rows))
    }
}

ordered! {
    /// No value is less than the one before it. Missing cells are passed over.
    BeIncreasing, |before, value| before < value
}

ordered! {
    /// No value is greater than the one before it. Missing cells are passed over.
    BeDecreasing, |before, value| before > value
}
