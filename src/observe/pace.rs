//! What makes a host's times doubtful: its clock, what else runs on it, how its processors are clocked.

use std::fs::read_to_string;

/// Where the kernel gets the time: `tsc`, `kvm-clock`, `hpet`, ...
#[must_use]
pub fn clock_source() -> Option<String> {
    let path = "/sys/devices/system/clocksource/clocksource0/current_clocksource";
    Some(read_to_string(path).ok()?.trim().to_owned())
}

/// Whether reading a clock of this source takes tens of nanoseconds rather than microseconds: it does not enter the kernel.
#[must_use]
pub fn reads_fast(source: &str) -> bool {
    ["tsc", "kvm-clock", "hyperv", "arch_sys_counter"]
        .iter()
        .any(|fast| source.starts_with(fast))
}

/// Processes that ran or waited to run, averaged over the last minute.
#[must_use]
pub fn load() -> Option<f64> {
    let text = read_to_string("/proc/loadavg").ok()?;
    text.split_whitespace().next()?.parse().ok()
}

/// How the first processor's frequency is chosen: `performance`, `powersave`, ...; nothing where a host above does.
#[must_use]
pub fn governor() -> Option<String> {
    let path = "/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor";
    Some(read_to_string(path).ok()?.trim().to_owned())
}

/// Whether the clock is told by a time server, as systemd's daemon says; nothing where it does not run.
#[must_use]
pub fn synchronised() -> Option<bool> {
    std::path::Path::new("/run/systemd/timesync")
        .exists()
        .then(|| std::path::Path::new("/run/systemd/timesync/synchronized").exists())
}
