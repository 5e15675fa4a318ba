//! Variables that decide which cards, and how much of them, a container or a process sees.

use super::{Check, For, Variables};

const VISIBLE: &str = "NVIDIA_VISIBLE_DEVICES";
const CAPABILITIES: &str = "NVIDIA_DRIVER_CAPABILITIES";
const CUDA_VISIBLE: &str = "CUDA_VISIBLE_DEVICES";

/// Looks at the variables that are set; none of them has to be.
pub fn checks(variables: &Variables<'_>) -> Vec<Check> {
    [visible(variables), capabilities(variables), cuda_visible(variables)].into_iter().flatten().collect()
}

/// Read by NVIDIA's container runtime.
fn visible(variables: &Variables<'_>) -> Option<Check> {
    let value = variables.set(VISIBLE)?;
    Some(match value {
        "" | "void" | "none" => {
            let found = format!("`{value}`: the container has no GPU");
            Check::warning(
                VISIBLE,
                For::Cuda,
                found,
                "start it with NVIDIA_VISIBLE_DEVICES=all (docker run --gpus all)",
            )
        }
        value => Check::ok(VISIBLE, For::Cuda, format!("`{value}`")),
    })
}

/// What NVIDIA's container runtime brings into the container: without the variable `utility,compute`.
fn capabilities(variables: &Variables<'_>) -> Option<Check> {
    let value = match (variables.set(CAPABILITIES), variables.set(VISIBLE)) {
        (Some(value), _) => value,
        (None, Some(_)) => "",
        (None, None) => return None,
    };
    let shown = if value.is_empty() { "not set, which is `utility,compute`".to_owned() } else { format!("`{value}`") };
    let value = if value.is_empty() { "utility,compute" } else { value };
    let has = |part: &str| value.split(',').any(|it| matches!(it.trim(), it if it == part || it == "all"));
    let mend = "start the container with NVIDIA_DRIVER_CAPABILITIES=compute,utility,graphics";
    Some(match (has("compute"), has("graphics")) {
        (true, true) => Check::ok(CAPABILITIES, For::Cuda, shown),
        (false, _) => Check::warning(CAPABILITIES, For::Cuda, format!("{shown}: no `compute`, so no CUDA"), mend),
        (true, false) => Check::warning(CAPABILITIES, For::Wgpu, format!("{shown}: no `graphics`, so no Vulkan"), mend),
    })
}

/// Read by CUDA itself.
fn cuda_visible(variables: &Variables<'_>) -> Option<Check> {
    let value = variables.set(CUDA_VISIBLE)?;
    // Devices after one that does not exist are not seen.
    let hides = value.split(',').next().is_none_or(|first| matches!(first.trim(), "" | "-1" | "NoDevFiles"));
    Some(if hides {
        let mend = "unset CUDA_VISIBLE_DEVICES, or name devices: CUDA_VISIBLE_DEVICES=0";
        Check::warning(CUDA_VISIBLE, For::Cuda, format!("`{value}` hides every CUDA device"), mend)
    } else {
        Check::ok(CUDA_VISIBLE, For::Cuda, format!("`{value}`: cuda:0 is the first of these"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Verdict;
    use crate::doctor::tests::variables;

    #[test]
    fn each_variable_has_its_line() {
        let cases = [
            (&[(VISIBLE, "void")][..], VISIBLE, For::Cuda, "--gpus all"),
            (&[(VISIBLE, "")], VISIBLE, For::Cuda, "--gpus all"),
            (&[(VISIBLE, "all")], CAPABILITIES, For::Wgpu, "compute,utility,graphics"),
            (&[(CAPABILITIES, "compute,utility")], CAPABILITIES, For::Wgpu, "compute,utility,graphics"),
            (&[(CAPABILITIES, "graphics")], CAPABILITIES, For::Cuda, "compute,utility,graphics"),
            (&[(CUDA_VISIBLE, "")], CUDA_VISIBLE, For::Cuda, "unset CUDA_VISIBLE_DEVICES"),
            (&[(CUDA_VISIBLE, "-1")], CUDA_VISIBLE, For::Cuda, "unset CUDA_VISIBLE_DEVICES"),
            (&[(CUDA_VISIBLE, "-1,0")], CUDA_VISIBLE, For::Cuda, "unset CUDA_VISIBLE_DEVICES"),
        ];
        for (set, name, needed_for, mend) in cases {
            let pairs = variables(set);
            let found = checks(&Variables(&pairs));
            let check = found.iter().find(|check| check.name == name).unwrap();
            assert_eq!((check.verdict, check.needed_for), (Verdict::Warning, needed_for), "{set:?}");
            assert!(check.mend.as_ref().unwrap().contains(mend), "{check:?}");
        }
    }

    #[test]
    fn what_lets_everything_through_is_ok() {
        for set in [
            &[(VISIBLE, "all"), (CAPABILITIES, "all")][..],
            &[(CAPABILITIES, "graphics, compute")],
            &[(CUDA_VISIBLE, "1,0")],
            &[],
        ] {
            let pairs = variables(set);
            let found = checks(&Variables(&pairs));
            assert!(found.iter().all(|check| check.verdict == Verdict::Ok), "{found:?}");
            assert_eq!(found.len(), set.len());
        }
    }
}
