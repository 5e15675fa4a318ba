use arrow::error::ArrowError;
use datafusion::error::DataFusionError;
use trainer_data::{Fault, ScanError};

/// Why rows could not be made, cut by who must act.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EngineError {
    /// A step asks for what is not there or cannot be: a column, a function, a type, a query that is none.
    #[error("{0}")]
    Config(Box<Fault>),
    /// The rows cannot be used for what was asked: a division by zero, a sum too large, keys that repeat.
    #[error("{0}")]
    Data(Box<Fault>),
    /// Memory or room for spilling is not enough.
    #[error("{0}")]
    Memory(Box<Fault>),
    /// The query engine failed where it should not have.
    #[error("{0}")]
    Internal(Box<Fault>),
}

impl EngineError {
    /// Where and what.
    pub fn fault(&self) -> &Fault {
        match self {
            Self::Config(fault) | Self::Data(fault) | Self::Memory(fault) | Self::Internal(fault) => fault,
        }
    }

    /// Stable name of the kind of fault, such as `unknown_column`.
    pub fn code(&self) -> &'static str {
        self.fault().code
    }

    pub(crate) fn config(fault: Fault) -> Self {
        Self::Config(Box::new(fault))
    }

    pub(crate) fn data(fault: Fault) -> Self {
        Self::Data(Box::new(fault))
    }

    pub(crate) fn memory(message: impl Into<String>) -> Self {
        let fault = Fault::new("out_of_memory", message);
        Self::Memory(Box::new(fault.hint("allow more memory, or fewer threads")))
    }

    pub(crate) fn disk(what: &str, error: impl std::fmt::Display) -> Self {
        Self::Memory(Box::new(Fault::new("spill_failed", format!("expected to {what} a spilled file, found: {error}"))))
    }

    pub(crate) fn internal(error: impl std::fmt::Display) -> Self {
        Self::Internal(Box::new(Fault::new("engine_failed", format!("the query engine failed: {error}"))))
    }

    /// What went wrong while a plan ran.
    pub(crate) fn of_run(step: &str, error: DataFusionError) -> ScanError {
        let root = error.find_root();
        let error = match root {
            DataFusionError::ResourcesExhausted(text) => {
                Self::memory(format!("expected `{step}` to find room in memory and in the spill folder, found: {text}"))
            }
            DataFusionError::IoError(error) => Self::disk("use", error),
            DataFusionError::ArrowError(error, _) => Self::of_arrow(step, error),
            DataFusionError::External(error) if let Some(own) = error.downcast_ref::<Self>() => own.clone(),
            DataFusionError::Execution(text) => Self::data(Fault::new(
                "step_failed",
                format!("expected `{step}` to be computed, found: {}", first_line(text)),
            )),
            other => Self::internal(other),
        };
        Box::new(error)
    }

    /// What went wrong in a computation of cells. Says the kind and not the cell: it may be one that nobody is to see.
    pub(crate) fn of_arrow(what: &str, error: &ArrowError) -> Self {
        let found = match error {
            ArrowError::DivideByZero => "a division by zero",
            ArrowError::ArithmeticOverflow(_) => "a number that is too large for its type",
            ArrowError::CastError(_) | ArrowError::ParseError(_) => "a cell that cannot be cast",
            ArrowError::ExternalError(error) if let Some(own) = error.downcast_ref::<Self>() => return own.clone(),
            other => return Self::internal(other),
        };
        Self::data(Fault::new("step_failed", format!("expected `{what}` to be computed, found {found}")))
    }
}

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}

/// The known name that is nearest to a wrong one, if any is near.
pub(crate) fn nearest<'a>(wrong: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let wrong = wrong.to_lowercase();
    let letters = wrong.chars().count().max(3);
    let likeness = |name: &str| {
        let name = name.to_lowercase();
        let few = strsim::damerau_levenshtein(&wrong, &name) * 3 <= letters;
        strsim::jaro_winkler(&wrong, &name) + f64::from(u8::from(few))
    };
    let likenesses = known.into_iter().map(|name| (likeness(name), name)).filter(|(likeness, _)| *likeness > 0.8);
    likenesses.max_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, name)| name)
}

/// A name that was asked for and is not among `known`. `what` is a noun such as `column`.
pub(crate) fn unknown<'a>(
    code: &'static str,
    step: &str,
    what: &str,
    asked: &str,
    known: impl IntoIterator<Item = &'a str>,
) -> EngineError {
    let known: Vec<&str> = known.into_iter().collect();
    let fault = Fault::new(code, format!("expected `{step}` to name a {what} that is there, found `{asked}`"));
    EngineError::config(match nearest(asked, known.iter().copied()) {
        Some(near) => fault.hint(format!("did you mean `{near}`?")),
        None => fault.hint(format!("the {what}s are {}", listed(&known))),
    })
}

/// At most eight names, and how many more there are.
fn listed(names: &[&str]) -> String {
    let shown = names.iter().take(8).map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    if names.len() > 8 { format!("{shown} and {} more", names.len() - 8) } else { shown }
}
