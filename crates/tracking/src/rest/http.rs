//! One call over HTTP, made again where that does no harm.

use std::cell::OnceCell;
use std::error::Error;
use std::ops::ControlFlow;
use std::path::Path;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use reqwest::blocking::{Body as Sent, Client, RequestBuilder};
use reqwest::{Certificate, Identity, Method, redirect};
use url::Url;

use crate::TrackingError;
use crate::address::{is_loopback, redacted};
use crate::credentials::Credentials;
use crate::retry::{Failure, Repeat, passes, retry_after};
use crate::settings::Settings;

/// What is sent.
#[derive(Debug, Clone, Copy)]
pub enum Body<'a> {
    /// Nothing.
    None,
    /// JSON.
    Json(&'a str),
    /// A file, read while it is sent.
    File(&'a Path),
}

/// One call.
#[derive(Debug)]
pub struct Call<'a> {
    pub method: Method,
    pub url: Url,
    pub body: Body<'a>,
    pub repeat: Repeat,
    /// Whether it goes to an MLflow server, which is told who asks; else what is sent is only what stands here.
    pub trusted: bool,
    /// More headers.
    pub headers: &'a [(String, String)],
}

impl Call<'_> {
    /// Method and path, for messages.
    pub fn name(&self) -> String {
        format!("{} {}", self.method, self.url.path())
    }
}

/// What came back: not one of the statuses that stand for a trouble that passes.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    /// Where a redirect points, without its query.
    pub location: Option<String>,
    pub body: Vec<u8>,
}

/// A connection that is kept, and what is said on it each time.
#[derive(Debug)]
pub struct Http {
    settings: Settings,
    credentials: Option<Credentials>,
    /// Without a proxy, for this machine.
    near: OnceCell<Client>,
    /// Through the system's proxy, where there is one.
    far: OnceCell<Client>,
}

/// A server may close an idle connection after five seconds, and what is sent at that moment is lost.
const IDLE: Duration = Duration::from_secs(3);

/// How often somebody who waits is asked whether to go on.
const STEP: Duration = Duration::from_millis(200);

/// A connection on which nothing of what is sent arrives for so long is dead, however much is left to send.
const STALLED: Duration = Duration::from_secs(60);

/// Slower than this, in bytes a second, is as good as not at all.
const SLOWEST: u64 = 128 * 1024;

impl Http {
    /// `credentials` are those of the address; they win over those of the settings.
    pub fn new(settings: &Settings, credentials: Option<&Credentials>) -> Self {
        let credentials = credentials.or(settings.credentials.as_ref()).cloned();
        Self { settings: settings.clone(), credentials, near: OnceCell::new(), far: OnceCell::new() }
    }

    /// Makes a call until it is answered, or there is no use in going on.
    pub fn send(&self, call: &Call<'_>) -> Result<Answer, TrackingError> {
        let started = Instant::now();
        let mut retries = 0;
        loop {
            let (failure, message) = match self.try_once(call)? {
                Ok(answer) => return Ok(answer),
                Err(lost) => lost,
            };
            // No random number generator for one number: a v4 id has random bits.
            let random = f64::from(uuid::Uuid::new_v4().as_fields().0) / f64::from(u32::MAX);
            let Some(wait) = self.settings.retry.wait(failure, call.repeat, retries, started.elapsed(), random) else {
                let message = match retries {
                    0 => message,
                    _ => format!("{message} ({} tries)", retries + 1),
                };
                return Err(TrackingError::Unreachable { place: place(&call.url), message });
            };
            if self.wait(&call.url, &message, wait, retries).is_break() {
                let message = format!("{message}; ended while waiting to try again");
                return Err(TrackingError::Unreachable { place: place(&call.url), message });
            }
            retries += 1;
        }
    }

    fn wait(&self, url: &Url, message: &str, wait: Duration, retries: u32) -> ControlFlow<()> {
        let waiting = self.settings.waiting;
        // A wait that nobody notices is not told.
        if wait >= STEP {
            let (next, of) = (retries + 2, self.settings.retry.max_retries + 1);
            let seconds = wait.as_secs_f64();
            (waiting.begins)(&format!("{}: {message}: try {next} of {of} in {seconds:.0} s", place(url)));
        }
        let end = Instant::now() + wait;
        while let Some(left) = end.checked_duration_since(Instant::now()).filter(|left| !left.is_zero()) {
            (waiting.goes_on)()?;
            std::thread::sleep(left.min(STEP));
        }
        (waiting.goes_on)()
    }

    /// The outer error is one that no other try would mend.
    fn try_once(&self, call: &Call<'_>) -> Result<Result<Answer, (Failure, String)>, TrackingError> {
        let request = self.request(call)?;
        let lost = |error: reqwest::Error| lost(call, &error);
        let response = match request.send() {
            Ok(response) => response,
            Err(error) => return lost(error).map(Err),
        };
        let status = response.status().as_u16();
        let header = |name: &str| response.headers().get(name).and_then(|value| value.to_str().ok());
        let wait = header("retry-after").and_then(|value| retry_after(value, Timestamp::now()));
        let location = header("location").map(redacted);
        let body = match response.bytes() {
            Ok(body) => body.to_vec(),
            Err(error) => return lost(error).map(Err),
        };
        if passes(status) && !is_final(&body) {
            let message = format!("{}: {status}{}", call.name(), said(&body));
            return Ok(Err((Failure::Status(status, wait), message)));
        }
        Ok(Ok(Answer { status, location, body }))
    }

    fn request(&self, call: &Call<'_>) -> Result<RequestBuilder, TrackingError> {
        let mut request = self.client(&call.url)?.request(call.method.clone(), call.url.clone());
        if call.trusted {
            request = match &self.credentials {
                Some(Credentials::Basic(user, password)) => request.basic_auth(user.reveal(), Some(password.reveal())),
                Some(Credentials::Bearer(token)) => request.bearer_auth(token.reveal()),
                None => request,
            };
            if let Some(workspace) = &self.settings.workspace {
                request = request.header("X-MLFLOW-WORKSPACE", workspace);
            }
        }
        for (name, value) in call.headers {
            request = request.header(name, value);
        }
        let mut timeout = self.settings.timeout;
        request = match call.body {
            Body::None => request,
            Body::Json(text) => request.header("Content-Type", "application/json").body(text.to_owned()),
            Body::File(path) => {
                let file = fs_err::File::open(path)?;
                let bytes = file.metadata()?.len();
                timeout += Duration::from_secs(bytes / SLOWEST);
                request.body(Sent::sized(file, bytes))
            }
        };
        Ok(request.timeout(timeout))
    }

    fn client(&self, url: &Url) -> Result<&Client, TrackingError> {
        let loopback = is_loopback(url);
        let cell = if loopback { &self.near } else { &self.far };
        if let Some(client) = cell.get() {
            return Ok(client);
        }
        let client = build(&self.settings, loopback)?;
        Ok(cell.get_or_init(|| client))
    }
}

fn build(settings: &Settings, loopback: bool) -> Result<Client, TrackingError> {
    let mut builder = Client::builder()
        .user_agent(concat!("trainer/", env!("CARGO_PKG_VERSION")))
        // A POST that follows becomes a GET, and does nothing.
        .redirect(redirect::Policy::none())
        // Retries are ours: each is one that the policy knows of.
        .retry(reqwest::retry::never())
        .pool_idle_timeout(IDLE)
        .connect_timeout(settings.timeout.min(Duration::from_secs(10)))
        .danger_accept_invalid_certs(settings.insecure_tls);
    #[cfg(target_os = "linux")]
    {
        builder = builder.tcp_user_timeout(settings.timeout.min(STALLED));
    }
    if loopback {
        builder = builder.no_proxy();
    }
    let wrong = |name: &str, path: &Path| {
        let path = path.display();
        TrackingError::Config(format!("{name}: expected certificates in PEM, found something else in {path}"))
    };
    if let Some(path) = &settings.server_certificates {
        let name = "MLFLOW_TRACKING_SERVER_CERT_PATH";
        let certificates = Certificate::from_pem_bundle(&fs_err::read(path)?).map_err(|_| wrong(name, path))?;
        if certificates.is_empty() {
            return Err(wrong(name, path));
        }
        builder = builder.tls_built_in_root_certs(false);
        builder =
            certificates.into_iter().fold(builder, |builder, certificate| builder.add_root_certificate(certificate));
    }
    if let Some(path) = &settings.client_certificate {
        let name = "MLFLOW_TRACKING_CLIENT_CERT_PATH";
        builder = builder.identity(Identity::from_pem(&fs_err::read(path)?).map_err(|_| wrong(name, path))?);
    }
    builder.build().map_err(|error| TrackingError::Config(format!("no HTTP client: {}", causes(&error.without_url()))))
}

/// Scheme, host and port.
fn place(url: &Url) -> String {
    url.origin().ascii_serialization()
}

/// What an error of the connection means.
fn lost(call: &Call<'_>, error: &reqwest::Error) -> Result<(Failure, String), TrackingError> {
    let text = causes(error);
    let place = place(&call.url);
    let config = |message: String| Err(TrackingError::Config(format!("{place}: {message}")));
    // Not a name server that is away for a while, but one that says no.
    if text.contains("dns error") && !text.contains("emporary failure") {
        let host = call.url.host_str().unwrap_or_default();
        return config(format!("no host is called `{host}`"));
    }
    if text.contains("CaUsedAsEndEntity") {
        let hint = "let an authority sign one for the server: its own may not stand for a server";
        return config(format!("the server shows the certificate of an authority\n  hint: {hint}"));
    }
    if text.contains("certificate") {
        return config(format!("{text}\n  hint: MLFLOW_TRACKING_SERVER_CERT_PATH names certificates to trust"));
    }
    if text.contains("corrupt message") {
        return config("expected TLS, found something else\n  hint: is it http:// in place of https://?".to_owned());
    }
    if error.is_builder() {
        return config(text);
    }
    if error.is_connect() {
        return Ok((Failure::NotSent, text));
    }
    let what = if error.is_timeout() { "no answer in time".to_owned() } else { text };
    Ok((Failure::Lost, format!("{}: {what}", call.name())))
}

/// The innermost causes: what reqwest says around them holds the address.
fn causes(error: &reqwest::Error) -> String {
    let mut parts: Vec<String> = Vec::new();
    let mut next = error.source();
    while let Some(cause) = next {
        let text = cause.to_string();
        let is_said = text.starts_with("client error") || parts.iter().any(|part| part.contains(&text));
        if !is_said {
            parts.push(text);
        }
        next = cause.source();
    }
    if parts.is_empty() { "the connection failed".to_owned() } else { parts.join(": ") }
}

/// MLflow's way of saying that it has no workspaces: no other try changes that.
fn is_final(body: &[u8]) -> bool {
    String::from_utf8_lossy(body).contains("FEATURE_DISABLED")
}

/// The server's own words, shortened.
fn said(body: &[u8]) -> String {
    match super::answer::message(body) {
        text if text.is_empty() => String::new(),
        text => format!(": {text}"),
    }
}
