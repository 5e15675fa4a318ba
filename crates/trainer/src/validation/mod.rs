//! `trainer validate`: rules of several kinds held against a file, and what came of it as text, JSON, Markdown and a page.

mod checkpoint;
mod flagged;
mod page;
mod rules;
mod verdict;
mod written;

pub use flagged::{Splits, write_splits};
pub use rules::{Given, Rules};
pub use verdict::{About, Line, Verdict};
pub use written::write;
