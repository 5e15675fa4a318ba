use trainer_data::Fault;

use super::store::{Selected, Source, Store, Ttl, View};
use crate::FeatureError;

/// Which features are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted<'a> {
    /// Each `view:feature`.
    Features(&'a [String]),
    /// Those of a service.
    Service(&'a str),
}

/// The join of one view.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ViewJoin {
    /// What the request calls the view: its name, or the alias that a service gives it.
    pub name: String,
    /// The view's keys.
    pub keys: Vec<JoinKey>,
    /// The features asked for.
    pub features: Vec<JoinedFeature>,
    /// How old a feature may be.
    pub ttl: Ttl,
    /// Where the rows are.
    pub source: Source,
}

/// A key on both sides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JoinKey {
    /// The column of the labels.
    pub label: String,
    /// The column of the files.
    pub file: String,
}

/// A feature in the files and in the answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JoinedFeature {
    /// The column of the files.
    pub file: String,
    /// The column of the answer.
    pub output: String,
}

impl Store {
    /// The joins that answer a request, in the order in which the request first names each view. Columns are called as the
    /// features, or with `full_names` as `view__feature`.
    ///
    /// # Errors
    /// `Config`: a name that is not `view:feature` (`feature_reference`), views, features or a service that are not there,
    /// views that cannot be joined, and two features of one name (`same_name`).
    pub fn joins(&self, wanted: Wanted<'_>, full_names: bool) -> Result<Vec<ViewJoin>, FeatureError> {
        let selected = match wanted {
            Wanted::Features(references) => self.of_references(references)?,
            Wanted::Service(name) => self.service(name)?.views.clone(),
        };
        let joins = selected.iter().map(|selected| self.join(selected, full_names)).collect::<Result<Vec<_>, _>>()?;
        let mut seen: Vec<(&str, &str)> = Vec::new();
        for (join, feature) in joins.iter().flat_map(|join| join.features.iter().map(move |feature| (join, feature))) {
            if let Some((_, other)) = seen.iter().find(|(output, _)| *output == feature.output) {
                let message =
                    format!("`{}` is a feature of view `{other}` and of view `{}`", feature.output, join.name);
                let fault = Fault::new("same_name", message);
                return Err(FeatureError::config(fault.hint("with full names they are columns `view__feature`")));
            }
            seen.push((&feature.output, &join.name));
        }
        Ok(joins)
    }

    fn of_references(&self, references: &[String]) -> Result<Vec<Selected>, FeatureError> {
        let mut views: Vec<Selected> = Vec::new();
        for reference in references {
            let Some((view, feature)) =
                reference.split_once(':').filter(|(view, it)| !view.is_empty() && !it.is_empty())
            else {
                let message = format!("expected view:feature, found `{reference}`");
                return Err(FeatureError::config(Fault::new("feature_reference", message)));
            };
            match views.iter_mut().find(|selected| selected.view == view) {
                Some(selected) if selected.features.iter().any(|known| known == feature) => {
                    let message = format!("`{reference}` is asked for twice");
                    return Err(FeatureError::config(Fault::new("feature_reference", message)));
                }
                Some(selected) => selected.features.push(feature.to_owned()),
                None => views.push(Selected {
                    view: view.to_owned(),
                    alias: None,
                    features: vec![feature.to_owned()],
                    key_columns: Default::default(),
                }),
            }
        }
        Ok(views)
    }

    fn join(&self, selected: &Selected, full_names: bool) -> Result<ViewJoin, FeatureError> {
        let view = self.view(&selected.view)?;
        let name = selected.alias.as_ref().unwrap_or(&selected.view);
        selected.features.iter().try_for_each(|feature| view.require(feature))?;
        let feature = |feature: &String| JoinedFeature {
            file: view.source.column(feature).to_owned(),
            output: if full_names { format!("{name}__{feature}") } else { feature.clone() },
        };
        Ok(ViewJoin {
            name: name.clone(),
            keys: view.keys.iter().map(|key| join_key(view, selected, key)).collect(),
            features: selected.features.iter().map(feature).collect(),
            ttl: view.ttl,
            source: view.source.clone(),
        })
    }
}

fn join_key(view: &View, selected: &Selected, key: &str) -> JoinKey {
    let label = selected.key_columns.get(key).map_or(key, String::as_str);
    JoinKey { label: label.to_owned(), file: view.source.column(key).to_owned() }
}

#[cfg(test)]
mod tests {
    use super::super::store::Service;
    use super::*;

    fn view(name: &str, features: &[&str]) -> View {
        View {
            name: name.into(),
            keys: vec!["id".into()],
            features: features.iter().map(|it| (*it).to_owned()).collect(),
            types: Default::default(),
            ttl: None,
            source: Source {
                uri: "a.parquet".into(),
                s3_endpoint: None,
                timestamp_field: "ts".into(),
                created_timestamp_column: None,
                columns: [("id".to_owned(), "user".to_owned()), ("a".to_owned(), "raw a".to_owned())].into(),
            },
        }
    }

    fn store() -> Store {
        let selected = |alias: &str, column: &str| Selected {
            view: "v".into(),
            alias: Some(alias.into()),
            features: vec!["a".into()],
            key_columns: [("id".to_owned(), column.to_owned())].into(),
        };
        let service = Service { name: "s".into(), views: vec![selected("from", "from_id"), selected("to", "to_id")] };
        let views = vec![view("v", &["a", "b"]), view("w", &["b", "c"])];
        Store { project: "p".into(), views, unread: vec![], services: vec![service] }
    }

    fn features(store: &Store, names: &[&str], full: bool) -> Result<String, String> {
        let names: Vec<String> = names.iter().map(|it| (*it).to_owned()).collect();
        let joins = store.joins(Wanted::Features(&names), full).map_err(|error| error.to_string())?;
        let of = |join: &ViewJoin| {
            let features: Vec<String> = join.features.iter().map(|it| format!("{}={}", it.output, it.file)).collect();
            format!("{}({}) {}", join.name, join.keys[0].file, features.join(" "))
        };
        Ok(joins.iter().map(of).collect::<Vec<_>>().join("; "))
    }

    #[test]
    fn features_come_by_view_in_the_order_asked_for() {
        let store = store();
        assert_eq!(features(&store, &["w:c", "v:b", "v:a"], false).unwrap(), "w(user) c=c; v(user) b=b a=raw a");
        assert_eq!(features(&store, &["w:b", "v:b"], true).unwrap(), "w(user) w__b=b; v(user) v__b=b");
    }

    #[test]
    fn what_is_wrong_with_a_request_is_said_with_the_nearest_name() {
        let wrong = |names: &[&str]| features(&store(), names, false).unwrap_err();
        assert!(wrong(&["v:b", "w:b"]).starts_with("`b` is a feature of view `v` and of view `w`"));
        assert_eq!(wrong(&["b"]), "expected view:feature, found `b`");
        assert_eq!(wrong(&["v:a", "v:a"]), "`v:a` is asked for twice");
        assert!(wrong(&["unlike:a"]).ends_with("the views are `v`, `w`"));
        assert!(wrong(&["v:aa"]).starts_with("expected a feature of view `v`, found none named `aa`"));
    }

    #[test]
    fn a_service_joins_one_view_twice_by_other_columns() {
        let joins = store().joins(Wanted::Service("s"), true).unwrap();
        let of = |join: &ViewJoin| (join.name.clone(), join.keys[0].label.clone(), join.features[0].output.clone());
        assert_eq!(
            joins.iter().map(of).collect::<Vec<_>>(),
            [("from".into(), "from_id".into(), "from__a".into()), ("to".into(), "to_id".into(), "to__a".into())]
        );
        assert!(store().joins(Wanted::Service("s"), false).is_err(), "two columns `a`");
        assert!(store().joins(Wanted::Service("t"), false).unwrap_err().to_string().contains("named `t`"));
    }
}
