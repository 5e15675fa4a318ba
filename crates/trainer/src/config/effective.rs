//! The values in use, each with where it came from.

use std::fmt::Write as _;

use serde_json::{Map, Value as Json, json};

use super::load::Loaded;
use super::source::blot;
use super::tree::{Layer, Node, Value};

impl<C> Loaded<C> {
    /// As YAML, each value with a comment that says where it came from.
    pub fn to_yaml(&self) -> String {
        let mut lines = Vec::new();
        self.write(&self.tree, 0, String::new(), &mut lines);
        let width = lines.iter().map(|(line, _)| line.chars().count()).filter(|&width| width <= 60).max().unwrap_or(0);
        let mut text = String::new();
        for (line, origin) in lines {
            let _ = match origin {
                Some(origin) => writeln!(text, "{line:width$}  # {origin}"),
                None => writeln!(text, "{line}"),
            };
        }
        text
    }

    /// `{"config": values, "origins": {path: {"from": ..., "file": ..., "line": ..., "column": ...}}}`.
    pub fn to_json(&self) -> Json {
        let origins: Map<String, Json> =
            self.leaves().into_iter().map(|(path, node)| (path, self.origin_json(node))).collect();
        json!({ "config": self.effective, "origins": origins })
    }

    fn origin_json(&self, node: &Node) -> Json {
        let mut map = Map::new();
        let from = match &node.layer {
            Layer::Default => "default",
            Layer::File => "file",
            Layer::Target(_) => "target",
            Layer::Environment => "environment",
            Layer::Set => "set",
        };
        map.insert("from".into(), from.into());
        if let Layer::Target(name) = &node.layer {
            map.insert("target".into(), (&**name).into());
        }
        if let Some(place) = node.span.map(|span| self.sources.place(span)) {
            if matches!(node.layer, Layer::File | Layer::Target(_)) {
                map.insert("file".into(), place.file.into());
                map.insert("line".into(), place.line.into());
                map.insert("column".into(), place.column.into());
            } else {
                map.insert("argument".into(), place.text.into());
            }
        }
        Json::Object(map)
    }

    fn origin(&self, node: &Node) -> String {
        let place = node.span.map(|span| self.sources.place(span));
        let at = place.map(|place| (format!("{}:{}:{}", place.file, place.line, place.column), place.text));
        match (&node.layer, at) {
            (Layer::Default, _) | (_, None) => "default".into(),
            (Layer::File, Some((at, _))) => at,
            (Layer::Target(name), Some((at, _))) => format!("target {name}, {at}"),
            (Layer::Environment, Some((_, text))) => text.split('=').next().unwrap_or_default().to_owned(),
            (Layer::Set, Some((_, text))) => format!("--set {}", text.split('=').next().unwrap_or_default()),
        }
    }

    fn write(&self, node: &Node, depth: usize, head: String, lines: &mut Vec<(String, Option<String>)>) {
        let pad = "  ".repeat(depth);
        match &node.value {
            Value::Map(entries) if !entries.is_empty() => {
                // `- ` has taken the place of the first key's indentation.
                let mut head = head;
                for entry in entries {
                    let lead = if head.is_empty() { pad.clone() } else { std::mem::take(&mut head) };
                    let key = scalar(&entry.key);
                    self.value(&entry.node, depth, format!("{lead}{key}:"), lines);
                }
            }
            Value::List(items) if !items.is_empty() => {
                for item in items {
                    match &item.value {
                        Value::Map(entries) if !entries.is_empty() => {
                            self.write(item, depth + 1, format!("{pad}- "), lines);
                        }
                        _ => self.value(item, depth, format!("{pad}-"), lines),
                    }
                }
            }
            _ => self.value(node, depth, head, lines),
        }
    }

    fn value(&self, node: &Node, depth: usize, lead: String, lines: &mut Vec<(String, Option<String>)>) {
        let (value, deeper) = match &node.value {
            Value::Map(entries) if !entries.is_empty() => (String::new(), true),
            Value::List(items) if !items.is_empty() => (String::new(), true),
            Value::Map(_) => (" {}".to_owned(), false),
            Value::List(_) => (" []".to_owned(), false),
            Value::Text(text) => (format!(" {}", scalar(&blot(&text.written))), false),
            _ => (format!(" {}", node.to_json_as_written()), false),
        };
        let origin = (!deeper).then(|| self.origin(node));
        lines.push((lead + &value, origin));
        if deeper {
            self.write(node, depth + 1, String::new(), lines);
        }
    }
}

/// Text as YAML: plain where it reads back as the same text, else in quotes.
fn scalar(text: &str) -> String {
    let safe = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_' || c == '/')
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "_-./:*+ ".contains(c))
        && !text.contains(": ")
        && !text.ends_with([' ', ':'])
        && !matches!(text.to_lowercase().as_str(), "true" | "false" | "null" | "yes" | "no" | "on" | "off" | "y" | "n");
    if safe { text.to_owned() } else { quoted(text) }
}

/// As JSON quotes it, and what YAML does not take as it is (chapter 5.1) as `\u`.
fn quoted(text: &str) -> String {
    let strange =
        |c: &char| matches!(*c, '\u{7f}'..='\u{9f}' | '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}');
    let json = Json::from(text).to_string();
    json.chars().map(|c| if strange(&c) { format!("\\u{:04x}", u32::from(c)) } else { c.to_string() }).collect()
}

#[cfg(test)]
mod tests {
    use super::super::source::Sources;
    use super::super::{Overlay, load, yaml};
    use super::*;

    const CONFIG: &str = "project: {name: a b, version: '1.0'}\ndata: {source: 'x: y', train_path: t.csv, ignore: [a, 'no', '# c', \"tab\\t\"]}\nmodel: {type: dummy}\nquality_gates: [{metric: recall, min: 0.5}]\n";

    #[test]
    fn what_is_printed_reads_back_as_the_same_values() {
        let loaded = load("t.yaml", CONFIG, &Overlay::default()).unwrap();
        let text = loaded.to_yaml();
        let mut sources = Sources::default();
        let id = sources.add("u.yaml", text.clone());
        let mut problems = Vec::new();
        let again = yaml::read(&sources, id, 0, &Layer::File, &mut problems).unwrap();
        assert!(problems.is_empty(), "{problems:?}\n{text}");
        assert_eq!(again.to_json(), loaded.effective, "{text}");
        let loaded_again = load("u.yaml", &text, &Overlay::default()).unwrap();
        assert_eq!(loaded_again.config, loaded.config);
    }

    #[test]
    fn the_effective_values_are_the_config() {
        let loaded = load("t.yaml", CONFIG, &Overlay::default()).unwrap();
        let json = serde_json::to_string(&loaded.effective).unwrap();
        assert_eq!(load("lock.json", &json, &Overlay::default()).unwrap().config, loaded.config);
    }

    #[test]
    fn each_value_says_where_it_came_from() {
        let text = "project: {name: a}\ndata: {source: d, train_path: '${T}'}\nmodel: {type: dummy}\nseed: 1\ntargets: {prod: {seed: 2, device: cpu}}\n";
        let overlay = Overlay {
            target: Some("prod".into()),
            environment: vec![("T".into(), "hidden".into()), ("TRAINER__TRAINING__CV_FOLDS".into(), "3".into())],
            set: vec!["data.target=label".into()],
            keep_unset: false,
            replace_only: false,
        };
        let loaded = load("c.yaml", text, &overlay).unwrap();
        assert_eq!(loaded.config.data.train_path, "hidden");
        assert_eq!((loaded.config.seed, loaded.config.training.cv_folds), (2, 3));
        let shown = loaded.to_yaml();
        let line = |key: &str| shown.lines().find(|line| line.trim_start().starts_with(key)).unwrap().trim();
        let squeezed = |key: &str| line(key).split_whitespace().collect::<Vec<_>>().join(" ");
        assert_eq!(squeezed("name:"), "name: a # c.yaml:1:17");
        assert_eq!(squeezed("seed:"), "seed: 2 # target prod, c.yaml:5:24");
        assert_eq!(squeezed("cv_folds:"), "cv_folds: 3 # TRAINER__TRAINING__CV_FOLDS");
        assert_eq!(squeezed("target:"), "target: label # --set data.target");
        assert_eq!(squeezed("train_path:"), "train_path: \"${T}\" # c.yaml:2:31");
        assert!(squeezed("average:").ends_with("# default"));
        assert!(!shown.contains("hidden"), "{shown}");
        let json = loaded.to_json();
        assert_eq!(
            json["origins"]["seed"],
            json!({"from": "target", "target": "prod", "file": "c.yaml", "line": 5, "column": 24})
        );
        assert_eq!(json["origins"]["data.target"], json!({"from": "set", "argument": "data.target=label"}));
    }

    #[test]
    fn plain_text_is_plain_only_when_it_reads_back() {
        for (text, want) in [
            ("a b", "a b"),
            ("1", "\"1\""),
            ("no", "\"no\""),
            ("a: b", "\"a: b\""),
            ("s3://b/x/", "s3://b/x/"),
            ("", "\"\""),
            ("a #b", "\"a #b\""),
            ("u:c", "u:c"),
            (".inf", "\".inf\""),
        ] {
            assert_eq!(scalar(text), want);
        }
    }

    #[test]
    fn any_text_reads_back_as_it_was() {
        let pieces = [
            "a", "Z", "0", "1.5", " ", ":", "#", "-", "'", "\"", "\\", "\n", "\t", "é", "🦀", "{", "]", "&", "*", "!",
            "|", ">", "%", "@", "`", "null", "true", "~", ",", "?", "\u{7f}", "\u{85}", "\u{2028}", "\u{feff}", "e3",
            "/",
        ];
        let mut random = trainer_testkit::SplitMix64::new(5);
        for _ in 0..5_000 {
            let length = random.below(7);
            let text: String = (0..length).map(|_| pieces[random.below(pieces.len() as u64) as usize]).collect();
            let mut sources = Sources::default();
            let id = sources.add("t.yaml", format!("{}: {}  # c\n", scalar("k"), scalar(&text)));
            let mut problems = Vec::new();
            let tree = yaml::read(&sources, id, 0, &Layer::File, &mut problems);
            assert!(problems.is_empty(), "{text:?} as {}: {problems:?}", scalar(&text));
            assert_eq!(tree.unwrap().to_json(), json!({ "k": text }), "{}", scalar(&text));
        }
    }
}
