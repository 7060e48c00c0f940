//! Properties of a host that make its timing doubtful: its clock, its load, and the frequency of
//! its CPUs.

use std::fs::read_to_string;

/// The kernel's clock source: `tsc`, `kvm-clock`, `hpet`, ...
#[must_use]
pub(crate) fn clock_source() -> Option<String> {
    let path = "/sys/devices/system/clocksource/clocksource0/current_clocksource";
    Some(read_to_string(path).ok()?.trim().to_owned())
}

/// Whether reading this clock takes tens of nanoseconds instead of microseconds, because it does
/// not enter the kernel.
#[must_use]
pub(crate) fn reads_fast(source: &str) -> bool {
    ["tsc", "kvm-clock", "hyperv", "arch_sys_counter"]
        .iter()
        .any(|fast| source.starts_with(fast))
}

/// The load average of the last minute: processes that ran or waited to run.
#[must_use]
pub(crate) fn load() -> Option<f64> {
    let text = read_to_string("/proc/loadavg").ok()?;
    text.split_whitespace().next()?.parse().ok()
}

/// The frequency governor of the first CPU: `performance`, `powersave`, ...; `None` if a hypervisor
/// controls it.
#[must_use]
pub(crate) fn governor() -> Option<String> {
    let path = "/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor";
    Some(read_to_string(path).ok()?.trim().to_owned())
}

/// Whether a time server sets the clock, according to systemd's daemon; `None` if it does not run.
#[must_use]
pub(crate) fn synchronised() -> Option<bool> {
    std::path::Path::new("/run/systemd/timesync")
        .exists()
        .then(|| std::path::Path::new("/run/systemd/timesync/synchronized").exists())
}
