//! A store in a YAML of our own, for who has no registry: the same facts under Feast's own names.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use trainer_data::Fault;

use super::Wanted;
use super::store::{Selected, Service, Source, Store, View, hinted};
use crate::FeatureError;

/// A feature store without a registry: `store.yaml` in the folder of the store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StoreSpec {
    /// What the project is called.
    #[schemars(length(min = 1))]
    pub project: String,
    /// Whom features are about.
    #[serde(default)]
    pub entities: Vec<EntitySpec>,
    /// Features of an entity, and the files that they are in.
    #[schemars(length(min = 1))]
    pub views: Vec<ViewSpec>,
    /// Named choices of features.
    #[serde(default)]
    pub services: Vec<ServiceSpec>,
}

/// Whom features are about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EntitySpec {
    /// Its name.
    #[schemars(length(min = 1))]
    pub name: String,
    /// The column that says which one it is; absent: called as the entity.
    #[serde(default)]
    pub join_key: Option<String>,
}

/// Features of an entity, and the files that they are in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ViewSpec {
    /// Its name, as in `view:feature`.
    #[schemars(length(min = 1))]
    pub name: String,
    /// Names of entities; none: a row holds for everybody.
    #[serde(default)]
    pub entities: Vec<String>,
    /// The features.
    #[schemars(length(min = 1))]
    pub features: Vec<String>,
    /// How old a feature may be, such as `2h` or `30d`; absent, or `0s`: any age.
    #[serde(default)]
    pub ttl: Option<Age>,
    /// The rows.
    pub source: SourceSpec,
}

/// Files of feature rows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SourceSpec {
    /// A file, a folder or a pattern, relative to the folder of the store; or an s3:// address.
    #[schemars(length(min = 1))]
    pub path: String,
    /// Column of the time at which a row was true.
    #[serde(default = "event_timestamp")]
    pub timestamp_field: String,
    /// Column of the time at which a row was written: of rows with one time, that written last counts.
    #[serde(default)]
    pub created_timestamp_column: Option<String>,
    /// From a name in the files to its name in the view.
    #[serde(default)]
    pub field_mapping: BTreeMap<String, String>,
    /// Where the bucket is, when it is not at AWS.
    #[serde(default)]
    pub s3_endpoint_override: Option<String>,
}

fn event_timestamp() -> String {
    "event_timestamp".into()
}

/// A named choice of features.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ServiceSpec {
    /// Its name.
    #[schemars(length(min = 1))]
    pub name: String,
    /// Each `view:feature`.
    #[schemars(length(min = 1))]
    pub features: Vec<String>,
}

/// A length of time as text: whole numbers with the units ms, s, m, h, d and w, such as `90m` or `1d12h`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Age(pub Duration);

/// Units by name, the longest first, in milliseconds.
const UNITS: [(&str, u64); 6] =
    [("w", 604_800_000), ("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

impl TryFrom<String> for Age {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let wrong = || format!("expected a length of time such as 2h, 30d or 1d12h, found `{text}`");
        let mut milliseconds = 0_u64;
        let mut rest = text.as_str();
        while !rest.is_empty() {
            let digits = rest.find(|c: char| !c.is_ascii_digit()).ok_or_else(wrong)?;
            let number: u64 = rest[..digits].parse().map_err(|_| wrong())?;
            let after = &rest[digits..];
            let letters = after.find(|c: char| c.is_ascii_digit()).unwrap_or(after.len());
            let (_, unit) = UNITS.iter().find(|(name, _)| *name == &after[..letters]).ok_or_else(wrong)?;
            let part = number.checked_mul(*unit).and_then(|part| part.checked_add(milliseconds));
            milliseconds = part.ok_or_else(wrong)?;
            rest = &after[letters..];
        }
        if text.is_empty() { Err(wrong()) } else { Ok(Self(Duration::from_millis(milliseconds))) }
    }
}

impl fmt::Display for Age {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.0.as_millis() as u64;
        if rest == 0 {
            return f.write_str("0s");
        }
        for (name, unit) in UNITS {
            if rest >= unit {
                write!(f, "{}{name}", rest / unit)?;
                rest %= unit;
            }
        }
        Ok(())
    }
}

impl From<Age> for String {
    fn from(age: Age) -> Self {
        age.to_string()
    }
}

impl JsonSchema for Age {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Age".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": "^([0-9]+(ms|s|m|h|d|w))+$" })
    }
}

impl StoreSpec {
    /// What is wrong with it beyond its shape, with the path of each value.
    pub fn faults(&self) -> Vec<(String, Fault)> {
        let mut faults = Vec::new();
        let names = |list: &str, names: Vec<&String>| {
            again(&names).into_iter().map(|at| (format!("{list}.{at}.name"), twice(names[at]))).collect::<Vec<_>>()
        };
        faults.extend(names("entities", self.entities.iter().map(|it| &it.name).collect()));
        faults.extend(names("views", self.views.iter().map(|it| &it.name).collect()));
        faults.extend(names("services", self.services.iter().map(|it| &it.name).collect()));
        for (at, view) in self.views.iter().enumerate() {
            let features: Vec<&String> = view.features.iter().collect();
            let twice =
                again(&features).into_iter().map(|no| (format!("views.{at}.features.{no}"), twice(features[no])));
            faults.extend(twice);
            for (no, entity) in view.entities.iter().enumerate() {
                let fault = self.key(entity).err().map(|error| error.fault().clone());
                faults.extend(fault.map(|fault| (format!("views.{at}.entities.{no}"), fault)));
            }
        }
        let store = self.bare_store();
        for (at, service) in self.services.iter().enumerate() {
            for (no, reference) in service.features.iter().enumerate() {
                // Full names, as those who ask may want them: what matters here is that all is there.
                let answer = store.joins(Wanted::Features(std::slice::from_ref(reference)), true);
                let fault = answer.err().map(|error| error.fault().clone());
                faults.extend(fault.map(|fault| (format!("services.{at}.features.{no}"), fault)));
            }
        }
        faults
    }

    /// The store that is described.
    ///
    /// # Errors
    /// `Config`: the first of [`StoreSpec::faults`].
    pub fn store(&self) -> Result<Store, FeatureError> {
        if let Some((_, fault)) = self.faults().into_iter().next() {
            return Err(FeatureError::config(fault));
        }
        let mut store = self.bare_store();
        for service in &self.services {
            let joins = store.joins(Wanted::Features(&service.features), true)?;
            let views = joins.iter().map(|join| selected(&join.name, &service.features)).collect();
            store.services.push(Service { name: service.name.clone(), views });
        }
        Ok(store)
    }

    /// Without services.
    fn bare_store(&self) -> Store {
        let views = self.views.iter().map(|view| self.view(view)).collect();
        Store { project: self.project.clone(), views, ..Store::default() }
    }

    fn view(&self, view: &ViewSpec) -> View {
        let source = &view.source;
        View {
            name: view.name.clone(),
            keys: view.entities.iter().filter_map(|entity| self.key(entity).ok()).map(str::to_owned).collect(),
            features: view.features.clone(),
            types: BTreeMap::new(),
            ttl: view.ttl.map(|ttl| ttl.0).filter(|ttl| !ttl.is_zero()),
            source: Source {
                uri: source.path.clone(),
                s3_endpoint: source.s3_endpoint_override.clone(),
                timestamp_field: source.timestamp_field.clone(),
                created_timestamp_column: source.created_timestamp_column.clone(),
                columns: source.field_mapping.iter().map(|(file, view)| (view.clone(), file.clone())).collect(),
            },
        }
    }

    /// The column of an entity.
    fn key(&self, name: &str) -> Result<&str, FeatureError> {
        let entity = self.entities.iter().find(|entity| entity.name == name).ok_or_else(|| {
            let names: Vec<&str> = self.entities.iter().map(|entity| entity.name.as_str()).collect();
            let fault = Fault::new("unknown_entity", format!("expected an entity, found none named `{name}`"));
            FeatureError::config(hinted(fault, name, &names, "entities"))
        })?;
        Ok(entity.join_key.as_ref().unwrap_or(&entity.name))
    }
}

/// Positions of names that stood before.
fn again(names: &[&String]) -> Vec<usize> {
    (0..names.len()).filter(|&at| names[..at].contains(&names[at])).collect()
}

fn twice(name: &str) -> Fault {
    Fault::new("same_name", format!("expected every name once, found `{name}` again"))
}

fn selected(view: &str, references: &[String]) -> Selected {
    let of_view = |reference: &String| {
        reference.split_once(':').filter(|(name, _)| *name == view).map(|(_, feature)| feature.to_owned())
    };
    Selected {
        view: view.to_owned(),
        alias: None,
        features: references.iter().filter_map(of_view).collect(),
        key_columns: BTreeMap::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPEC: &str = r#"{
        "project": "shop",
        "entities": [{"name": "user", "join_key": "user_id"}],
        "views": [
            {"name": "v", "entities": ["user"], "features": ["a", "b"], "ttl": "1d12h",
             "source": {"path": "v.parquet", "created_timestamp_column": "created", "field_mapping": {"raw": "a"}}},
            {"name": "w", "features": ["c"], "ttl": "0s", "source": {"path": "w/"}}
        ],
        "services": [{"name": "s", "features": ["w:c", "v:b"]}]
    }"#;

    fn spec(text: &str) -> StoreSpec {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn a_store_of_our_own_has_what_a_registry_has() {
        let store = spec(SPEC).store().unwrap();
        let view = store.view("v").unwrap();
        assert_eq!(view.keys, ["user_id"]);
        assert_eq!(view.ttl, Some(Duration::from_secs(36 * 3600)));
        assert_eq!((view.source.column("a"), view.source.timestamp_field.as_str()), ("raw", "event_timestamp"));
        assert_eq!(store.view("w").unwrap().ttl, None);
        let joins = store.joins(Wanted::Service("s"), false).unwrap();
        assert_eq!(joins.iter().map(|join| join.name.as_str()).collect::<Vec<_>>(), ["w", "v"]);
    }

    #[test]
    fn names_that_nothing_has_are_refused() {
        let refused = |from: &str, to: &str| spec(&SPEC.replace(from, to)).store().unwrap_err().to_string();
        assert!(refused(r#"["user"]"#, r#"["usre"]"#).ends_with("did you mean `user`?"));
        assert!(refused(r#""name": "w""#, r#""name": "v""#).contains("found `v` again"));
        assert!(refused("v:b", "v:x").contains("found none named `x`"));
    }

    #[test]
    fn ages_have_units() {
        let age = |text: &str| Age::try_from(text.to_owned()).map(|age| age.0.as_millis());
        assert_eq!(age("90m"), Ok(5_400_000));
        assert_eq!(age("1w2d3h4m5s6ms"), Ok(788_645_006));
        for wrong in ["", "5", "h", "1 h", "-1h", "1y", "99999999999999999999w"] {
            assert!(age(wrong).is_err(), "{wrong}");
        }
        for text in ["1d12h", "0s", "30d", "1s500ms"] {
            let shown = Age::try_from(text.to_owned()).unwrap().to_string();
            assert_eq!(age(&shown), age(text));
        }
    }
}
