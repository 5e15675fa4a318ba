//! The host's memory and disks, and bytes as people read them.

use std::path::Path;

use sysinfo::{Disk, Disks, Pid, ProcessesToUpdate, System};

/// What this process may take of the host's memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HostMemory {
    /// All that the machine has, or that the process's cgroup allows.
    pub total_bytes: u64,
    /// What is free of it.
    pub free_bytes: u64,
    /// What the machine has.
    pub machine_bytes: u64,
}

impl HostMemory {
    /// Asks the system; none where it does not tell.
    pub fn ask() -> Option<Self> {
        let mut system = System::new().ok()?;
        system.refresh_memory();
        let machine_bytes = system.total_memory();
        let own = Pid::from_u32(std::process::id());
        system.refresh_processes(ProcessesToUpdate::Some(&[own]), false);
        let limits = system.process(own).and_then(|process| process.cgroup_limits());
        let (total_bytes, free_bytes) = match limits.or_else(|| system.cgroup_limits()) {
            Some(limits) if limits.total_memory < machine_bytes => (limits.total_memory, limits.free_memory),
            _ => (machine_bytes, system.available_memory()),
        };
        (machine_bytes > 0).then_some(Self { total_bytes, free_bytes: free_bytes.min(total_bytes), machine_bytes })
    }

    /// Whether a cgroup allows less than the machine has.
    pub fn is_limited(&self) -> bool {
        self.total_bytes < self.machine_bytes
    }
}

/// Keeps Mesa's layer for desktops out of Vulkan where there is no desktop: it would say on stderr that it misses one.
/// Whoever chooses a device by its variables keeps it. To be called before there is a second thread.
pub fn leave_desktop_out() {
    let is_set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    if !["XDG_RUNTIME_DIR", "DRI_PRIME", "MESA_VK_DEVICE_SELECT"].into_iter().any(is_set) {
        // SAFETY: the only thread does it.
        unsafe { std::env::set_var("NODEVICE_SELECT", "1") };
    }
}

/// The disk that holds a folder, given by its whole path: of nested mounts, the deepest.
pub fn disk_of<'a>(disks: &'a Disks, folder: &Path) -> Option<&'a Disk> {
    let holds = disks.iter().filter(|disk| folder.starts_with(disk.mount_point()));
    holds.max_by_key(|disk| disk.mount_point().as_os_str().len())
}

/// Bytes in the largest unit of which there is one, with one decimal unless it is 0.
pub fn in_units(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["bytes", "KiB", "MiB", "GiB", "TiB"];
    let unit = (bytes.max(1).ilog2() / 10).min(4);
    let tenths = (u128::from(bytes) * 10) >> (10 * unit);
    let decimal = if tenths.is_multiple_of(10) { String::new() } else { format!(".{}", tenths % 10) };
    format!("{}{decimal} {}", tenths / 10, UNITS[unit as usize])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_read_in_their_unit() {
        let cases = [
            (0, "0 bytes"),
            (1023, "1023 bytes"),
            (1024, "1 KiB"),
            (128 << 20, "128 MiB"),
            ((3 << 30) + (1 << 29), "3.5 GiB"),
            ((1 << 30) - 1, "1023.9 MiB"),
            (u64::MAX, "16777215.9 TiB"),
        ];
        for (bytes, text) in cases {
            assert_eq!(in_units(bytes), text);
        }
    }

    #[test]
    fn the_host_has_memory() {
        let host = HostMemory::ask().unwrap();
        assert!(host.free_bytes > 0 && host.free_bytes <= host.total_bytes, "{host:?}");
        assert!(host.total_bytes <= host.machine_bytes && host.total_bytes > 1 << 28, "{host:?}");
    }
}
