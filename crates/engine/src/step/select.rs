//! Some columns, in a chosen order.

use std::collections::BTreeMap;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use trainer_data::Scan;

use super::{MakesRows, ill_formed, position, repeated};
use crate::engine::Room;
use crate::mapped::{Mapped, Output};
use crate::{EngineError, Named};

/// Keeps the columns that are named, in the order in which they are named.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Select {
    /// Their names.
    Columns(#[schemars(length(min = 1))] Vec<String>),
    /// A new name, and the name that the column has.
    Renamed(Named<String>),
}

impl Select {
    /// New names, and the names that the columns have.
    fn names(&self) -> Vec<(&str, &str)> {
        match self {
            Self::Columns(names) => names.iter().map(|name| (name.as_str(), name.as_str())).collect(),
            Self::Renamed(names) => names.iter().map(|(new, old)| (new, old.as_str())).collect(),
        }
    }
}

impl MakesRows for Select {
    fn check(&self) -> Result<(), String> {
        let names = self.names();
        if names.is_empty() {
            return Err("expected at least one column, found none".into());
        }
        match repeated(names.iter().map(|(new, _)| *new)) {
            Some(name) => Err(format!("expected every name once, found `{name}` again")),
            None => Ok(()),
        }
    }

    fn rows(
        &self,
        _room: &Arc<Room>,
        input: Arc<dyn Scan>,
        _others: &BTreeMap<String, Arc<dyn Scan>>,
    ) -> Result<Arc<dyn Scan>, EngineError> {
        self.check().map_err(|message| ill_formed("select", message))?;
        let output = |(new, old): (&str, &str)| Ok((new.to_owned(), Output::Column(position("select", &*input, old)?)));
        let outputs = self.names().into_iter().map(output).collect::<Result<_, EngineError>>()?;
        Ok(Arc::new(Mapped::projected(input, outputs)))
    }
}
