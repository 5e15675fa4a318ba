//! The joint level of several text columns, where a program looks it up: no text is joined, as the operator for that is
//! missing in the sets that are written. Each column is looked up among the parts that the keys can be made of, and a table
//! says what all parts together answer.

use std::collections::{BTreeSet, HashMap};

use trainer_data::Fault;
use trainer_onnx::Value;

use super::{Export, Text, lookup_answers, one_hot_answers};
use crate::FeatureError;
use crate::graph::{Node, NodeId};
use crate::program::cross::Cross;
use crate::program::fill::Constant;
use crate::program::lookup::Keys;
use crate::program::{CellType, ColumnOp};

/// The most answers in a table.
const MOST_ANSWERS: usize = 1 << 20;

/// The columns that are joined, and what takes the place of a joint text that is missing.
pub(super) struct Crossed<'a> {
    columns: &'a [NodeId],
    fill: Option<&'a str>,
}

/// What columns are when they are joined.
enum Joint {
    Text(String),
    /// None of the keys, whatever it is.
    Other,
    Missing,
}

impl<'a> Export<'a> {
    /// The cross that a text column is, if it is one, but for missing cells that were filled in.
    pub(super) fn crossed(&self, mut node: NodeId) -> Option<Crossed<'a>> {
        let plan = self.plan;
        let mut fill = None;
        loop {
            let Node::Apply { program, inputs } = plan.graph().at(node) else { return None };
            match &plan.programs()[*program].op {
                ColumnOp::Cross(_) => return Some(Crossed { columns: inputs, fill }),
                ColumnOp::Fill(op) => {
                    if let Constant::Text(text) = &op.value {
                        // The fill nearest to the cross leaves nothing for those after it.
                        fill = Some(text.as_str());
                    }
                    node = inputs[0];
                }
                _ => return None,
            }
        }
    }

    /// Looks up a joint level; `name` is what the joint column is called.
    pub(super) fn apply_to_cross(
        &mut self,
        op: &ColumnOp,
        crossed: &Crossed<'a>,
        name: &str,
    ) -> Result<Value<f64>, FeatureError> {
        let (keys, answers) = match op {
            ColumnOp::Lookup(op) => (&op.keys, lookup_answers(op, crossed.fill)),
            ColumnOp::OneHot(op) => (&op.keys, one_hot_answers(op, crossed.fill)),
            _ => {
                return Err(refused("the step `cross` with `buckets` has no ONNX form: no operator joins texts", name));
            }
        };
        let Keys::Text(keys) = keys else { unreachable!("keys of the column's type") };
        let texts = self.joined_texts(crossed, name)?;
        let parts = parts_of(keys, texts.len());
        let all = parts.iter().try_fold(1usize, |all, parts| all.checked_mul(parts.len() + 2));
        let Some(all) = all.filter(|&all| all <= MOST_ANSWERS) else {
            let message = "the step `cross` of so many levels has no ONNX form: a table of them would be too large";
            return Err(refused(message, name));
        };
        let places: HashMap<&str, usize> = keys.iter().enumerate().map(|(place, key)| (key.as_str(), place)).collect();
        let answer = |number: usize| match joint(number, &parts, &texts) {
            Joint::Text(text) => answers[places.get(text.as_str()).copied().unwrap_or(keys.len())],
            Joint::Other => answers[keys.len()],
            Joint::Missing => answers[keys.len() + 1],
        };
        let table = (0..all).map(answer).collect();
        let place = self.place_of_parts(parts, &texts);
        Ok(self.answers(table, &place))
    }

    fn joined_texts(&self, crossed: &Crossed<'a>, name: &str) -> Result<Vec<Text<'a>>, FeatureError> {
        let text = |&node: &NodeId| match self.plan.graph().cell_type(node) {
            CellType::Text if self.crossed(node).is_none() => Ok(self.text(node)),
            CellType::Text => Err(refused("the step `cross` of a cross has no ONNX form", name)),
            CellType::Number => {
                Err(refused("the step `cross` of numbers has no ONNX form: no operator writes them as text", name))
            }
        };
        crossed.columns.iter().map(text).collect()
    }

    /// The number of what each column is, as one number: the last column changes fastest.
    fn place_of_parts(&mut self, parts: Vec<Vec<String>>, texts: &[Text<'_>]) -> Value<i64> {
        let mut all: Option<Value<i64>> = None;
        for (text, parts) in texts.iter().zip(parts) {
            let size = parts.len() as i64 + 2;
            let place = self.place_of_text(&Keys::Text(parts), text);
            all = Some(match all {
                None => place,
                Some(before) => {
                    let size = self.graph.scalar(size);
                    let before = self.graph.mul(&before, &size);
                    self.graph.add(&before, &place)
                }
            });
        }
        all.expect("a cross has columns")
    }
}

fn refused(message: &str, name: &str) -> FeatureError {
    let fault = Fault::new("not_in_onnx", message).column(name);
    FeatureError::onnx(fault.hint("do this before the model: in the features that it is trained on"))
}

/// What each of so many columns can be where the joint text is a key: a text may hold what stands between two.
fn parts_of(keys: &[String], columns: usize) -> Vec<Vec<String>> {
    let mut parts = vec![BTreeSet::new(); columns];
    for key in keys {
        let pieces: Vec<&str> = key.split(Cross::BETWEEN).collect();
        for (column, parts) in parts.iter_mut().enumerate() {
            // Each other column has at least one piece.
            let after = columns - 1 - column;
            for first in column..pieces.len() {
                for last in first..pieces.len().saturating_sub(after) {
                    parts.insert(pieces[first..=last].join(Cross::BETWEEN));
                }
            }
        }
    }
    parts.into_iter().map(|parts| parts.into_iter().collect()).collect()
}

/// What the columns are together whose numbers make this one.
fn joint(mut number: usize, parts: &[Vec<String>], texts: &[Text<'_>]) -> Joint {
    let mut found: Vec<Option<&str>> = Vec::with_capacity(parts.len());
    let mut is_missing = false;
    for (parts, text) in parts.iter().zip(texts).rev() {
        let place = number % (parts.len() + 2);
        number /= parts.len() + 2;
        let is_gap = place == parts.len() + 1;
        is_missing |= is_gap && text.fill.is_none();
        found.push(if is_gap { text.fill } else { parts.get(place).map(String::as_str) });
    }
    found.reverse();
    match found.into_iter().collect::<Option<Vec<&str>>>() {
        _ if is_missing => Joint::Missing,
        Some(texts) => Joint::Text(texts.join(Cross::BETWEEN)),
        None => Joint::Other,
    }
}
