//! The only file that knows YAML: from text to a tree that remembers where each key and value stands.

use std::collections::HashMap;

use granit_parser::{Event, Parser, ScalarStyle, StructureStyle, options};

use super::problem::{Code, Problem};
use super::source::{Sources, Span};
use super::tree::{Entry, Layer, Node, Text, Value};

/// Most nodes that a config may have once its aliases are followed.
const MAX_NODES: usize = 50_000;
/// Deepest nesting.
const MAX_DEPTH: usize = 64;

/// Reads part of a source as one YAML 1.2 document (core schema: only `true` and `false` are booleans).
///
/// `from` is the byte of the source where the YAML begins. `None` when it cannot be read; every fault found is in `problems`.
pub fn read(sources: &Sources, source: u32, from: usize, layer: &Layer, problems: &mut Vec<Problem>) -> Option<Node> {
    let text = &sources.text(source)[from..];
    let limits =
        options! { flow_nesting_limit: MAX_DEPTH, block_nesting_limit: MAX_DEPTH, emit_unresolved_aliases: true };
    let mut reader = Reader {
        events: Parser::new_from_str_with_options(text, limits),
        sources,
        source,
        from,
        layer,
        problems,
        anchors: HashMap::new(),
        nodes: 0,
    };
    reader.document()
}

struct Reader<'a, 'p> {
    events: Parser<'a, granit_parser::StrInput<'a>>,
    sources: &'a Sources,
    source: u32,
    from: usize,
    layer: &'a Layer,
    problems: &'p mut Vec<Problem>,
    anchors: HashMap<usize, (Node, usize)>,
    nodes: usize,
}

impl<'a> Reader<'a, '_> {
    fn document(&mut self) -> Option<Node> {
        let mut root = None;
        loop {
            match self.next()? {
                (Event::StreamEnd, _) => break,
                (Event::StreamStart | Event::DocumentStart(..) | Event::DocumentEnd, _) => {}
                (_, span) if root.is_some() => {
                    self.fault(Code::Syntax, span, "a second YAML document in one file");
                    return None;
                }
                (event, span) => root = Some(self.node(event, span)?),
            }
        }
        Some(root.unwrap_or_else(|| self.make(Value::Null, self.span(0..0))))
    }

    /// The next event that is not a comment; `None` after a fault, which is noted.
    fn next(&mut self) -> Option<(Event<'a>, Span)> {
        match self.events.next() {
            Some(Ok((event, span))) => {
                let range = span.byte_range().unwrap_or(0..0);
                Some((event, self.span(range)))
            }
            Some(Err(error)) => {
                let at = error.marker().byte_offset().unwrap_or(0);
                let span = self.span(at..at + 1);
                let mut problem = Problem::at(Code::Syntax, self.sources, span, format!("not YAML: {}", error.info()));
                let line = problem.place.as_ref().map(|place| place.text.as_str()).unwrap_or_default();
                let before = &self.sources.text(self.source)[..span.start()];
                problem.hint = unclosed(before).or_else(|| syntax_hint(line).map(str::to_owned));
                self.problems.push(problem);
                None
            }
            None => None,
        }
    }

    fn span(&self, range: std::ops::Range<usize>) -> Span {
        Span::new(self.source, range.start + self.from..range.end + self.from)
    }

    fn make(&self, value: Value, span: Span) -> Node {
        Node { value, span: Some(span), layer: self.layer.clone() }
    }

    fn fault(&mut self, code: Code, span: Span, message: &str) {
        self.problems.push(Problem::at(code, self.sources, span, message));
    }

    fn count(&mut self, nodes: usize, span: Span) -> Option<()> {
        self.nodes += nodes;
        if self.nodes > MAX_NODES {
            self.fault(Code::Syntax, span, &format!("more than {MAX_NODES} values once aliases are followed"));
            return None;
        }
        Some(())
    }

    fn node(&mut self, event: Event<'a>, span: Span) -> Option<Node> {
        self.count(1, span)?;
        let before = self.nodes;
        let (node, anchor) = match event {
            Event::Scalar(text, style, anchor, tag) => {
                let tag = tag.map(|tag| tag.suffix().to_owned());
                (self.scalar(&text, style, tag.as_deref(), span), anchor)
            }
            Event::SequenceStart(style, anchor, tag) => {
                self.refuse_tag(tag.is_some(), span);
                (self.list(span, style)?, anchor)
            }
            Event::MappingStart(style, anchor, tag) => {
                self.refuse_tag(tag.is_some(), span);
                (self.map(span, style)?, anchor)
            }
            Event::Alias(id) => {
                let Some((node, size)) = self.anchors.get(&id).cloned() else {
                    self.fault(Code::Syntax, span, "an alias inside the value that it stands for");
                    return None;
                };
                self.count(size, span)?;
                return Some(node);
            }
            Event::UnresolvedAlias(name) => {
                self.fault(Code::Syntax, span, &format!("alias `*{name}` without an anchor `&{name}` before it"));
                (self.make(Value::Null, span), 0)
            }
            _ => return None,
        };
        if anchor != 0 {
            self.anchors.insert(anchor, (node.clone(), self.nodes - before));
        }
        Some(node)
    }

    fn refuse_tag(&mut self, tagged: bool, span: Span) {
        if tagged {
            self.fault(Code::Syntax, span, "YAML tags (`!name`) are not used here");
        }
    }

    fn list(&mut self, start: Span, style: StructureStyle) -> Option<Node> {
        let mut items = Vec::new();
        loop {
            match self.next()? {
                (Event::SequenceEnd, end) => return Some(self.make(Value::List(items), self.cover(start, end, style))),
                (event, span) => items.push(self.node(event, span)?),
            }
        }
    }

    fn map(&mut self, start: Span, style: StructureStyle) -> Option<Node> {
        let mut entries: Vec<Entry> = Vec::new();
        loop {
            let (event, key_span) = self.next()?;
            let key = match event {
                Event::MappingEnd => return Some(self.make(Value::Map(entries), self.cover(start, key_span, style))),
                Event::Scalar(text, ..) => Some(text.into_owned()),
                other => {
                    self.node(other, key_span)?;
                    self.fault(Code::Syntax, key_span, "a key must be plain text");
                    None
                }
            };
            let (event, span) = self.next()?;
            let node = self.node(event, span)?;
            let Some(key) = key else { continue };
            match entries.iter().find(|entry| entry.key == key) {
                Some(first) => self.duplicate(&key, key_span, first.key_span),
                None => entries.push(Entry { key, key_span: Some(key_span), node }),
            }
        }
    }

    fn duplicate(&mut self, key: &str, span: Span, first: Option<Span>) {
        let line = first.map_or(0, |span| self.sources.place(span).line);
        let problem = Problem::at(Code::DuplicateKey, self.sources, span, format!("key `{key}` is given twice"))
            .expected(format!("each key once; the first is on line {line}"));
        self.problems.push(problem);
    }

    /// From the first byte to the closing bracket, or to where the next thing begins.
    fn cover(&self, start: Span, end: Span, style: StructureStyle) -> Span {
        let end = if style == StructureStyle::Flow { end.end() } else { end.start() };
        Span::new(self.source, start.start()..end.max(start.start()))
    }

    fn scalar(&mut self, text: &str, style: ScalarStyle, tag: Option<&str>, span: Span) -> Node {
        let value = match tag {
            None if style == ScalarStyle::Plain => plain(text),
            None | Some("str" | "") => words(text),
            Some(_) => {
                self.refuse_tag(true, span);
                words(text)
            }
        };
        self.make(value, span)
    }
}

/// The bracket that an earlier line opens and nothing closes before the fault.
fn unclosed(before: &str) -> Option<String> {
    let mut open: Vec<(char, usize)> = Vec::new();
    for (number, line) in (1..).zip(before.lines()) {
        let code = line.split(" #").next().unwrap_or_default();
        for c in code.chars() {
            match c {
                '[' | '{' => open.push((c, number)),
                ']' | '}' => _ = open.pop(),
                _ => {}
            }
        }
    }
    let last = before.lines().count();
    let &(bracket, line) = open.iter().rev().find(|(_, line)| *line < last)?;
    Some(format!("the `{bracket}` on line {line} is not closed"))
}

/// What most often is wrong with a line that is not YAML.
fn syntax_hint(line: &str) -> Option<&'static str> {
    if line.trim_start_matches(' ').starts_with('\t') {
        Some("indent with spaces: YAML allows no tabs there")
    } else if line.contains("${") && line.contains(['{', '[']) {
        Some("within `{...}` and `[...]` put a variable in quotes: \"${NAME}\"")
    } else if line.matches(": ").count() > 1 {
        Some("put text that holds `: ` in quotes")
    } else {
        None
    }
}

fn words(text: &str) -> Value {
    Value::Text(Text { value: text.to_owned(), written: text.to_owned() })
}

/// The core schema of YAML 1.2 (chapter 10.3.2) for a scalar without quotes.
fn plain(text: &str) -> Value {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        "true" | "True" | "TRUE" => Value::Bool(true),
        "false" | "False" | "FALSE" => Value::Bool(false),
        ".nan" | ".NaN" | ".NAN" => Value::Float(f64::NAN),
        _ => integer(text).or_else(|| float(text)).unwrap_or_else(|| words(text)),
    }
}

fn integer(text: &str) -> Option<Value> {
    let of = |digits: &str, radix: u32| {
        let right = !digits.is_empty() && digits.chars().all(|c| c.is_digit(radix));
        right.then(|| i128::from_str_radix(digits, radix).unwrap_or(i128::MAX))
    };
    if let Some(digits) = text.strip_prefix("0x") {
        return of(digits, 16).map(Value::Integer);
    }
    if let Some(digits) = text.strip_prefix("0o") {
        return of(digits, 8).map(Value::Integer);
    }
    match text.strip_prefix('-') {
        Some(digits) => of(digits, 10).map(|number| Value::Integer(-number)),
        None => of(text.strip_prefix('+').unwrap_or(text), 10).map(Value::Integer),
    }
}

fn float(text: &str) -> Option<Value> {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    let sign = if text.starts_with('-') { -1.0 } else { 1.0 };
    if matches!(digits, ".inf" | ".Inf" | ".INF") {
        return Some(Value::Float(sign * f64::INFINITY));
    }
    // Rust reads more than YAML does: `inf`, `nan`, `infinity`.
    let shaped = digits.starts_with(|c: char| c.is_ascii_digit() || c == '.')
        && digits.contains(|c: char| c.is_ascii_digit())
        && digits.chars().all(|c| c.is_ascii_digit() || "eE+-.".contains(c));
    shaped.then(|| text.parse().ok().map(Value::Float)).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> (Option<Node>, Vec<Problem>) {
        let mut sources = Sources::default();
        let id = sources.add("t.yaml", text);
        let mut problems = Vec::new();
        (read(&sources, id, 0, &Layer::File, &mut problems), problems)
    }

    fn json(text: &str) -> serde_json::Value {
        let (node, problems) = parse(text);
        assert!(problems.is_empty(), "{problems:?}");
        node.unwrap().to_json()
    }

    #[test]
    fn scalars_follow_the_core_schema() {
        let text = "[1, -7, +3, 0x1F, 0o17, 010, 1.5, .5, 1., 1e3, -2.5E-1, true, False, null, ~, '10', \"true\", yes, no, on, 1_000, inf, nan, 1.2.3, '', 2026-11-20, 0b1, -]";
        let text = text.replace(", -]", ", '-']");
        assert_eq!(
            json(&text),
            serde_json::json!([
                1,
                -7,
                3,
                31,
                15,
                10,
                1.5,
                0.5,
                1.0,
                1000.0,
                -0.25,
                true,
                false,
                null,
                null,
                "10",
                "true",
                "yes",
                "no",
                "on",
                "1_000",
                "inf",
                "nan",
                "1.2.3",
                "",
                "2026-11-20",
                "0b1",
                "-"
            ])
        );
    }

    #[test]
    fn numbers_past_every_type_stay_numbers() {
        for text in ["9223372036854775808", "18446744073709551616", "99999999999999999999999999999999999999999999"] {
            let (node, _) = parse(text);
            assert!(matches!(node.unwrap().value, Value::Integer(number) if number > i128::from(i64::MAX)), "{text}");
        }
        assert!(matches!(parse(".nan").0.unwrap().value, Value::Float(number) if number.is_nan()));
        assert!(matches!(parse("-.inf").0.unwrap().value, Value::Float(number) if number == f64::NEG_INFINITY));
    }

    #[test]
    fn blocks_and_flows_are_the_same_tree() {
        let block = "a:\n  - x: 1\n    y: [2, 3]\n  - null\nb: |\n  text\n  more\n";
        assert_eq!(json(block), json("{a: [{x: 1, y: [2, 3]}, null], b: \"text\\nmore\\n\"}"));
        assert_eq!(json(""), serde_json::Value::Null);
        assert_eq!(json("# only a comment\n"), serde_json::Value::Null);
    }

    #[test]
    fn spans_cover_keys_and_values() {
        let text = "a:\n  bé: [1, 'two']  # x\n";
        let mut sources = Sources::default();
        let id = sources.add("t.yaml", text);
        let node = read(&sources, id, 0, &Layer::File, &mut Vec::new()).unwrap();
        let entry = node.get("a").unwrap().entry("bé").unwrap();
        assert_eq!(sources.slice(entry.key_span.unwrap()), "bé");
        assert_eq!(sources.slice(entry.node.at(["1"]).unwrap().span.unwrap()), "'two'");
    }

    #[test]
    fn every_duplicate_is_found() {
        let (_, problems) = parse("a: 1\nb: {c: 1, c: 2}\na: 3\n");
        let places: Vec<_> = problems.iter().map(|p| (p.code, p.line(), p.column())).collect();
        assert_eq!(places, [(Code::DuplicateKey, 2, 11), (Code::DuplicateKey, 3, 1)]);
    }

    #[test]
    fn aliases_are_followed_and_bounded() {
        assert_eq!(json("a: &x [1, 2]\nb: *x\n"), serde_json::json!({"a": [1, 2], "b": [1, 2]}));
        let mut bomb = String::from("a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n");
        for level in 1..9 {
            let inner = vec![format!("*a{}", level - 1); 10].join(",");
            bomb += &format!("a{level}: &a{level} [{inner}]\n");
        }
        let (node, problems) = parse(&bomb);
        assert!(node.is_none() && problems.len() == 1, "{problems:?}");
        let (node, problems) = parse("a: &a [*a]\n");
        assert!(node.is_none() && problems[0].message.contains("alias"), "{problems:?}");
        assert!(parse("a: *b\n").1[0].message.contains("`*b`"));
    }

    #[test]
    fn deep_nesting_is_an_error_not_a_crash() {
        let (node, problems) = parse(&"[".repeat(10_000));
        assert!(node.is_none() && !problems.is_empty());
        let (node, problems) = parse(&(0..500).map(|depth| "  ".repeat(depth) + "a:\n").collect::<String>());
        assert!(node.is_none() && !problems.is_empty());
    }

    #[test]
    fn what_is_not_yaml_is_said_with_its_place() {
        for text in [
            "a: [1, 2\nb: 3\n",
            "a:\n\t- b\n",
            "a: 'x\n",
            "a: 1\n---\nb: 2\n",
            "? [a]\n: 1\n",
            "a: !thing 3\n",
            "a: b: c\n",
        ] {
            let (_, problems) = parse(text);
            assert!(problems.iter().any(|p| p.code == Code::Syntax && p.line() > 0), "{text:?}: {problems:?}");
        }
    }
}
