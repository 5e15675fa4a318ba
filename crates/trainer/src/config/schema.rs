//! The JSON Schema of a config, made from the typed structs, and the questions that are asked of it.

use serde_json::{Map, Value as Json, json};

use super::tree::{Node, Value};
use super::{Config, document::Document, nearest::nearest};

/// The schema of a config file.
#[derive(Debug)]
pub struct Schema {
    root: Json,
}

/// Which branch of a choice a value takes, or why none.
#[derive(Debug, PartialEq)]
pub enum Pick<'s> {
    /// This one.
    One(&'s Json),
    /// One of these: they must be tried.
    Some(Vec<&'s Json>),
    /// The section's tag, such as `type`, names none of these.
    WrongTag { tag: &'s str, known: Vec<&'s str> },
    /// The section has no tag.
    NoTag { tag: &'s str, known: Vec<&'s str> },
    /// The section must have exactly one of these keys.
    WrongKey { known: Vec<&'s str> },
    /// The text is none of these names.
    WrongName { known: Vec<&'s str> },
    /// The value is of no type that a branch has.
    WrongType,
}

impl Schema {
    /// The schema of [`Config`], with `targets`.
    pub fn of_config() -> Self {
        Self::of::<Config>()
    }

    /// The schema of a kind of config, with `targets`.
    pub fn of<C: Document>() -> Self {
        let mut root = schemars::schema_for!(C).to_value();
        root["title"] = C::TITLE.into();
        root["properties"]["targets"] = json!({
            "type": "object",
            "description": "Named overrides: `--target NAME` lays one of them over the rest of the file.",
            "additionalProperties": {"type": "object"},
            "default": {},
        });
        close(&mut root);
        Self { root }
    }

    /// The schema as editors are given it.
    pub fn for_editors(&self) -> Json {
        let mut root = self.root.clone();
        params_may_be_absent(&mut root);
        root
    }

    /// The schema of the whole file.
    pub fn root(&self) -> &Json {
        &self.root
    }

    /// The schema behind `$ref`.
    pub fn resolve<'s>(&'s self, schema: &'s Json) -> &'s Json {
        let mut schema = schema;
        while let Some(pointer) = schema.get("$ref").and_then(Json::as_str).and_then(|to| to.strip_prefix('#')) {
            schema = self.root.pointer(pointer).unwrap_or(&Json::Null);
        }
        schema
    }

    /// The branches of a choice, choices within choices laid flat; empty when the schema is no choice.
    pub fn branches<'s>(&'s self, schema: &'s Json) -> Vec<&'s Json> {
        let schema = self.resolve(schema);
        let of = |key: &str| schema.get(key).and_then(Json::as_array);
        let Some(list) = of("oneOf").or_else(|| of("anyOf")) else { return Vec::new() };
        list.iter()
            .flat_map(|branch| {
                let inner = self.branches(branch);
                if inner.is_empty() { vec![self.resolve(branch)] } else { inner }
            })
            .collect()
    }

    /// Whether a value is of the schema's type (not whether it is right).
    pub fn admits(&self, schema: &Json, node: &Node) -> bool {
        let schema = self.resolve(schema);
        let branches = self.branches(schema);
        if !branches.is_empty() {
            return branches.iter().any(|branch| self.admits(branch, node));
        }
        types(schema).is_none_or(|types| types.iter().any(|name| is(node, name)))
    }

    /// Which branch a value takes.
    pub fn pick<'s>(&'s self, branches: &[&'s Json], node: &Node) -> Pick<'s> {
        match &node.value {
            Value::Map(_) => self.pick_section(branches, node),
            Value::Text(text) => self.pick_name(branches, node, &text.value),
            _ => self.pick_by_type(branches, node),
        }
    }

    fn pick_by_type<'s>(&'s self, branches: &[&'s Json], node: &Node) -> Pick<'s> {
        let admitted: Vec<_> = branches.iter().copied().filter(|branch| self.admits(branch, node)).collect();
        match admitted[..] {
            [] => Pick::WrongType,
            [one] => Pick::One(one),
            _ => Pick::Some(admitted),
        }
    }

    fn pick_name<'s>(&'s self, branches: &[&'s Json], node: &Node, text: &str) -> Pick<'s> {
        let named = |branch: &&&'s Json| names(branch).contains(&text);
        if let Some(branch) = branches.iter().find(named) {
            return Pick::One(branch);
        }
        let known: Vec<&str> = branches.iter().flat_map(|branch| names(branch)).collect();
        let open: Vec<_> = branches.iter().copied().filter(|branch| names(branch).is_empty()).collect();
        match self.pick_by_type(&open, node) {
            Pick::WrongType if !known.is_empty() => Pick::WrongName { known },
            pick => pick,
        }
    }

    fn pick_section<'s>(&'s self, branches: &[&'s Json], node: &Node) -> Pick<'s> {
        let tagged: Vec<(&str, &str, &Json)> =
            branches.iter().filter_map(|branch| tag_of(branch).map(|(tag, name)| (tag, name, *branch))).collect();
        if let Some(&(tag, ..)) = tagged.first() {
            let known = || tagged.iter().map(|&(_, name, _)| name).collect();
            let Some(given) = node.get(tag) else { return Pick::NoTag { tag, known: known() } };
            let name = text_of(given);
            let branch = tagged.iter().find(|&&(_, known, _)| Some(known) == name);
            return branch.map_or_else(|| Pick::WrongTag { tag, known: known() }, |&(.., branch)| Pick::One(branch));
        }
        let keyed: Vec<(&str, &Json)> =
            branches.iter().filter_map(|branch| only_key(branch).map(|key| (key, *branch))).collect();
        let entries = node.entries().unwrap_or_default();
        if let [entry] = entries
            && let Some(&(_, branch)) = keyed.iter().find(|&&(key, _)| key == entry.key)
        {
            return Pick::One(branch);
        }
        let others: Vec<_> = branches.iter().copied().filter(|branch| only_key(branch).is_none()).collect();
        match self.pick_by_type(&others, node) {
            Pick::WrongType if !keyed.is_empty() => {
                Pick::WrongKey { known: keyed.iter().map(|&(key, _)| key).collect() }
            }
            pick => pick,
        }
    }

    /// Whether a section may be left out because every key of it has a default or may be left out as well.
    pub fn may_be_empty(&self, schema: &Json) -> bool {
        let schema = self.resolve(schema);
        types(schema).is_some_and(|types| types.contains(&"object"))
            && schema.get("required").and_then(Json::as_array).is_none_or(Vec::is_empty)
            && self.branches(schema).is_empty()
    }

    /// Whether it is a section with known keys.
    pub fn is_section(&self, schema: &Json) -> bool {
        let schema = self.resolve(schema);
        schema.get("properties").is_some() && self.branches(schema).is_empty()
    }

    /// Whether nothing stands where a section with nothing in it may: `training:` and no more.
    pub fn is_left_empty(&self, schema: &Json, node: &Node) -> bool {
        matches!(node.value, Value::Null)
            && !self.admits(schema, node)
            && (self.is_section(schema) || self.branches(schema).iter().any(|branch| self.may_be_empty(branch)))
    }

    /// What would be right, in words.
    pub fn expects(&self, schema: &Json) -> String {
        let schema = self.resolve(schema);
        let branches = self.branches(schema);
        if branches.is_empty() {
            return words(schema);
        }
        let known: Vec<&str> = branches.iter().flat_map(|branch| names(branch)).collect();
        let mut parts: Vec<String> = Vec::new();
        if !known.is_empty() {
            parts.push(list(&known));
        }
        let keys: Vec<&str> = branches.iter().filter_map(|branch| only_key(branch)).collect();
        if !keys.is_empty() {
            parts.push(format!("a section with one key of {}", list(&keys)));
        }
        for branch in branches.iter().filter(|branch| names(branch).is_empty() && only_key(branch).is_none()) {
            let part = words(branch);
            if !parts.contains(&part) {
                parts.push(part);
            }
        }
        parts.join(", or ")
    }

    /// Where else a key is known: the path of the section that has it.
    pub fn home_of(&self, key: &str) -> Option<String> {
        let mut open = vec![(String::new(), &self.root)];
        while let Some((path, schema)) = open.pop() {
            let schema = self.resolve(schema);
            let Some(properties) = schema.get("properties").and_then(Json::as_object) else { continue };
            if properties.contains_key(key) {
                return Some(path);
            }
            // A section that may hold itself would never end.
            if path.matches('.').count() > 8 {
                continue;
            }
            open.extend(properties.iter().map(|(name, inner)| (join(&path, name), inner)));
        }
        None
    }
}

/// A learner without `params` has its defaults, and an editor should not say otherwise.
fn params_may_be_absent(schema: &mut Json) {
    match schema {
        Json::Object(map) => {
            if let Some(required) = map.get_mut("required").and_then(Json::as_array_mut) {
                required.retain(|key| key != "params");
            }
            map.values_mut().for_each(params_may_be_absent);
        }
        Json::Array(items) => items.iter_mut().for_each(params_may_be_absent),
        _ => {}
    }
}

/// A section takes the keys that it names and no others, unless it says what others may be. The enums over sections leave
/// that open, and `{type: random_forest, parms: {...}}` must not pass for a forest with its defaults.
fn close(schema: &mut Json) {
    match schema {
        Json::Object(map) => {
            if map.contains_key("properties") && map.get("type").is_some_and(|kind| kind == "object") {
                map.entry("additionalProperties").or_insert(Json::Bool(false));
            }
            map.values_mut().for_each(close);
        }
        Json::Array(items) => items.iter_mut().for_each(close),
        _ => {}
    }
}

/// `section.key`.
pub fn join(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

/// Names in the way that messages list them.
pub fn list(names: &[&str]) -> String {
    match names {
        [one] => format!("`{one}`"),
        _ => format!("one of: {}", names.join(", ")),
    }
}

/// "did you mean", when there is something near.
pub fn did_you_mean(typed: &str, known: &[&str]) -> Option<String> {
    nearest(typed, known.iter().copied()).map(|name| format!("did you mean `{name}`?"))
}

/// The text of a node that is text.
pub fn text_of(node: &Node) -> Option<&str> {
    match &node.value {
        Value::Text(text) => Some(&text.value),
        _ => None,
    }
}

fn types(schema: &Json) -> Option<Vec<&str>> {
    match schema.get("type")? {
        Json::String(one) => Some(vec![one]),
        Json::Array(several) => Some(several.iter().filter_map(Json::as_str).collect()),
        _ => None,
    }
}

/// The names that a schema of text is limited to.
pub fn names(schema: &Json) -> Vec<&str> {
    let one = schema.get("const").and_then(Json::as_str);
    let several = schema.get("enum").and_then(Json::as_array).into_iter().flatten().filter_map(Json::as_str);
    one.into_iter().chain(several).collect()
}

fn properties(schema: &Json) -> Option<&Map<String, Json>> {
    schema.get("properties").and_then(Json::as_object)
}

/// The property that is a constant, and the constant: what tells tagged sections apart.
fn tag_of(schema: &Json) -> Option<(&str, &str)> {
    properties(schema)?.iter().find_map(|(key, inner)| Some((key.as_str(), inner.get("const")?.as_str()?)))
}

/// The key of a section that has exactly one.
fn only_key(schema: &Json) -> Option<&str> {
    let closed = schema.get("additionalProperties") == Some(&Json::Bool(false));
    let properties = properties(schema)?;
    let required = schema.get("required")?.as_array()?;
    (closed && properties.len() == 1 && required.len() == 1).then(|| properties.keys().next().map(String::as_str))?
}

fn is(node: &Node, name: &str) -> bool {
    match name {
        "null" => matches!(node.value, Value::Null),
        "boolean" => matches!(node.value, Value::Bool(_)),
        "integer" => matches!(node.value, Value::Integer(_)),
        "number" => matches!(node.value, Value::Integer(_) | Value::Float(_)),
        "string" => matches!(node.value, Value::Text(_)),
        "array" => matches!(node.value, Value::List(_)),
        "object" => matches!(node.value, Value::Map(_)),
        _ => false,
    }
}

fn words(schema: &Json) -> String {
    let known = names(schema);
    if !known.is_empty() {
        return list(&known);
    }
    let Some(types) = types(schema) else { return "a value".into() };
    let word = |name: &&str| match *name {
        "null" => "null".to_owned(),
        "boolean" => "true or false".to_owned(),
        "integer" => format!("a whole number{}", bounds(schema)),
        "number" => format!("a number{}", bounds(schema)),
        "string" => "text".to_owned(),
        "array" => "a list".to_owned(),
        _ => "a section of keys and values".to_owned(),
    };
    types.iter().map(word).collect::<Vec<_>>().join(" or ")
}

fn bounds(schema: &Json) -> String {
    let number = |key: &str| {
        schema.get(key).filter(|it| it.is_number()).map(|it| it.to_string().trim_end_matches(".0").to_owned())
    };
    match (number("minimum"), number("exclusiveMinimum"), number("maximum"), number("exclusiveMaximum")) {
        (Some(low), _, Some(high), _) => format!(" from {low} to {high}"),
        (_, Some(low), _, Some(high)) => format!(" between {low} and {high}, both excluded"),
        (Some(low), _, _, Some(high)) => format!(" from {low} to less than {high}"),
        (_, Some(low), Some(high), _) => format!(" greater than {low}, up to {high}"),
        (Some(low), ..) => format!(" of at least {low}"),
        (_, Some(low), ..) => format!(" greater than {low}"),
        (_, _, Some(high), _) => format!(" of at most {high}"),
        (.., Some(high)) => format!(" less than {high}"),
        _ => String::new(),
    }
}
