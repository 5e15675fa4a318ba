//! How busy the machine was during a run, under the names of the official client.

use std::path::PathBuf;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use sysinfo::{Disks, Networks, System};
use trainer_tracking::Metric;

use crate::machine::disk_of;

const MEGABYTE: f64 = 1e6;
/// The official client's.
const EVERY: Duration = Duration::from_secs(10);
/// Processor time is a difference: no sooner than this.
const LEAST: Duration = Duration::from_millis(200);

/// Takes a sample now and then, from its start to its end.
pub struct Sampler {
    stop: Sender<()>,
    thread: JoinHandle<Vec<Metric>>,
}

impl Sampler {
    /// Begins. `every_s`, at least 0, is `MLFLOW_SYSTEM_METRICS_SAMPLING_INTERVAL` in seconds.
    ///
    /// # Errors
    /// When the system does not tell, or no thread can be started.
    pub fn start(every_s: Option<f64>) -> std::io::Result<Self> {
        let mut machine = Machine::new().map_err(std::io::Error::other)?;
        let every =
            every_s.filter(|every| every.is_finite()).map_or(EVERY, |every| Duration::from_secs_f64(every.max(0.0)));
        let (stop, stopped) = channel();
        let sample = move || {
            let mut metrics = Vec::new();
            let mut step = 0;
            // A short run has one sample too: that of its end.
            loop {
                let ended = !matches!(stopped.recv_timeout(every.max(LEAST)), Err(RecvTimeoutError::Timeout));
                metrics.extend(machine.sample(step, jiff::Timestamp::now().as_millisecond()));
                step += 1;
                if ended {
                    return metrics;
                }
            }
        };
        let thread = std::thread::Builder::new().name("system metrics".into()).spawn(sample)?;
        Ok(Self { stop, thread })
    }

    /// Ends it; all samples.
    pub fn finish(self) -> Vec<Metric> {
        let _ = self.stop.send(());
        self.thread.join().unwrap_or_default()
    }
}

struct Machine {
    system: System,
    networks: Networks,
    disks: Disks,
    folder: PathBuf,
    received: u64,
    sent: u64,
}

impl Machine {
    fn new() -> Result<Self, sysinfo::Error> {
        let mut system = System::new()?;
        system.refresh_cpu_usage();
        let folder = std::env::current_dir().unwrap_or_default();
        let (networks, disks) = (Networks::new_with_refreshed_list()?, Disks::new_with_refreshed_list()?);
        Ok(Self { system, networks, disks, folder, received: 0, sent: 0 })
    }

    fn sample(&mut self, step: i64, timestamp_ms: i64) -> Vec<Metric> {
        self.system.refresh_cpu_usage();
        self.system.refresh_memory();
        self.networks.refresh(true);
        self.disks.refresh(true);
        self.received += self.networks.values().map(|network| network.received()).sum::<u64>();
        self.sent += self.networks.values().map(|network| network.transmitted()).sum::<u64>();
        let (used, total) = (self.system.used_memory() as f64, self.system.total_memory() as f64);
        let mut values = vec![
            ("cpu_utilization_percentage", f64::from(self.system.global_cpu_usage())),
            ("system_memory_usage_megabytes", used / MEGABYTE),
            ("system_memory_usage_percentage", 100.0 * used / total),
            ("network_receive_megabytes", self.received as f64 / MEGABYTE),
            ("network_transmit_megabytes", self.sent as f64 / MEGABYTE),
        ];
        if let Some(disk) = disk_of(&self.disks, &self.folder) {
            let (free, all) = (disk.available_space() as f64, disk.total_space() as f64);
            values.push(("disk_usage_megabytes", (all - free) / MEGABYTE));
            values.push(("disk_usage_percentage", 100.0 * (all - free) / all));
            values.push(("disk_available_megabytes", free / MEGABYTE));
        }
        let finite = values.into_iter().filter(|(_, value)| value.is_finite());
        let metric = |(name, value): (&str, f64)| Metric {
            key: format!("system/{name}"),
            value,
            timestamp_ms,
            step,
            dataset: None,
            of_model: false,
        };
        finite.map(metric).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn even_a_short_run_has_a_sample() {
        let metrics = Sampler::start(Some(0.0)).unwrap().finish();
        let value = |name: &str| metrics.iter().find(|metric| metric.key == format!("system/{name}")).unwrap().value;
        assert!((0.0..=100.0).contains(&value("cpu_utilization_percentage")));
        assert!((0.0..=100.0).contains(&value("system_memory_usage_percentage")));
        assert!(value("system_memory_usage_megabytes") > 10.0);
    }

    #[test]
    fn samples_have_steps() {
        let sampler = Sampler::start(Some(0.2)).unwrap();
        std::thread::sleep(Duration::from_millis(700));
        let metrics = sampler.finish();
        let steps: Vec<i64> =
            metrics.iter().filter(|it| it.key == "system/cpu_utilization_percentage").map(|it| it.step).collect();
        assert!(steps.len() >= 3 && steps.windows(2).all(|pair| pair[0] + 1 == pair[1]), "{steps:?}");
    }
}
