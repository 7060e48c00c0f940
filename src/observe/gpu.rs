//! The GPUs of this machine, from NVML.

use nvml_wrapper::Nvml;
use nvml_wrapper::error::NvmlError;
use std::time::{Duration, Instant};

/// The product names of this machine's GPUs, such as `Tesla T4`.
///
/// # Errors
/// Why NVML cannot be used: no driver, or one that does not work.
pub(crate) fn names() -> Result<Vec<String>, NoAnswer> {
    let nvml = Nvml::init().map_err(NoAnswer::Driver)?;
    let count = nvml.device_count()?;
    (0..count)
        .map(|index| Ok(nvml.device_by_index(index)?.name()?))
        .collect()
}

/// Why NVML cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoAnswer {
    /// There is no driver.
    #[error("no NVIDIA driver answers ({0})")]
    Driver(NvmlError),
    /// The driver does not work.
    #[error(transparent)]
    Device(#[from] NvmlError),
}

/// Memory in use on each GPU, in bytes; empty if NVML does not answer.
#[must_use]
pub(crate) fn used() -> Option<Vec<u64>> {
    let nvml = Nvml::init().ok()?;
    (0..nvml.device_count().ok()?)
        .map(|index| Some(nvml.device_by_index(index).ok()?.memory_info().ok()?.used))
        .collect()
}

/// This machine's GPUs, for repeated readings during a load; none if NVML does not answer.
#[derive(Debug)]
pub(crate) struct Gpus(Option<Nvml>);

impl Gpus {
    /// Opens NVML once, because that takes longer than a reading.
    #[must_use]
    pub(crate) fn open() -> Self {
        Self(Nvml::init().ok())
    }

    /// For each GPU by its NVML index: `gpu0_utilization`, the share of NVML's sampling period in
    /// which a kernel ran; `gpu0_memory`, the share of memory in use; and `gpu0_power_w`. Values
    /// that NVML does not report are left out.
    pub(crate) fn levels(&self) -> impl Iterator<Item = (String, f64)> + '_ {
        let all = self.0.iter().flat_map(|nvml| {
            let devices = (0..nvml.device_count().unwrap_or(0))
                .filter_map(|index| Some((index, nvml.device_by_index(index).ok()?)));
            devices.flat_map(|(index, device)| {
                let busy = device.utilization_rates().ok();
                let memory = device.memory_info().ok();
                let power = device.power_usage().ok();
                [
                    ("utilization", busy.map(|busy| f64::from(busy.gpu) / 100.0)),
                    ("memory", memory.map(|m| m.used as f64 / m.total as f64)),
                    (
                        "power_w",
                        power.map(|milliwatts| f64::from(milliwatts) / 1e3),
                    ),
                ]
                .map(|(what, level)| (format!("gpu{index}_{what}"), level))
            })
        });
        all.filter_map(|(name, level)| Some((name, level?)))
    }
}

/// A GPU's memory that was not given back.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "GPU {gpu} still holds {mib} MiB more than before, {seconds} s after its processes were killed; see who has it with `nvidia-smi`"
)]
pub(crate) struct StillHeld {
    /// Which GPU.
    pub gpu: usize,
    /// How much, in MiB.
    pub mib: u64,
    /// How long it was waited for, in seconds.
    pub seconds: u64,
}

/// Memory above the earlier use that still counts as returned, in bytes: a driver keeps a little
/// for itself.
const SLACK: u64 = 64 << 20;

/// Waits for at most `limit` until every GPU uses what it used before, according to `read`. After
/// SIGKILL the driver takes a while to release memory, and the next engine would find too little.
///
/// # Errors
/// The memory that is still in use.
pub(crate) fn returned(
    before: &[u64],
    mut read: impl FnMut() -> Option<Vec<u64>>,
    limit: Duration,
) -> Result<(), StillHeld> {
    let began = Instant::now();
    loop {
        let now = read().unwrap_or_default();
        let more = before.iter().zip(now).enumerate();
        let held = more
            .map(|(gpu, (before, now))| (gpu, now.saturating_sub(*before)))
            .find(|(_, more)| *more > SLACK);
        let Some((gpu, more)) = held else {
            return Ok(());
        };
        if began.elapsed() >= limit {
            return Err(StillHeld {
                gpu,
                mib: more >> 20,
                seconds: limit.as_secs(),
            });
        }
        std::thread::sleep(LOOK);
    }
}

/// Pause between two readings.
const LOOK: Duration = Duration::from_millis(100);

/// The newest CUDA version that the driver supports, as (major, minor).
#[must_use]
pub(crate) fn cuda() -> Option<(u32, u32)> {
    let version = Nvml::init().ok()?.sys_cuda_driver_version().ok()?;
    let version = u32::try_from(version).ok()?;
    Some((version / 1_000, version % 1_000 / 10))
}

/// Whether `names` contain `count` GPUs of `kind` (part of the product name, case-insensitive;
/// `any` accepts all).
#[must_use]
pub(crate) fn satisfied(names: &[String], kind: &str, count: u32) -> bool {
    let kind = kind.to_lowercase();
    let matching = names
        .iter()
        .filter(|name| kind == "any" || name.to_lowercase().contains(&kind))
        .count();
    matching >= count as usize
}

#[cfg(test)]
#[path = "tests/gpu.rs"]
mod tests;
