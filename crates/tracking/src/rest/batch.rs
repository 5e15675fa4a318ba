//! What goes into one `runs/log-batch`.

use serde_json::{Value as Json, json};

use crate::record::{Dataset, Metric, Tag};

/// The most of each kind, and of all together, that a server takes in one call.
const PARAMS: usize = 100;
const TAGS: usize = 100;
const METRICS: usize = 1000;
const TOGETHER: usize = 1000;
/// A call has 1 MB at most; this leaves room for what is around the entries.
const BYTES: usize = 900_000;

/// Entries that fit into one call, written as JSON already.
#[derive(Debug, Default)]
pub struct Batch {
    params: Vec<String>,
    tags: Vec<String>,
    metrics: Vec<String>,
    bytes: usize,
}

/// What points are about.
#[derive(Debug, Clone, Copy)]
pub struct About<'a> {
    /// The logged model.
    pub model: Option<&'a str>,
    /// What points number.
    pub datasets: &'a [Dataset],
}

impl Batch {
    fn has_room(&self, bytes: usize) -> bool {
        let entries = self.params.len() + self.tags.len() + self.metrics.len();
        entries < TOGETHER && (entries == 0 || self.bytes + bytes <= BYTES)
    }

    /// The body of the call.
    pub fn body(&self, run_id: &str) -> String {
        let list = |entries: &[String]| entries.join(",");
        format!(
            r#"{{"run_id":{},"params":[{}],"tags":[{}],"metrics":[{}]}}"#,
            Json::from(run_id),
            list(&self.params),
            list(&self.tags),
            list(&self.metrics)
        )
    }
}

/// Cuts entries into as few calls as there can be, in order.
pub fn batches(params: &[Tag], metrics: &[Metric], tags: &[Tag], about: About<'_>) -> Vec<Batch> {
    type Kind = fn(&mut Batch) -> &mut Vec<String>;
    let mut full = Vec::new();
    let mut batch = Batch::default();
    let mut add = |entry: String, kind: Kind, most: usize| {
        if kind(&mut batch).len() >= most || !batch.has_room(entry.len()) {
            full.push(std::mem::take(&mut batch));
        }
        batch.bytes += entry.len() + 1;
        kind(&mut batch).push(entry);
    };
    params.iter().for_each(|param| add(pair(param).to_string(), |batch| &mut batch.params, PARAMS));
    tags.iter().for_each(|tag| add(pair(tag).to_string(), |batch| &mut batch.tags, TAGS));
    metrics.iter().for_each(|metric| add(point(metric, about).to_string(), |batch| &mut batch.metrics, METRICS));
    if batch.bytes > 0 {
        full.push(batch);
    }
    full
}

/// A key with its value.
pub fn pair(tag: &Tag) -> Json {
    json!({ "key": tag.key, "value": tag.value })
}

/// Keys with their values.
pub fn pairs(tags: &[Tag]) -> Vec<Json> {
    tags.iter().map(pair).collect()
}

fn point(metric: &Metric, about: About<'_>) -> Json {
    // A bare NaN is taken for 0, and everything behind it is lost without a word.
    let value = match metric.value {
        value if value.is_nan() => Json::from("NaN"),
        f64::INFINITY => Json::from("Infinity"),
        f64::NEG_INFINITY => Json::from("-Infinity"),
        value => Json::from(value),
    };
    let mut point = json!({ "key": metric.key, "value": value, "timestamp": metric.timestamp_ms, "step": metric.step });
    if let (true, Some(model)) = (metric.of_model, about.model) {
        point["model_id"] = model.into();
        if let Some(dataset) = metric.dataset.and_then(|index| about.datasets.get(index)) {
            point["dataset_name"] = dataset.name.as_str().into();
            point["dataset_digest"] = dataset.digest.as_str().into();
        }
    }
    point
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn metric(step: i64, value: f64) -> Metric {
        Metric { key: "m".into(), value, timestamp_ms: 5, step, dataset: Some(0), of_model: step % 2 == 0 }
    }

    fn dataset() -> Dataset {
        let text = |text: &str| text.to_owned();
        Dataset {
            context: text("test"),
            name: text("d"),
            digest: text("x"),
            source_type: text("local"),
            source: text("{}"),
            schema: text("{}"),
            profile: text("{}"),
        }
    }

    #[test]
    fn what_json_lacks_is_text_and_only_points_of_the_model_name_it() {
        let metrics: Vec<_> = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 0.1 + 0.2].into_iter().enumerate().collect();
        let metrics: Vec<_> = metrics.into_iter().map(|(step, value)| metric(step as i64, value)).collect();
        let datasets = [dataset()];
        let about = About { model: Some("m-1"), datasets: &datasets };
        let found = batches(&[Tag::new("p", "1")], &metrics, &[], about);
        let expected = concat!(
            r#"{"run_id":"r","params":[{"key":"p","value":"1"}],"tags":[],"metrics":["#,
            r#"{"key":"m","value":"NaN","timestamp":5,"step":0,"model_id":"m-1","dataset_name":"d","dataset_digest":"x"},"#,
            r#"{"key":"m","value":"Infinity","timestamp":5,"step":1},"#,
            r#"{"key":"m","value":"-Infinity","timestamp":5,"step":2,"model_id":"m-1","dataset_name":"d","dataset_digest":"x"},"#,
            r#"{"key":"m","value":0.30000000000000004,"timestamp":5,"step":3}]}"#
        );
        assert_eq!(found.iter().map(|batch| batch.body("r")).collect::<Vec<_>>(), [expected]);
    }

    proptest! {
        #[test]
        fn nothing_is_lost_and_no_limit_is_passed(
            params in 0..250usize, tags in 0..250usize, metrics in 0..2500usize, long in prop::collection::vec(0..8000usize, 250),
        ) {
            let tagged = |count: usize| -> Vec<Tag> {
                (0..count).map(|at| Tag::new(format!("k{at}"), "x".repeat(long[at]))).collect()
            };
            let points: Vec<_> = (0..metrics).map(|at| metric(at as i64, 0.5)).collect();
            let found = batches(&tagged(params), &points, &tagged(tags), About { model: None, datasets: &[] });
            let sum = |count: fn(&Batch) -> usize| found.iter().map(count).sum::<usize>();
            prop_assert_eq!(sum(|batch| batch.params.len()), params);
            prop_assert_eq!(sum(|batch| batch.tags.len()), tags);
            prop_assert_eq!(sum(|batch| batch.metrics.len()), metrics);
            for batch in &found {
                let (params, tags, metrics) = (batch.params.len(), batch.tags.len(), batch.metrics.len());
                prop_assert!(params <= 100 && tags <= 100 && metrics <= 1000);
                prop_assert!((1..=1000).contains(&(params + tags + metrics)));
                prop_assert!(batch.body("r").len() < 1_000_000);
            }
        }
    }
}
