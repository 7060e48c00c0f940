//! GPUs, as NVML names them.

use nvml_wrapper::Nvml;

/// The product names of this machine's GPUs, such as `Tesla T4`.
///
/// # Errors
/// Why NVML can't be asked: no driver, or one that does not work.
pub fn names() -> Result<Vec<String>, String> {
    let nvml = Nvml::init().map_err(|error| format!("no NVIDIA driver answers ({error})"))?;
    let count = nvml.device_count().map_err(|error| error.to_string())?;
    (0..count)
        .map(|index| {
            nvml.device_by_index(index)
                .and_then(|device| device.name())
                .map_err(|error| error.to_string())
        })
        .collect()
}

/// The newest CUDA that the driver takes, as (major, minor).
#[must_use]
pub fn cuda() -> Option<(u32, u32)> {
    let version = Nvml::init().ok()?.sys_cuda_driver_version().ok()?;
    let version = u32::try_from(version).ok()?;
    Some((version / 1_000, version % 1_000 / 10))
}

/// Whether `names` hold `count` GPUs of `kind` (part of the product name, case-insensitive; `any` takes all).
#[must_use]
pub fn satisfied(names: &[String], kind: &str, count: u32) -> bool {
    let kind = kind.to_lowercase();
    let matching = names
        .iter()
        .filter(|name| kind == "any" || name.to_lowercase().contains(&kind))
        .count();
    matching >= count as usize
}

#[cfg(test)]
mod tests {
    use super::satisfied;

    #[test]
    fn a_gpu_is_found_by_part_of_its_name() {
        let names = ["Tesla T4".to_owned(), "NVIDIA H100 80GB HBM3".to_owned()];
        assert!(satisfied(&names, "t4", 1));
        assert!(!satisfied(&names, "t4", 2));
        assert!(satisfied(&names, "any", 2));
        assert!(!satisfied(&[], "any", 1));
    }
}
