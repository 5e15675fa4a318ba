//! The functions of `trainer-features` for engines that speak Python and Arrow: Spark, Ray, Dask.
//!
//! Batches cross by Arrow's C data interface, without a copy, and Python's lock is free while they are computed. What a
//! function means is said once, in `trainer-features`; here are types and errors alone. The Python side, with the adapter
//! for Spark, is in `python/`.

mod checks;
mod fault;
mod files;
mod folder;
mod join;
mod spec;
mod state;

use pyo3::prelude::*;

/// What `trainer_features` makes public; see its stubs.
#[pymodule]
mod _native {
    #[pymodule_export]
    use crate::checks::Checks;
    #[pymodule_export]
    use crate::fault::FeatureError;
    #[pymodule_export]
    use crate::files::{Files, Reading, Share};
    #[pymodule_export]
    use crate::folder::{Folder, Part};
    #[pymodule_export]
    use crate::join::PointInTime;
    #[pymodule_export]
    use crate::state::State;
}
