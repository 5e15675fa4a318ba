//! Who feeds the accumulators. Each accumulator is fed by one thread and sees the batches in their order, so that what it
//! computes is the same for any number of threads.

use std::cmp::Reverse;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::{self, JoinHandle};

use arrow::array::{ArrayRef, RecordBatch};

use crate::EngineError;
use crate::accumulator::{Accumulator, Aggregate, Rows};

/// A batch, and the group of each of its rows.
pub struct Load {
    pub batch: RecordBatch,
    pub groups: Vec<usize>,
    /// How many groups there are by now.
    pub total: usize,
}

/// Batches that may wait for a worker.
const WAITING: usize = 2;

/// Accumulators, by their places in the list of aggregates.
type Share = Vec<(usize, Box<dyn Accumulator>)>;

/// All accumulators, and the threads that feed them.
pub enum Crew {
    /// Whoever reads feeds them.
    Alone(Share),
    /// Workers, each with a share.
    Workers(Vec<Worker>),
}

pub struct Worker {
    loads: SyncSender<Arc<Load>>,
    thread: JoinHandle<Result<Share, EngineError>>,
    bytes: Arc<AtomicUsize>,
}

impl Crew {
    /// Accumulators of these aggregates. One of the threads is the one that reads and looks the groups up.
    pub fn new(aggregates: &[Aggregate], threads: usize) -> Self {
        let shares = shares(aggregates, threads.saturating_sub(1));
        if shares.len() == 1 && aggregates.len() < 3 || threads < 2 {
            return Self::Alone(shares.into_iter().flatten().collect());
        }
        Self::Workers(shares.into_iter().map(Worker::new).collect())
    }

    pub fn update(&mut self, load: Load) -> Result<(), EngineError> {
        match self {
            Self::Alone(share) => feed(share, &load),
            Self::Workers(workers) => {
                let load = Arc::new(load);
                let lost = workers.iter().position(|worker| worker.loads.send(load.clone()).is_err());
                // A worker only leaves early with an error.
                lost.map_or(Ok(()), |lost| workers.swap_remove(lost).join().map(drop))
            }
        }
    }

    /// Bytes held, as far as the workers have come.
    pub fn bytes(&self) -> usize {
        match self {
            Self::Alone(share) => held(share),
            Self::Workers(workers) => workers.iter().map(|worker| worker.bytes.load(Ordering::Relaxed)).sum(),
        }
    }

    /// The value of every aggregate for every group, in the order of the aggregates.
    pub fn finish(self, total: usize) -> Result<Vec<ArrayRef>, EngineError> {
        let mut share = match self {
            Self::Alone(share) => share,
            Self::Workers(workers) => {
                let shares = workers.into_iter().map(Worker::join).collect::<Result<Vec<_>, _>>()?;
                shares.into_iter().flatten().collect()
            }
        };
        share.sort_by_key(|(place, _)| *place);
        share.into_iter().map(|(_, accumulator)| accumulator.finish(total)).collect()
    }
}

/// Shares of like weight, at least one; none is empty but the only one.
fn shares(aggregates: &[Aggregate], workers: usize) -> Vec<Share> {
    let mut shares: Vec<(usize, Share)> =
        (0..workers.clamp(1, aggregates.len().max(1))).map(|_| (0, Vec::new())).collect();
    let mut order: Vec<usize> = (0..aggregates.len()).collect();
    order.sort_by_key(|&place| Reverse(aggregates[place].weight()));
    for place in order {
        let (weight, share) = shares.iter_mut().min_by_key(|(weight, _)| *weight).expect("at least one");
        *weight += aggregates[place].weight();
        share.push((place, aggregates[place].accumulator()));
    }
    shares.into_iter().map(|(_, share)| share).collect()
}

fn feed(share: &mut Share, load: &Load) -> Result<(), EngineError> {
    let rows = Rows { batch: &load.batch, groups: &load.groups, total: load.total };
    share.iter_mut().try_for_each(|(_, accumulator)| accumulator.update(&rows))
}

fn held(share: &Share) -> usize {
    share.iter().map(|(_, accumulator)| accumulator.bytes()).sum()
}

impl Worker {
    fn new(mut share: Share) -> Self {
        let (loads, waiting) = sync_channel::<Arc<Load>>(WAITING);
        let bytes = Arc::new(AtomicUsize::new(0));
        let told = bytes.clone();
        let thread = thread::spawn(move || {
            for load in waiting {
                feed(&mut share, &load)?;
                told.store(held(&share), Ordering::Relaxed);
            }
            Ok(share)
        });
        Self { loads, thread, bytes }
    }

    /// Waits until all loads are taken in.
    fn join(self) -> Result<Share, EngineError> {
        drop(self.loads);
        self.thread.join().unwrap_or_else(|_| Err(EngineError::internal("a thread that sums panicked")))
    }
}
