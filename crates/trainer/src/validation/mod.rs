//! `trainer validate`: rules of several kinds held against a file, and what came of it as text, JSON, Markdown and a page.

mod checkpoint;
mod flagged;
mod judging;
mod page;
mod passing;
mod rules;
mod verdict;
mod written;

pub use flagged::Splits;
pub use judging::{DqxRules, judge_dqx, judge_suite, referred};
pub use passing::Passing;
pub use rules::{Given, Rules};
pub use verdict::{About, Line, Verdict};
pub use written::write;
