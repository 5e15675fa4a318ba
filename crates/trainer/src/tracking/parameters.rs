use serde_json::Value as Json;
use trainer_tracking::Tag;

use crate::config::Config;

/// The parameters of a run: the learner's own under their bare names, what rules and fractions came to as `resolved.*`,
/// and every value of the config under its path.
///
/// `effective` is the config as it was written, so variables and passwords are not in it.
pub fn parameters(config: &Config, effective: &Json, resolved: &[(&'static str, String)]) -> Vec<Tag> {
    let learner = serde_json::to_value(&config.model).unwrap_or_default();
    let mut all = vec![Tag::new("model", config.model.name())];
    let own = learner.get("params").and_then(Json::as_object);
    all.extend(own.into_iter().flatten().map(|(name, value)| Tag::new(name, text(value))));
    all.extend(resolved.iter().map(|(name, value)| Tag::new(format!("resolved.{name}"), value)));
    flatten(effective, String::new(), &mut all);
    all
}

fn flatten(value: &Json, path: String, all: &mut Vec<Tag>) {
    let below = |key: &str| if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
    match value {
        Json::Object(map) if !map.is_empty() => {
            map.iter().for_each(|(key, value)| flatten(value, below(key), all));
        }
        Json::Array(items) if items.iter().any(|item| item.is_object() || item.is_array()) => {
            items.iter().enumerate().for_each(|(i, value)| flatten(value, below(&i.to_string()), all));
        }
        // The learner's section is a word or a map; a bare name of the first would meet the parameter of that name.
        value => all.push(Tag::new(path, text(value))),
    }
}

fn text(value: &Json) -> String {
    match value {
        Json::String(text) => text.clone(),
        Json::Array(items) if items.iter().all(|item| !item.is_object() && !item.is_array()) => {
            items.iter().map(text).collect::<Vec<_>>().join(", ")
        }
        value => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn sections_become_paths_and_plain_lists_one_text() {
        let mut all = Vec::new();
        let config =
            json!({"a": {"b": 1, "c": ["x", "y"], "d": null, "e": {}}, "s": [{"clip": {"low": 0.5}}, "log1p"]});
        flatten(&config, String::new(), &mut all);
        let told: Vec<String> = all.iter().map(|tag| format!("{}={}", tag.key, tag.value)).collect();
        assert_eq!(told, ["a.b=1", "a.c=x, y", "a.d=null", "a.e={}", "s.0.clip.low=0.5", "s.1=log1p"]);
    }
}
