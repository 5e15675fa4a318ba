//! What a device does at best, timed.

use std::time::Instant;

use serde_json::{Value as Json, json};
use trainer_data::Dataset;
use trainer_kernels::{Gpu, Motion, Probe};

use super::work::median;
use crate::interrupt;

/// Of each second.
pub struct Rates {
    /// Bytes from the host to the device.
    pub upload_bytes: f64,
    /// Bytes read and written by a copy on the device.
    pub copy_bytes: f64,
    /// Additions to random bins of a cube's own memory.
    pub spread_adds: f64,
    /// Additions to one bin of it.
    pub one_bin_adds: f64,
    /// 32-byte records read at random rows.
    pub gathers: f64,
    /// Seconds of one launch among many.
    pub launch_s: f64,
    /// Seconds of one launch that is waited for.
    pub round_trip_s: f64,
    /// Seconds for the binned records of the table on their way to the device.
    pub transfer_s: f64,
}

/// A series lasts about this long: the waiting at its end is then little of it.
const SERIES_S: f64 = 0.2;
/// Launches of a series at most.
const MOST: u32 = 2000;

/// Sizes that are several times a cache, where the device's memory is that of a card.
struct Sizes {
    bytes: u64,
    adds: u64,
    rows: u64,
}

/// Measures them.
///
/// # Errors
/// A device that fails.
pub fn measure(gpu: &Gpu, data: &Dataset, repeats: u32) -> anyhow::Result<Rates> {
    let of = sizes(gpu);
    let per_s = |motion, size| -> anyhow::Result<f64> {
        let probe = Probe::new(gpu, motion, size)?;
        Ok(probe.units() as f64 / seconds(&probe, repeats)?)
    };
    let launch = Probe::new(gpu, Motion::Launch, 0)?;
    let upload_bytes = per_s(Motion::Upload, of.bytes / 4)?;
    Ok(Rates {
        upload_bytes,
        copy_bytes: per_s(Motion::Copy, of.bytes)?,
        spread_adds: per_s(Motion::SpreadAdds, of.adds)?,
        one_bin_adds: per_s(Motion::OneBinAdds, of.adds)?,
        gathers: per_s(Motion::Gather, of.rows)?,
        launch_s: seconds(&launch, repeats)?,
        round_trip_s: once(&launch, 1)?,
        transfer_s: record_bytes(data) / upload_bytes,
    })
}

/// A byte a bin and one for the class, in whole words.
fn record_bytes(data: &Dataset) -> f64 {
    data.matrix.rows() as f64 * (data.matrix.features.len() + 1).next_multiple_of(4) as f64
}

/// A rasteriser on the host's cores takes little ones; a card's buffers are larger than these.
fn sizes(gpu: &Gpu) -> Sizes {
    let is_small = gpu.max_buffer_bytes() < 1 << 30;
    let bytes = if is_small { 1 << 24 } else { 1 << 30 };
    Sizes { bytes, adds: bytes * 4, rows: bytes / 32 }
}

/// Median seconds of one run, the waiting taken off.
fn seconds(probe: &Probe, repeats: u32) -> anyhow::Result<f64> {
    let alone = once(probe, 1)?;
    let times = (SERIES_S / alone).clamp(1.0, f64::from(MOST)) as u32;
    let mut each = Vec::new();
    for _ in 0..repeats.max(3) {
        interrupt::check()?;
        let waiting = once(probe, 0)?;
        let series = once(probe, times)?;
        // Where the waiting is all there is, what remains is its noise.
        each.push((series - waiting).max(series / 10.0) / f64::from(times));
    }
    Ok(median(each))
}

fn once(probe: &Probe, times: u32) -> anyhow::Result<f64> {
    let started = Instant::now();
    probe.run(times)?;
    Ok(started.elapsed().as_secs_f64())
}

impl Rates {
    pub fn to_json(&self) -> Json {
        json!({
            "upload_bytes_per_s": self.upload_bytes,
            "copy_bytes_per_s": self.copy_bytes,
            "shared_adds_per_s": self.spread_adds,
            "shared_adds_one_bin_per_s": self.one_bin_adds,
            "gathers_32_bytes_per_s": self.gathers,
            "launch_s": self.launch_s,
            "round_trip_s": self.round_trip_s,
            "transfer_s": self.transfer_s,
        })
    }
}
