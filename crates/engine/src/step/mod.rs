//! Row steps: what a config can ask to be done to rows. Each makes a scan of a scan.
//!
//! A config lists them under `build`, each as one key with its parameters: `- filter: "amount >= 0"`. They run in the order
//! in which they are written, and each sees the rows and columns as those before it left them.

use std::collections::BTreeMap;
use std::sync::Arc;

use one_of::one_of;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use trainer_data::Scan;

use crate::EngineError;
use crate::engine::Room;

mod span;

pub use span::{Span, Unit};

one_of! {
    /// One step that makes rows of rows.
    #[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
    #[serde(rename_all = "snake_case")]
    pub enum RowStep: MakesRows {
        filter::Filter,
        select::Select,
        derive::Derive,
        dedupe::Dedupe,
        join::Join,
        group::Group,
        sql::Sql,
    }
}

/// What every row step can do.
pub trait MakesRows {
    /// The further inputs that it names.
    fn inputs(&self) -> Vec<&str> {
        Vec::new()
    }

    /// Whether its parameters make sense together; each alone is checked by its type.
    ///
    /// # Errors
    /// What was expected and what was found.
    fn check(&self) -> Result<(), String> {
        Ok(())
    }

    /// The rows that it makes.
    ///
    /// # Errors
    /// `Config` when it names what is not there, or cannot be understood.
    fn rows(
        &self,
        room: &Arc<Room>,
        input: Arc<dyn Scan>,
        others: &BTreeMap<String, Arc<dyn Scan>>,
    ) -> Result<Arc<dyn Scan>, EngineError>;
}

/// The position of a column that a step names.
fn position(step: &str, input: &dyn Scan, name: &str) -> Result<usize, EngineError> {
    let schema = input.schema();
    schema.index_of(name).map_err(|_| {
        let known = schema.fields().iter().map(|field| field.name().as_str());
        crate::error::unknown("unknown_column", step, "column", name, known)
    })
}

/// A step whose parameters do not fit together.
fn ill_formed(step: &str, message: impl Into<String>) -> EngineError {
    EngineError::config(trainer_data::Fault::new("bad_step", format!("`{step}`: {}", message.into())))
}

/// The first name that is there twice.
fn repeated<'a>(names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let mut seen = std::collections::HashSet::new();
    names.into_iter().find(|name| !seen.insert(*name))
}
