//! ONNX graphs: the messages, and a builder that knows the operators in use.
//!
//! A [`Graph`] is written from inputs to outputs. What an operator gives is a [`Value`] with the type of its elements, so
//! that an operator cannot be given what it does not take. The same calls give the same bytes.

mod attribute;
mod graph;
pub mod message;
mod operator;
mod trees;

pub use graph::{Axis, Element, Graph, Value};
pub use operator::Number;
pub use trees::{Branch, Trees, least_bytes};
