use serde::{Deserialize, Serialize};
use trainer_data::Warning;

use crate::fitted_plan::Program;
use crate::program::ColumnOp;
use crate::program::lookup::Lookup;

/// What a step learned.
#[derive(Debug, Default)]
pub struct Learned {
    /// The programs to run, in order.
    pub programs: Vec<LearnedProgram>,
    /// Columns that are no features from now on.
    pub retired: Vec<String>,
    /// Columns that are gone.
    pub dropped: Vec<String>,
    /// What was odd about the training data.
    pub warnings: Vec<Warning>,
}

/// A program, and what its numbers mean.
#[derive(Debug)]
pub struct LearnedProgram {
    /// The program.
    pub program: Program,
    /// The levels' names, where its numbers are level codes.
    pub levels: Option<LevelNames>,
    /// What stands in its place for the rows that it was learned from.
    pub drawn: Option<Drawn>,
}

/// What stands in place of a lookup for the rows that it was learned from: to each fold of them, what the others say.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Drawn {
    /// How many folds there are.
    pub folds: u32,
    /// What they are drawn from.
    pub seed: u64,
    /// One for each fold.
    pub lookups: Vec<Lookup>,
}

/// What the codes of a column stand for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LevelNames {
    /// Levels by name.
    Named(Vec<String>),
    /// So many buckets, which have no names but their numbers.
    Numbered(u32),
}

impl LevelNames {
    /// How many there are.
    pub fn count(&self) -> usize {
        match self {
            Self::Named(names) => names.len(),
            Self::Numbered(count) => *count as usize,
        }
    }

    /// The names.
    pub fn names(&self) -> Vec<String> {
        match self {
            Self::Named(names) => names.clone(),
            Self::Numbered(count) => (0..*count).map(|number| number.to_string()).collect(),
        }
    }
}

impl Learned {
    /// Adds a program from one column to the column of the same name.
    pub fn in_place(&mut self, column: &str, op: impl Into<ColumnOp>) {
        self.put(column, None, op);
    }

    /// Adds a program from one column to that column; with a suffix to a new one beside it.
    pub fn put(&mut self, column: &str, suffix: Option<&str>, op: impl Into<ColumnOp>) {
        let output = format!("{column}{}", suffix.unwrap_or_default());
        self.add(op, vec![column.to_owned()], vec![output]);
        self.last().beside = suffix.is_some();
    }

    /// Adds a program in place of its first column.
    pub fn add(&mut self, op: impl Into<ColumnOp>, inputs: Vec<String>, outputs: Vec<String>) {
        let program = Program { op: op.into(), inputs, outputs, beside: false };
        self.programs.push(LearnedProgram { program, levels: None, drawn: None });
    }

    /// Adds a program whose columns come beside those that it reads.
    pub fn add_beside(&mut self, op: impl Into<ColumnOp>, inputs: Vec<String>, outputs: Vec<String>) {
        self.add(op, inputs, outputs);
        self.last().beside = true;
    }

    /// Says that the numbers of the last program are codes of these levels.
    pub fn coded(&mut self, levels: LevelNames) {
        self.programs.last_mut().expect("a program").levels = Some(levels);
    }

    /// Says what stands in place of the last program for the rows that it was learned from.
    pub fn drawn(&mut self, (folds, seed): (u32, u64), lookups: Vec<Lookup>) {
        self.programs.last_mut().expect("a program").drawn = Some(Drawn { folds, seed, lookups });
    }

    fn last(&mut self) -> &mut Program {
        &mut self.programs.last_mut().expect("just added").program
    }
}
