//! New columns by expressions.

use std::collections::BTreeMap;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use trainer_data::Scan;

use super::{MakesRows, ill_formed};
use crate::engine::Room;
use crate::expression::Expression;
use crate::mapped::Mapped;
use crate::{EngineError, Named};

/// Adds columns, each by an SQL expression over one row, such as `total: "price * quantity"`. A name that is there already
/// is replaced in its place; later expressions see the columns of earlier ones. As in SQL, an integer divided by an integer
/// is an integer. A cell that cannot be computed (a division of integers by zero, a number too large, a text that is no
/// number where one is cast) is an error with the number of its row; `try_cast` makes it missing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Derive(pub Named<String>);

impl MakesRows for Derive {
    fn check(&self) -> Result<(), String> {
        if self.0.is_empty() {
            return Err("expected at least one column, found none".into());
        }
        match self.0.iter().find(|(name, _)| name.trim().is_empty()) {
            Some((_, expression)) => Err(format!("expected a name for `{expression}`, found none")),
            None => Ok(()),
        }
    }

    fn rows(
        &self,
        room: &Arc<Room>,
        input: Arc<dyn Scan>,
        _others: &BTreeMap<String, Arc<dyn Scan>>,
    ) -> Result<Arc<dyn Scan>, EngineError> {
        self.check().map_err(|message| ill_formed("derive", message))?;
        let mut rows = input;
        for (name, text) in self.0.iter() {
            let value = Expression::parse(room, &format!("derive: {name}"), text, &rows.schema())?;
            rows = Arc::new(Mapped::extended(rows, name, value));
        }
        Ok(rows)
    }
}
