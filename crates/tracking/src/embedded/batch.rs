//! Parameters, tags and metrics of a run.

use std::collections::HashMap;

use rusqlite::{Connection, OptionalExtension, Row, named_params};

use super::failure::Failure;
use super::{input, length, run};
use crate::record::{Dataset, Metric, Tag};

/// Parameters are written once: the same value again changes nothing, another is refused.
pub fn log_params(connection: &Connection, run_id: &str, params: &[Tag]) -> Result<(), Failure> {
    let mut there = connection.prepare("SELECT value FROM params WHERE run_uuid = ?1 AND key = ?2")?;
    let mut insert = connection.prepare("INSERT INTO params (key, value, run_uuid) VALUES (?1, ?2, ?3)")?;
    for Tag { key, value } in params {
        length::fits("the key of a parameter", key, length::KEY)?;
        length::at_most(&format!("a value of parameter `{key}`"), value, length::PARAM)?;
        let before: Option<String> = there.query_row([run_id, key], |row| row.get(0)).optional()?;
        match before {
            None => drop(insert.execute([key, value, run_id])?),
            Some(before) if before == *value => {}
            Some(before) => {
                return Err(Failure::Config(format!(
                    "expected parameter `{key}` of run {run_id} to stay `{before}`, found `{value}`\n  hint: \
                     parameters are written once; log a new run"
                )));
            }
        }
    }
    Ok(())
}

pub fn set_tags(connection: &Connection, run_id: &str, tags: &[Tag]) -> Result<(), Failure> {
    let mut insert = connection.prepare("INSERT OR REPLACE INTO tags (key, value, run_uuid) VALUES (?1, ?2, ?3)")?;
    for tag in tags {
        length::fits("the key of a tag", &tag.key, length::KEY)?;
        length::at_most(&format!("a value of tag `{}`", tag.key), &tag.value, length::RUN_TAG)?;
        insert.execute([&tag.key, &tag.value, run_id])?;
        run::rename_by_tag(connection, run_id, tag)?;
    }
    Ok(())
}

/// Every point once, and for each metric the point that MLflow calls its latest.
pub fn log_metrics(connection: &Connection, run_id: &str, metrics: &[Metric]) -> Result<(), Failure> {
    let mut insert = connection.prepare(
        "INSERT OR IGNORE INTO metrics (key, value, timestamp, run_uuid, step, is_nan)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?;
    let mut last: HashMap<&str, Point> = HashMap::new();
    for metric in metrics {
        length::fits("the key of a metric", &metric.key, length::KEY)?;
        let (value, is_nan) = sayable(metric.value);
        insert.execute((&metric.key, value, metric.timestamp_ms, run_id, metric.step, is_nan))?;
        let point = Point { step: metric.step, timestamp_ms: metric.timestamp_ms, value, is_nan };
        let kept = last.entry(&metric.key).or_insert(point);
        if kept.is_before(point) {
            *kept = point;
        }
    }
    last.into_iter().try_for_each(|(key, point)| set_latest(connection, run_id, key, point))
}

/// The points that are numbers of the model, told at the model as well.
pub fn log_model_metrics<'a>(
    connection: &Connection,
    run_id: &str,
    experiment_id: &str,
    model_id: &str,
    metrics: impl Iterator<Item = &'a Metric>,
    datasets: &[Dataset],
) -> Result<(), Failure> {
    let mut insert = connection.prepare(
        "INSERT OR IGNORE INTO logged_model_metrics
             (model_id, metric_name, metric_timestamp_ms, metric_step, metric_value, experiment_id, run_id,
              dataset_uuid, dataset_name, dataset_digest)
         VALUES (:model, :name, :timestamp, :step, :value, :experiment, :run, :dataset, :dataset_name, :digest)",
    )?;
    for metric in metrics {
        let dataset = metric.dataset.and_then(|at| datasets.get(at));
        let uuid = match dataset {
            Some(dataset) => input::dataset_uuid(connection, experiment_id, dataset)?,
            None => None,
        };
        insert.execute(named_params! {
            ":model": model_id,
            ":name": metric.key,
            ":timestamp": metric.timestamp_ms,
            ":step": metric.step,
            ":value": sayable(metric.value).0,
            ":experiment": experiment_id,
            ":run": run_id,
            ":dataset": uuid,
            ":dataset_name": dataset.map(|dataset| &dataset.name),
            ":digest": dataset.map(|dataset| &dataset.digest),
        })?;
    }
    Ok(())
}

/// The last point of each metric.
pub fn latest(connection: &Connection, run_id: &str) -> Result<Vec<Metric>, Failure> {
    let mut statement = connection
        .prepare("SELECT key, value, timestamp, step, is_nan FROM latest_metrics WHERE run_uuid = ?1 ORDER BY key")?;
    let points = statement.query_map([run_id], metric)?.collect::<Result<_, _>>()?;
    Ok(points)
}

/// Every point of a metric, in its order.
pub fn history(connection: &Connection, run_id: &str, key: &str) -> Result<Vec<Metric>, Failure> {
    let mut statement = connection.prepare(
        "SELECT key, value, timestamp, step, is_nan FROM metrics WHERE key = ?1 AND run_uuid = ?2
         ORDER BY step, timestamp, value",
    )?;
    let points = statement.query_map([key, run_id], metric)?.collect::<Result<_, _>>()?;
    Ok(points)
}

#[derive(Clone, Copy)]
struct Point {
    step: i64,
    timestamp_ms: i64,
    value: f64,
    is_nan: bool,
}

impl Point {
    fn is_before(self, other: Self) -> bool {
        (self.step, self.timestamp_ms, self.value) < (other.step, other.timestamp_ms, other.value)
    }
}

fn set_latest(connection: &Connection, run_id: &str, key: &str, point: Point) -> Result<(), Failure> {
    let sql = "SELECT step, timestamp, value, is_nan FROM latest_metrics WHERE key = ?1 AND run_uuid = ?2";
    let read = |row: &Row<'_>| {
        let timestamp_ms = row.get::<_, Option<i64>>(1)?.unwrap_or_default();
        Ok(Point { step: row.get(0)?, timestamp_ms, value: row.get(2)?, is_nan: row.get(3)? })
    };
    let before = connection.query_row(sql, [key, run_id], read).optional()?;
    if before.is_none_or(|before| before.is_before(point)) {
        connection.execute(
            "INSERT OR REPLACE INTO latest_metrics (key, value, timestamp, step, is_nan, run_uuid)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            (key, point.value, point.timestamp_ms, point.step, point.is_nan, run_id),
        )?;
    }
    Ok(())
}

/// A number as MLflow keeps it: NaN is a zero with a mark, an infinity the largest number.
fn sayable(value: f64) -> (f64, bool) {
    if value.is_nan() { (0.0, true) } else { (value.clamp(f64::MIN, f64::MAX), false) }
}

fn metric(row: &Row<'_>) -> rusqlite::Result<Metric> {
    let is_nan: bool = row.get(4)?;
    Ok(Metric {
        key: row.get(0)?,
        value: if is_nan { f64::NAN } else { row.get(1)? },
        timestamp_ms: row.get::<_, Option<i64>>(2)?.unwrap_or_default(),
        step: row.get(3)?,
        dataset: None,
        of_model: false,
    })
}
