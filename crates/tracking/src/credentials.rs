use std::fmt;
use std::path::Path;

use crate::TrackingError;

/// Text that no message, no `Debug` and no file shows.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Hides a text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text, for the header that needs it.
    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("(hidden)")
    }
}

/// How a server is told who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Credentials {
    /// User and password.
    Basic(Secret, Secret),
    /// A token.
    Bearer(Secret),
}

impl Credentials {
    /// What the environment and `~/.mlflow/credentials` say. As in the official client, a variable wins over the file,
    /// and user with password over a token.
    pub(crate) fn of(variable: impl Fn(&str) -> Option<String>) -> Result<Option<Self>, TrackingError> {
        let home = variable("HOME").or_else(|| variable("USERPROFILE"));
        let file = match home.map(|home| Path::new(&home).join(".mlflow/credentials")) {
            Some(path) if path.is_file() => fs_err::read_to_string(path)?,
            _ => String::new(),
        };
        let written = |name: &str| variable(name).or_else(|| in_section(&file, &name.to_lowercase()));
        let user = written("MLFLOW_TRACKING_USERNAME");
        let password = written("MLFLOW_TRACKING_PASSWORD");
        let token = variable("MLFLOW_TRACKING_TOKEN");
        match (user, password, token) {
            (Some(user), Some(password), _) => Ok(Some(Self::Basic(Secret(user), Secret(password)))),
            (_, _, Some(token)) => Ok(Some(Self::Bearer(Secret(token)))),
            (None, None, None) => Ok(None),
            (user, _, None) => {
                let (there, missing) = match user {
                    Some(_) => ("MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD"),
                    None => ("MLFLOW_TRACKING_PASSWORD", "MLFLOW_TRACKING_USERNAME"),
                };
                Err(TrackingError::Config(format!("expected {missing} beside {there}, found none")))
            }
        }
    }
}

/// A value of the section `[mlflow]` of an INI file, as Python's `configparser` reads it.
fn in_section(text: &str, name: &str) -> Option<String> {
    let mut inside = false;
    for line in text.lines().map(str::trim) {
        if line.starts_with(['#', ';']) {
            continue;
        }
        if let Some(section) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            inside = section == "mlflow";
        } else if let (true, Some((key, value))) = (inside, line.split_once(['=', ':']))
            && key.trim().to_lowercase() == name
        {
            let value = value.trim().replace("%%", "%");
            return Some(value).filter(|value| !value.is_empty());
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(variables: &[(&str, &str)]) -> Result<Option<Credentials>, TrackingError> {
        Credentials::of(|name| {
            let found = variables.iter().find(|(key, _)| *key == name);
            found.map(|(_, value)| (*value).to_owned()).filter(|value| !value.is_empty())
        })
    }

    fn basic(user: &str, password: &str) -> Option<Credentials> {
        Some(Credentials::Basic(Secret::new(user), Secret::new(password)))
    }

    const USER: (&str, &str) = ("MLFLOW_TRACKING_USERNAME", "ann");
    const PASSWORD: (&str, &str) = ("MLFLOW_TRACKING_PASSWORD", "hunter2");
    const TOKEN: (&str, &str) = ("MLFLOW_TRACKING_TOKEN", "t0ken");

    #[test]
    fn user_with_password_wins_over_a_token() {
        assert_eq!(of(&[USER, PASSWORD, TOKEN]).unwrap(), basic("ann", "hunter2"));
        assert_eq!(of(&[USER, TOKEN]).unwrap(), Some(Credentials::Bearer(Secret::new("t0ken"))));
        assert_eq!(of(&[]).unwrap(), None);
        assert_eq!(of(&[("MLFLOW_TRACKING_TOKEN", "")]).unwrap(), None);
    }

    #[test]
    fn half_a_pair_is_told() {
        let message = of(&[USER]).unwrap_err().to_string();
        assert_eq!(message, "expected MLFLOW_TRACKING_PASSWORD beside MLFLOW_TRACKING_USERNAME, found none");
        let message = of(&[PASSWORD]).unwrap_err().to_string();
        assert_eq!(message, "expected MLFLOW_TRACKING_USERNAME beside MLFLOW_TRACKING_PASSWORD, found none");
    }

    #[test]
    fn the_file_fills_what_the_environment_lacks() {
        let home = tempfile::tempdir().unwrap();
        std::fs::create_dir(home.path().join(".mlflow")).unwrap();
        let text = "[other]\nmlflow_tracking_username = eve\n[mlflow]\n# who\nMLFLOW_TRACKING_USERNAME = bob\nmlflow_tracking_password: p=100%%\n";
        std::fs::write(home.path().join(".mlflow/credentials"), text).unwrap();
        let home = ("HOME", home.path().to_str().unwrap());
        assert_eq!(of(&[home]).unwrap(), basic("bob", "p=100%"));
        assert_eq!(of(&[home, USER]).unwrap(), basic("ann", "p=100%"));
    }

    #[test]
    fn debug_hides() {
        let shown = format!("{:?}", of(&[USER, PASSWORD]).unwrap());
        assert_eq!(shown, "Some(Basic((hidden), (hidden)))");
    }
}
