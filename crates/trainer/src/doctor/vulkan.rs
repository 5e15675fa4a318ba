//! Vulkan's parts: the loader, and the files that tell it where drivers are.

use std::path::{Path, PathBuf};

use serde_json::Value as Json;

use super::{Check, For, Variables};

/// Variables that name driver files in place of the usual folders; the second is the older name.
const IN_PLACE: [&str; 2] = ["VK_DRIVER_FILES", "VK_ICD_FILENAMES"];
const BESIDE: &str = "VK_ADD_DRIVER_FILES";

/// What the loader goes by.
pub struct Parts {
    /// Whether it is there.
    pub loads: bool,
    /// The variable that names driver files in place of the usual folders.
    pub named_by: Option<&'static str>,
    /// The driver files that are there, and the library that each names, or nothing.
    pub drivers: Vec<(PathBuf, String)>,
}

impl Parts {
    /// Looks for driver files where the loader does.
    pub fn find(loads: bool, variables: &Variables<'_>) -> Self {
        let named_by = IN_PLACE.into_iter().find(|name| variables.get(name).is_some());
        let mut places = match named_by.and_then(|name| variables.get(name)) {
            Some(named) => list(named),
            None => folders(variables),
        };
        places.extend(variables.get(BESIDE).into_iter().flat_map(list));
        let mut files: Vec<PathBuf> = places.iter().flat_map(|place| files(place)).collect();
        files.sort();
        files.dedup();
        let drivers = files.into_iter().filter_map(|file| library(&file).map(|library| (file, library)));
        Self { loads, named_by, drivers: drivers.collect() }
    }
}

fn list(named: &str) -> Vec<PathBuf> {
    std::env::split_paths(named).filter(|path| !path.as_os_str().is_empty()).collect()
}

fn folders(variables: &Variables<'_>) -> Vec<PathBuf> {
    let home = variables.get("HOME").map(PathBuf::from);
    let within = |name: &str, usual: &str| {
        let named = variables.get(name).map(PathBuf::from);
        named.or_else(|| home.as_ref().map(|home| home.join(usual)))
    };
    let own = [within("XDG_CONFIG_HOME", ".config"), within("XDG_DATA_HOME", ".local/share")];
    let config = variables.get("XDG_CONFIG_DIRS").unwrap_or("/etc/xdg");
    let data = variables.get("XDG_DATA_DIRS").unwrap_or("/usr/local/share:/usr/share");
    let all = own.into_iter().flatten().chain(list(config)).chain(["/etc".into()]).chain(list(data));
    all.map(|folder| folder.join("vulkan/icd.d")).collect()
}

/// The file, or those of a folder.
fn files(place: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(place) else { return vec![place.to_owned()] };
    let files = entries.filter_map(|entry| entry.ok().map(|entry| entry.path()));
    files.filter(|path| path.extension().is_some_and(|ending| ending == "json")).collect()
}

/// The library that a driver file names, or nothing; none when it is no driver file.
fn library(file: &Path) -> Option<String> {
    let text = std::fs::read_to_string(file).ok()?;
    let json: Json = serde_json::from_str(&text).ok()?;
    Some(json["ICD"]["library_path"].as_str().unwrap_or_default().to_owned())
}

/// Looks at the parts; `has_nvidia`: NVIDIA's driver is there.
pub fn checks(parts: &Parts, has_nvidia: bool, is_file: impl Fn(&Path) -> bool) -> Vec<Check> {
    let name = "vulkan loader";
    let loader = match parts.loads {
        true => Check::ok(name, For::Wgpu, "libvulkan"),
        false => {
            let mend = "apt-get install libvulkan1 (dnf: vulkan-loader)";
            Check::warning(name, For::Wgpu, "libvulkan.so.1 is not there", mend)
        }
    };
    vec![loader, drivers(parts, has_nvidia, is_file)]
}

fn drivers(parts: &Parts, has_nvidia: bool, is_file: impl Fn(&Path) -> bool) -> Check {
    let name = "vulkan drivers";
    let warning = |found: String, mend: &str| Check::warning(name, For::Wgpu, found, mend);
    let of_nvidia = |(file, _): &(PathBuf, String)| file.to_string_lossy().contains("nvidia");
    // A bare name is looked up by the system, and a relative path from the file.
    let is_missing = |(file, library): &&(PathBuf, String)| match library.as_str() {
        "" => true,
        name if !name.contains('/') => false,
        path => !is_file(&file.parent().unwrap_or(Path::new("/")).join(path)),
    };
    if let (Some(variable), []) = (parts.named_by, parts.drivers.as_slice()) {
        let mend = format!("unset {variable}, or name a file such as /usr/share/vulkan/icd.d/nvidia_icd.json");
        return warning(format!("{variable} names no driver file"), &mend);
    }
    if parts.drivers.is_empty() {
        let mend = "install the GPU's Vulkan driver; software Vulkan: apt-get install mesa-vulkan-drivers";
        return warning("no driver file in vulkan/icd.d of /etc or /usr/share".into(), mend);
    }
    if has_nvidia && !parts.drivers.iter().any(of_nvidia) {
        let mend = "start the container with NVIDIA_DRIVER_CAPABILITIES=compute,utility,graphics, or install NVIDIA's Vulkan driver";
        return warning("NVIDIA's driver is there, and no nvidia_icd.json".into(), mend);
    }
    if let Some((file, library)) = parts.drivers.iter().find(is_missing) {
        let gone = if library.is_empty() { "no library".into() } else { format!("{library}, which is not there") };
        let found = format!("{} names {gone}", file.display());
        return warning(found, "install the package of that driver again, or remove the file");
    }
    let names = parts.drivers.iter().filter_map(|(file, _)| file.file_stem()).map(|name| name.to_string_lossy());
    Check::ok(name, For::Wgpu, names.collect::<Vec<_>>().join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Verdict;
    use crate::doctor::tests::variables;

    fn with(loads: bool, drivers: &[(&str, &str)], named_by: Option<&'static str>) -> Parts {
        let drivers = drivers.iter().map(|(file, library)| ((*file).into(), (*library).to_owned())).collect();
        Parts { loads, named_by, drivers }
    }

    #[test]
    fn each_part_that_is_missing_has_its_line() {
        let intel = ("/i/intel_icd.json", "libvulkan_intel.so");
        let cases = [
            (with(false, &[intel], None), false, 0, "libvulkan.so.1", "apt-get install libvulkan1"),
            (with(true, &[], None), false, 1, "no driver file", "mesa-vulkan-drivers"),
            (with(true, &[], Some("VK_DRIVER_FILES")), false, 1, "VK_DRIVER_FILES names", "unset VK_DRIVER_FILES"),
            (with(true, &[intel], None), true, 1, "no nvidia_icd.json", "compute,utility,graphics"),
            (with(true, &[("/i/a.json", "/lib/gone.so")], None), false, 1, "/lib/gone.so", "install the package"),
            (with(true, &[("/i/a.json", "")], None), false, 1, "no library", "install the package"),
        ];
        for (parts, has_nvidia, at, found, mend) in cases {
            let check = &checks(&parts, has_nvidia, |_| false)[at];
            assert_eq!(check.verdict, Verdict::Warning, "{check:?}");
            assert!(check.found.contains(found), "{check:?}");
            assert!(check.mend.as_ref().unwrap().contains(mend), "{check:?}");
        }
    }

    #[test]
    fn what_the_loader_would_load_is_ok() {
        let drivers = [("/i/nvidia_icd.json", "libGLX_nvidia.so.0"), ("/i/lvp_icd.json", "../lib/lvp.so")];
        let found = checks(&with(true, &drivers, None), true, |path| path == Path::new("/i/../lib/lvp.so"));
        assert!(found.iter().all(|check| check.verdict == Verdict::Ok), "{found:?}");
        assert_eq!(found[1].found, "nvidia_icd, lvp_icd");
    }

    #[test]
    fn driver_files_are_looked_for_where_the_loader_does() {
        let dir = trainer_testkit::scratch();
        let folder = dir.path().join("vulkan/icd.d");
        std::fs::create_dir_all(&folder).unwrap();
        let file = folder.join("a.json");
        std::fs::write(&file, r#"{"ICD": {"library_path": "liba.so"}}"#).unwrap();
        std::fs::write(folder.join("broken.json"), "{").unwrap();
        std::fs::write(folder.join("readme.txt"), "").unwrap();
        let expected = [(file.clone(), "liba.so".to_owned())];
        let (root, named) = (dir.path().to_str().unwrap(), file.to_str().unwrap());
        let nowhere = ("XDG_DATA_DIRS", "/nowhere");
        for set in [("XDG_CONFIG_DIRS", root), ("VK_DRIVER_FILES", named), ("VK_ADD_DRIVER_FILES", named)] {
            let pairs = variables(&[set, nowhere]);
            let found = Parts::find(true, &Variables(&pairs));
            assert!(expected.iter().all(|driver| found.drivers.contains(driver)), "{set:?}: {:?}", found.drivers);
        }
        let pairs = variables(&[("VK_ICD_FILENAMES", "/dev/null"), nowhere]);
        let found = Parts::find(true, &Variables(&pairs));
        assert_eq!((found.named_by, found.drivers.len()), (Some("VK_ICD_FILENAMES"), 0));
    }
}
