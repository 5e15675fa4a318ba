//! The config: read, laid over with target, environment and `--set`, checked with every error at once, and typed.
//!
//! The JSON Schema that the typed structs state is what a file is held against, so a new learner, step or gate brings
//! its own keys, bounds and messages, and nothing changes here.

mod default;
mod document;
mod effective;
mod feature_shape;
mod inspect;
mod layer;
mod load;
mod nearest;
mod problem;
mod render;
mod rule;
mod schema;
mod shape;
mod source;
mod tree;
mod variable;
mod yaml;
mod yaml_document;

pub use document::Document;
pub use feature_shape::{BuildStep, Extract, FeatureConfig, Store, Validate};
pub use load::{Loaded, Overlay, load, load_as, load_file};
pub use problem::{Code, Problem};
pub use render::{Paint, render};
pub use schema::Schema;
pub use shape::{Config, Data, Expectations, Features, Fraction, OnFailure, OneOrMany, Project, Registry, Training};
pub use source::{Place, blot};
pub use yaml_document::document;
