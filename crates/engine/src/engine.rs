use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use arrow::datatypes::SchemaRef;
use datafusion::execution::SessionState;
use datafusion::execution::TaskContext;
use datafusion::execution::disk_manager::{DiskManagerBuilder, DiskManagerMode};
use datafusion::execution::memory_pool::FairSpillPool;
use datafusion::execution::runtime_env::{RuntimeEnv, RuntimeEnvBuilder};
use datafusion::prelude::{SessionConfig, SessionContext};
use tempfile::TempDir;
use tokio::runtime::{Builder, Handle, Runtime};
use trainer_data::{Fault, Scan};

use crate::exact_function::ExactFunction;
use crate::grant::{Grant, Memory};
use crate::sort::{SortKey, Sorted};
use crate::tally::Tally;
use crate::{EngineError, Limits, RowStep};

/// What makes rows of rows: threads, memory and a folder for spilling that all its scans share. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Engine(Arc<Room>);

/// The result of a step.
#[derive(Debug, Clone)]
pub struct Applied {
    /// The rows, computed while they are read.
    pub scan: Arc<dyn Scan>,
    /// How many there were, once they have been read to the end.
    pub tally: Arc<Tally>,
}

impl Engine {
    /// An engine within these limits.
    ///
    /// # Errors
    /// `Memory` when threads cannot be started, or the spill folder cannot be written to.
    pub fn open(limits: &Limits) -> Result<Self, EngineError> {
        Ok(Self(Arc::new(Room::open(limits)?)))
    }

    /// The rows that a step makes of `input`; `others` are those that joins and queries may name. Nothing is read yet.
    ///
    /// # Errors
    /// `Config` when the step names what is not there, or cannot be understood.
    pub fn apply(
        &self,
        step: &RowStep,
        input: Arc<dyn Scan>,
        others: &BTreeMap<String, Arc<dyn Scan>>,
    ) -> Result<Applied, EngineError> {
        let tally = Arc::new(Tally::default());
        let rows = step.as_dyn().rows(&self.0, tally.input(input), others)?;
        Ok(Applied { scan: tally.output(rows), tally })
    }

    /// Whether a step can be applied to rows of this schema, and the schema of what it makes of them; `others` are the
    /// schemas of the further inputs.
    ///
    /// # Errors
    /// As [`Engine::apply`].
    pub fn check(
        &self,
        step: &RowStep,
        input: SchemaRef,
        others: &BTreeMap<String, SchemaRef>,
    ) -> Result<SchemaRef, EngineError> {
        let empty =
            |schema: &SchemaRef| Arc::new(trainer_data::MemoryScan::new(schema.clone(), vec![])) as Arc<dyn Scan>;
        let others = others.iter().map(|(name, schema)| (name.clone(), empty(schema))).collect();
        Ok(self.apply(step, empty(&input), &others)?.scan.schema())
    }

    /// The rows of `input` in the order of the keys; rows with equal keys stay in the order in which they were.
    ///
    /// # Errors
    /// `Config` when there is no such column, or it cannot be ordered.
    pub fn sort(&self, input: Arc<dyn Scan>, keys: &[SortKey]) -> Result<Arc<dyn Scan>, EngineError> {
        Ok(Arc::new(Sorted::new(&self.0, input, keys)?))
    }
}

/// What the scans of one engine share.
pub struct Room {
    runtime: Option<Runtime>,
    environment: Arc<RuntimeEnv>,
    memory: Memory,
    config: SessionConfig,
    state: SessionState,
    limits: Limits,
    /// Ours alone: what a run that is stopped has not deleted yet goes with it.
    spill: TempDir,
}

impl Room {
    fn open(limits: &Limits) -> Result<Self, EngineError> {
        let folder = limits.spill_folder.clone().unwrap_or_else(std::env::temp_dir);
        std::fs::create_dir_all(&folder).map_err(|error| no_folder(&folder, &error))?;
        let spill = tempfile::Builder::new().prefix("spill-").tempdir_in(&folder);
        let spill = spill.map_err(|error| no_folder(&folder, &error))?;
        let disk = DiskManagerBuilder::default()
            .with_mode(DiskManagerMode::Directories(vec![spill.path().to_path_buf()]))
            .with_max_temp_directory_size(u64::MAX)
            // A merge takes memory for each file that it reads: few at a time leave some for the others of its plan.
            .with_max_spill_merge_fan_in(if limits.memory_bytes.is_some() { 8 } else { 0 });
        let environment =
            RuntimeEnvBuilder::new().with_disk_manager_builder(disk).build_arc().map_err(EngineError::internal)?;
        let runtime = Builder::new_multi_thread()
            .worker_threads(limits.threads.max(1))
            .thread_name("rows")
            .build()
            .map_err(|error| EngineError::memory(format!("expected to start threads, found: {error}")))?;
        let config = config(limits);
        let state = session(&config, &environment).state();
        let memory = Memory::new(pool_bytes(limits));
        Ok(Self { runtime: Some(runtime), environment, memory, config, state, limits: limits.clone(), spill })
    }

    pub fn runtime(&self) -> &Runtime {
        self.runtime.as_ref().expect("there until it is dropped")
    }

    /// Functions and settings, without tables.
    pub fn state(&self) -> &SessionState {
        &self.state
    }

    /// A session of its own, for tables by name.
    pub fn session(&self) -> SessionContext {
        session(&self.config, &self.environment)
    }

    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// A part of the memory.
    pub fn grant(&self) -> Grant {
        self.memory.grant()
    }

    /// What a plan runs in, within its part of the memory.
    pub fn task(&self, grant: &Grant) -> Result<Arc<TaskContext>, EngineError> {
        let pool = Arc::new(FairSpillPool::new(grant.bytes()));
        let environment = RuntimeEnvBuilder::from_runtime_env(&self.environment).with_memory_pool(pool);
        let environment = environment.build_arc().map_err(EngineError::internal)?;
        let config = spilling(self.config.clone(), grant.bytes());
        Ok(Arc::new(TaskContext::from(&self.state).with_runtime(environment).with_session_config(config)))
    }

    pub fn spill_folder(&self) -> PathBuf {
        self.spill.path().to_path_buf()
    }
}

/// How long tasks that are no longer wanted may take to end.
const PATIENCE: Duration = Duration::from_secs(5);

impl Drop for Room {
    fn drop(&mut self) {
        let Some(runtime) = self.runtime.take() else { return };
        if Handle::try_current().is_ok() {
            // The last scan may be dropped by one of the runtime's own threads, which must not wait for itself.
            runtime.shutdown_background();
        } else {
            // Whoever still writes to the spill folder does so before it goes.
            runtime.shutdown_timeout(PATIENCE);
        }
    }
}

impl fmt::Debug for Room {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Room").field("limits", &self.limits).finish_non_exhaustive()
    }
}

fn session(config: &SessionConfig, environment: &Arc<RuntimeEnv>) -> SessionContext {
    let session = SessionContext::new_with_config_rt(config.clone(), environment.clone());
    ExactFunction::all().into_iter().for_each(|function| session.register_udaf(function));
    session
}

fn pool_bytes(limits: &Limits) -> usize {
    limits.memory_bytes.map_or(usize::MAX, |bytes| usize::try_from(bytes).unwrap_or(usize::MAX))
}

/// One partition: what the query engine computes has then one order. What may be parallel is made so by us.
fn config(limits: &Limits) -> SessionConfig {
    let mut config = SessionConfig::new()
        .with_target_partitions(1)
        .with_batch_size(limits.batch_rows())
        .with_collect_statistics(false);
    let options = config.options_mut();
    options.sql_parser.enable_ident_normalization = false;
    options.sql_parser.map_string_types_to_utf8view = false;
    // Hash joins do not spill; merged sorts do.
    options.optimizer.prefer_hash_join = limits.memory_bytes.is_none();
    config
}

/// How a plan spills that has so many bytes.
fn spilling(config: SessionConfig, bytes: usize) -> SessionConfig {
    // Rows that are merged are held a second time, as keys that may be longer than they are. What is not kept free for
    // that is missing in the midst of a merge, where nothing more can be spilled.
    let free = if bytes < UNLIMITED { bytes / 2 } else { 10 << 20 };
    config.with_sort_spill_reservation_bytes(free).with_sort_in_place_threshold_bytes((bytes / 16).min(1 << 20))
}

/// More bytes than any machine has.
const UNLIMITED: usize = 1 << 48;

fn no_folder(folder: &Path, error: &std::io::Error) -> EngineError {
    let message = format!("expected a folder for spilled rows that can be written to, found: {error}");
    EngineError::Memory(Box::new(Fault::new("spill_folder", message).file(folder.display().to_string())))
}
