//! What MLflow says, and what it means.

use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::http::{Answer, Call};
use crate::TrackingError;

/// An answer, taken apart.
#[derive(Debug)]
pub enum Reply {
    /// As asked.
    Done(Vec<u8>),
    /// Not so.
    Refused(Refusal),
}

/// What the server does not do, and why.
#[derive(Debug)]
pub struct Refusal {
    place: String,
    call: String,
    pub status: u16,
    /// Empty where the answer was no JSON.
    pub code: String,
    pub message: String,
}

#[derive(Debug, Deserialize)]
struct Said {
    #[serde(default)]
    error_code: String,
    #[serde(default)]
    message: String,
}

impl Reply {
    /// Sorts an answer; what no other call would mend is an error at once.
    pub fn of(place: &str, call: &Call<'_>, answer: Answer) -> Result<Self, TrackingError> {
        let config = |message: String| Err(TrackingError::Config(format!("{place}: {message}")));
        let text = message(&answer.body);
        match answer.status {
            200..=299 => return Ok(Self::Done(answer.body)),
            300..=399 => {
                let to = answer.location.unwrap_or_default();
                return config(format!("redirects to {to}\n  hint: use the address that it redirects to"));
            }
            401 => {
                return config(
                    "401: the credentials are missing or wrong\n  hint: MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN"
                        .to_owned(),
                );
            }
            403 if text.contains("Invalid Host header") => {
                let hint = "start the server with --allowed-hosts, or use a name that it allows";
                return config(format!("403: {text}\n  hint: {hint}"));
            }
            403 => return config(format!("{}: 403: not permitted: {text}", call.name())),
            500 if text.contains("FEATURE_DISABLED") => {
                return config(format!("{text}\n  hint: MLFLOW_WORKSPACE is set"));
            }
            404 if text.starts_with("Workspace '") => {
                return config(format!("{text}\n  hint: MLFLOW_WORKSPACE names it"));
            }
            _ => {}
        }
        let said: Option<Said> = serde_json::from_slice(&answer.body).ok();
        let code = said.map(|said| said.error_code).unwrap_or_default();
        let (place, call) = (place.to_owned(), call.name());
        Ok(Self::Refused(Refusal { place, call, status: answer.status, code, message: text }))
    }

    /// What was asked for.
    pub fn done<T: DeserializeOwned>(self, place: &str) -> Result<T, TrackingError> {
        match self {
            Self::Done(body) => read(place, &body),
            Self::Refused(refusal) => Err(refusal.into()),
        }
    }

    /// What was asked for, where it is there.
    pub fn found<T: DeserializeOwned>(self, place: &str) -> Result<Option<T>, TrackingError> {
        match self {
            Self::Refused(refusal) if refusal.is_absent() => Ok(None),
            other => other.done(place).map(Some),
        }
    }

    /// That it was done.
    pub fn empty(self) -> Result<(), TrackingError> {
        match self {
            Self::Done(_) => Ok(()),
            Self::Refused(refusal) => Err(refusal.into()),
        }
    }
}

impl Refusal {
    /// MLflow knows what was asked for, and has none.
    pub fn is_absent(&self) -> bool {
        self.code == "RESOURCE_DOES_NOT_EXIST"
    }

    /// The server does not know the question: it is older, or no MLflow at all.
    pub fn is_unknown_route(&self) -> bool {
        self.code.is_empty() && matches!(self.status, 404 | 405)
    }
}

impl From<Refusal> for TrackingError {
    fn from(refusal: Refusal) -> Self {
        if refusal.is_unknown_route() {
            let Refusal { place, call, status, .. } = refusal;
            let message = format!("{place}: expected an MLflow server, found {status} for {call}");
            return Self::Config(format!("{message}\n  hint: the address is what `mlflow ui` is opened at"));
        }
        let Refusal { place, call, status, code, message } = refusal;
        Self::Refused { place, call, status, code, message }
    }
}

fn read<T: DeserializeOwned>(place: &str, body: &[u8]) -> Result<T, TrackingError> {
    let body = if body.trim_ascii().is_empty() { b"{}" } else { body };
    serde_json::from_slice(body).map_err(|error| {
        let found = match body.trim_ascii_start().first() {
            Some(b'<') => "a web page".to_owned(),
            _ => format!("an answer that it does not give: {error}"),
        };
        TrackingError::Config(format!("{place}: expected an MLflow server, found {found}"))
    })
}

/// The server's words on one line; a page's title where it sent a page.
pub fn message(body: &[u8]) -> String {
    const LONGEST: usize = 300;
    let text = match serde_json::from_slice::<Said>(body) {
        Ok(said) if said.message.is_empty() => said.error_code,
        Ok(said) if said.error_code == "FEATURE_DISABLED" => format!("{}: {}", said.error_code, said.message),
        Ok(said) => said.message,
        Err(_) => {
            let text = String::from_utf8_lossy(body).into_owned();
            if text.trim_start().starts_with('<') { marked(&text) } else { text }
        }
    };
    // What databases add: statements with every value that was sent.
    let text = text.split("\n[SQL:").next().unwrap_or_default();
    let line: Vec<&str> = text.split_whitespace().collect();
    line.join(" ").chars().take(LONGEST).collect()
}

/// The title of a page, or what a cloud's store says: the rest of its words repeats what was signed.
fn marked(text: &str) -> String {
    let inside = |name: &str| {
        let (_, rest) = text.split_once(&format!("<{name}>"))?;
        rest.split_once(&format!("</{name}>")).map(|(inside, _)| inside.to_owned())
    };
    let parts: Vec<String> = ["title", "Code", "Message"].into_iter().filter_map(inside).collect();
    parts.join(": ")
}

#[cfg(test)]
mod tests {
    use reqwest::Method;
    use url::Url;

    use super::super::http::Body;
    use super::*;
    use crate::retry::Repeat;

    fn reply(status: u16, body: &str) -> Result<Reply, TrackingError> {
        let url = Url::parse("http://h/api/x?secret=1").unwrap();
        let (body_, repeat) = (Body::None, Repeat::Harmless);
        let call = Call { method: Method::GET, url, body: body_, repeat, trusted: true, headers: &[] };
        let location = Some("https://login/here".to_owned());
        Reply::of("http://h", &call, Answer { status, location, body: body.into() })
    }

    fn error(status: u16, body: &str) -> String {
        match reply(status, body) {
            Err(error) => error.to_string(),
            Ok(reply) => reply.done::<serde_json::Value>("http://h").unwrap_err().to_string(),
        }
    }

    const PAGE: &str = "<!doctype html>\n<html lang=en>\n<title>404 Not Found</title>\n<h1>Not Found</h1>";

    #[test]
    fn errors_say_what_to_do() {
        let absent = r#"{"error_code": "RESOURCE_DOES_NOT_EXIST", "message": "No\nrun"}"#;
        let cases = [
            (401, "You are not authenticated", "http://h: 401: the credentials are missing or wrong"),
            (403, "Permission denied", "http://h: GET /api/x: 403: not permitted: Permission denied"),
            (403, "Invalid Host header - possible", "http://h: 403: Invalid Host header"),
            (302, "", "http://h: redirects to https://login/here"),
            (404, PAGE, "http://h: expected an MLflow server, found 404 for GET /api/x"),
            (200, PAGE, "http://h: expected an MLflow server, found a web page"),
            (404, absent, "http://h: GET /api/x: 404 RESOURCE_DOES_NOT_EXIST: No run"),
            (413, PAGE, "http://h: GET /api/x: 413: 404 Not Found"),
            (
                404,
                r#"{"error_code": "RESOURCE_DOES_NOT_EXIST", "message": "Workspace 'x' not found"}"#,
                "http://h: Workspace 'x'",
            ),
            (
                400,
                "<Error><Code>Bad</Code><Message>No</Message><StringToSign>s</StringToSign></Error>",
                "http://h: GET /api/x: 400: Bad: No",
            ),
            (500, r#"{"error_code": "FEATURE_DISABLED", "message": "off"}"#, "http://h: FEATURE_DISABLED: off"),
        ];
        for (status, body, expected) in cases {
            assert!(error(status, body).starts_with(expected), "{}", error(status, body));
        }
    }

    #[test]
    fn what_is_not_there_is_none() {
        let found = |status, body| reply(status, body).unwrap().found::<serde_json::Value>("http://h");
        assert_eq!(found(404, r#"{"error_code": "RESOURCE_DOES_NOT_EXIST"}"#).unwrap(), None);
        assert!(found(200, "").unwrap().is_some());
        assert!(found(404, PAGE).is_err());
    }

    #[test]
    fn statements_of_databases_are_not_repeated() {
        let body = r#"{"error_code": "BAD_REQUEST", "message": "UNIQUE failed\n[SQL: INSERT]\n[parameters: ('x')]"}"#;
        assert_eq!(message(body.as_bytes()), "UNIQUE failed");
    }
}
