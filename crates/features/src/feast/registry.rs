use std::collections::{BTreeMap, HashMap};
use std::time::Duration as StdDuration;

use prost::Message;
use trainer_data::Fault;

use super::message::{
    DataSource, Duration, Entity, FeatureService, FeatureView, FeatureViewSpec, FileFormat, OtherView,
};
use super::message::{Field, Projection, Registry, SourceType};
use super::store::{Selected, Service, Source, Store, Ttl, Unread, ValueType, View};
use crate::FeatureError;

/// What Feast calls the key of views without entities.
const DUMMY: &str = "__dummy_id";

/// Reads the bytes of a registry file, as `feast apply` writes it. A registry may hold several projects; one is read.
///
/// Views of other kinds than files with join keys are noted with their kind, and refused when they are asked for.
///
/// # Errors
/// `Data`: bytes that are no registry (`registry`), or one without that project (`unknown_project`).
pub fn read_registry(bytes: &[u8], project: &str) -> Result<Store, FeatureError> {
    let wrong = |message: String| FeatureError::data(Fault::new("registry", message));
    let registry = Registry::decode(bytes)
        .map_err(|error| wrong(format!("expected a registry as `feast apply` writes it: {error}")))?;
    if registry.registry_schema_version.is_empty() {
        let message = "expected a registry as `feast apply` writes it, found no schema version";
        return Err(wrong(message.into()));
    }
    check_project(&registry, project)?;
    let keys = join_keys(&registry.entities, project);
    let mut store = Store { project: project.to_owned(), ..Store::default() };
    for spec in registry.feature_views.iter().filter_map(|view: &FeatureView| view.spec.as_ref()) {
        if spec.project != project {
            continue;
        }
        match view(spec, &keys) {
            Ok(view) => store.views.push(view),
            Err(reason) => store.unread.push(Unread { name: spec.name.clone(), reason }),
        }
    }
    let others = [
        (&registry.on_demand_feature_views, "an on-demand view is computed by Python code when it is asked for"),
        (&registry.stream_feature_views, "a stream view is computed by Python code on a stream"),
        (&registry.label_views, "a label view holds labels, and no features"),
    ];
    for (views, reason) in others {
        store.unread.extend(unread(views, project, reason));
    }
    let services = registry.feature_services.iter().filter_map(|service: &FeatureService| service.spec.as_ref());
    store.services = services
        .filter(|spec| spec.project == project)
        .map(|spec| Service { name: spec.name.clone(), views: spec.features.iter().map(selected).collect() })
        .collect();
    Ok(store)
}

fn check_project(registry: &Registry, project: &str) -> Result<(), FeatureError> {
    let views = registry.feature_views.iter().filter_map(|view| view.spec.as_ref()).map(|spec| spec.project.as_str());
    let entities = registry.entities.iter().filter_map(|it| it.spec.as_ref()).map(|spec| spec.project.as_str());
    let mut known: Vec<&str> = views.chain(entities).collect();
    known.sort_unstable();
    known.dedup();
    if known.contains(&project) {
        return Ok(());
    }
    let message = format!("expected project `{project}` in the registry, found none of that name");
    let fault = super::store::hinted(Fault::new("unknown_project", message), project, &known, "projects");
    Err(FeatureError::data(fault))
}

/// The column of each entity.
fn join_keys<'r>(entities: &'r [Entity], project: &str) -> HashMap<&'r str, &'r str> {
    let specs = entities.iter().filter_map(|entity| entity.spec.as_ref()).filter(|spec| spec.project == project);
    specs.map(|spec| (spec.name.as_str(), spec.join_key.as_str())).collect()
}

/// A view, or why it cannot be one.
fn view(spec: &FeatureViewSpec, join_keys: &HashMap<&str, &str>) -> Result<View, String> {
    if spec.disabled {
        return Err("it is disabled".to_owned());
    }
    let source = spec.batch_source.as_ref().ok_or("it has no batch source")?;
    let columns = spec.entity_columns.iter().map(|column| column.name.as_str());
    let of_entities = spec.entities.iter().map(|entity| join_keys.get(entity.as_str()).copied().unwrap_or(entity));
    // Registries of old versions have names of entities only.
    let keys: Vec<&str> = if spec.entity_columns.is_empty() { of_entities.collect() } else { columns.collect() };
    let keys: Vec<String> = keys.into_iter().filter(|key| *key != DUMMY).map(str::to_owned).collect();
    Ok(View {
        name: spec.name.clone(),
        features: spec.features.iter().map(|field| field.name.clone()).filter(|name| !keys.contains(name)).collect(),
        types: spec.entity_columns.iter().chain(&spec.features).filter_map(declared).collect(),
        keys,
        ttl: spec.ttl.as_ref().map_or(Ok(None), ttl)?,
        source: source_of(source)?,
    })
}

/// The type of a column, where it is one value a cell.
fn declared(field: &Field) -> Option<(String, ValueType)> {
    let kind = match field.value_type {
        2 => ValueType::String,
        3 => ValueType::Int32,
        4 => ValueType::Int64,
        5 => ValueType::Double,
        6 => ValueType::Float,
        7 => ValueType::Bool,
        8 => ValueType::UnixTimestamp,
        _ => return None,
    };
    Some((field.name.clone(), kind))
}

/// A duration of nothing is none.
fn ttl(duration: &Duration) -> Result<Ttl, String> {
    let wrong = || format!("its ttl is {} s and {} ns", duration.seconds, duration.nanos);
    let seconds = u64::try_from(duration.seconds).map_err(|_| wrong())?;
    let nanos = u32::try_from(duration.nanos).map_err(|_| wrong())?;
    Ok(Some(StdDuration::new(seconds, nanos)).filter(|ttl| !ttl.is_zero()))
}

fn source_of(source: &DataSource) -> Result<Source, String> {
    let kind = SourceType::try_from(source.r#type).unwrap_or(SourceType::Invalid);
    if let Some(files) = &source.batch_source {
        // What is pushed or streamed is kept in files as well.
        return source_of(files);
    }
    let Some(files) = source.file_options.as_ref().filter(|_| kind == SourceType::BatchFile) else {
        return Err(format!("its rows are in {}, and only files are read", kind_name(kind)));
    };
    if matches!(&files.file_format, Some(FileFormat { delta: Some(_), .. })) {
        return Err("its files are Delta tables, and only Parquet is read".to_owned());
    }
    if source.timestamp_field.is_empty() {
        return Err("its source names no timestamp field".to_owned());
    }
    let created = source.created_timestamp_column.clone();
    Ok(Source {
        uri: files.uri.clone(),
        s3_endpoint: Some(files.s3_endpoint_override.clone()).filter(|endpoint| !endpoint.is_empty()),
        timestamp_field: source.timestamp_field.clone(),
        created_timestamp_column: Some(created).filter(|column| !column.is_empty()),
        columns: source.field_mapping.iter().map(|(file, view)| (view.clone(), file.clone())).collect(),
    })
}

fn kind_name(kind: SourceType) -> &'static str {
    match kind {
        SourceType::Invalid => "a source of a kind that is not known here",
        SourceType::BatchFile => "files",
        SourceType::BatchBigquery => "BigQuery",
        SourceType::StreamKafka => "Kafka",
        SourceType::StreamKinesis => "Kinesis",
        SourceType::BatchRedshift => "Redshift",
        SourceType::CustomSource => "a source of its own kind",
        SourceType::RequestSource => "the request",
        SourceType::BatchSnowflake => "Snowflake",
        SourceType::PushSource => "a push source without files",
        SourceType::BatchTrino => "Trino",
        SourceType::BatchSpark => "Spark",
        SourceType::BatchAthena => "Athena",
        SourceType::BatchIceberg => "Iceberg",
    }
}

fn unread(views: &[OtherView], project: &str, reason: &str) -> Vec<Unread> {
    let specs = views.iter().filter_map(|view| view.spec.as_ref()).filter(|spec| spec.project == project);
    specs.map(|spec| Unread { name: spec.name.clone(), reason: reason.to_owned() }).collect()
}

fn selected(projection: &Projection) -> Selected {
    let alias = projection.feature_view_name_alias.clone();
    Selected {
        view: projection.feature_view_name.clone(),
        alias: Some(alias).filter(|alias| !alias.is_empty()),
        features: projection.feature_columns.iter().map(|field| field.name.clone()).collect(),
        key_columns: projection.join_key_map.clone().into_iter().collect::<BTreeMap<_, _>>(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::message::{EntitySpec, FeatureServiceSpec, Field, FileOptions, OtherViewSpec};
    use super::*;

    fn field(name: &str) -> Field {
        Field { name: name.into(), value_type: 4 }
    }

    fn source(kind: SourceType) -> DataSource {
        DataSource {
            r#type: kind as i32,
            timestamp_field: "ts".into(),
            field_mapping: [("rating".to_owned(), "driver_rating".to_owned())].into(),
            file_options: Some(FileOptions { uri: "a.parquet".into(), ..Default::default() }),
            ..Default::default()
        }
    }

    fn spec(name: &str, kind: SourceType) -> FeatureView {
        FeatureView {
            spec: Some(FeatureViewSpec {
                name: name.into(),
                project: "p".into(),
                entities: vec!["driver".into()],
                features: vec![field("driver_rating")],
                ttl: Some(Duration { seconds: 0, nanos: 0 }),
                batch_source: Some(source(kind)),
                entity_columns: vec![field("driver_id")],
                ..Default::default()
            }),
        }
    }

    fn registry() -> Registry {
        let of_entity = FeatureViewSpec { entity_columns: vec![], ..spec("old", SourceType::BatchFile).spec.unwrap() };
        let everybody = FeatureViewSpec {
            name: "everybody".into(),
            entities: vec!["__dummy".into()],
            entity_columns: vec![field("__dummy_id")],
            ..of_entity.clone()
        };
        let pushed =
            DataSource { batch_source: Some(source(SourceType::BatchFile).into()), ..source(SourceType::PushSource) };
        let pushed = FeatureViewSpec { name: "pushed".into(), batch_source: Some(pushed), ..of_entity.clone() };
        let view = |spec| FeatureView { spec: Some(spec) };
        Registry {
            registry_schema_version: "1".into(),
            entities: vec![Entity {
                spec: Some(EntitySpec { name: "driver".into(), join_key: "driver_id".into(), project: "p".into() }),
            }],
            feature_views: vec![
                spec("rated", SourceType::BatchFile),
                spec("far", SourceType::BatchSnowflake),
                view(of_entity),
                view(everybody),
                view(pushed),
            ],
            on_demand_feature_views: vec![OtherView {
                spec: Some(OtherViewSpec { name: "ratio".into(), project: "p".into() }),
            }],
            feature_services: vec![FeatureService {
                spec: Some(FeatureServiceSpec {
                    name: "trips".into(),
                    project: "p".into(),
                    features: vec![Projection {
                        feature_view_name: "rated".into(),
                        feature_view_name_alias: "origin".into(),
                        feature_columns: vec![field("driver_rating")],
                        join_key_map: [("driver_id".to_owned(), "origin_id".to_owned())].into(),
                    }],
                }),
            }],
            ..Default::default()
        }
    }

    #[test]
    fn views_of_files_are_read_and_others_refused_when_asked_for() {
        let store = read_registry(&registry().encode_to_vec(), "p").unwrap();
        let names: Vec<&str> = store.views.iter().map(|view| view.name.as_str()).collect();
        assert_eq!(names, ["rated", "old", "everybody", "pushed"]);
        let rated = store.view("rated").unwrap();
        assert_eq!((rated.keys.as_slice(), rated.ttl), (["driver_id".to_owned()].as_slice(), None));
        assert_eq!((rated.source.column("driver_rating"), rated.source.column("ts")), ("rating", "ts"));
        assert_eq!(store.view("old").unwrap().keys, ["driver_id"]);
        assert!(store.view("everybody").unwrap().keys.is_empty());
        let refused = |name: &str| store.view(name).unwrap_err().to_string();
        assert!(refused("far").contains("its rows are in Snowflake, and only files are read"));
        assert!(refused("ratio").contains("`ratio` cannot be joined: an on-demand view"));
        assert!(refused("ratde").ends_with("did you mean `rated`?"));
        assert_eq!(store.service("trips").unwrap().views[0].alias.as_deref(), Some("origin"));
    }

    #[test]
    fn what_is_no_registry_is_refused() {
        let refused = |bytes: &[u8], project: &str| read_registry(bytes, project).unwrap_err().to_string();
        assert!(refused(b"PAR1 and more", "p").starts_with("expected a registry as `feast apply` writes it"));
        assert!(refused(b"", "p").contains("no schema version"));
        assert!(refused(&registry().encode_to_vec(), "q").contains("expected project `q`"));
    }
}
