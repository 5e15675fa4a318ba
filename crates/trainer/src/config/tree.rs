use std::sync::Arc;

use serde_json::Value as Json;

use super::source::Span;

/// Which layer a value came from; later ones win.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Layer {
    /// The default of the key.
    Default,
    /// The config file.
    File,
    /// A section of the file's `targets:`.
    Target(Arc<str>),
    /// A variable of the environment.
    Environment,
    /// A `--set` argument.
    Set,
}

/// A value with where it was written.
#[derive(Debug, Clone)]
pub struct Node {
    /// What was written.
    pub value: Value,
    /// Where; defaults have no place.
    pub span: Option<Span>,
    /// By whom.
    pub layer: Layer,
}

/// What was written.
#[derive(Debug, Clone)]
pub enum Value {
    /// Nothing.
    Null,
    /// True or false.
    Bool(bool),
    /// A whole number; past 128 bits it is cut to the nearest.
    Integer(i128),
    /// A number with a point or an exponent, maybe infinite or NaN.
    Float(f64),
    /// Text.
    Text(Text),
    /// A list.
    List(Vec<Node>),
    /// Keys and values in the order written, no key twice.
    Map(Vec<Entry>),
}

/// Text, and how it may be shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text {
    /// The text itself, `${VAR}` replaced.
    pub value: String,
    /// The text as written: no secrets from the environment in it.
    pub written: String,
}

/// One key of a map.
#[derive(Debug, Clone)]
pub struct Entry {
    /// The key.
    pub key: String,
    /// Where the key was written; defaults have no place.
    pub key_span: Option<Span>,
    /// Its value.
    pub node: Node,
}

impl Node {
    /// A node of a layer without a place.
    pub fn default_of(json: &Json) -> Self {
        let value = match json {
            Json::Null => Value::Null,
            Json::Bool(it) => Value::Bool(*it),
            Json::Number(it) => {
                it.as_i128().map_or_else(|| Value::Float(it.as_f64().unwrap_or(f64::NAN)), Value::Integer)
            }
            Json::String(it) => Value::Text(Text { value: it.clone(), written: it.clone() }),
            Json::Array(items) => Value::List(items.iter().map(Self::default_of).collect()),
            Json::Object(map) => Value::Map(
                map.iter()
                    .map(|(key, json)| Entry { key: key.clone(), key_span: None, node: Self::default_of(json) })
                    .collect(),
            ),
        };
        Self { value, span: None, layer: Layer::Default }
    }

    /// The entries, when it is a map.
    pub fn entries(&self) -> Option<&[Entry]> {
        match &self.value {
            Value::Map(entries) => Some(entries),
            _ => None,
        }
    }

    /// The entry with this key, when it is a map that has it.
    pub fn entry(&self, key: &str) -> Option<&Entry> {
        self.entries()?.iter().find(|entry| entry.key == key)
    }

    /// The value under this key.
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.entry(key).map(|entry| &entry.node)
    }

    /// The value at a path of keys and list positions.
    pub fn at<'a>(&self, path: impl IntoIterator<Item = &'a str>) -> Option<&Node> {
        path.into_iter().try_fold(self, |node, key| match &node.value {
            Value::List(items) => items.get(key.parse::<usize>().ok()?),
            _ => node.get(key),
        })
    }

    /// The value at a path of keys.
    pub fn at_mut<'a>(&mut self, path: impl IntoIterator<Item = &'a str>) -> Option<&mut Node> {
        path.into_iter().try_fold(self, |node, key| match &mut node.value {
            Value::Map(entries) => entries.iter_mut().find(|entry| entry.key == key).map(|entry| &mut entry.node),
            _ => None,
        })
    }

    /// Takes the entry with this key out of the map.
    pub fn remove(&mut self, key: &str) -> Option<Entry> {
        let Value::Map(entries) = &mut self.value else { return None };
        let at = entries.iter().position(|entry| entry.key == key)?;
        Some(entries.remove(at))
    }

    /// Gives the node and all below it to a layer.
    pub fn give_to(&mut self, layer: &Layer) {
        self.layer = layer.clone();
        match &mut self.value {
            Value::List(items) => items.iter_mut().for_each(|node| node.give_to(layer)),
            Value::Map(entries) => entries.iter_mut().for_each(|entry| entry.node.give_to(layer)),
            _ => {}
        }
    }

    /// As JSON, texts through `text`; numbers that JSON has not become null (they are refused before).
    fn json(&self, text: &dyn Fn(&Text) -> String) -> Json {
        match &self.value {
            Value::Null => Json::Null,
            Value::Bool(it) => Json::from(*it),
            Value::Integer(it) => {
                i64::try_from(*it).map_or_else(|_| u64::try_from(*it).map_or(Json::Null, Json::from), Json::from)
            }
            Value::Float(it) => Json::from(*it),
            Value::Text(it) => Json::from(text(it)),
            Value::List(items) => items.iter().map(|node| node.json(text)).collect(),
            Value::Map(entries) => {
                // A tag first: a reader of tagged sections then need not keep the rest aside.
                let (tags, others): (Vec<_>, Vec<_>) = entries.iter().partition(|entry| entry.key == "type");
                tags.into_iter().chain(others).map(|entry| (entry.key.clone(), entry.node.json(text))).collect()
            }
        }
    }

    /// As JSON with `${VAR}` replaced: what is decoded.
    pub fn to_json(&self) -> Json {
        self.json(&|text| text.value.clone())
    }

    /// As JSON with texts as written and passwords blotted out: what may be shown and kept.
    pub fn to_json_as_written(&self) -> Json {
        self.json(&|text| super::source::blot(&text.written))
    }
}
