//! What a store has, held against what it was given.

use std::collections::BTreeMap;

use super::{End, Result, Road};
use crate::record::{Metric, Tag};
use crate::store::Run;

/// More are only counted.
const MOST: usize = 20;
/// Of so many metrics the history is read.
const HISTORIES: usize = 3;

impl Road<'_> {
    /// Reads everything back. When that fails nothing is lost: it is told, and no error.
    pub(super) fn check(&mut self, end: &End) -> Vec<String> {
        self.say("reading back");
        let mut found = match self.differences(end) {
            Ok(found) => found,
            Err(error) => {
                self.warnings.push(format!("everything is logged, and was not read back: {error}"));
                Vec::new()
            }
        };
        if found.len() > MOST {
            let more = found.len() - MOST;
            found.truncate(MOST);
            found.push(format!("... and {more} more"));
        }
        found
    }

    fn differences(&mut self, end: &End) -> Result<Vec<String>> {
        let record = self.record;
        let mut told = Vec::new();
        let Some(run) = self.store.run(&end.run.id)? else {
            return Ok(vec![format!("run {}: not there", end.run.id)]);
        };
        if record.resume.is_none() {
            // A server that was slow enough may have made a second one.
            let same = self.store.runs_with_tag(&run.info.experiment_id, &self.key())?;
            if same.len() > 1 {
                told.push(format!("expected one run of this key, found {}", same.len()));
            }
        }
        if run.info.status != record.status {
            told.push(format!("status: expected {:?}, found {:?}", record.status, run.info.status));
        }
        // A run that was gone on with keeps what it had, which was told.
        if record.resume.is_none() {
            pairs("parameter", &record.params, &run.params, &mut told);
        }
        pairs("tag", &record.tags, &run.tags, &mut told);
        metrics(&record.metrics, &run, &mut told);
        for dataset in &record.datasets {
            if !run.datasets.contains(dataset) {
                told.push(format!("{} data `{}`: not there as it was given", dataset.context, dataset.name));
            }
        }
        self.histories(&run, &mut told)?;
        if let Some(model) = &end.model {
            if !run.models.contains(&model.id) {
                told.push(format!("model {}: not among the run's outputs", model.id));
            }
            let name = record.model.as_ref().map_or("", |model| model.name.as_str());
            let models = self.store.models_of_run(&run.info.experiment_id, &run.info.id, name)?;
            match models.iter().find(|other| other.id == model.id) {
                Some(model) if model.ready => {}
                Some(model) => told.push(format!("model {}: not ready", model.id)),
                None => told.push(format!("model {}: not there", model.id)),
            }
        }
        if let (Some(number), Some(wanted)) = (end.version, &record.version) {
            self.registered(&wanted.name, number, &wanted.tags, end.alias.as_deref(), &mut told)?;
        }
        Ok(told)
    }

    fn registered(
        &mut self,
        name: &str,
        number: u64,
        tags: &[Tag],
        alias: Option<&str>,
        told: &mut Vec<String>,
    ) -> Result<()> {
        match self.store.version(name, number)? {
            Some(version) => {
                let what = format!("{name} version {number}: tag");
                let decided = |tag: &&Tag| tag.key != crate::promotion::VALIDATION_STATUS;
                // People may have decided about it since.
                pairs(&what, &tags.iter().filter(decided).cloned().collect::<Vec<_>>(), &version.tags, told);
            }
            None => told.push(format!("{name} version {number}: not there")),
        }
        if let Some(alias) = alias {
            let found = self.store.alias(name, alias)?.map(|version| version.version);
            // A newer version may have been promoted since.
            if found.is_none_or(|found| found < number) {
                let found = found.map_or("none".to_owned(), |version| format!("version {version}"));
                told.push(format!("{name}: `{alias}`: expected version {number}, found {found}"));
            }
        }
        Ok(())
    }

    /// All points of the longest metrics.
    fn histories(&mut self, run: &Run, told: &mut Vec<String>) -> Result<()> {
        let mut points: BTreeMap<&str, Vec<Point>> = BTreeMap::new();
        for metric in &self.record.metrics {
            points.entry(&metric.key).or_default().push(Point::of(metric));
        }
        let mut longest: Vec<_> = points.into_iter().filter(|(_, points)| points.len() > 1).collect();
        longest.sort_by_key(|(_, points)| std::cmp::Reverse(points.len()));
        for (key, mut expected) in longest.into_iter().take(HISTORIES) {
            let mut found: Vec<Point> = self.store.history(&run.info.id, key)?.iter().map(Point::of).collect();
            for points in [&mut expected, &mut found] {
                points.sort_unstable();
                points.dedup();
            }
            let missing = expected.iter().filter(|point| found.binary_search(point).is_err()).count();
            if missing > 0 {
                told.push(format!("metric `{key}`: {missing} of {} points are not there", expected.len()));
            }
        }
        Ok(())
    }
}

/// A point, as it can be compared: infinities are the largest numbers to a store, NaN is 0 with a mark.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Point {
    step: i64,
    timestamp_ms: i64,
    is_nan: bool,
    bits: u64,
}

impl Point {
    fn of(metric: &Metric) -> Self {
        let is_nan = metric.value.is_nan();
        let value = if is_nan { 0.0 } else { metric.value.clamp(f64::MIN, f64::MAX) + 0.0 };
        Self { step: metric.step, timestamp_ms: metric.timestamp_ms, is_nan, bits: value.to_bits() }
    }
}

fn pairs(what: &str, expected: &[Tag], found: &[Tag], told: &mut Vec<String>) {
    let found: BTreeMap<&str, &str> = found.iter().map(|tag| (tag.key.as_str(), tag.value.as_str())).collect();
    for tag in expected {
        match found.get(tag.key.as_str()) {
            Some(value) if *value == tag.value => {}
            Some(value) => {
                told.push(format!("{what} `{}`: expected `{}`, found `{}`", tag.key, short(&tag.value), short(value)));
            }
            None => told.push(format!("{what} `{}`: not there", tag.key)),
        }
    }
}

/// The run's latest point of each metric is one of those that were given.
fn metrics(expected: &[Metric], run: &Run, told: &mut Vec<String>) {
    let found: BTreeMap<&str, &Metric> = run.metrics.iter().map(|metric| (metric.key.as_str(), metric)).collect();
    let mut given: BTreeMap<&str, Vec<&Metric>> = BTreeMap::new();
    for metric in expected {
        given.entry(&metric.key).or_default().push(metric);
    }
    for (key, points) in given {
        // A point that was there before may be later than all of these.
        let last =
            points.iter().max_by_key(|metric| (metric.step, metric.timestamp_ms)).expect("no key without points");
        match found.get(key) {
            None => told.push(format!("metric `{key}`: not there")),
            Some(found) if (found.step, found.timestamp_ms) > (last.step, last.timestamp_ms) => {}
            Some(found) if points.iter().any(|point| Point::of(point) == Point::of(found)) => {}
            Some(found) => told.push(format!(
                "metric `{key}`: expected {} at step {}, found {} at step {}",
                last.value, last.step, found.value, found.step
            )),
        }
    }
}

fn short(text: &str) -> String {
    match text.char_indices().nth(60) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(value: f64) -> Point {
        Point::of(&Metric { key: "m".into(), value, timestamp_ms: 1, step: 2, dataset: None, of_model: false })
    }

    #[test]
    fn points_are_compared_as_a_store_keeps_them() {
        assert_eq!(point(f64::INFINITY), point(f64::MAX));
        assert_eq!(point(f64::NEG_INFINITY), point(f64::MIN));
        assert_eq!(point(f64::NAN), point(-f64::NAN));
        assert_eq!(point(-0.0), point(0.0));
        assert_ne!(point(0.0), point(f64::NAN));
        assert_ne!(point(0.1), point(0.1 + f64::EPSILON));
    }

    #[test]
    fn pairs_that_differ_are_told() {
        let tag = |key: &str, value: &str| Tag::new(key, value);
        let mut told = Vec::new();
        let found = [tag("a", "1"), tag("b", "x"), tag("c", "3")];
        pairs("tag", &[tag("a", "1"), tag("b", &"y".repeat(99)), tag("d", "4")], &found, &mut told);
        let expected = format!("tag `b`: expected `{}...`, found `x`", "y".repeat(60));
        assert_eq!(told, [expected, "tag `d`: not there".to_owned()]);
    }
}
