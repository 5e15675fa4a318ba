//! Where runs are logged: MLflow over REST, and the embedded store that the official client opens.
//!
//! A run is a [`Record`], written beside the run's files before anything is sent. Publishing it is the same road for
//! every [`Store`], and can be walked again from anywhere: what is there is found, and not made twice.

mod address;
mod credentials;
mod embedded;
mod error;
mod limits;
mod local_files;
mod mlmodel;
mod open;
mod preflight;
mod promotion;
mod publish;
mod record;
mod rest;
mod retry;
mod settings;
mod store;

pub use address::{Address, ServerAddress};
pub use credentials::{Credentials, Secret};
pub use embedded::Embedded;
pub use error::TrackingError;
pub use limits::{alias_problem, experiment_name_problem, registered_name_problem};
pub use mlmodel::mlmodel_yaml;
pub use open::open;
pub use preflight::{Needs, preflight};
pub use promotion::{CHAMPION, Promotion, VALIDATION_STATUS, promote, rollback};
pub use publish::{Published, State, publish};
pub use record::{
    Artifact, Child, Dataset, Experiment, FORMAT, LoggedModel, Metric, Record, RunStatus, Tag, VersionRecord,
};
pub use rest::Rest;
pub use retry::Retry;
pub use settings::{Settings, Waiting};
pub use store::{
    ArtifactRoot, Entity, ExperimentInfo, Listed, ModelInfo, NewModel, NewRun, NewVersion, RegisteredModel, Registry,
    Run, RunInfo, Store, Tracking, Version,
};
