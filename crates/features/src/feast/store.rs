use std::collections::BTreeMap;
use std::time::Duration;

use arrow::datatypes::{DataType, TimeUnit};
use trainer_data::Fault;

use crate::FeatureError;
use crate::error::{listed, nearest};

/// How old a feature may be; none: any age.
pub type Ttl = Option<Duration>;

/// The views and services of one project.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Store {
    /// The project.
    pub project: String,
    /// Views that can be joined.
    pub views: Vec<View>,
    /// Views that are there and cannot, with the reason.
    pub unread: Vec<Unread>,
    /// Feature services.
    pub services: Vec<Service>,
}

/// Features of an entity, and the files that they are in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct View {
    /// Its name.
    pub name: String,
    /// Columns that say whose features a row has; none: one row is everybody's.
    pub keys: Vec<String>,
    /// The features.
    pub features: Vec<String>,
    /// Types that are declared for keys and features.
    pub types: BTreeMap<String, ValueType>,
    /// How old a feature may be.
    pub ttl: Ttl,
    /// Where the rows are.
    pub source: Source,
}

/// The type that a column is declared to have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ValueType {
    /// Text.
    String,
    /// 32-bit integers.
    Int32,
    /// 64-bit integers.
    Int64,
    /// 64-bit floats.
    Double,
    /// 32-bit floats.
    Float,
    /// True or false.
    Bool,
    /// Instants.
    UnixTimestamp,
}

impl ValueType {
    /// The type of a column in the files.
    pub fn data_type(self) -> DataType {
        match self {
            Self::String => DataType::LargeUtf8,
            Self::Int32 => DataType::Int32,
            Self::Int64 => DataType::Int64,
            Self::Double => DataType::Float64,
            Self::Float => DataType::Float32,
            Self::Bool => DataType::Boolean,
            Self::UnixTimestamp => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
        }
    }
}

/// Files of feature rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// A file, a folder or a pattern, relative to the folder of the store; or an `s3://` address.
    pub uri: String,
    /// Where the bucket is, when it is not at AWS.
    pub s3_endpoint: Option<String>,
    /// Column of the time at which a row was true, by its name in the view.
    pub timestamp_field: String,
    /// Column of the time at which a row was written, by its name in the view.
    pub created_timestamp_column: Option<String>,
    /// Names of columns in the files, by their name in the view; those that are not here are called alike.
    pub columns: BTreeMap<String, String>,
}

impl Source {
    /// What the files call a column of the view.
    pub fn column<'a>(&'a self, name: &'a str) -> &'a str {
        self.columns.get(name).map_or(name, String::as_str)
    }
}

/// A view of a kind that this program cannot compute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unread {
    /// Its name.
    pub name: String,
    /// What it is.
    pub reason: String,
}

/// A named choice of features.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    /// Its name.
    pub name: String,
    /// The views that it takes features from.
    pub views: Vec<Selected>,
}

/// Features of one view within a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selected {
    /// The view.
    pub view: String,
    /// What the service calls it.
    pub alias: Option<String>,
    /// The features.
    pub features: Vec<String>,
    /// Columns of the labels, by the view's keys; those that are not here are called alike.
    pub key_columns: BTreeMap<String, String>,
}

impl Store {
    /// The view of that name.
    ///
    /// # Errors
    /// `Config`: `unknown_view` with the nearest name, or `unsupported_view` with what it is.
    pub fn view(&self, name: &str) -> Result<&View, FeatureError> {
        if let Some(view) = self.views.iter().find(|view| view.name == name) {
            return Ok(view);
        }
        if let Some(unread) = self.unread.iter().find(|view| view.name == name) {
            let message = format!("feature view `{name}` cannot be joined: {}", unread.reason);
            return Err(FeatureError::config(Fault::new("unsupported_view", message)));
        }
        let names = self.views.iter().map(|view| view.name.as_str());
        let names: Vec<&str> = names.chain(self.unread.iter().map(|view| view.name.as_str())).collect();
        let message = format!("expected a feature view of project `{}`, found none named `{name}`", self.project);
        Err(FeatureError::config(hinted(Fault::new("unknown_view", message), name, &names, "views")))
    }

    /// The service of that name.
    ///
    /// # Errors
    /// `Config` (`unknown_service`) with the nearest name.
    pub fn service(&self, name: &str) -> Result<&Service, FeatureError> {
        self.services.iter().find(|service| service.name == name).ok_or_else(|| {
            let names: Vec<&str> = self.services.iter().map(|service| service.name.as_str()).collect();
            let message =
                format!("expected a feature service of project `{}`, found none named `{name}`", self.project);
            FeatureError::config(hinted(Fault::new("unknown_service", message), name, &names, "services"))
        })
    }
}

impl View {
    /// Refuses a feature that the view has not.
    ///
    /// # Errors
    /// `Config` (`unknown_feature`) with the nearest name.
    pub(crate) fn require(&self, feature: &str) -> Result<(), FeatureError> {
        if self.features.iter().any(|known| known == feature) {
            return Ok(());
        }
        let names: Vec<&str> = self.features.iter().map(String::as_str).collect();
        let message = format!("expected a feature of view `{}`, found none named `{feature}`", self.name);
        Err(FeatureError::config(hinted(Fault::new("unknown_feature", message), feature, &names, "features")))
    }
}

pub(super) fn hinted(fault: Fault, wrong: &str, known: &[&str], what: &str) -> Fault {
    match nearest(wrong, known.iter().copied()) {
        Some(near) => fault.hint(format!("did you mean `{near}`?")),
        None if known.is_empty() => fault.hint(format!("the store has no {what}")),
        None => fault.hint(format!("the {what} are {}", listed(known.iter().copied()))),
    }
}
