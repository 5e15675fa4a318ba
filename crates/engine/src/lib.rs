//! Rows by a query engine: what needs more than a row at a time, in bounded memory and in a defined order.
//!
//! A [`RowStep`] makes rows of rows: [`Engine::apply`] takes a scan and gives a scan, which can be read again and again,
//! is computed while it is read, and gives the same rows in the same order with any number of threads and any limit of
//! memory. The query engine itself (DataFusion) plans expressions and queries, sorts, and merges what was sorted; it is not
//! seen outside of this crate. Groups are formed by our own code, for sums that are exact.

mod accumulator;
#[cfg(test)]
mod contract;
mod crew;
mod cut;
mod engine;
mod error;
mod exact_function;
mod expression;
mod feed;
mod grant;
mod grouping;
mod joining;
mod key_index;
mod limits;
mod mapped;
mod named;
mod numbered;
mod parting;
mod probe;
mod sort;
mod spill;
pub mod step;
mod tally;

pub use engine::{Applied, Engine};
pub use error::EngineError;
pub use limits::Limits;
pub use named::Named;
pub use sort::{Direction, Nulls, SortKey};
pub use step::RowStep;
pub use tally::Tally;
