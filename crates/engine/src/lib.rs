//! Rows by a query engine: what needs more than a row at a time, in bounded memory and in a defined order.

pub use datafusion::prelude::SessionContext;
