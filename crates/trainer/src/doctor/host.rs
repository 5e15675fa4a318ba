//! The machine itself: memory, and the folder that runs are written in.

use std::io;
use std::path::Path;

use sysinfo::Disks;

use super::{Check, For};
use crate::exit::Exit;
use crate::machine::{HostMemory, disk_of, in_units};

/// Less memory or disk than this is little for any run.
const LITTLE: u64 = 1 << 30;

/// Memory that this process may take.
pub fn memory(host: Option<HostMemory>) -> Check {
    let name = "memory";
    let Some(host) = host else {
        return Check::ok(name, For::All, "the system does not tell");
    };
    let HostMemory { total_bytes, free_bytes, machine_bytes } = host;
    let mut found = format!("{} free of {}", in_units(free_bytes), in_units(total_bytes));
    if host.is_limited() {
        found += &format!(", the limit of the container or its cgroup; the machine has {}", in_units(machine_bytes));
    }
    match (free_bytes < LITTLE, host.is_limited()) {
        (false, _) => Check::ok(name, For::All, found),
        (true, true) => {
            Check::warning(name, For::All, found, "raise the limit (docker run --memory, or the pod's limits)")
        }
        (true, false) => {
            Check::warning(name, For::All, found, "end other programs, or take a machine with more memory")
        }
    }
}

/// Whether runs can be written in a folder, and how much fits.
pub fn folder(folder: &Path) -> Check {
    let free = Disks::new_with_refreshed_list().ok();
    let free = free.as_ref().and_then(|disks| disk_of(disks, folder)).map(|disk| disk.available_space());
    of_folder(folder, writes(folder), free)
}

/// A file that is made and removed again.
fn writes(folder: &Path) -> io::Result<()> {
    let path = folder.join(format!(".trainer-doctor-{}", std::process::id()));
    fs_err::write(&path, b"x")?;
    fs_err::remove_file(path)
}

fn of_folder(folder: &Path, writes: io::Result<()>, free: Option<u64>) -> Check {
    let (name, place) = ("working folder", folder.display());
    if let Err(error) = writes {
        let mend = "go to a folder that can be written, or give `trainer fit` one with --runs";
        return Check::failed(name, Exit::Data, error.to_string(), mend);
    }
    match free {
        None => Check::ok(name, For::All, format!("{place} can be written")),
        Some(free) if free < LITTLE => {
            let found = format!("{place}: {} free", in_units(free));
            Check::warning(name, For::All, found, "free some disk, or give `trainer fit` another folder with --runs")
        }
        Some(free) => Check::ok(name, For::All, format!("{place} can be written, {} free", in_units(free))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Verdict;

    #[test]
    fn little_memory_is_a_warning_that_says_whose_limit_it_is() {
        let of =
            |free_bytes, total_bytes| memory(Some(HostMemory { total_bytes, free_bytes, machine_bytes: 64 << 30 }));
        assert_eq!(of(8 << 30, 64 << 30).verdict, Verdict::Ok);
        let check = of(8 << 30, 16 << 30);
        assert!(check.verdict == Verdict::Ok && check.found.contains("the machine has 64 GiB"), "{check:?}");
        let check = of(100 << 20, 2 << 30);
        assert!(check.verdict == Verdict::Warning && check.mend.unwrap().contains("raise the limit"));
        let check = of(100 << 20, 64 << 30);
        assert!(check.verdict == Verdict::Warning && check.mend.unwrap().contains("end other programs"));
        assert_eq!(memory(None).verdict, Verdict::Ok);
    }

    #[test]
    fn a_folder_that_cannot_be_written_fails() {
        let dir = trainer_testkit::scratch();
        let found = folder(dir.path());
        assert!(found.verdict == Verdict::Ok && found.found.contains("can be written"), "{found:?}");
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0, "nothing is left behind");
        let found = folder(&dir.path().join("none"));
        assert_eq!((found.verdict, found.exit), (Verdict::Failed, Exit::Data));
        assert!(found.found.contains("none"), "{found:?}");
    }

    #[test]
    fn little_disk_is_a_warning() {
        let of = |free| of_folder(Path::new("/w"), Ok(()), Some(free));
        assert_eq!(of(5 << 30).verdict, Verdict::Ok);
        let check = of(3 << 20);
        assert!(check.verdict == Verdict::Warning && check.found.contains("3 MiB free"), "{check:?}");
        assert!(check.mend.unwrap().contains("--runs"));
    }
}
