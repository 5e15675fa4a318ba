//! `${VAR}` in texts.

use super::problem::{Code, Problem};
use super::schema::join;
use super::source::{Sources, Span};
use super::tree::{Node, Text, Value};

/// Replaces `${VAR}` in every text of the tree; `$${` stands for `${`.
pub fn resolve(
    node: &mut Node,
    variable: &dyn Fn(&str) -> Option<String>,
    sources: &Sources,
    path: &str,
    problems: &mut Vec<Problem>,
) {
    match &mut node.value {
        Value::Text(text) => {
            if let Err(fault) = replace(text, variable) {
                problems.push(fault.problem(node.span, sources).path(path));
            }
        }
        Value::List(items) => {
            for (at, item) in items.iter_mut().enumerate() {
                resolve(item, variable, sources, &join(path, &at.to_string()), problems);
            }
        }
        Value::Map(entries) => {
            for entry in entries {
                resolve(&mut entry.node, variable, sources, &join(path, &entry.key), problems);
            }
        }
        _ => {}
    }
}

/// What is wrong with a `${...}`, and the `${...}` itself.
struct Fault {
    written: String,
    message: String,
    expected: &'static str,
}

impl Fault {
    fn problem(self, span: Option<Span>, sources: &Sources) -> Problem {
        let Some(span) = span else { return Problem::new(Code::Variable, self.message) };
        // The very `${...}` within the value, where the source has it unchanged.
        let whole = &sources.text(span.source())[span.start()..];
        let exact = whole.find(&self.written).map(|at| {
            let start = span.start() + at;
            Span::new(span.source(), start..start + self.written.len())
        });
        Problem::at(Code::Variable, sources, exact.unwrap_or(span), self.message).expected(self.expected)
    }
}

fn replace(text: &mut Text, variable: &dyn Fn(&str) -> Option<String>) -> Result<(), Fault> {
    let mut value = String::new();
    let mut rest = text.written.as_str();
    while let Some(at) = rest.find("${") {
        if rest[..at].ends_with('$') {
            value.push_str(&rest[..at - 1]);
            value.push_str("${");
            rest = &rest[at + 2..];
            continue;
        }
        value.push_str(&rest[..at]);
        let name_end = rest[at..].find('}').map(|end| at + end);
        let name = name_end.map(|end| &rest[at + 2..end]).filter(|name| is_name(name));
        let (Some(name), Some(end)) = (name, name_end) else {
            let written = name_end.map_or(&rest[at..], |end| &rest[at..=end]).to_owned();
            let message = format!("`{written}` is not a variable");
            return Err(Fault { written, message, expected: "${NAME}; write $${ for the two characters themselves" });
        };
        let Some(found) = variable(name) else {
            let written = rest[at..=end].to_owned();
            let message = format!("variable `{name}` is not set in the environment");
            return Err(Fault { written, message, expected: "a variable that is set" });
        };
        value.push_str(&found);
        rest = &rest[end + 1..];
    }
    value.push_str(rest);
    text.value = value;
    Ok(())
}

fn is_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn replaced(written: &str) -> Result<String, String> {
        let mut text = Text { value: written.into(), written: written.into() };
        let variable = |name: &str| (name == "A_1").then(|| "x${A_1}".to_owned());
        replace(&mut text, &variable).map_err(|fault| fault.message)?;
        assert_eq!(text.written, written, "what was written is kept");
        Ok(text.value)
    }

    #[test]
    fn variables_are_replaced_once_and_escapes_kept() {
        assert_eq!(replaced("a ${A_1}/${A_1}").unwrap(), "a x${A_1}/x${A_1}");
        assert_eq!(replaced("$${A_1} $A_1 $ {").unwrap(), "${A_1} $A_1 $ {");
        assert_eq!(replaced("").unwrap(), "");
    }

    #[test]
    fn what_is_no_variable_is_an_error() {
        assert!(replaced("${NOPE}").unwrap_err().contains("`NOPE` is not set"));
        for text in ["${}", "${A", "${1A}", "${A_1:-x}", "${A B}"] {
            assert!(replaced(text).unwrap_err().ends_with("is not a variable"), "{text}");
        }
    }
}
