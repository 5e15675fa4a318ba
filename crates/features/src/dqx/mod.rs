//! Rules of Databricks' DQX: which rows break which rule.
//!
//! Rule files (YAML or JSON, read by the caller), names, messages and the columns `_errors` and `_warnings` are those of DQX
//! 0.17; which rows are flagged is what Spark flags. Conditions (`filter`, `sql_expression`) are SQL as far as
//! the `condition` module of expectations goes; what is beyond it is refused.
//!
//! Judging needs the whole table: rules over all rows (`is_unique`, `is_aggr_...`) flag each row.

mod date;
mod flag;
mod function;
mod judge;
mod rule;
mod test;

pub use flag::{ERRORS, Mark, WARNINGS};
pub use judge::{Judged, RuleCount};
pub use rule::{Criticality, Rule, RuleSet};

#[cfg(test)]
mod tests;
