//! Certificates: unknown, trusted, left unchecked, and shown.

use std::path::Path;
use std::process::Command;

use trainer_testkit::{Server, python, repository, scratch};
use trainer_tracking::{Settings, Tracking, TrackingError};

use crate::sample::{impatient, rest};

fn start(folder: &Path, more: &[&str]) -> Server {
    let program = repository().join("crates/tracking/tests/server/tls.py");
    Server::start(|port| {
        let mut command = Command::new(python());
        command.arg(program).arg(port.to_string()).arg(folder).args(more);
        command
    })
}

fn ask(server: &Server, settings: &Settings) -> Result<String, TrackingError> {
    let mut store = rest(&server.url().replace("http:", "https:"), settings);
    store.experiment_by_name("e").map(|found| found.unwrap().id)
}

#[test]
fn a_certificate_is_trusted_when_it_is_named() {
    let folder = scratch();
    let server = start(folder.path(), &[]);
    let error = ask(&server, &impatient(3)).unwrap_err();
    let message = error.to_string();
    assert!(matches!(error, TrackingError::Config(_)), "{message}");
    assert!(message.contains("certificate") && message.contains("MLFLOW_TRACKING_SERVER_CERT_PATH"), "{message}");

    let trusting = Settings { server_certificates: Some(folder.path().join("ca.pem")), ..impatient(0) };
    assert_eq!(ask(&server, &trusting).unwrap(), "7");
    let careless = Settings { insecure_tls: true, ..impatient(0) };
    assert_eq!(ask(&server, &careless).unwrap(), "7");

    std::fs::write(folder.path().join("no.pem"), "no certificate").unwrap();
    let wrong = Settings { server_certificates: Some(folder.path().join("no.pem")), ..impatient(0) };
    let message = ask(&server, &wrong).unwrap_err().to_string();
    assert!(message.starts_with("MLFLOW_TRACKING_SERVER_CERT_PATH: expected certificates in PEM"), "{message}");
    let absent = Settings { client_certificate: Some(folder.path().join("none.pem")), ..impatient(0) };
    assert!(ask(&server, &absent).unwrap_err().to_string().contains("none.pem"));
}

#[test]
fn a_client_shows_its_certificate() {
    let folder = scratch();
    let server = start(folder.path(), &["mutual"]);
    let mut settings = Settings { server_certificates: Some(folder.path().join("ca.pem")), ..impatient(0) };
    assert!(ask(&server, &settings).is_err());
    settings.client_certificate = Some(folder.path().join("both.pem"));
    assert_eq!(ask(&server, &settings).unwrap(), "7");
}
