//! The messages of a registry file (`feast.core.Registry`) that are in use, with Feast's field numbers.
//!
//! Read only: fields that are not here are passed over.

use std::collections::HashMap;

use prost::{Enumeration, Message};

/// A whole registry.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Registry {
    #[prost(message, repeated, tag = "1")]
    pub entities: Vec<Entity>,
    #[prost(string, tag = "3")]
    pub registry_schema_version: String,
    #[prost(message, repeated, tag = "6")]
    pub feature_views: Vec<FeatureView>,
    #[prost(message, repeated, tag = "7")]
    pub feature_services: Vec<FeatureService>,
    #[prost(message, repeated, tag = "8")]
    pub on_demand_feature_views: Vec<OtherView>,
    #[prost(message, repeated, tag = "14")]
    pub stream_feature_views: Vec<OtherView>,
    #[prost(message, repeated, tag = "19")]
    pub label_views: Vec<OtherView>,
}

/// What rows are about.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Entity {
    #[prost(message, optional, tag = "1")]
    pub spec: Option<EntitySpec>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct EntitySpec {
    #[prost(string, tag = "1")]
    pub name: String,
    #[prost(string, tag = "4")]
    pub join_key: String,
    #[prost(string, tag = "9")]
    pub project: String,
}

/// Features of an entity, with where they come from.
#[derive(Clone, PartialEq, Message)]
pub(super) struct FeatureView {
    #[prost(message, optional, tag = "1")]
    pub spec: Option<FeatureViewSpec>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct FeatureViewSpec {
    #[prost(string, tag = "1")]
    pub name: String,
    #[prost(string, tag = "2")]
    pub project: String,
    /// Names of entities, not of columns.
    #[prost(string, repeated, tag = "3")]
    pub entities: Vec<String>,
    #[prost(message, repeated, tag = "4")]
    pub features: Vec<Field>,
    #[prost(message, optional, tag = "6")]
    pub ttl: Option<Duration>,
    #[prost(message, optional, tag = "7")]
    pub batch_source: Option<DataSource>,
    /// The columns of the join keys.
    #[prost(message, repeated, tag = "12")]
    pub entity_columns: Vec<Field>,
    #[prost(bool, tag = "20")]
    pub disabled: bool,
}

/// A view of a kind that is known by its name only.
#[derive(Clone, PartialEq, Message)]
pub(super) struct OtherView {
    #[prost(message, optional, tag = "1")]
    pub spec: Option<OtherViewSpec>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct OtherViewSpec {
    #[prost(string, tag = "1")]
    pub name: String,
    #[prost(string, tag = "2")]
    pub project: String,
}

/// A column of a view.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Field {
    #[prost(string, tag = "1")]
    pub name: String,
    /// `feast.types.ValueType.Enum`.
    #[prost(int32, tag = "2")]
    pub value_type: i32,
}

/// `google.protobuf.Duration`.
#[derive(Clone, Copy, PartialEq, Message)]
pub(super) struct Duration {
    #[prost(int64, tag = "1")]
    pub seconds: i64,
    #[prost(int32, tag = "2")]
    pub nanos: i32,
}

/// Where the rows of a view are.
#[derive(Clone, PartialEq, Message)]
pub(super) struct DataSource {
    #[prost(enumeration = "SourceType", tag = "1")]
    pub r#type: i32,
    /// From the source's columns to the view's.
    #[prost(map = "string, string", tag = "2")]
    pub field_mapping: HashMap<String, String>,
    #[prost(string, tag = "3")]
    pub timestamp_field: String,
    #[prost(string, tag = "5")]
    pub created_timestamp_column: String,
    #[prost(message, optional, tag = "11")]
    pub file_options: Option<FileOptions>,
    /// The files behind a stream or a push.
    #[prost(message, optional, boxed, tag = "26")]
    pub batch_source: Option<Box<DataSource>>,
}

/// What kind of source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Enumeration)]
#[repr(i32)]
pub(super) enum SourceType {
    Invalid = 0,
    BatchFile = 1,
    BatchBigquery = 2,
    StreamKafka = 3,
    StreamKinesis = 4,
    BatchRedshift = 5,
    CustomSource = 6,
    RequestSource = 7,
    BatchSnowflake = 8,
    PushSource = 9,
    BatchTrino = 10,
    BatchSpark = 11,
    BatchAthena = 12,
    BatchIceberg = 13,
}

/// Files.
#[derive(Clone, PartialEq, Message)]
pub(super) struct FileOptions {
    #[prost(message, optional, tag = "1")]
    pub file_format: Option<FileFormat>,
    #[prost(string, tag = "2")]
    pub uri: String,
    #[prost(string, tag = "3")]
    pub s3_endpoint_override: String,
}

/// How the files are written; neither = Parquet.
#[derive(Clone, PartialEq, Message)]
pub(super) struct FileFormat {
    #[prost(message, optional, tag = "1")]
    pub parquet: Option<Nothing>,
    #[prost(message, optional, tag = "2")]
    pub delta: Option<Nothing>,
}

#[derive(Clone, Copy, PartialEq, Message)]
pub(super) struct Nothing {}

/// A named choice of features.
#[derive(Clone, PartialEq, Message)]
pub(super) struct FeatureService {
    #[prost(message, optional, tag = "1")]
    pub spec: Option<FeatureServiceSpec>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct FeatureServiceSpec {
    #[prost(string, tag = "1")]
    pub name: String,
    #[prost(string, tag = "2")]
    pub project: String,
    #[prost(message, repeated, tag = "3")]
    pub features: Vec<Projection>,
}

/// Some features of a view. Its own times are not read: Feast 0.67 writes the created column where the time belongs.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Projection {
    #[prost(string, tag = "1")]
    pub feature_view_name: String,
    #[prost(message, repeated, tag = "2")]
    pub feature_columns: Vec<Field>,
    #[prost(string, tag = "3")]
    pub feature_view_name_alias: String,
    /// From the view's keys to the labels' columns.
    #[prost(map = "string, string", tag = "4")]
    pub join_key_map: HashMap<String, String>,
}
