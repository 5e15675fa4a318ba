//! Fills a tree with the defaults that the schema states, so that what is shown is what is used.

use serde_json::Value as Json;

use super::inspect::decide;
use super::schema::Schema;
use super::tree::{Entry, Node, Value};

/// Adds every key that has a default and is not given, and puts known keys into the schema's order.
pub fn fill(schema: &Schema, node: &mut Node, at: &Json) {
    let target = schema.resolve(at);
    if schema.is_left_empty(target, node) {
        node.value = Value::Map(Vec::new());
    }
    let branches = schema.branches(target);
    if !branches.is_empty() {
        if let Some(branch) = decide(schema, &branches, node) {
            fill(schema, node, branch);
        }
        return;
    }
    match &mut node.value {
        Value::List(items) => {
            if let Some(inner) = target.get("items") {
                items.iter_mut().for_each(|item| fill(schema, item, inner));
            }
        }
        Value::Map(entries) => section(schema, entries, target),
        _ => {}
    }
}

fn section(schema: &Schema, entries: &mut Vec<Entry>, target: &Json) {
    let empty = serde_json::Map::new();
    let properties = target.get("properties").and_then(Json::as_object).unwrap_or(&empty);
    let mut given = std::mem::take(entries);
    for (key, inner) in properties {
        let at = given.iter().position(|entry| entry.key == *key);
        let entry = at.map(|at| given.remove(at)).or_else(|| default(schema, target, key, inner));
        entries.extend(entry);
    }
    entries.append(&mut given);
    for entry in entries {
        let inner = properties.get(&entry.key).or_else(|| target.get("additionalProperties"));
        if let Some(inner) = inner {
            fill(schema, &mut entry.node, inner);
        }
    }
}

fn default(schema: &Schema, section: &Json, key: &str, inner: &Json) -> Option<Entry> {
    let required = section.get("required").and_then(Json::as_array).is_some_and(|keys| keys.iter().any(|it| it == key));
    let stated = inner.get("default").or_else(|| schema.resolve(inner).get("default"));
    let empty = Json::Object(serde_json::Map::new());
    let value = match stated {
        Some(value) => value,
        None if required && schema.may_be_empty(inner) => &empty,
        None => return None,
    };
    Some(Entry { key: key.to_owned(), key_span: None, node: Node::default_of(value) })
}
