//! Rows by a query.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::{Schema, SchemaRef};
use datafusion::common::Column;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::error::DataFusionError;
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, SortExpr};
use datafusion::prelude::{SQLOptions, SessionContext};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use trainer_data::{Batches, Fault, Scan, ScanError};

use super::{MakesRows, repeated};
use crate::EngineError;
use crate::engine::Room;
use crate::expression::{changing, refused};
use crate::feed::{FirstError, ScanTable, run};
use crate::numbered::rows_of;
use crate::sort::{SortKey, Sorted};

/// Makes the rows of an SQL query: one `select`, with the rows so far as `input` and the further inputs by their names. It
/// reads no file, changes nothing, and calls no function that gives another value each time, such as `now()`.
///
/// The rows come in the order of its `order by`, ties by all other columns; without one, sorted by all columns. Ties in the
/// `order by` of a window function are the query's own to settle.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Sql(pub String);

impl MakesRows for Sql {
    fn rows(
        &self,
        room: &Arc<Room>,
        input: Arc<dyn Scan>,
        others: &BTreeMap<String, Arc<dyn Scan>>,
    ) -> Result<Arc<dyn Scan>, EngineError> {
        let mut tables = others.clone();
        tables.insert("input".into(), input);
        let schema = Arc::new(Schema::empty());
        let mut query = Query { room: room.clone(), text: self.0.clone(), tables, schema };
        let (_, plan) = query.plan(&FirstError::default())?;
        query.schema = schema_of(&plan)?;
        if is_sorted(&plan) {
            return Ok(Arc::new(query));
        }
        // By a sort of its own, which has memory of its own.
        let keys: Vec<SortKey> = query.schema.fields().iter().map(|field| SortKey::ascending(field.name())).collect();
        Ok(Arc::new(Sorted::new(room, Arc::new(query), &keys)?))
    }
}

#[derive(Debug)]
struct Query {
    room: Arc<Room>,
    text: String,
    tables: BTreeMap<String, Arc<dyn Scan>>,
    schema: SchemaRef,
}

impl Query {
    fn plan(&self, errors: &FirstError) -> Result<(SessionContext, LogicalPlan), EngineError> {
        let session = self.room.session();
        for (name, scan) in &self.tables {
            let table = Arc::new(ScanTable::new(&self.room, scan.clone(), errors));
            session.register_table(datafusion::common::TableReference::bare(name.as_str()), table).map_err(EngineError::internal)?;
        }
        let planned = self.room.runtime().block_on(session.state().create_logical_plan(&self.text));
        let plan = planned.map_err(|error| self.refused(error))?;
        only_reads(&plan)?;
        let plan = in_total_order(plan).map_err(|error| self.refused(error))?;
        Ok((session, plan))
    }

    fn refused(&self, error: DataFusionError) -> EngineError {
        if let Some(name) = missing_table(&error) {
            return crate::error::unknown("unknown_input", "sql", "input", &name, self.tables.keys().map(String::as_str));
        }
        refused(&self.room, "sql", error)
    }
}

/// The table that is not there, out of what the query engine says.
fn missing_table(error: &DataFusionError) -> Option<String> {
    let DataFusionError::Plan(text) = error.find_root() else { return None };
    let (name, _) = text.strip_prefix("table '")?.split_once("' not found")?;
    Some(name.rsplit('.').next().unwrap_or(name).to_owned())
}

/// Refuses all but a query that gives the same rows again.
fn only_reads(plan: &LogicalPlan) -> Result<(), EngineError> {
    let refuse = |code, found: &str| {
        let message = format!("expected `sql` to be one `select` that gives the same rows again, found {found}");
        Err(EngineError::config(Fault::new(code, message)))
    };
    let allowed = SQLOptions::new().with_allow_ddl(false).with_allow_dml(false).with_allow_statements(false);
    let shown = matches!(plan, LogicalPlan::Explain(_) | LogicalPlan::Analyze(_) | LogicalPlan::DescribeTable(_));
    if shown || allowed.verify_plan(plan).is_err() {
        return refuse("not_a_query", "another statement");
    }
    let mut found = None;
    plan.apply_with_subqueries(|node| {
        node.apply_expressions(|expression| {
            expression.apply(|node| {
                found = found.take().or_else(|| changing(node).map(str::to_owned));
                Ok(TreeNodeRecursion::Continue)
            })
        })
    })
    .map_err(EngineError::internal)?;
    match found {
        Some(name) => refuse("not_reproducible", &format!("`{name}`, which is another one each time")),
        None => Ok(()),
    }
}

/// The same rows; where they have an order, in one that leaves no tie but between rows that are equal.
fn in_total_order(plan: LogicalPlan) -> Result<LogicalPlan, DataFusionError> {
    match plan {
        LogicalPlan::Sort(mut sort) => {
            sort.expr.extend(all_columns(&sort.input));
            Ok(LogicalPlan::Sort(sort))
        }
        // Before rows are left out, not after.
        LogicalPlan::Limit(mut limit) => {
            let input = Arc::unwrap_or_clone(limit.input);
            let input = if is_sorted(&input) { in_total_order(input)? } else { sorted(input)? };
            limit.input = Arc::new(input);
            Ok(LogicalPlan::Limit(limit))
        }
        LogicalPlan::Projection(mut projection) if is_sorted(&projection.input) => {
            projection.input = Arc::new(in_total_order(Arc::unwrap_or_clone(projection.input))?);
            Ok(LogicalPlan::Projection(projection))
        }
        other => Ok(other),
    }
}

fn sorted(plan: LogicalPlan) -> Result<LogicalPlan, DataFusionError> {
    let columns = all_columns(&plan);
    LogicalPlanBuilder::from(plan).sort(columns)?.build()
}

fn is_sorted(plan: &LogicalPlan) -> bool {
    match plan {
        LogicalPlan::Sort(_) | LogicalPlan::Limit(_) => true,
        LogicalPlan::Projection(projection) => is_sorted(&projection.input),
        _ => false,
    }
}

fn all_columns(plan: &LogicalPlan) -> Vec<SortExpr> {
    plan.schema().columns().into_iter().map(|column| Expr::Column(column).sort(true, true)).collect()
}

/// The columns of the result, each with a name of its own.
fn schema_of(plan: &LogicalPlan) -> Result<SchemaRef, EngineError> {
    let fields = plan.schema().fields().iter().map(|field| field.as_ref().clone().with_nullable(true));
    let schema = Schema::new(fields.collect::<Vec<_>>());
    match repeated(schema.fields().iter().map(|field| field.name().as_str())) {
        None => Ok(Arc::new(schema)),
        Some(name) => {
            let message = format!("expected `sql` to give every column a name of its own, found `{name}` twice");
            Err(EngineError::config(Fault::new("duplicate_column", message).hint("name one of them with `as`")))
        }
    }
}

impl Scan for Query {
    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    fn open(&self, columns: &[usize]) -> Result<Batches, ScanError> {
        let errors = FirstError::default();
        let (session, plan) = self.plan(&errors)?;
        let known: Vec<Column> = plan.schema().columns();
        let outputs = columns.iter().map(|&column| Expr::Column(known[column].clone()));
        let plan = LogicalPlanBuilder::from(plan).project(outputs).and_then(LogicalPlanBuilder::build);
        let plan = plan.map_err(EngineError::internal)?;
        let physical = self.room.runtime().block_on(session.state().create_physical_plan(&plan));
        let physical = physical.map_err(|error| self.refused(error))?;
        let schema = Arc::new(self.schema.project(columns)?);
        let named = move |batch: Result<RecordBatch, ScanError>| {
            let batch = batch?;
            rows_of(schema.clone(), batch.columns().to_vec(), batch.num_rows())
        };
        Ok(Box::new(run(&self.room, "sql", &physical, errors)?.map(named)))
    }
}


