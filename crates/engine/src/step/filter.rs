//! Rows for which a condition holds.

use std::collections::BTreeMap;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use trainer_data::Scan;

use super::MakesRows;
use crate::EngineError;
use crate::engine::Room;
use crate::expression::Expression;
use crate::mapped::Mapped;

/// Keeps the rows for which an SQL condition is true, such as `amount >= 0 and user_id is not null`, in their order. A row
/// for which it is unknown, as a value is missing, is not kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Filter(pub String);

impl MakesRows for Filter {
    fn rows(
        &self,
        room: &Arc<Room>,
        input: Arc<dyn Scan>,
        _others: &BTreeMap<String, Arc<dyn Scan>>,
    ) -> Result<Arc<dyn Scan>, EngineError> {
        let condition = Expression::parse(room, "filter", &self.0, &input.schema())?.predicate()?;
        Ok(Arc::new(Mapped::filtered(input, condition)))
    }
}
