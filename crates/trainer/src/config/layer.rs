//! Layers over the file: a target, the environment, `--set`; each laid over what is below it.

use super::problem::{Code, Problem};
use super::schema::{did_you_mean, join, list, text_of};
use super::source::{Sources, Span};
use super::tree::{Entry, Layer, Node, Text, Value};
use super::yaml;

/// Variables of the official MLflow client that mean a value of the config; `TRAINER__` wins over them.
const MLFLOW: [(&str, [&str; 2]); 5] = [
    ("MLFLOW_TRACKING_URI", ["training", "tracking_uri"]),
    ("MLFLOW_EXPERIMENT_NAME", ["training", "experiment_name"]),
    ("MLFLOW_RUN_NAME", ["training", "run_name"]),
    ("MLFLOW_ENABLE_SYSTEM_METRICS_LOGGING", ["training", "system_metrics"]),
    ("MLFLOW_REGISTRY_URI", ["registry", "uri"]),
];

/// Name under which messages show variables of the environment.
pub const ENVIRONMENT: &str = "environment";

/// Lays `upper` over `lower`: sections key by key, everything else as a whole.
///
/// Where a section changes its `type`, it is taken as a whole: parameters of the one below are not those of another.
pub fn lay(lower: &mut Node, upper: Node, sources: &Sources, path: &str, problems: &mut Vec<Problem>) {
    let by_index = matches!(upper.layer, Layer::Environment | Layer::Set);
    match (&mut lower.value, upper.value) {
        (Value::Map(below), Value::Map(above)) if !changes_type(below, &above) => {
            for entry in above {
                match below.iter_mut().find(|old| old.key == entry.key) {
                    Some(old) => lay(&mut old.node, entry.node, sources, &join(path, &entry.key), problems),
                    None => below.push(entry),
                }
            }
        }
        (Value::List(items), Value::Map(above)) if by_index && !above.is_empty() => {
            let count = items.len();
            for entry in above {
                match entry.key.parse::<usize>().ok().and_then(|at| items.get_mut(at)) {
                    Some(item) => lay(item, entry.node, sources, &join(path, &entry.key), problems),
                    None => problems.push(no_item(&entry, count, sources, path)),
                }
            }
        }
        (_, value) => *lower = Node { value, ..upper },
    }
}

fn changes_type(below: &[Entry], above: &[Entry]) -> bool {
    let of = |entries: &[Entry]| {
        entries.iter().find(|entry| entry.key == "type").and_then(|entry| text_of(&entry.node)).map(str::to_owned)
    };
    of(above).is_some_and(|new| of(below).is_some_and(|old| old != new))
}

fn no_item(entry: &Entry, count: usize, sources: &Sources, path: &str) -> Problem {
    let expected = match count {
        0 => "the whole list, which is empty".to_owned(),
        count => format!("a position from 0 to {}, or the whole list", count - 1),
    };
    let problem = match entry.key_span {
        Some(span) => {
            Problem::at(Code::Override, sources, span, format!("`{path}` is a list without an item `{}`", entry.key))
        }
        None => Problem::new(Code::Override, format!("`{path}` is a list without an item `{}`", entry.key)),
    };
    problem.path(join(path, &entry.key)).expected(expected).found(format!("`{}`", entry.key))
}

/// The section of `targets:` that was asked for, given to its layer.
pub fn target(name: &str, targets: Option<&Node>, sources: &mut Sources, problems: &mut Vec<Problem>) -> Option<Node> {
    let entries = targets.and_then(Node::entries).unwrap_or_default();
    if let Some(entry) = entries.iter().find(|entry| entry.key == name) {
        let mut node = entry.node.clone();
        node.give_to(&Layer::Target(name.into()));
        return Some(node);
    }
    let source = sources.add("--target", name);
    let known: Vec<&str> = entries.iter().map(|entry| entry.key.as_str()).collect();
    let expected = if known.is_empty() { "a name under `targets:`, and there is none".into() } else { list(&known) };
    let mut problem =
        Problem::at(Code::UnknownTarget, sources, Span::new(source, 0..name.len()), format!("unknown target `{name}`"))
            .path("targets")
            .expected(expected);
    problem.hint = did_you_mean(name, &known);
    problems.push(problem);
    None
}

/// A `--set KEY=VALUE` argument as a tree; the value is read as YAML.
pub fn set(argument: &str, sources: &mut Sources, problems: &mut Vec<Problem>) -> Option<Node> {
    let source = sources.add("--set", argument);
    let form = "KEY=VALUE, such as training.cv_folds=0";
    assignment(source, 0, sources, ".", &Layer::Set, form, problems)
}

/// A variable `TRAINER__A__B=value` as a tree, where `prefix` is `TRAINER__`; the value is read as YAML.
pub fn variable(
    prefix: &str,
    name: &str,
    value: &str,
    sources: &mut Sources,
    problems: &mut Vec<Problem>,
) -> Option<Node> {
    let source = sources.add(ENVIRONMENT, format!("{name}={value}"));
    let form = format!("{prefix}SECTION__KEY=VALUE");
    assignment(source, prefix.len(), sources, "__", &Layer::Environment, &form, problems)
}

/// A variable of the official MLflow client as a tree; its value is text, not YAML, and an empty one is none.
pub fn mlflow_variable(name: &str, value: &str, sources: &mut Sources) -> Option<Node> {
    let (_, path) = MLFLOW.iter().find(|(known, _)| *known == name)?;
    if value.is_empty() {
        return None;
    }
    let source = sources.add(ENVIRONMENT, format!("{name}={value}"));
    let span = Some(Span::new(source, name.len() + 1..name.len() + 1 + value.len()));
    let value = match (path[1], value.to_lowercase().as_str()) {
        ("system_metrics", "true" | "1") => Value::Bool(true),
        ("system_metrics", "false" | "0") => Value::Bool(false),
        _ => Value::Text(Text { value: value.to_owned(), written: value.to_owned() }),
    };
    let leaf = Node { value, span, layer: Layer::Environment };
    Some(path.iter().rev().fold(leaf, |node, key| {
        let entry = Entry { key: (*key).to_owned(), key_span: span, node };
        Node { value: Value::Map(vec![entry]), span, layer: Layer::Environment }
    }))
}

fn assignment(
    source: u32,
    start: usize,
    sources: &Sources,
    dot: &str,
    layer: &Layer,
    form: &str,
    problems: &mut Vec<Problem>,
) -> Option<Node> {
    let text = sources.text(source);
    let environment = *layer == Layer::Environment;
    let equals = text.find('=');
    let keys = equals.map(|equals| segments(text, start, equals, dot)).unwrap_or_default();
    if keys.is_empty() || keys.iter().any(|(key, _)| key.is_empty()) {
        let span = Span::new(source, 0..equals.unwrap_or(text.len()));
        problems.push(
            Problem::at(Code::Override, sources, span, "not an override")
                .expected(form)
                .found(format!("`{}`", super::source::blot(text))),
        );
        return None;
    }
    let value = yaml::read(sources, source, equals? + 1, layer, problems)?;
    Some(keys.into_iter().rev().fold(value, |node, (key, range)| {
        let span = Span::new(source, range);
        let key = if environment { key.to_lowercase() } else { key.to_owned() };
        let entry = Entry { key, key_span: Some(span), node };
        Node { value: Value::Map(vec![entry]), span: Some(span), layer: layer.clone() }
    }))
}

fn segments<'t>(text: &'t str, start: usize, end: usize, dot: &str) -> Vec<(&'t str, std::ops::Range<usize>)> {
    let mut at = start;
    let parts = text[start..end].split(dot);
    parts
        .map(|key| {
            let range = at..at + key.len();
            at = range.end + dot.len();
            (key, range)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn laid(file: &str, sets: &[&str]) -> (serde_json::Value, Vec<Problem>) {
        let mut sources = Sources::default();
        let mut problems = Vec::new();
        let id = sources.add("t.yaml", file);
        let mut root = yaml::read(&sources, id, 0, &Layer::File, &mut problems).unwrap();
        for argument in sets {
            if let Some(node) = set(argument, &mut sources, &mut problems) {
                lay(&mut root, node, &sources, "", &mut problems);
            }
        }
        (root.to_json(), problems)
    }

    #[test]
    fn values_are_typed_by_yaml() {
        let (tree, problems) = laid("{}", &["a.b=1", "a.c='1'", "a.d=[1, x]", "e=null", "f=", "g=a=b", "h={i: 2}"]);
        assert!(problems.is_empty(), "{problems:?}");
        assert_eq!(
            tree,
            json!({"a": {"b": 1, "c": "1", "d": [1, "x"]}, "e": null, "f": null, "g": "a=b", "h": {"i": 2}})
        );
    }

    #[test]
    fn lists_are_reached_by_position() {
        let (tree, problems) = laid("s: [{a: 1}, 2]", &["s.0.a=5", "s.1=x"]);
        assert!(problems.is_empty(), "{problems:?}");
        assert_eq!(tree, json!({"s": [{"a": 5}, "x"]}));
        let (_, problems) = laid("s: [{a: 1}, 2]", &["s.2=x", "s.a=1"]);
        assert_eq!(problems.len(), 2);
        assert_eq!(problems[0].expected.as_deref(), Some("a position from 0 to 1, or the whole list"));
        assert_eq!(laid("s: [1, 2]", &["s=[3]"]).0, json!({"s": [3]}));
    }

    #[test]
    fn another_type_takes_its_own_parameters() {
        let file = "model: {type: forest, params: {n: 1, depth: 2}}";
        assert_eq!(laid(file, &["model.type=dummy"]).0, json!({"model": {"type": "dummy"}}));
        assert_eq!(
            laid(file, &["model.params.n=3"]).0,
            json!({"model": {"type": "forest", "params": {"n": 3, "depth": 2}}})
        );
        let same = laid(file, &["model={type: forest, params: {n: 3}}"]).0;
        assert_eq!(same, json!({"model": {"type": "forest", "params": {"n": 3, "depth": 2}}}));
    }

    #[test]
    fn what_is_no_assignment_is_refused_at_the_argument() {
        for argument in ["training", "=1", "a..b=1", ".a=1", "a.=1", "a=[1"] {
            let (_, problems) = laid("{}", &[argument]);
            assert_eq!(problems.len(), 1, "{argument}: {problems:?}");
            assert_eq!(problems[0].place.as_ref().unwrap().file, "--set");
        }
    }

    #[test]
    fn variables_of_mlflow_are_text_and_not_yaml() {
        let mut sources = Sources::default();
        let mut of = |name: &str, value: &str| mlflow_variable(name, value, &mut sources).map(|node| node.to_json());
        assert_eq!(of("MLFLOW_EXPERIMENT_NAME", "2024"), Some(json!({"training": {"experiment_name": "2024"}})));
        assert_eq!(
            of("MLFLOW_ENABLE_SYSTEM_METRICS_LOGGING", "True"),
            Some(json!({"training": {"system_metrics": true}}))
        );
        assert_eq!(of("MLFLOW_REGISTRY_URI", "http://r"), Some(json!({"registry": {"uri": "http://r"}})));
        assert_eq!(of("MLFLOW_TRACKING_URI", ""), None);
        assert_eq!(of("MLFLOW_RUN_ID", "x"), None);
    }

    #[test]
    fn a_variable_names_its_key_in_capitals() {
        let (mut sources, mut problems) = (Sources::default(), Vec::new());
        let node = variable("TRAINER__", "TRAINER__TRAINING__CV_FOLDS", "7", &mut sources, &mut problems).unwrap();
        assert_eq!(node.to_json(), json!({"training": {"cv_folds": 7}}));
        assert!(variable("TRAINER__", "TRAINER__", "7", &mut sources, &mut problems).is_none());
        assert!(variable("TRAINER__", "TRAINER__A____B", "7", &mut sources, &mut problems).is_none());
        assert_eq!(problems.len(), 2);
    }
}
