//! Feature stores as they are: a Feast repository's `feature_store.yaml` and registry, or the same facts in a YAML of our
//! own; and from a request (`view:feature`, or a feature service) to the joins that answer it.
//!
//! Nothing here reads a file: the caller brings the bytes of the registry, and takes the join to the rows.

mod message;
mod offered;
mod registry;
mod repository;
mod request;
mod spec;
mod store;

pub use offered::{Merged, Offered, merged, offered};
pub use registry::read_registry;
pub use repository::{RegistryConfig, RegistryPlace, Repository};
pub use request::{JoinKey, JoinedFeature, ViewJoin, Wanted};
pub use spec::{Age, EntitySpec, ServiceSpec, SourceSpec, StoreSpec, ViewSpec};
pub use store::{Selected, Service, Source, Store, Ttl, Unread, ValueType, View};
