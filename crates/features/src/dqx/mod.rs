//! Rules of Databricks' DQX: which rows break which rule.
//!
//! Rule files (YAML or JSON, read by the caller), names, messages and the columns `_errors` and `_warnings` are those of DQX
//! 0.17; which rows are flagged is what Spark flags. Conditions (`filter`, `sql_expression`) are SQL as far as
//! the `condition` module of expectations goes; what is beyond it is refused.
//!
//! Rows are judged table by table. Rules over all rows (`is_unique`, `is_aggr_...`) flag each row, so that all must have
//! gone by before the first is judged: rows go by twice then, and what is kept is one entry for each value or group.

mod date;
mod flag;
mod function;
mod judge;
mod reference;
mod rule;
mod tally;
mod test;

pub use flag::{ERRORS, Mark, WARNINGS};
pub use judge::{Judge, Judged};
pub use reference::Reference;
pub use rule::{Criticality, Rule, RuleSet};
pub use tally::{RuleCount, Tally};

#[cfg(test)]
mod tests;
