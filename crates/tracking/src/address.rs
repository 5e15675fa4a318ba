use std::fmt;
use std::path::{Path, PathBuf};

use percent_encoding::percent_decode_str;
use url::{Host, Url};

use crate::TrackingError;
use crate::credentials::{Credentials, Secret};

/// Where runs are logged. Shown without its user and password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    /// An MLflow server.
    Server(ServerAddress),
    /// A database file of the embedded store.
    Sqlite(PathBuf),
    /// Nowhere.
    Off,
}

/// The address of a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerAddress {
    /// Without user, password, query and last slash.
    base: Url,
    /// What the address held.
    credentials: Option<Credentials>,
}

/// `mlflow:5000`: the scheme was forgotten.
fn is_host(text: &str) -> bool {
    let digits = |port: &str| !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
    let plain = |host: &str| !host.is_empty() && host.chars().all(|c| c.is_ascii_alphanumeric() || ".-".contains(c));
    text.split('/')
        .next()
        .and_then(|start| start.split_once(':'))
        .is_some_and(|(host, port)| plain(host) && digits(port))
}

const EXPECTED: &str = "expected http(s)://HOST, sqlite:///FILE or none";

impl Address {
    /// Reads an address as the official client writes it: `sqlite:///FILE` is relative, `sqlite:////FILE` absolute.
    ///
    /// # Errors
    /// [`TrackingError::Config`] for what is no address, and for the places that this program cannot log to.
    pub fn parse(text: &str) -> Result<Self, TrackingError> {
        let text = text.trim();
        let complain = |found: &str| TrackingError::Config(format!("tracking address `{}`: {found}", redacted(text)));
        let scheme = text.split(':').next().unwrap_or_default().to_lowercase();
        match scheme.as_str() {
            "none" if text.eq_ignore_ascii_case("none") => Ok(Self::Off),
            "http" | "https" => ServerAddress::parse(text).map(Self::Server).map_err(|found| complain(&found)),
            "sqlite" => sqlite(text).map(Self::Sqlite).map_err(|found| complain(&found)),
            "databricks" | "databricks-uc" | "uc" => {
                Err(complain(&format!("{EXPECTED}; Databricks workspaces are not supported")))
            }
            "arn" => Err(complain(&format!("{EXPECTED}; SageMaker's managed MLflow is not supported"))),
            "postgresql" | "mysql" | "mssql" => {
                Err(complain(&format!("{EXPECTED}\n  hint: start `mlflow server` on that database")))
            }
            // `htp://`, `htpps://`: letters of the right word.
            _ if scheme.starts_with('h') && scheme.bytes().all(|byte| b"htps".contains(&byte)) => {
                let rest = redacted(text);
                let rest = rest.split_once("://").map_or(rest.as_str(), |(_, rest)| rest);
                Err(complain(&format!("{EXPECTED}\n  hint: http://{rest}")))
            }
            _ if is_host(&redacted(text)) => Err(complain(&format!("{EXPECTED}\n  hint: http://{}", redacted(text)))),
            _ => Err(complain(&format!("{EXPECTED}\n  hint: for files here, sqlite:///mlflow.db"))),
        }
    }

    /// The same address, with a relative file taken from a folder.
    pub fn within(self, folder: &Path) -> Self {
        match self {
            Self::Sqlite(path) => Self::Sqlite(folder.join(path)),
            other => other,
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Server(server) => server.fmt(formatter),
            Self::Sqlite(path) => write!(formatter, "sqlite:///{}", path.display()),
            Self::Off => formatter.write_str("none"),
        }
    }
}

impl ServerAddress {
    fn parse(text: &str) -> Result<Self, String> {
        let mut base = Url::parse(text).map_err(|error| format!("{EXPECTED}, found {error}"))?;
        if base.query().is_some() || base.fragment().is_some() {
            return Err("expected no `?` and no `#`".to_owned());
        }
        let decoded = |part: &str| Secret::new(percent_decode_str(part).decode_utf8_lossy());
        let named = !base.username().is_empty() || base.password().is_some();
        let credentials =
            named.then(|| Credentials::Basic(decoded(base.username()), decoded(base.password().unwrap_or_default())));
        let cleared = base.set_username("").and_then(|()| base.set_password(None));
        cleared.map_err(|()| format!("{EXPECTED}, found no host"))?;
        let path = base.path().trim_end_matches('/').to_owned();
        base.set_path(&path);
        Ok(Self { base, credentials })
    }

    /// User and password of the address.
    pub(crate) fn credentials(&self) -> Option<&Credentials> {
        self.credentials.as_ref()
    }

    /// The address of something below.
    pub(crate) fn below<'a>(&self, segments: impl IntoIterator<Item = &'a str>) -> Url {
        joined(&self.base, segments)
    }

    /// The same scheme at another host.
    pub(crate) fn elsewhere(&self, host: &str) -> Option<Url> {
        Url::parse(&format!("{}://{host}", self.base.scheme())).ok()
    }

    pub(crate) fn url(&self) -> &Url {
        &self.base
    }
}

impl fmt::Display for ServerAddress {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.base.as_str().trim_end_matches('/'))
    }
}

/// An address with more segments; what may not stand in a segment is encoded.
pub(crate) fn joined<'a>(base: &Url, segments: impl IntoIterator<Item = &'a str>) -> Url {
    let mut url = base.clone();
    if let Ok(mut path) = url.path_segments_mut() {
        path.pop_if_empty().extend(segments);
    }
    url
}

/// Whether an address is on this machine.
pub(crate) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// The part of a text that no secret stands in, whether it is an address or not.
pub(crate) fn redacted(text: &str) -> String {
    let text = text.split(['?', '#']).next().unwrap_or_default();
    match text.split_once("://") {
        Some((scheme, rest)) => {
            // A password may hold a slash that somebody forgot to encode: everything before the last `@` goes.
            let shown = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
            format!("{scheme}://{shown}")
        }
        // The scheme may have been forgotten, and the password not.
        None => text.rsplit_once('@').map_or(text, |(_, host)| host).to_owned(),
    }
}

fn sqlite(text: &str) -> Result<PathBuf, String> {
    let file = text.get("sqlite".len()..).and_then(|rest| rest.strip_prefix(":///"));
    let file = file.ok_or("expected sqlite:///FILE (relative) or sqlite:////FILE (absolute)")?;
    if file.is_empty() || file == ":memory:" {
        return Err("expected a file, found a database in memory".to_owned());
    }
    if file.contains('?') {
        return Err("expected a file, found options behind `?`".to_owned());
    }
    Ok(PathBuf::from(file))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(text: &str) -> String {
        Address::parse(text).unwrap_err().to_string()
    }

    #[test]
    fn addresses_are_read_and_shown_without_secrets() {
        let cases = [
            ("http://mlflow:5000", "http://mlflow:5000"),
            (" https://Host/mlflow/ ", "https://host/mlflow"),
            ("http://ann:hunter2@mlflow:5000/x/", "http://mlflow:5000/x"),
            ("sqlite:///mlflow.db", "sqlite:///mlflow.db"),
            ("sqlite:////var/db/mlflow.db", "sqlite:////var/db/mlflow.db"),
            ("NONE", "none"),
        ];
        for (text, shown) in cases {
            assert_eq!(Address::parse(text).unwrap().to_string(), shown, "{text}");
        }
    }

    #[test]
    fn files_are_relative_or_absolute() {
        let at = |text: &str| Address::parse(text).unwrap().within(Path::new("/runs"));
        assert_eq!(at("sqlite:///a/b.db"), Address::Sqlite(PathBuf::from("/runs/a/b.db")));
        assert_eq!(at("sqlite:////a/b.db"), Address::Sqlite(PathBuf::from("/a/b.db")));
    }

    #[test]
    fn user_and_password_are_taken_out_and_decoded() {
        let Address::Server(server) = Address::parse("http://a%40b:p%2Fw@h/").unwrap() else { panic!() };
        assert_eq!(server.credentials(), Some(&Credentials::Basic(Secret::new("a@b"), Secret::new("p/w"))));
        assert_eq!(server.below(["api", "a b", "c/d"]).as_str(), "http://h/api/a%20b/c%2Fd");
        assert!(!format!("{server:?}").contains("p/w"), "{server:?}");
    }

    #[test]
    fn what_is_not_supported_says_what_is() {
        let start = "tracking address `databricks`: expected http(s)://HOST, sqlite:///FILE or none; Databricks";
        assert!(error("databricks").starts_with(start), "{}", error("databricks"));
        assert!(error("arn:aws:sagemaker:eu-west-1:1:mlflow-tracking-server/x").contains("SageMaker"));
        assert!(error("postgresql://ann:hunter2@db/mlflow").contains("`postgresql://db/mlflow`"));
        for text in ["./mlruns", "file:///tmp/mlruns", "", "none:x", "mlflow:"] {
            assert!(error(text).contains("hint: for files here"), "{}", error(text));
        }
        assert!(error("mlflow:5000").contains("hint: http://mlflow:5000"));
        let secret = error("ann:hunter2@mlflow:5000/?token=s3cret");
        assert!(
            secret.contains("hint: http://mlflow:5000/") && !secret.contains("hunter2") && !secret.contains("s3cret")
        );
        assert!(error("htp://ann:hunter2@mlflow:5000").ends_with("hint: http://mlflow:5000"));
        assert!(error("10.0.0.7:5000/prefix").contains("hint: http://10.0.0.7:5000/prefix"));
        for text in ["sqlite://", "sqlite:///", "sqlite:///:memory:", "sqlite:///a.db?mode=ro", "sqlite:a.db"] {
            assert!(error(text).contains("expected"), "{}", error(text));
        }
    }

    #[test]
    fn a_bad_address_shows_no_password() {
        for text in
            ["http://ann:hunter2@[bad", "http://ann:hun/ter2@h:x", "http://h/?token=hunter2", "ftp://a:hunter2@h"]
        {
            let message = error(text);
            assert!(!message.contains("hunter2") && !message.contains("ter2"), "{message}");
        }
    }

    #[test]
    fn loopback_is_seen() {
        for (text, expected) in
            [("http://localhost:1", true), ("http://127.0.0.9", true), ("http://[::1]", true), ("http://mlflow", false)]
        {
            assert_eq!(is_loopback(&Url::parse(text).unwrap()), expected, "{text}");
        }
    }
}
