//! Holds a tree against the schema and notes everything that is wrong, each at its own place.

use serde_json::Value as Json;

use super::nearest::nearest;
use super::problem::{Code, Problem};
use super::schema::{Pick, Schema, did_you_mean, join, list, names, text_of};
use super::source::{Sources, Span};
use super::tree::{Entry, Node, Value};

/// More names than these are not listed where a hint names the one that is meant.
const MANY: usize = 16;

/// A walk over a tree.
pub struct Inspection<'a> {
    schema: &'a Schema,
    sources: &'a Sources,
    /// Texts that still hold `${VAR}` are passed over.
    unresolved: bool,
    problems: Vec<Problem>,
}

/// Everything that is wrong with a tree. With `unresolved`, texts that hold `${VAR}` are taken as right.
pub fn inspect(schema: &Schema, sources: &Sources, tree: &Node, unresolved: bool) -> Vec<Problem> {
    let mut walk = Inspection { schema, sources, unresolved, problems: Vec::new() };
    walk.value(tree, schema.root(), "", tree.span);
    walk.problems
}

/// The branch that a value takes in a choice, trying those that its type leaves open.
pub fn decide<'s>(schema: &'s Schema, branches: &[&'s Json], node: &Node) -> Option<&'s Json> {
    match schema.pick(branches, node) {
        Pick::One(branch) => Some(branch),
        Pick::Some(open) => open.into_iter().min_by_key(|branch| faults(schema, node, branch)),
        _ => None,
    }
}

fn faults(schema: &Schema, node: &Node, branch: &Json) -> usize {
    let mut walk = Inspection { schema, sources: &Sources::default(), unresolved: true, problems: Vec::new() };
    walk.value(node, branch, "", None);
    walk.problems.len()
}

impl<'a> Inspection<'a> {
    /// `anchor`: what a missing key points at, the key of the section.
    fn value(&mut self, node: &Node, schema: &Json, path: &str, anchor: Option<Span>) {
        if self.unresolved && text_of(node).is_some_and(|text| text.contains("${")) {
            return;
        }
        let target = self.schema.resolve(schema);
        let branches = self.schema.branches(target);
        if !branches.is_empty() {
            return self.choice(node, target, &branches, path, anchor);
        }
        if self.schema.is_section(target) && matches!(node.value, Value::Null) && !self.schema.admits(target, node) {
            return self.section(node, &[], target, path, anchor);
        }
        if !self.schema.admits(target, node) {
            return self.wrong_type(node, target, path);
        }
        match &node.value {
            Value::Map(entries) => self.section(node, entries, target, path, anchor),
            Value::List(items) => self.list(node, items, target, path),
            Value::Text(text) => self.text(node, &text.value, target, path),
            Value::Integer(number) => {
                self.whole(node, *number, target, path);
                // Bounds are small, or powers of two: no bound is lost in rounding.
                self.number(node, *number as f64, target, path);
            }
            Value::Float(number) => self.number(node, *number, target, path),
            Value::Null | Value::Bool(_) => {}
        }
    }

    fn report(&mut self, span: Option<Span>, problem: Problem) {
        let place = span.filter(|&span| self.sources.has(span)).map(|span| self.sources.place(span));
        self.problems.push(Problem { place, ..problem });
    }

    fn found(&self, node: &Node) -> String {
        let shown = |text: &str| {
            let line = text.lines().next().unwrap_or_default();
            let cut: String = line.chars().take(60).collect();
            if cut.len() < text.len() { format!("{cut}…") } else { cut }
        };
        let written = node.span.filter(|&span| self.sources.has(span)).map(|span| self.sources.slice(span));
        let written = written.unwrap_or_else(|| node.to_json_as_written().to_string());
        match &node.value {
            Value::Null => "nothing".into(),
            Value::Map(_) => "a section".into(),
            Value::List(_) => "a list".into(),
            Value::Text(_) => format!("the text `{}`", shown(&written)),
            Value::Bool(_) | Value::Integer(_) | Value::Float(_) => format!("`{}`", shown(&written)),
        }
    }

    fn wrong_type(&mut self, node: &Node, schema: &Json, path: &str) {
        let expected = self.schema.expects(schema);
        let mut problem = Problem::new(Code::WrongType, format!("wrong type of value for `{path}`"))
            .path(path)
            .expected(&expected)
            .found(self.found(node));
        problem.hint = retype(node, &expected);
        if path.is_empty() {
            problem.message = "a config is a section of keys and values".into();
        }
        self.report(node.span, problem);
    }

    fn wrong_name(&mut self, node: &Node, known: &[&str], expected: Option<String>, path: &str) {
        let typed = text_of(node).unwrap_or_default();
        let mut problem = Problem::new(Code::UnknownName, format!("unknown value for `{path}`"))
            .path(path)
            .expected(expected.unwrap_or_else(|| list(known)))
            .found(self.found(node));
        problem.hint = did_you_mean(typed, known);
        self.report(node.span, problem);
    }

    fn choice(&mut self, node: &Node, schema: &Json, branches: &[&Json], path: &str, anchor: Option<Span>) {
        match self.schema.pick(branches, node) {
            Pick::WrongType if self.schema.is_left_empty(schema, node) => {}
            Pick::One(branch) => self.value(node, branch, path, anchor),
            Pick::Some(_) => {
                if let Some(branch) = decide(self.schema, branches, node) {
                    self.value(node, branch, path, anchor);
                }
            }
            Pick::WrongTag { tag, known } => {
                if let Some(given) = node.get(tag) {
                    let path = join(path, tag);
                    if text_of(given).is_some() {
                        self.wrong_name(given, &known, None, &path);
                    } else {
                        let problem = Problem::new(Code::WrongType, format!("wrong type of value for `{path}`"))
                            .path(&path)
                            .expected(list(&known))
                            .found(self.found(given));
                        self.report(given.span, problem);
                    }
                }
            }
            Pick::NoTag { tag, known } => self.no_tag(node, tag, &known, path, anchor),
            Pick::WrongKey { known } => self.wrong_key(node, &known, path),
            Pick::WrongName { known } => self.wrong_name(node, &known, Some(self.schema.expects(schema)), path),
            Pick::WrongType => self.wrong_type(node, schema, path),
        }
    }

    fn no_tag(&mut self, node: &Node, tag: &str, known: &[&str], path: &str, anchor: Option<Span>) {
        let like = node.entries().unwrap_or_default().iter().find(|entry| nearest(&entry.key, [tag]).is_some());
        if let Some(entry) = like {
            self.unknown_key(entry, &[tag], path);
            return;
        }
        let problem = Problem::new(Code::MissingKey, format!("`{}` is missing", join(path, tag)))
            .path(join(path, tag))
            .expected(list(known));
        self.report(anchor.or(node.span), problem);
    }

    fn wrong_key(&mut self, node: &Node, known: &[&str], path: &str) {
        match node.entries().unwrap_or_default() {
            [entry] => self.unknown_key(entry, known, path),
            entries => {
                let second = entries.get(1).and_then(|entry| entry.key_span);
                let problem = Problem::new(Code::WrongForm, format!("`{path}` must have exactly one key"))
                    .path(path)
                    .expected(list(known))
                    .found(format!("{} keys", entries.len()));
                self.report(second.or(node.span), problem);
            }
        }
    }

    fn unknown_key(&mut self, entry: &Entry, known: &[&str], path: &str) {
        let full = join(path, &entry.key);
        let section = if path.is_empty() { String::new() } else { format!(" in `{path}`") };
        let mut problem = Problem::new(Code::UnknownKey, format!("unknown key `{}`{section}", entry.key))
            .path(full)
            .expected(list(known));
        problem.hint = did_you_mean(&entry.key, known).or_else(|| self.elsewhere(entry));
        if problem.hint.is_some() && known.len() > MANY {
            problem.expected = Some(format!("one of {} names", known.len()));
        }
        self.report(entry.key_span, problem);
    }

    fn elsewhere(&self, entry: &Entry) -> Option<String> {
        if entry.key == "<<" {
            return Some("merge keys are not part of YAML 1.2; repeat the keys, or use `targets:`".into());
        }
        let home = self.schema.home_of(&entry.key)?;
        Some(if home.is_empty() {
            format!("`{}` belongs at the top of the file", entry.key)
        } else {
            format!("`{}` belongs in `{home}`", entry.key)
        })
    }

    fn section(&mut self, node: &Node, entries: &[Entry], schema: &Json, path: &str, anchor: Option<Span>) {
        let empty = serde_json::Map::new();
        let properties = schema.get("properties").and_then(Json::as_object).unwrap_or(&empty);
        let known: Vec<&str> = properties.keys().map(String::as_str).collect();
        let mut meant: Vec<&str> = Vec::new();
        for entry in entries {
            let full = join(path, &entry.key);
            if let Some(inner) = properties.get(&entry.key) {
                self.value(&entry.node, inner, &full, entry.key_span);
                continue;
            }
            match schema.get("additionalProperties") {
                Some(Json::Bool(false)) => {
                    self.unknown_key(entry, &known, path);
                    // What stands under a mistyped key is looked at as well: every error in one run.
                    if let Some(name) =
                        nearest(&entry.key, known.iter().copied().filter(|&name| node.get(name).is_none()))
                    {
                        meant.push(name);
                        self.value(&entry.node, &properties[name], &join(path, name), entry.key_span);
                    }
                }
                Some(inner @ Json::Object(_)) if self.key_name(entry, schema, path) => {
                    self.value(&entry.node, inner, &full, entry.key_span);
                }
                _ => {}
            }
        }
        self.missing(node, schema, path, anchor, &meant);
        self.count(node, entries.len(), schema, path, ["minProperties", "maxProperties"], "keys");
    }

    fn key_name(&mut self, entry: &Entry, schema: &Json, path: &str) -> bool {
        let Some(rule) = schema.get("propertyNames") else { return true };
        let known = names(self.schema.resolve(rule));
        let right = known.is_empty() || known.contains(&entry.key.as_str());
        if !right {
            self.unknown_key(entry, &known, path);
        }
        right
    }

    fn missing(&mut self, node: &Node, schema: &Json, path: &str, anchor: Option<Span>, meant: &[&str]) {
        let required = schema.get("required").and_then(Json::as_array).into_iter().flatten().filter_map(Json::as_str);
        for key in required {
            let inner = &schema["properties"][key];
            if node.get(key).is_some() || meant.contains(&key) || self.schema.may_be_empty(inner) {
                continue;
            }
            let full = join(path, key);
            let problem = Problem::new(Code::MissingKey, format!("`{full}` is missing"))
                .path(full)
                .expected(self.schema.expects(inner));
            self.report(anchor.or(node.span), problem);
        }
    }

    fn list(&mut self, node: &Node, items: &[Node], schema: &Json, path: &str) {
        if let Some(inner) = schema.get("items") {
            for (at, item) in items.iter().enumerate() {
                self.value(item, inner, &join(path, &at.to_string()), item.span);
            }
        }
        self.count(node, items.len(), schema, path, ["minItems", "maxItems"], "items");
        if schema.get("uniqueItems") == Some(&Json::Bool(true)) {
            self.repeated(items, path);
        }
    }

    fn repeated(&mut self, items: &[Node], path: &str) {
        for (at, item) in items.iter().enumerate() {
            let json = item.to_json();
            if items[..at].iter().any(|earlier| earlier.to_json() == json) {
                let problem = Problem::new(Code::WrongForm, format!("`{path}` has an item twice"))
                    .path(join(path, &at.to_string()))
                    .expected("each item once")
                    .found(self.found(item));
                self.report(item.span, problem);
            }
        }
    }

    fn count(&mut self, node: &Node, count: usize, schema: &Json, path: &str, keys: [&str; 2], what: &str) {
        let bound = |key: &str| schema.get(key).and_then(Json::as_u64);
        let (low, high) = (bound(keys[0]), bound(keys[1]));
        let count = count as u64;
        if low.is_none_or(|low| count >= low) && high.is_none_or(|high| count <= high) {
            return;
        }
        let expected = match (low, high) {
            (Some(low), Some(high)) => format!("{low} to {high} {what}"),
            (Some(low), None) => format!("at least {low} {what}"),
            (None, high) => format!("at most {} {what}", high.unwrap_or_default()),
        };
        let problem = Problem::new(
            Code::OutOfRange,
            format!("`{path}` has too {} {what}", if low.is_some_and(|low| count < low) { "few" } else { "many" }),
        )
        .path(path)
        .expected(expected)
        .found(format!("{count}"));
        self.report(node.span, problem);
    }

    fn text(&mut self, node: &Node, text: &str, schema: &Json, path: &str) {
        let known = names(schema);
        if !known.is_empty() && !known.contains(&text) {
            return self.wrong_name(node, &known, None, path);
        }
        let bound = |key: &str, or: u64| schema.get(key).and_then(Json::as_u64).unwrap_or(or);
        let (low, high) = (bound("minLength", 0), bound("maxLength", u64::MAX));
        let length = text.chars().count() as u64;
        if length < low || length > high {
            let expected = match (low, high) {
                (1, u64::MAX) => "text that is not empty".to_owned(),
                (1, 1) => "one character".to_owned(),
                (low, u64::MAX) => format!("at least {low} characters"),
                (low, high) => format!("{low} to {high} characters"),
            };
            self.out_of_range(node, expected, path);
        }
    }

    fn out_of_range(&mut self, node: &Node, expected: String, path: &str) {
        let problem = Problem::new(Code::OutOfRange, format!("`{path}` is out of range"))
            .path(path)
            .expected(expected)
            .found(self.found(node));
        self.report(node.span, problem);
    }

    /// Whole numbers must fit the type that holds them, also where the schema states no bound.
    fn whole(&mut self, node: &Node, number: i128, schema: &Json, path: &str) {
        let (low, high) = match schema.get("format").and_then(Json::as_str) {
            Some("uint8") => (0, i128::from(u8::MAX)),
            Some("uint16") => (0, i128::from(u16::MAX)),
            Some("uint32") => (0, i128::from(u32::MAX)),
            Some("uint64" | "uint") => (0, i128::from(u64::MAX)),
            Some("int8") => (i128::from(i8::MIN), i128::from(i8::MAX)),
            Some("int16") => (i128::from(i16::MIN), i128::from(i16::MAX)),
            Some("int32") => (i128::from(i32::MIN), i128::from(i32::MAX)),
            Some("int64" | "int") => (i128::from(i64::MIN), i128::from(i64::MAX)),
            _ => return,
        };
        // Below the lowest is told by the schema's own bound, when it has one.
        if number > high || (number < low && schema.get("minimum").is_none()) {
            let low = schema.get("minimum").and_then(Json::as_i64).map_or(low, i128::from);
            self.out_of_range(node, format!("a whole number from {low} to {high}"), path);
        }
    }

    fn number(&mut self, node: &Node, number: f64, schema: &Json, path: &str) {
        if !number.is_finite() {
            return self.out_of_range(node, "a finite number".into(), path);
        }
        let bound = |key: &str| schema.get(key).and_then(Json::as_f64);
        let right = bound("minimum").is_none_or(|low| number >= low)
            && bound("exclusiveMinimum").is_none_or(|low| number > low)
            && bound("maximum").is_none_or(|high| number <= high)
            && bound("exclusiveMaximum").is_none_or(|high| number < high);
        if !right {
            self.out_of_range(node, self.schema.expects(schema), path);
        }
    }
}

/// How a value of the wrong type is made right, where that can be told.
fn retype(node: &Node, expected: &str) -> Option<String> {
    let number = expected.contains("number");
    match &node.value {
        Value::Text(text) if text.written.contains("${") => {
            Some("a variable gives text; for other types use `--set KEY=VALUE` or a variable `TRAINER__...`".into())
        }
        Value::Text(text) if number && text.value.trim().parse::<f64>().is_ok() => {
            Some(format!("write it without quotes: {}", text.value.trim()))
        }
        Value::Text(text) if number && text.value.replace('_', "").parse::<f64>().is_ok() => {
            Some(format!("write {}", text.value.replace('_', "")))
        }
        Value::Text(text) if expected.contains("true or false") => match text.value.to_lowercase().as_str() {
            "yes" | "y" | "on" | "true" => Some("write true".into()),
            "no" | "n" | "off" | "false" => Some("write false".into()),
            _ => None,
        },
        Value::Float(number) if expected.contains("whole number") && number.fract() == 0.0 && number.abs() < 1e15 => {
            Some(format!("write {number:.0}"))
        }
        Value::Integer(_) | Value::Float(_) | Value::Bool(_) if expected.contains("text") => {
            Some(format!("put it in quotes: \"{}\"", node.to_json()))
        }
        Value::Text(_) | Value::Integer(_) if expected.starts_with("a list") => {
            Some(format!("write it as a list: [{}]", node.to_json_as_written().to_string().trim_matches('"')))
        }
        _ => None,
    }
}
