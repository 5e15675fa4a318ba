//! What a machine needs so that runs go well, looked at part by part: what was found, and the one line that mends it.
//! Each part is a function of what was found, so that its advice is tested without the machine that needs it.

pub mod container;
pub mod credentials;
pub mod cuda;
pub mod host;
pub mod vulkan;

use serde::Serialize;

use crate::exit::Exit;

/// How a part is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// As it should be.
    Ok,
    /// Something will not work that not everybody needs.
    Warning,
    /// Something will not work that is needed.
    Failed,
}

impl Verdict {
    /// Its word.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Failed => "failed",
        }
    }
}

/// What a part is needed for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum For {
    /// `cuda:N`.
    Cuda,
    /// `wgpu:N`.
    Wgpu,
    /// Every run.
    All,
}

/// One part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    /// What was looked at.
    pub name: String,
    /// How it is.
    pub verdict: Verdict,
    /// What was found.
    pub found: String,
    /// What mends it, where something is to be mended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mend: Option<String>,
    /// What it is needed for.
    #[serde(skip)]
    pub needed_for: For,
    /// How the program ends when it failed.
    #[serde(skip)]
    pub exit: Exit,
}

impl Check {
    /// A part that is as it should be.
    pub fn ok(name: impl Into<String>, needed_for: For, found: impl Into<String>) -> Self {
        let (name, found) = (name.into(), found.into());
        Self { name, verdict: Verdict::Ok, found, mend: None, needed_for, exit: Exit::Done }
    }

    /// A part that some will miss; whoever needs the device misses it (exit 5).
    pub fn warning(
        name: impl Into<String>,
        needed_for: For,
        found: impl Into<String>,
        mend: impl Into<String>,
    ) -> Self {
        let check = Self::ok(name, needed_for, found);
        Self { verdict: Verdict::Warning, mend: Some(mend.into()), exit: Exit::Device, ..check }
    }

    /// A part that every run needs.
    pub fn failed(name: impl Into<String>, exit: Exit, found: impl Into<String>, mend: impl Into<String>) -> Self {
        Self { verdict: Verdict::Failed, exit, ..Self::warning(name, For::All, found, mend) }
    }

    /// As it is for those who cannot do without.
    pub fn needed(self) -> Self {
        if self.verdict == Verdict::Warning { Self { verdict: Verdict::Failed, ..self } } else { self }
    }
}

/// The environment's variables.
#[derive(Debug, Clone, Copy)]
pub struct Variables<'a>(pub &'a [(String, String)]);

impl<'a> Variables<'a> {
    /// One that is set, though it be empty.
    pub fn set(&self, name: &str) -> Option<&'a str> {
        self.0.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// One that says something.
    pub fn get(&self, name: &str) -> Option<&'a str> {
        self.set(name).filter(|value| !value.is_empty())
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// An environment of these variables.
    pub fn variables(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn what_is_needed_and_missing_has_failed() {
        let check = Check::warning("x", For::Cuda, "nothing", "get one");
        assert_eq!((check.verdict, check.exit), (Verdict::Warning, Exit::Device));
        assert_eq!(check.needed().verdict, Verdict::Failed);
        assert_eq!(Check::ok("x", For::Cuda, "it").needed().verdict, Verdict::Ok);
    }

    #[test]
    fn an_empty_variable_is_set_and_says_nothing() {
        let pairs = variables(&[("A", ""), ("B", "b")]);
        let variables = Variables(&pairs);
        assert_eq!((variables.set("A"), variables.get("A")), (Some(""), None));
        assert_eq!((variables.set("B"), variables.get("C")), (Some("b"), None));
    }
}
