//! Feature stores: opened from their folder, joined to labels, and fed.
//!
//! A folder is a Feast repository as it is (`feature_store.yaml`, and the registry that `feast apply` writes), or has a
//! `store.yaml` of our own with the same facts. What a view is and which row a label takes is `trainer_features`' matter;
//! here are the files.

mod brought;
mod joining;
mod labels;
mod materialized;
mod opened;
mod rows;
mod sorted;

pub use brought::{Brought, PartView};
pub use joining::{Asked, Joined, ViewTold, join};
pub use labels::time_column;
pub use materialized::{Materialized, materialize};
pub use opened::OpenStore;
pub use sorted::{JoinedRows, join_sorted};
