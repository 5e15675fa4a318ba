/// How a learner takes a column of categories.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Categories {
    /// As level codes, at most this many levels a column.
    Native {
        /// The largest number of levels.
        max_levels: u32,
    },
    /// As one column of zeros and ones a level.
    OneHot,
}

/// What a learner needs of its matrix: the plan without steps is made from this.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Needs {
    /// How it takes categories.
    pub categories: Categories,
    /// Whether it takes missing cells as they are.
    pub missing: bool,
    /// Whether it wants numbers standardized.
    pub scaled: bool,
}
