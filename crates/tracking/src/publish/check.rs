//! What a store has, held against what it was given.

use std::collections::BTreeMap;

use super::child::PARENT;
use super::{End, Result, Road};
use crate::promotion::VALIDATION_STATUS;
use crate::record::{Metric, RunStatus, Tag};
use crate::store::{Entity, Run};

/// More are only counted.
const MOST: usize = 20;

/// What a store says otherwise than it was told.
#[derive(Debug, Default)]
pub struct Told {
    /// It was written and is not there.
    pub missing: Vec<String>,
    /// It is there and has another value.
    pub differing: Vec<String>,
}

impl Told {
    fn missing(&mut self, what: impl std::fmt::Display) {
        self.missing.push(format!("{what}: not there"));
    }

    fn differs(
        &mut self,
        what: impl std::fmt::Display,
        expected: impl std::fmt::Display,
        found: impl std::fmt::Display,
    ) {
        self.differing.push(format!("{what}: expected {expected}, found {found}"));
    }

    fn shortened(mut self) -> Self {
        for told in [&mut self.missing, &mut self.differing] {
            if told.len() > MOST {
                let more = told.len() - MOST;
                told.truncate(MOST);
                told.push(format!("... and {more} more"));
            }
        }
        self
    }
}

impl Road<'_> {
    /// Reads everything back. When that fails nothing is lost: it is told, and no error.
    pub(super) fn check(&mut self, end: &End) -> Told {
        self.say("reading back");
        let mut told = Told::default();
        if let Err(error) = self.check_all(end, &mut told) {
            self.warnings.push(format!("everything is logged, and was not read back: {error}"));
        }
        told.shortened()
    }

    fn check_all(&mut self, end: &End, told: &mut Told) -> Result<()> {
        self.check_run(end, told)?;
        self.check_children(end, told)?;
        self.check_version(end, told)?;
        self.check_files(told)
    }

    fn check_run(&mut self, end: &End, told: &mut Told) -> Result<()> {
        let record = self.record;
        let Some(run) = self.store.run(&end.run.id)? else {
            told.missing(format!("run {}", end.run.id));
            return Ok(());
        };
        if record.resume.is_none() {
            // A server that was slow enough may have made a second one.
            let same = self.store.runs_with_tag(&run.info.experiment_id, &self.key())?;
            if same.len() > 1 {
                told.differs("runs of this key", "one", same.len());
            }
        }
        if run.info.status != record.status {
            told.differs("status", format!("{:?}", record.status), format!("{:?}", run.info.status));
        }
        // A run that was gone on with keeps what it had, which was told.
        if record.resume.is_none() {
            pairs("parameter", &record.params, &run.params, told);
        }
        pairs("tag", &record.tags, &run.tags, told);
        metrics("", &record.metrics, &run, told);
        for dataset in &record.datasets {
            if !run.datasets.contains(dataset) {
                let what = format!("{} data `{}`", dataset.context, dataset.name);
                match run.datasets.iter().any(|other| other.name == dataset.name && other.digest == dataset.digest) {
                    true => told.differing.push(format!("{what}: not there as it was given")),
                    false => told.missing(what),
                }
            }
        }
        self.histories("", &record.metrics, &run, told)?;
        let Some(model) = &end.model else { return Ok(()) };
        if !run.models.contains(&model.id) {
            told.missing(format!("model {} among the run's outputs", model.id));
        }
        let name = record.model.as_ref().map_or("", |model| model.name.as_str());
        let models = self.store.models_of_run(&run.info.experiment_id, &run.info.id, name)?;
        match models.iter().find(|other| other.id == model.id) {
            Some(model) if model.ready => {}
            Some(model) => told.differing.push(format!("model {}: not ready", model.id)),
            None => told.missing(format!("model {}", model.id)),
        }
        Ok(())
    }

    fn check_children(&mut self, end: &End, told: &mut Told) -> Result<()> {
        for (child, id) in self.record.children.iter().zip(&end.children) {
            let of = format!("{}: ", child.name);
            let Some(run) = self.store.run(id)?.filter(|run| !run.info.deleted) else {
                told.missing(format!("nested run `{}`", child.name));
                continue;
            };
            if run.info.status != RunStatus::Finished {
                told.differs(format!("{of}status"), "Finished", format!("{:?}", run.info.status));
            }
            pairs(&format!("{of}parameter"), &child.params, &run.params, told);
            pairs(&format!("{of}tag"), &child.tags, &run.tags, told);
            pairs(&format!("{of}tag"), &[Tag::new(PARENT, &end.run.id)], &run.tags, told);
            metrics(&of, &child.metrics, &run, told);
            self.histories(&of, &child.metrics, &run, told)?;
        }
        Ok(())
    }

    fn check_version(&mut self, end: &End, told: &mut Told) -> Result<()> {
        let (Some(number), Some(wanted)) = (end.version, &self.record.version) else { return Ok(()) };
        let name = &wanted.name;
        match self.store.version(name, number)? {
            Some(version) => {
                let what = format!("{name} version {number}: tag");
                let decided = |tag: &&Tag| tag.key != VALIDATION_STATUS;
                // People may have decided about it since.
                let tags: Vec<Tag> = wanted.tags.iter().filter(decided).cloned().collect();
                pairs(&what, &tags, &version.tags, told);
            }
            None => told.missing(format!("{name} version {number}")),
        }
        if let Some(alias) = &end.alias {
            let found = self.store.alias(name, alias)?.map(|version| version.version);
            // A newer version may have been promoted since.
            if found.is_none_or(|found| found < number) {
                let found = found.map_or("none".to_owned(), |version| format!("version {version}"));
                told.differs(format!("{name}: `{alias}`"), format!("version {number}"), found);
            }
        }
        Ok(())
    }

    /// Each file by its name, and by its size where the store tells it.
    fn check_files(&mut self, told: &mut Told) -> Result<()> {
        let written = std::mem::take(&mut self.written);
        for (file, found) in self.listed(&written)? {
            let what = match &file.root.of {
                Entity::Run(_) => format!("file `{}`", file.path),
                Entity::Model(_) => format!("file `{}` of the model", file.path),
            };
            match found.map(|found| found.bytes) {
                None => told.missing(what),
                Some(Some(bytes)) if bytes != file.bytes => {
                    told.differs(what, format!("{} bytes", file.bytes), bytes);
                }
                Some(_) => {}
            }
        }
        Ok(())
    }

    /// All points of the metrics that have more than one, which is all that a run tells by itself.
    fn histories(&mut self, of: &str, metrics: &[Metric], run: &Run, told: &mut Told) -> Result<()> {
        let mut points: BTreeMap<&str, Vec<Point>> = BTreeMap::new();
        for metric in metrics {
            points.entry(&metric.key).or_default().push(Point::of(metric));
        }
        for (key, mut expected) in points.into_iter().filter(|(_, points)| points.len() > 1) {
            let mut found: Vec<Point> = self.store.history(&run.info.id, key)?.iter().map(Point::of).collect();
            for points in [&mut expected, &mut found] {
                points.sort_unstable();
                points.dedup();
            }
            let missing = expected.iter().filter(|point| found.binary_search(point).is_err()).count();
            if missing > 0 {
                told.missing(format!("{of}metric `{key}`: {missing} of {} points", expected.len()));
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

fn pairs(what: &str, expected: &[Tag], found: &[Tag], told: &mut Told) {
    let found: BTreeMap<&str, &str> = found.iter().map(|tag| (tag.key.as_str(), tag.value.as_str())).collect();
    for tag in expected {
        let what = format!("{what} `{}`", tag.key);
        match found.get(tag.key.as_str()) {
            Some(value) if *value == tag.value => {}
            Some(value) => told.differs(what, format!("`{}`", short(&tag.value)), format!("`{}`", short(value))),
            None => told.missing(what),
        }
    }
}

/// The run's latest point of each metric is one of those that were given.
fn metrics(of: &str, expected: &[Metric], run: &Run, told: &mut Told) {
    let found: BTreeMap<&str, &Metric> = run.metrics.iter().map(|metric| (metric.key.as_str(), metric)).collect();
    let mut given: BTreeMap<&str, Vec<&Metric>> = BTreeMap::new();
    for metric in expected {
        given.entry(&metric.key).or_default().push(metric);
    }
    for (key, points) in given {
        let what = format!("{of}metric `{key}`");
        // A point that was there before may be later than all of these.
        let last =
            points.iter().max_by_key(|metric| (metric.step, metric.timestamp_ms)).expect("no key without points");
        let said = |metric: &Metric| format!("{} at step {}", metric.value, metric.step);
        match found.get(key) {
            None => told.missing(what),
            Some(found) if (found.step, found.timestamp_ms) > (last.step, last.timestamp_ms) => {}
            Some(found) if points.iter().any(|point| Point::of(point) == Point::of(found)) => {}
            Some(found) => told.differs(what, said(last), said(found)),
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
        let mut told = Told::default();
        let found = [tag("a", "1"), tag("b", "x"), tag("c", "3")];
        pairs("tag", &[tag("a", "1"), tag("b", &"y".repeat(99)), tag("d", "4")], &found, &mut told);
        assert_eq!(told.differing, [format!("tag `b`: expected `{}...`, found `x`", "y".repeat(60))]);
        assert_eq!(told.missing, ["tag `d`: not there"]);
    }

    #[test]
    fn what_is_told_is_shortened() {
        let mut told = Told::default();
        (0..30).for_each(|at| told.missing(at));
        let missing = told.shortened().missing;
        assert_eq!((missing.len(), missing[20].as_str()), (21, "... and 10 more"));
    }
}
