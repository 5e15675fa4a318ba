//! A fitted plan over rows that come in batches: the same plan, from one table to another.

use std::collections::VecDeque;
use std::sync::mpsc::{Receiver, TryRecvError, channel};
use std::sync::{Arc, Mutex};

use arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions};
use arrow::datatypes::{DataType, Schema, SchemaRef};
use trainer_data::{Batches, Column, Fault, Scan, ScanError, Table, Warning};
use trainer_kernels::Device;

use crate::evaluation::Evaluation;
use crate::fitted_plan::{Tally, check_keys};
use crate::graph::NodeId;
use crate::output::{Cells, From, Layout, narrowed, text};
use crate::source::Sources;
use crate::{FeatureError, FittedPlan, on_device};

/// What a plan makes of the rows of a scan: all of its columns, those that the plan replaces or adds computed.
///
/// Columns that no step touches keep their type. What keeps values or adds them up is of 64-bit floats, what is scaled of
/// 32-bit floats as learners take them, bins and levels are whole numbers, and the columns of levels are booleans; missing cells are null. Batches are
/// computed in parallel and come in their order; a few are on their way at a time.
#[derive(Debug)]
pub struct PlanScan {
    plan: Arc<FittedPlan>,
    source: Arc<dyn Scan>,
    device: Device,
    layout: Layout,
    tally: Arc<Mutex<Tally>>,
}

impl FittedPlan {
    /// This plan over the rows of a scan.
    ///
    /// # Errors
    /// `Config` when a column that the plan adds is there already; `Data` when one that it reads is not, or is of another
    /// type.
    pub fn over(self: &Arc<Self>, source: Arc<dyn Scan>, device: &Device) -> Result<PlanScan, FeatureError> {
        check_keys(self.programs())?;
        let schema = source.schema();
        let layout = Layout::of(self, &schema)?;
        let scan = PlanScan { plan: self.clone(), source, device: device.clone(), layout, tally: Arc::default() };
        let all: Vec<usize> = (0..scan.layout.columns.len()).collect();
        let work = scan.work(&all);
        work.transform(&RecordBatch::new_empty(Arc::new(schema.project(&work.reads).map_err(malformed)?)))?;
        Ok(scan)
    }

    /// The columns of the table that the plan makes of one with this schema.
    ///
    /// # Errors
    /// `Config` when a column that the plan adds is there already.
    pub fn schema(&self, source: &Schema) -> Result<SchemaRef, FeatureError> {
        Ok(Layout::of(self, source)?.schema)
    }

    /// What the plan makes of one batch, and what was odd about it.
    ///
    /// # Errors
    /// As [`Self::over`], and `Data` when a cell cannot be taken: its row is that within the batch.
    pub fn transform(&self, batch: &RecordBatch, device: &Device) -> Result<(RecordBatch, Vec<Warning>), FeatureError> {
        check_keys(self.programs())?;
        let layout = Layout::of(self, &batch.schema())?;
        let work = Work::new(self, &layout, &batch.schema(), device);
        let (made, tally) = work.transform(&batch.project(&work.reads).map_err(malformed)?)?;
        Ok((made, self.told(&tally)))
    }
}

fn malformed(error: arrow::error::ArrowError) -> FeatureError {
    FeatureError::data(Fault::new("malformed_batch", error.to_string()))
}

/// What is done to each batch.
struct Work<P> {
    plan: P,
    device: Device,
    layout: Layout,
    /// The columns of the source that are read, by position.
    reads: Vec<usize>,
    /// The inputs of the plan among them.
    inputs: Vec<usize>,
}

impl<P: std::ops::Deref<Target = FittedPlan>> Work<P> {
    fn new(plan: P, layout: &Layout, source: &Schema, device: &Device) -> Self {
        let nodes: Vec<NodeId> = layout
            .columns
            .iter()
            .filter_map(|from| if let From::Node(node) = from { Some(*node) } else { None })
            .collect();
        let inputs = plan.graph().inputs_among(&plan.graph().needed(&nodes));
        let passed = layout.columns.iter().filter_map(|from| if let From::Source(i) = from { Some(*i) } else { None });
        let read = inputs.iter().filter_map(|&input| source.index_of(&plan.inputs()[input].name).ok());
        let mut reads: Vec<usize> = passed.chain(read).collect();
        reads.sort_unstable();
        reads.dedup();
        Self { plan, device: device.clone(), layout: layout.clone(), reads, inputs }
    }

    /// Of a batch of the columns that are read.
    fn transform(&self, batch: &RecordBatch) -> Result<(RecordBatch, Tally), FeatureError> {
        let rows = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
        let passed = |i: usize| batch.column(self.reads.binary_search(&i).expect("it is read")).clone();
        let mut columns: Vec<Option<ArrayRef>> = self.layout.columns.iter().map(|_| None).collect();
        let mut tally = Tally::default();
        if !self.inputs.is_empty() {
            let table = self.table(batch)?;
            let sources = Sources::open_some(&table, self.plan.inputs(), |input| self.inputs.contains(&input))?;
            let evaluation = Evaluation::new(self.plan.graph(), self.plan.programs(), &sources);
            tally = self.compute(&evaluation, &mut columns)?;
        }
        for (column, from) in columns.iter_mut().zip(&self.layout.columns) {
            if let From::Source(i) = from {
                *column = Some(passed(*i));
            }
        }
        let columns = columns.into_iter().map(|column| column.expect("passed or computed")).collect();
        let made = RecordBatch::try_new_with_options(self.layout.schema.clone(), columns, &rows).map_err(malformed)?;
        Ok((made, tally))
    }

    /// The columns that the plan reads.
    fn table(&self, batch: &RecordBatch) -> Result<Table, FeatureError> {
        let schema = batch.schema();
        let mut columns = Vec::with_capacity(self.inputs.len());
        for &input in &self.inputs {
            let name = &self.plan.inputs()[input].name;
            let array = batch.column_by_name(name).ok_or_else(|| {
                let names = schema.fields().iter().map(|field| field.name().as_str());
                FeatureError::data(crate::error::unknown_column(name, names))
            })?;
            columns.push(Column::new(name, array.clone()).map_err(|error| FeatureError::data(error.fault().clone()))?);
        }
        Table::from_columns(columns).map_err(|error| FeatureError::data(error.fault().clone()))
    }

    fn compute(&self, evaluation: &Evaluation<'_>, columns: &mut [Option<ArrayRef>]) -> Result<Tally, FeatureError> {
        let (mut on_host, mut on_gpu) = (Vec::new(), Vec::new());
        for (place, from) in self.layout.columns.iter().enumerate() {
            let From::Node(node) = *from else { continue };
            match self.layout.schema.field(place).data_type() {
                DataType::Utf8 => columns[place] = Some(text(evaluation, node)),
                // A device writes numbers of 32 bits.
                DataType::Float64 => on_host.push((place, node)),
                _ if matches!(self.device, Device::Gpu(_)) => on_gpu.push((place, node)),
                _ => on_host.push((place, node)),
            }
        }
        let mut unknown = self.on_host(evaluation, &on_host, columns)?;
        if let Device::Gpu(gpu) = &self.device {
            let (nodes, names) = self.named(&on_gpu);
            let (cells, counts) = on_device::matrix(evaluation, gpu, &nodes, &names)?;
            // Whoever computes a program meets all rows.
            unknown.iter_mut().zip(counts).for_each(|(count, other)| *count = (*count).max(other));
            let rows = evaluation.rows();
            for (number, &(place, _)) in on_gpu.iter().enumerate() {
                let cells = &cells[number * rows..(number + 1) * rows];
                columns[place] = Some(narrowed(self.layout.schema.field(place).data_type(), cells));
            }
        }
        Ok(Tally::of(evaluation.sources, unknown))
    }

    fn named(&self, places: &[(usize, NodeId)]) -> (Vec<NodeId>, Vec<&str>) {
        places.iter().map(|&(place, node)| (node, self.layout.schema.field(place).name().as_str())).unzip()
    }

    fn on_host(
        &self,
        evaluation: &Evaluation<'_>,
        places: &[(usize, NodeId)],
        columns: &mut [Option<ArrayRef>],
    ) -> Result<Vec<u64>, FeatureError> {
        let (nodes, names) = self.named(places);
        let data_type = |place: usize| self.layout.schema.field(place).data_type();
        let mut cells: Vec<Cells> =
            places.iter().map(|&(place, _)| Cells::new(data_type(place), evaluation.rows())).collect();
        let unknown = evaluation.run(&nodes, &names, cells.iter_mut().map(Cells::sink).collect())?;
        for (&(place, _), cells) in places.iter().zip(cells) {
            columns[place] = Some(cells.into_array());
        }
        Ok(unknown)
    }
}

impl PlanScan {
    fn work(&self, columns: &[usize]) -> Work<Arc<FittedPlan>> {
        Work::new(self.plan.clone(), &self.layout.project(columns), &self.source.schema(), &self.device)
    }

    /// What was odd about the rows that the last reading has come by so far.
    pub fn warnings(&self) -> Vec<Warning> {
        self.plan.told(&self.tally.lock().expect("nobody panicked"))
    }
}

impl Scan for PlanScan {
    fn schema(&self) -> SchemaRef {
        self.layout.schema.clone()
    }

    fn open(&self, columns: &[usize]) -> Result<Batches, ScanError> {
        let work = Arc::new(self.work(columns));
        let batches = self.source.open(&work.reads)?;
        *self.tally.lock().expect("nobody panicked") = Tally::default();
        let tally = self.tally.clone();
        // A GPU does one thing at a time.
        let most = if matches!(self.device, Device::Gpu(_)) { 1 } else { rayon::current_num_threads() + 1 };
        Ok(Box::new(Pipeline { work, batches: Some(batches), pending: VecDeque::new(), most, row: 0, tally }))
    }

    fn rows(&self) -> Option<u64> {
        self.source.rows()
    }
}

type Made = Result<(RecordBatch, Tally), FeatureError>;

/// Batches on their way: read one after the other, computed in parallel, delivered in order.
struct Pipeline {
    work: Arc<Work<Arc<FittedPlan>>>,
    /// None: there is nothing more to read.
    batches: Option<Batches>,
    pending: VecDeque<Result<Receiver<Made>, ScanError>>,
    /// How many may be on their way.
    most: usize,
    /// The first row of the next batch.
    row: u64,
    tally: Arc<Mutex<Tally>>,
}

impl Pipeline {
    /// Starts the next batch.
    fn start(&mut self) {
        let Some(batches) = &mut self.batches else { return };
        match batches.next() {
            None => self.batches = None,
            Some(Err(error)) => {
                self.batches = None;
                self.pending.push_back(Err(error));
            }
            Some(Ok(batch)) => {
                let (sender, receiver) = channel();
                let (work, first) = (self.work.clone(), self.row);
                self.row += batch.num_rows() as u64;
                let compute = move || {
                    // Nobody waits for it any more when the reading was given up.
                    let _ = sender.send(work.transform(&batch).map_err(|error| error.after(first)));
                };
                if self.most == 1 {
                    compute()
                } else {
                    rayon::spawn(compute)
                }
                self.pending.push_back(Ok(receiver));
            }
        }
    }
}

/// Waits for a batch; a thread of the pool works meanwhile, as it may be the only one.
fn wait(receiver: &Receiver<Made>) -> Made {
    if rayon::current_thread_index().is_none() {
        return receiver.recv().expect("a batch that was started is sent");
    }
    loop {
        match receiver.try_recv() {
            Ok(made) => return made,
            Err(TryRecvError::Empty) => {
                if rayon::yield_now() != Some(rayon::Yield::Executed) {
                    std::thread::yield_now();
                }
            }
            Err(TryRecvError::Disconnected) => unreachable!("a batch that was started is sent"),
        }
    }
}

impl Iterator for Pipeline {
    type Item = Result<RecordBatch, ScanError>;

    fn next(&mut self) -> Option<Self::Item> {
        while self.batches.is_some() && self.pending.len() < self.most {
            self.start();
        }
        let made = self.pending.pop_front()?.and_then(|receiver| wait(&receiver).map_err(ScanError::from));
        Some(match made {
            Ok((batch, tally)) => {
                self.tally.lock().expect("nobody panicked").add(&tally);
                Ok(batch)
            }
            Err(error) => {
                self.batches = None;
                self.pending.clear();
                Err(error)
            }
        })
    }
}

#[cfg(test)]
mod tests;
