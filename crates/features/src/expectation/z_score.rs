//! Values not far from the mean.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::cell::Cell;
use super::check::{Block, Check, Counting};
use super::header::{Facts, Header};
use super::number::{deviation, mean, moments};
use super::rows::{self, Listing, Odd, Shown, UnexpectedRows};
use super::{Expectation, Outcome, Severity, all, is_all};
use crate::step::Fraction;

/// Every value is less than a number of standard deviations (of a sample) above the mean. Missing cells are passed over.
/// Needs memory: 16 bytes a row, and more where results list other columns.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ZScoresLessThan {
    /// The column.
    pub column: String,
    /// The number of standard deviations.
    pub threshold: f64,
    /// Whether the same holds below the mean.
    pub double_sided: bool,
    /// The least share of rows with a value that must be so.
    #[serde(default = "all", skip_serializing_if = "is_all")]
    pub mostly: Fraction,
    /// What a failure means for the run.
    #[serde(default, skip_serializing_if = "Severity::is_default")]
    pub severity: Severity,
}

impl Expectation for ZScoresLessThan {
    fn column(&self) -> Option<&str> {
        Some(&self.column)
    }

    fn severity(&self) -> Severity {
        self.severity
    }

    fn check(&self) -> Result<(), String> {
        let holds = self.threshold.is_finite();
        if holds { Ok(()) } else { Err(format!("expected a finite `threshold`, found {}", self.threshold)) }
    }

    fn plan(&self, header: &Header, listing: &Listing) -> Result<Box<dyn Check>, String> {
        let position = header.position(&self.column)?;
        if !header.is_numeric(position) {
            return Err(format!("expected a column of numbers, found {}", header.kind(position)));
        }
        let (shown, listing, expected) = (Shown::Cell(position), listing.clone(), self.clone());
        Ok(Box::new(ScoreCheck { shown, listing, expected }))
    }
}

/// Scores need the mean: all cells are kept.
struct ScoreCheck {
    shown: Shown,
    listing: Listing,
    expected: ZScoresLessThan,
}

/// Cells so far.
#[derive(Default)]
struct Cells {
    elements: u64,
    /// Row number and cell, of the cells with a value.
    present: Vec<(u64, f64)>,
    /// What is shown of a row: of whole numbers and booleans more than the float, and the cells besides.
    shown: Vec<Vec<Cell>>,
}

impl Counting for ScoreCheck {
    type Part = Cells;
    type State = Cells;

    fn look(&self, block: &Block<'_>) -> Cells {
        let position = self.shown.positions()[0];
        let numbers = block.rows().zip(block.numbers(position)).filter(|(_, x)| !x.is_nan());
        let mut cells = Cells { elements: block.rows().len() as u64, ..Cells::default() };
        let floats = block.column(position).kind() == trainer_data::Kind::Float && self.listing.besides.is_empty();
        for (row, number) in numbers {
            cells.present.push((block.number(row), number));
            if !floats {
                cells.shown.push(rows::cells(block, row, &self.shown, &self.listing));
            }
        }
        cells
    }

    fn merge(&self, state: &mut Cells, part: Cells) {
        state.elements += part.elements;
        state.present.extend(part.present);
        state.shown.extend(part.shown);
    }

    fn finish(&self, state: Cells, facts: &Facts<'_>) -> Result<Outcome, String> {
        let moments = moments(state.present.iter().map(|(_, x)| *x), true);
        let (mean, deviation) = (mean(&moments), deviation(&moments));
        let holds = |x: f64| {
            let score = (x - mean) / deviation;
            let score = if self.expected.double_sided { score.abs() } else { score };
            score < self.expected.threshold
        };
        let mut odd = Odd::default();
        for (at, &(row, x)) in state.present.iter().enumerate().filter(|(_, (_, x))| !holds(*x)) {
            let cells = || state.shown.get(at).cloned().unwrap_or_else(|| vec![Cell::Number(x)]);
            odd.push_as(row, cells, self.listing.most);
        }
        let counts = (state.elements, Some(state.elements - state.present.len() as u64));
        let mostly = self.expected.mostly.into();
        Ok(Outcome::Rows(UnexpectedRows::new(odd, counts, mostly, &self.shown, &self.listing, facts)))
    }
}
