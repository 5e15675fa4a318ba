//! `MLmodel`: a JSON value as the block YAML that MLflow itself writes.

use serde_json::Value as Json;

/// The text of an `MLmodel` file.
pub fn mlmodel_yaml(model: &Json) -> String {
    let mut text = String::new();
    if has_entries(model) {
        block(model, 0, &mut text);
    } else {
        text += &format!("{}\n", scalar(model));
    }
    text
}

fn has_entries(value: &Json) -> bool {
    match value {
        Json::Object(entries) => !entries.is_empty(),
        Json::Array(items) => !items.is_empty(),
        _ => false,
    }
}

/// A mapping or list, each entry on lines of its own.
fn block(value: &Json, indent: usize, text: &mut String) {
    let margin = "  ".repeat(indent);
    match value {
        Json::Object(entries) => {
            for (key, value) in entries {
                *text += &format!("{margin}{}:", quoted(key));
                // A list stands as deep as its key, as PyYAML has it.
                entry(value, if value.is_array() { indent } else { indent + 1 }, text);
            }
        }
        Json::Array(items) => {
            for item in items {
                *text += &format!("{margin}-");
                entry(item, indent + 1, text);
            }
        }
        _ => unreachable!("only what has entries is a block"),
    }
}

fn entry(value: &Json, indent: usize, text: &mut String) {
    if has_entries(value) {
        text.push('\n');
        block(value, indent, text);
    } else {
        *text += &format!(" {}\n", scalar(value));
    }
}

fn scalar(value: &Json) -> String {
    match value {
        Json::String(text) => quoted(text),
        // `null`, `true`, numbers, `[]` and `{}` are the same in JSON; YAML 1.1 wants a point in what has an exponent.
        Json::Number(number) => {
            let text = number.to_string();
            match text.split_once('e') {
                Some((digits, exponent)) if !digits.contains('.') => format!("{digits}.0e{exponent}"),
                _ => text,
            }
        }
        other => other.to_string(),
    }
}

/// Text as it is where nothing else could be read into it, else in quotes.
fn quoted(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_./-+<>=".contains(c);
    let starts = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    let words = ["null", "true", "false", "yes", "no", "on", "off", "y", "n"];
    if starts && text.chars().all(plain) && !words.contains(&text.to_lowercase().as_str()) {
        return text.to_owned();
    }
    // What PyYAML does not read raw, and line ends, which single quotes would fold.
    let odd = |c: char| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}');
    if !text.contains(odd) {
        return format!("'{}'", text.replace('\'', "''"));
    }
    let escaped = text.chars().map(|c| match c {
        '"' | '\\' => format!("\\{c}"),
        c if odd(c) => format!("\\u{:04x}", u32::from(c)),
        c => c.to_string(),
    });
    format!("\"{}\"", escaped.collect::<String>())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn blocks_lists_and_quotes() {
        let model = json!({
            "flavors": { "onnx": { "code": null, "providers": ["CPUExecutionProvider"], "onnx_version": "1.16.0" } },
            "metadata": {},
            "model_size_bytes": 12,
            "signature": { "inputs": "[{\"name\": \"it's\"}]", "params": null },
            "no": "yes",
            "line": "a\nb",
            "small": 1e-9,
        });
        let expected = "flavors:\n  onnx:\n    code: null\n    providers:\n    - CPUExecutionProvider\n    \
                        onnx_version: '1.16.0'\nmetadata: {}\nmodel_size_bytes: 12\nsignature:\n  inputs: \
                        '[{\"name\": \"it''s\"}]'\n  params: null\n'no': 'yes'\nline: \"a\\u000ab\"\nsmall: 1.0e-9\n";
        assert_eq!(mlmodel_yaml(&model), expected);
    }
}
