use std::fmt;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::time::Duration;

use crate::TrackingError;
use crate::credentials::Credentials;
use crate::retry::Retry;

/// How a server is spoken to: what the variables of the official client say.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// Who asks; an address that holds a user wins over it.
    pub credentials: Option<Credentials>,
    /// Whether any certificate is good enough.
    pub insecure_tls: bool,
    /// A file of certificates to trust in place of the system's.
    pub server_certificates: Option<PathBuf>,
    /// A PEM file with this client's certificate and key.
    pub client_certificate: Option<PathBuf>,
    /// The workspace.
    pub workspace: Option<String>,
    /// How long to wait for an answer.
    pub timeout: Duration,
    /// What happens then.
    pub retry: Retry,
    /// Who is told of a wait before the next try.
    pub waiting: Waiting,
}

/// Told of each wait, with what failed and how long it takes, and asked now and then whether it is to go on.
#[derive(Clone, Copy)]
pub struct Waiting {
    /// A wait begins.
    pub begins: fn(&str),
    /// `Break` ends the wait, and the call.
    pub goes_on: fn() -> ControlFlow<()>,
}

impl Default for Waiting {
    fn default() -> Self {
        Self { begins: |_| {}, goes_on: || ControlFlow::Continue(()) }
    }
}

impl fmt::Debug for Waiting {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Waiting")
    }
}

/// Settings are compared by what they say to a server.
impl PartialEq for Waiting {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            credentials: None,
            insecure_tls: false,
            server_certificates: None,
            client_certificate: None,
            workspace: None,
            timeout: Duration::from_secs(120),
            retry: Retry::default(),
            waiting: Waiting::default(),
        }
    }
}

impl Settings {
    /// Reads the variables of an environment, and `~/.mlflow/credentials`. An empty variable is none.
    ///
    /// # Errors
    /// [`TrackingError::Config`] for a value that is not what the variable takes, for contradictions, and for ways of
    /// signing in that this program does not have.
    pub fn of(environment: &[(String, String)]) -> Result<Self, TrackingError> {
        let variables = Variables(environment);
        if variables.text("MLFLOW_TRACKING_AUTH").is_some() {
            return Err(unsupported("MLFLOW_TRACKING_AUTH", "sign-in plugins are"));
        }
        if variables.flag("MLFLOW_TRACKING_AWS_SIGV4")? == Some(true) {
            return Err(unsupported("MLFLOW_TRACKING_AWS_SIGV4", "signing requests for AWS is"));
        }
        let path = |name: &str| match variables.text(name).map(PathBuf::from) {
            Some(path) if !path.is_file() => {
                Err(TrackingError::Config(format!("{name}: expected a file, found none at `{}`", path.display())))
            }
            path => Ok(path),
        };
        let default = Self::default();
        let read = Self {
            credentials: Credentials::of(|name| variables.text(name))?,
            insecure_tls: variables.flag("MLFLOW_TRACKING_INSECURE_TLS")?.unwrap_or(false),
            server_certificates: path("MLFLOW_TRACKING_SERVER_CERT_PATH")?,
            client_certificate: path("MLFLOW_TRACKING_CLIENT_CERT_PATH")?,
            workspace: variables.text("MLFLOW_WORKSPACE"),
            timeout: variables
                .number("MLFLOW_HTTP_REQUEST_TIMEOUT", 0.001)?
                .map_or(default.timeout, Duration::from_secs_f64),
            retry: retry(&variables, default.retry)?,
            waiting: default.waiting,
        };
        if read.insecure_tls && read.server_certificates.is_some() {
            return Err(TrackingError::Config(
                "expected one of MLFLOW_TRACKING_INSECURE_TLS and MLFLOW_TRACKING_SERVER_CERT_PATH, found both"
                    .to_owned(),
            ));
        }
        Ok(read)
    }

    /// The same, for a look that must not keep anybody waiting: one try more, five seconds each.
    pub fn patience(mut self, quick: bool) -> Self {
        if quick {
            self.timeout = self.timeout.min(Duration::from_secs(5));
            let retry = &mut self.retry;
            retry.max_retries = retry.max_retries.min(1);
            retry.backoff_factor = retry.backoff_factor.min(0.5);
            retry.jitter = retry.jitter.min(0.5);
            retry.limit = retry.limit.min(Duration::from_secs(10));
        }
        self
    }
}

fn unsupported(name: &str, what: &str) -> TrackingError {
    let hint = "a user with a password, or a token: MLFLOW_TRACKING_USERNAME, _PASSWORD, _TOKEN";
    TrackingError::Config(format!("{name} is set, and {what} not supported\n  hint: {hint}"))
}

fn retry(variables: &Variables<'_>, default: Retry) -> Result<Retry, TrackingError> {
    Ok(Retry {
        max_retries: match variables.text("MLFLOW_HTTP_REQUEST_MAX_RETRIES") {
            None => default.max_retries,
            Some(text) => {
                let wrong = |_| variables.wrong("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "a whole number from 0", &text);
                text.trim().parse().map_err(wrong)?
            }
        },
        backoff_factor: variables.number("MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR", 0.0)?.unwrap_or(default.backoff_factor),
        jitter: variables.number("MLFLOW_HTTP_REQUEST_BACKOFF_JITTER", 0.0)?.unwrap_or(default.jitter),
        respect_retry_after: variables
            .flag("MLFLOW_HTTP_RESPECT_RETRY_AFTER_HEADER")?
            .unwrap_or(default.respect_retry_after),
        limit: default.limit,
    })
}

struct Variables<'a>(&'a [(String, String)]);

impl Variables<'_> {
    fn text(&self, name: &str) -> Option<String> {
        let found = self.0.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value.clone()).filter(|value| !value.is_empty())
    }

    fn flag(&self, name: &str) -> Result<Option<bool>, TrackingError> {
        let Some(text) = self.text(name) else { return Ok(None) };
        match text.to_lowercase().as_str() {
            "true" | "1" => Ok(Some(true)),
            "false" | "0" => Ok(Some(false)),
            _ => Err(self.wrong(name, "true or false", &text)),
        }
    }

    /// Seconds, or something as everyday: a day's worth of them is the most.
    fn number(&self, name: &str, least: f64) -> Result<Option<f64>, TrackingError> {
        let Some(text) = self.text(name) else { return Ok(None) };
        let number = text.trim().parse::<f64>().ok().filter(|number| (least..=86_400.0).contains(number));
        let expected = if least > 0.0 { "a number above 0" } else { "a number from 0" };
        number.map(Some).ok_or_else(|| self.wrong(name, expected, &text))
    }

    fn wrong(&self, name: &str, expected: &str, found: &str) -> TrackingError {
        TrackingError::Config(format!("{name}: expected {expected}, found `{found}`"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(variables: &[(&str, &str)]) -> Result<Settings, TrackingError> {
        let variables: Vec<_> = variables.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        Settings::of(&variables)
    }

    #[test]
    fn nothing_set_is_the_official_default() {
        let settings = of(&[("MLFLOW_WORKSPACE", "")]).unwrap();
        assert_eq!(settings, Settings::default());
        assert_eq!((settings.timeout.as_secs(), settings.retry.max_retries), (120, 7));
    }

    #[test]
    fn every_variable_is_read() {
        let settings = of(&[
            ("MLFLOW_TRACKING_TOKEN", "t0ken"),
            ("MLFLOW_TRACKING_INSECURE_TLS", "True"),
            ("MLFLOW_TRACKING_CLIENT_CERT_PATH", "Cargo.toml"),
            ("MLFLOW_WORKSPACE", "team"),
            ("MLFLOW_HTTP_REQUEST_TIMEOUT", "7"),
            ("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2"),
            ("MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR", "0.5"),
            ("MLFLOW_HTTP_REQUEST_BACKOFF_JITTER", "0"),
            ("MLFLOW_HTTP_RESPECT_RETRY_AFTER_HEADER", "false"),
        ])
        .unwrap();
        assert!(settings.insecure_tls && !format!("{settings:?}").contains("t0ken"), "{settings:?}");
        assert_eq!(settings.client_certificate, Some(PathBuf::from("Cargo.toml")));
        assert_eq!(settings.workspace.as_deref(), Some("team"));
        assert_eq!(settings.timeout, Duration::from_secs(7));
        let limit = Retry::default().limit;
        let retry = Retry { max_retries: 2, backoff_factor: 0.5, jitter: 0.0, respect_retry_after: false, limit };
        assert_eq!(settings.retry, retry);
        let quick = settings.patience(true);
        assert_eq!((quick.timeout, quick.retry.max_retries), (Duration::from_secs(5), 1));
    }

    #[test]
    fn wrong_values_name_the_variable() {
        let cases = [
            ("MLFLOW_HTTP_REQUEST_TIMEOUT", "0", "expected a number above 0, found `0`"),
            ("MLFLOW_HTTP_REQUEST_TIMEOUT", "soon", "expected a number above 0, found `soon`"),
            ("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "-1", "expected a whole number from 0, found `-1`"),
            ("MLFLOW_HTTP_REQUEST_BACKOFF_JITTER", "NaN", "expected a number from 0, found `NaN`"),
            ("MLFLOW_TRACKING_INSECURE_TLS", "yes", "expected true or false, found `yes`"),
            ("MLFLOW_TRACKING_SERVER_CERT_PATH", "no.pem", "expected a file, found none at `no.pem`"),
        ];
        for (name, value, expected) in cases {
            assert_eq!(of(&[(name, value)]).unwrap_err().to_string(), format!("{name}: {expected}"));
        }
    }

    #[test]
    fn what_is_not_supported_is_told() {
        for (name, value) in [("MLFLOW_TRACKING_AWS_SIGV4", "true"), ("MLFLOW_TRACKING_AUTH", "sagemaker")] {
            let message = of(&[(name, value)]).unwrap_err().to_string();
            assert!(message.starts_with(name) && message.contains("not supported"), "{message}");
        }
        assert!(of(&[("MLFLOW_TRACKING_AWS_SIGV4", "false")]).is_ok());
        let both = [("MLFLOW_TRACKING_INSECURE_TLS", "true"), ("MLFLOW_TRACKING_SERVER_CERT_PATH", "Cargo.toml")];
        assert!(of(&both).unwrap_err().to_string().contains("found both"));
    }
}
