use std::path::PathBuf;

/// What the engine may use.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Bytes of rows and state that may be held at a time; what needs more is spilled to disk. `None` = no limit. It is
    /// no limit of the whole process: a batch that is under way, and what the reader and the writer hold, come on top.
    pub memory_bytes: Option<u64>,
    /// Threads that compute at a time, at least one.
    pub threads: usize,
    /// Where spilled rows are written, in files that are deleted again; `None` = the folder of the system.
    pub spill_folder: Option<PathBuf>,
}

impl Default for Limits {
    fn default() -> Self {
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        Self { memory_bytes: None, threads, spill_folder: None }
    }
}

impl Limits {
    /// Rows in a batch within the engine: few where memory is short, as every operator holds some.
    pub(crate) fn batch_rows(&self) -> usize {
        self.memory_bytes.map_or(BATCH_ROWS, |bytes| ((bytes >> 14) as usize).clamp(128, BATCH_ROWS))
    }
}

/// Rows in a batch that leaves the engine, whatever the limits are.
pub(crate) const BATCH_ROWS: usize = 8192;
