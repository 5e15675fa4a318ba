/// The known name that a mistyped one most likely means, if one is near.
pub fn nearest<'a>(typed: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let typed = fold(typed);
    let score = |name: &str| {
        let name = fold(name);
        let edits = strsim::osa_distance(&typed, &name);
        let likeness = strsim::jaro_winkler(&typed, &name);
        let length = typed.chars().count().max(name.chars().count());
        let shortened = typed.len() >= 2 && (name.starts_with(&typed) || typed.starts_with(&name));
        let near = edits <= (length / 3).max(1) || likeness >= 0.92 || shortened;
        near.then_some((edits, likeness))
    };
    known
        .into_iter()
        .filter_map(|name| Some((score(name)?, name)))
        .min_by(|((edits, likeness), _), ((other_edits, other_likeness), _)| {
            edits.cmp(other_edits).then(other_likeness.total_cmp(likeness))
        })
        .map(|(_, name)| name)
}

/// Case and the kind of dash are not what makes a name another one.
fn fold(name: &str) -> String {
    name.to_lowercase().replace(['-', ' '], "_")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_is_found_and_the_far_is_not() {
        let known = ["n_estimators", "max_depth", "max_features", "min_samples_leaf", "on"];
        for (typed, want) in [
            ("n_estimator", Some("n_estimators")),
            ("estimators", Some("n_estimators")),
            ("maxdepth", Some("max_depth")),
            ("Max-Depth", Some("max_depth")),
            ("max_deptj", Some("max_depth")),
            ("mxa_features", Some("max_features")),
            ("onn", Some("on")),
            ("learning_rate", None),
            ("", None),
        ] {
            assert_eq!(nearest(typed, known), want, "{typed}");
        }
    }
}
