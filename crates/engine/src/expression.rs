//! SQL expressions of one row: understood against a schema, computed batch by batch.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, BooleanArray, RecordBatch};
use arrow::compute::prep_null_mask_filter;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{DFSchema, SchemaError};
use datafusion::error::DataFusionError;
use datafusion::logical_expr::simplify::SimplifyContext;
use datafusion::logical_expr::{Expr, Operator, Volatility};
use datafusion::optimizer::simplify_expressions::ExprSimplifier;
use datafusion::physical_expr::expressions::BinaryExpr;
use datafusion::physical_expr::utils::{collect_columns, reassign_expr_columns};
use datafusion::physical_expr::{PhysicalExpr, expressions};
use trainer_data::Fault;

use crate::EngineError;
use crate::engine::Room;
use crate::error::{nearest, unknown};

/// An expression over the columns of one schema.
#[derive(Debug, Clone)]
pub struct Expression {
    /// As it was written, with the name of its step: for messages.
    written: String,
    physical: Arc<dyn PhysicalExpr>,
    kind: DataType,
    /// The columns that it reads, by position in the schema.
    columns: Vec<usize>,
}

impl Expression {
    /// Understands SQL.
    ///
    /// # Errors
    /// `Config` when it is none, or names what is not there.
    pub fn parse(room: &Room, step: &str, text: &str, schema: &SchemaRef) -> Result<Self, EngineError> {
        let written = format!("{step}: {text}");
        let at = |error| refused(room, &written, error);
        let names = DFSchema::try_from(schema.as_ref().clone()).map_err(at)?;
        let parsed = room.state().create_logical_expr(text, &names).map_err(at)?;
        of_one_row(&written, &parsed)?;
        let context = SimplifyContext::builder().with_schema(Arc::new(names.clone()));
        let simplifier =
            ExprSimplifier::new(context.with_config_options(room.state().config_options().clone()).build());
        let typed = simplifier.coerce(parsed, &names).map_err(at)?;
        let simple = simplifier.simplify(typed).map_err(at)?;
        let physical = room.state().create_physical_expr(simple, &names).map_err(at)?;
        Self::new(written, checked(physical).map_err(EngineError::internal)?, schema)
    }

    /// A column as another type. What cannot be cast becomes an error.
    pub fn cast(step: &str, column: usize, kind: &DataType, schema: &SchemaRef) -> Result<Self, EngineError> {
        let name = schema.field(column).name();
        let cast = expressions::Column::new(name, column);
        let cast = expressions::cast(Arc::new(cast), schema, kind.clone()).map_err(EngineError::internal)?;
        Self::new(format!("{step}: {name} as {kind}"), cast, schema)
    }

    /// Whether a column of integers is at most so much.
    pub fn at_most(step: &str, column: usize, most: i64, schema: &SchemaRef) -> Result<Self, EngineError> {
        let compared = compared(column, Operator::LtEq, most, schema)?;
        Self::new(format!("{step}: time <= as_of"), compared, schema)
    }

    /// Whether a column of integers is above `above` and at most `most`.
    pub fn within(step: &str, column: usize, above: i64, most: i64, schema: &SchemaRef) -> Result<Self, EngineError> {
        let after = compared(column, Operator::Gt, above, schema)?;
        let after = Self::new(format!("{step}: over"), after, schema)?;
        Ok(after.and(Self::at_most(step, column, most, schema)?))
    }

    /// Whether both are true.
    pub fn and(self, other: Self) -> Self {
        let mut columns = [self.columns, other.columns].concat();
        columns.sort_unstable();
        columns.dedup();
        let physical = Arc::new(BinaryExpr::new(self.physical, Operator::And, other.physical));
        Self { written: other.written, physical, kind: DataType::Boolean, columns }
    }

    fn new(written: String, physical: Arc<dyn PhysicalExpr>, schema: &SchemaRef) -> Result<Self, EngineError> {
        let kind = physical.data_type(schema).map_err(EngineError::internal)?;
        let mut columns: Vec<usize> = collect_columns(&physical).iter().map(|column| column.index()).collect();
        columns.sort_unstable();
        Ok(Self { written, physical, kind, columns })
    }

    /// The columns that it reads, by position in the schema, in order.
    pub fn columns(&self) -> &[usize] {
        &self.columns
    }

    /// The same over a batch that has some of the columns only.
    pub fn over(&self, schema: &Schema) -> Result<Self, EngineError> {
        let physical = reassign_expr_columns(self.physical.clone(), schema).map_err(EngineError::internal)?;
        Ok(Self { physical, ..self.clone() })
    }

    /// Its value for every row.
    ///
    /// # Errors
    /// `Data` when a row has none, with the row's number; `first` is the number of the batch's first.
    pub fn values(&self, batch: &RecordBatch, first: u64) -> Result<ArrayRef, EngineError> {
        let whole = self.compute(batch);
        let Err(error) = whole else { return whole.map_err(|_| unreachable!("not an error")) };
        let wrong = (0..batch.num_rows()).find(|&row| self.compute(&batch.slice(row, 1)).is_err());
        let row = wrong.map(|row| first + row as u64 + 1);
        Err(match failed(&self.written, &error) {
            EngineError::Data(mut fault) => {
                fault.row = row;
                EngineError::Data(fault)
            }
            other => other,
        })
    }

    fn compute(&self, batch: &RecordBatch) -> Result<ArrayRef, DataFusionError> {
        self.physical.evaluate(batch)?.into_array(batch.num_rows())
    }

    /// Where it is true; a row for which it is unknown is not.
    pub fn truths(&self, batch: &RecordBatch, first: u64) -> Result<BooleanArray, EngineError> {
        let values = self.values(batch, first)?;
        let Some(truths) = values.as_any().downcast_ref::<BooleanArray>() else {
            // Only the type of nothing but nulls is admitted besides.
            return Ok(BooleanArray::from(vec![false; batch.num_rows()]));
        };
        Ok(match truths.nulls() {
            Some(_) => prep_null_mask_filter(truths),
            None => truths.clone(),
        })
    }

    /// The same, if it says yes or no.
    pub fn predicate(self) -> Result<Self, EngineError> {
        match self.kind {
            DataType::Boolean | DataType::Null => Ok(self),
            _ => {
                let message = format!("expected `{}` to be true or false, found {}", self.written, self.kind);
                Err(EngineError::config(Fault::new("not_a_condition", message)))
            }
        }
    }

    /// The column that it makes.
    pub fn field(&self, name: &str) -> Field {
        Field::new(name, self.kind.clone(), true)
    }
}

fn compared(column: usize, by: Operator, with: i64, schema: &SchemaRef) -> Result<Arc<dyn PhysicalExpr>, EngineError> {
    let column = Arc::new(expressions::Column::new(schema.field(column).name(), column));
    expressions::binary(column, by, expressions::lit(with), schema).map_err(EngineError::internal)
}

/// Integers that grow beyond their type are errors, where the query engine would go round.
fn checked(expression: Arc<dyn PhysicalExpr>) -> Result<Arc<dyn PhysicalExpr>, DataFusionError> {
    let strict = expression.transform_up(|node| {
        let Some(binary) = node.downcast_ref::<BinaryExpr>() else { return Ok(Transformed::no(node)) };
        let strict = BinaryExpr::new(binary.left().clone(), *binary.op(), binary.right().clone());
        Ok(Transformed::yes(Arc::new(strict.with_fail_on_overflow(true)) as _))
    });
    strict.map(|transformed| transformed.data)
}

fn failed(written: &str, error: &DataFusionError) -> EngineError {
    match error.find_root() {
        DataFusionError::ArrowError(error, _) => EngineError::of_arrow(written, error),
        // The words of functions may quote a cell.
        _ => EngineError::data(Fault::new(
            "step_failed",
            format!("expected `{written}` to be computed, found a cell that a function does not take"),
        )),
    }
}

/// Refuses what is no value of one row, and what would not be the same again.
fn of_one_row(written: &str, expression: &Expr) -> Result<(), EngineError> {
    let mut wrong = None;
    let _ = expression.apply(|node| {
        wrong = wrong.take().or_else(|| objection(node));
        Ok(datafusion::common::tree_node::TreeNodeRecursion::Continue)
    });
    let Some((code, found)) = wrong else { return Ok(()) };
    Err(EngineError::config(Fault::new(code, format!("expected `{written}` to be a value of one row, found {found}"))))
}

fn objection(node: &Expr) -> Option<(&'static str, String)> {
    match node {
        Expr::AggregateFunction(function) => {
            Some(("not_of_one_row", format!("the aggregate `{}`", function.func.name())))
        }
        Expr::WindowFunction(function) => {
            Some(("not_of_one_row", format!("the window function `{}`", function.fun.name())))
        }
        Expr::Exists(_) | Expr::InSubquery(_) | Expr::ScalarSubquery(_) | Expr::SetComparison(_) => {
            Some(("not_of_one_row", "a query".into()))
        }
        Expr::Alias(_) => Some(("not_an_expression", "a name after `as`".into())),
        _ => changing(node).map(|name| ("not_reproducible", format!("`{name}`, which is another one each time"))),
    }
}

/// The function of a node that may give another value for the same row.
pub fn changing(node: &Expr) -> Option<&str> {
    match node {
        Expr::ScalarFunction(function) if function.func.signature().volatility != Volatility::Immutable => {
            Some(function.func.name())
        }
        _ => None,
    }
}

/// What the query engine says of SQL that it cannot take, in our words where its kind is known.
pub fn refused(room: &Room, written: &str, error: DataFusionError) -> EngineError {
    match error.find_root() {
        DataFusionError::SchemaError(schema, _) => match &**schema {
            SchemaError::FieldNotFound { field, valid_fields } => {
                let known = valid_fields.iter().map(|column| column.name.as_str());
                unknown("unknown_column", written, "column", &field.name, known)
            }
            other => sql_error("bad_sql", written, &other.to_string()),
        },
        DataFusionError::SQL(error, _) => sql_error("bad_sql", written, &error.to_string()),
        DataFusionError::Plan(text) => of_words(room, written, text),
        DataFusionError::Internal(text) => sql_error("bad_sql", written, text),
        other => sql_error("bad_sql", written, &other.message()),
    }
}

fn of_words(room: &Room, written: &str, text: &str) -> EngineError {
    let quoted = |before: &str| text.split_once(before)?.1.split_once('\'').map(|(name, _)| name.to_owned());
    if let Some(name) = quoted("Invalid function '") {
        let state = room.state();
        let known = state.scalar_functions().keys().chain(state.aggregate_functions().keys());
        let known: Vec<&str> = known.map(String::as_str).collect();
        let fault =
            Fault::new("unknown_function", format!("expected `{written}` to call a known function, found `{name}`"));
        return EngineError::config(match nearest(&name, known) {
            Some(near) => fault.hint(format!("did you mean `{near}`?")),
            None => fault,
        });
    }
    sql_error("bad_sql", written, text)
}

fn sql_error(code: &'static str, written: &str, found: &str) -> EngineError {
    let found = found.lines().next().unwrap_or_default();
    EngineError::config(Fault::new(
        code,
        format!("expected `{written}` to be SQL that fits the columns, found: {found}"),
    ))
}
