//! Where runs are logged: MLflow over REST, and the embedded store that the official client opens.
//!
//! A run is a [`Record`], written beside the run's files before anything is sent. Publishing it is the same road for
//! every [`Store`], and can be walked again from anywhere: what is there is found, and not made twice.

mod embedded;
mod error;
mod local_files;
mod mlmodel;
mod record;
mod store;

pub use embedded::Embedded;
pub use error::TrackingError;
pub use mlmodel::mlmodel_yaml;
pub use record::{
    Artifact, Child, Dataset, Experiment, FORMAT, LoggedModel, Metric, Record, RunStatus, Tag, VersionRecord,
};
pub use store::{
    ArtifactRoot, Entity, ExperimentInfo, ModelInfo, NewModel, NewRun, NewVersion, RegisteredModel, Registry, Run,
    RunInfo, Store, Tracking, Version,
};
