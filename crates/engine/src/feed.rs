//! The way into the query engine and out of it: a scan as a table of one partition, and a plan's stream as batches.

use std::any::Any;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::Result as PlanResult;
use datafusion::error::DataFusionError;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::{Expr, TableType};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::streaming::{PartitionStream, StreamingTableExec};
use futures_util::stream::{self, StreamExt};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use trainer_data::{Batches, Scan, ScanError};

use crate::EngineError;
use crate::cut::Cut;
use crate::engine::Room;
use crate::grant::Grant;
use crate::limits::BATCH_ROWS;

/// Where the first error of a source is kept, as the query engine would only pass on a copy of its words.
#[derive(Debug, Clone, Default)]
pub struct FirstError(Arc<Mutex<Option<ScanError>>>);

impl FirstError {
    fn keep(&self, error: ScanError) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
    }

    fn take(&self) -> Option<ScanError> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// A scan as a table.
#[derive(Debug)]
pub struct ScanTable {
    room: Arc<Room>,
    scan: Arc<dyn Scan>,
    errors: FirstError,
}

impl ScanTable {
    pub fn new(room: &Arc<Room>, scan: Arc<dyn Scan>, errors: &FirstError) -> Self {
        Self { room: room.clone(), scan, errors: errors.clone() }
    }

    /// The plan that reads these columns.
    pub fn plan(&self, columns: &[usize]) -> PlanResult<Arc<dyn ExecutionPlan>> {
        let schema = Arc::new(self.scan.schema().project(columns)?);
        let partition = Partition {
            room: self.room.clone(),
            scan: self.scan.clone(),
            columns: columns.to_vec(),
            schema: schema.clone(),
            errors: self.errors.clone(),
        };
        Ok(Arc::new(StreamingTableExec::try_new(schema, vec![Arc::new(partition)], None, None, false, None)?))
    }
}

#[async_trait]
impl TableProvider for ScanTable {
    fn schema(&self) -> SchemaRef {
        self.scan.schema()
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    async fn scan(
        &self,
        _session: &dyn Session,
        projection: Option<&Vec<usize>>,
        _filters: &[Expr],
        _limit: Option<usize>,
    ) -> PlanResult<Arc<dyn ExecutionPlan>> {
        let all: Vec<usize> = (0..self.scan.schema().fields().len()).collect();
        self.plan(projection.unwrap_or(&all))
    }
}

struct Partition {
    room: Arc<Room>,
    scan: Arc<dyn Scan>,
    columns: Vec<usize>,
    schema: SchemaRef,
    errors: FirstError,
}

impl fmt::Debug for Partition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Partition").field("scan", &self.scan).finish_non_exhaustive()
    }
}

impl PartitionStream for Partition {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// A thread of its own pulls the scan, as reading may wait; it ends with the first batch that nobody takes.
    fn execute(&self, _context: Arc<TaskContext>) -> SendableRecordBatchStream {
        let (sender, receiver) = mpsc::channel(2);
        let (scan, columns, schema) = (self.scan.clone(), self.columns.clone(), self.schema.clone());
        let (errors, rows) = (self.errors.clone(), self.room.limits().batch_rows());
        self.room.runtime().spawn_blocking(move || {
            let pulled = catch_unwind(AssertUnwindSafe(|| pull(&*scan, &columns, schema, rows, &sender)));
            let result = pulled.unwrap_or_else(|panic| Err(Box::new(EngineError::internal(words(&*panic)))));
            if let Err(error) = result {
                errors.keep(error);
                // Nobody is there when the plan was given up: then nobody asks for the error either.
                let _ = sender.blocking_send(Err(DataFusionError::Execution("the input failed".into())));
            }
        });
        let batches = stream::unfold(receiver, |mut receiver| async move {
            let next = receiver.recv().await?;
            Some((next, receiver))
        });
        Box::pin(RecordBatchStreamAdapter::new(self.schema.clone(), batches))
    }
}

fn pull(
    scan: &dyn Scan,
    columns: &[usize],
    schema: SchemaRef,
    rows: usize,
    sender: &mpsc::Sender<PlanResult<RecordBatch>>,
) -> Result<(), ScanError> {
    for batch in Cut::new(scan.open(columns)?, schema, rows) {
        if sender.blocking_send(Ok(batch?)).is_err() {
            break;
        }
    }
    Ok(())
}

fn words(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "a panic".into())
}

/// Runs a plan of one partition. Its work stops when the batches are dropped.
pub fn run(
    room: &Arc<Room>,
    step: &'static str,
    plan: &Arc<dyn ExecutionPlan>,
    errors: FirstError,
) -> Result<Batches, ScanError> {
    let (sender, receiver) = mpsc::channel(2);
    let grant = room.grant();
    let context = room.task(&grant)?;
    let (started, schema) = (plan.execute(0, context), plan.schema());
    let work = room.runtime().spawn(async move {
        match started {
            Ok(mut batches) => {
                while let Some(batch) = batches.next().await {
                    if sender.send(batch).await.is_err() {
                        break;
                    }
                }
            }
            Err(error) => drop(sender.send(Err(error)).await),
        }
    });
    let running = Running { room: room.clone(), step, receiver, work, errors, failed: false, _grant: grant };
    Ok(Box::new(Cut::new(running, schema, BATCH_ROWS)))
}

struct Running {
    /// Threads must be there as long as somebody waits for them.
    room: Arc<Room>,
    step: &'static str,
    receiver: mpsc::Receiver<PlanResult<RecordBatch>>,
    work: JoinHandle<()>,
    errors: FirstError,
    failed: bool,
    /// Given back when the work is over.
    _grant: Grant,
}

impl Iterator for Running {
    type Item = Result<RecordBatch, ScanError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed {
            return None;
        }
        match self.receiver.blocking_recv() {
            Some(Ok(batch)) => Some(Ok(batch)),
            Some(Err(error)) => {
                self.failed = true;
                Some(Err(self.errors.take().unwrap_or_else(|| EngineError::of_run(self.step, error))))
            }
            None => self.ended(),
        }
    }
}

impl Running {
    /// The end, or a panic of the query engine: then the sender was dropped without a word.
    fn ended(&mut self) -> Option<Result<RecordBatch, ScanError>> {
        self.failed = true;
        let work = &mut self.work;
        let panic = self.room.runtime().block_on(work).err()?;
        Some(Err(Box::new(EngineError::internal(panic))))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.work.abort();
    }
}
