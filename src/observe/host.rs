//! The host: operating system, CPU and memory.

/// The host as the record stores it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Host {
    /// Operating system and kernel.
    pub os: Option<String>,
    /// CPU model.
    pub cpu: Option<String>,
    /// Logical processors available to this process.
    pub cores: u32,
    /// Memory in bytes.
    pub memory_bytes: u64,
}

/// Reads the host. A size that cannot be read is 0.
#[must_use]
pub(crate) fn read() -> Host {
    let field = |file: &str, name: &str| {
        std::fs::read_to_string(file).ok().and_then(|text| {
            let line = text.lines().find(|line| line.starts_with(name))?;
            Some(line.split_once(':')?.1.trim().to_owned())
        })
    };
    let os = nix::sys::utsname::uname().ok().map(|name| {
        format!(
            "{} {} {}",
            name.sysname().to_string_lossy(),
            name.release().to_string_lossy(),
            name.machine().to_string_lossy()
        )
    });
    Host {
        os,
        cpu: field("/proc/cpuinfo", "model name"),
        cores: std::thread::available_parallelism()
            .map_or(1, |cores| u32::try_from(cores.get()).unwrap_or(u32::MAX)),
        memory_bytes: field("/proc/meminfo", "MemTotal")
            .and_then(|text| text.split_whitespace().next()?.parse::<u64>().ok())
            .map_or(0, |kib| kib * 1024),
    }
}
