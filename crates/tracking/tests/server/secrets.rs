//! Passwords and tokens go to the server, and nowhere else.

use trainer_testkit::{Fault, Proxy, Server, free_port, scratch};
use trainer_tracking::{
    Address, ArtifactRoot, Credentials, Entity, Experiment, Needs, Secret, State, Tracking, TrackingError, preflight,
};

use crate::sample::{MODEL, impatient, publish, record, rest};

const SECRETS: [&str; 4] = ["hunter2", "s3cr3t", "c2VjcmV0", "t0ken"];

fn is_clean(text: &str) {
    for secret in SECRETS {
        assert!(!text.contains(secret), "{secret}: {text}");
    }
}

fn look(url: &str) -> Result<Vec<String>, TrackingError> {
    let needs = Needs { experiment: &Experiment::Name("e".into()), resume: None, model: None, alias: None };
    preflight(&mut rest(url, &impatient(1)), None, &needs)
}

#[test]
fn no_message_and_no_file_shows_a_secret() {
    let (files, folder) = (scratch(), scratch());
    let server = Server::mlflow(files.path());
    let proxy = Proxy::start(server.port());
    let at = |port: u16| format!("http://ann:hunter2@127.0.0.1:{port}");
    let mut settings = impatient(0);
    settings.credentials = Some(Credentials::Bearer(Secret::new("t0ken")));
    let mut store = rest(&at(proxy.port()), &settings);
    is_clean(&format!("{store:?} {settings:?}"));
    let record = record(folder.path(), "secrets", MODEL);
    let published = publish(&record, folder.path(), &mut store).unwrap();
    is_clean(&format!("{published:?}"));
    is_clean(&format!("{:?}", State::read(folder.path(), State::FILE).unwrap()));
    is_clean(&std::fs::read_to_string(folder.path().join(State::FILE)).unwrap());
    for fault in [Fault::Drop, Fault::Cut, Fault::DropAnswer, Fault::Status(503, None), Fault::Status(401, None)] {
        for call in 0..3 {
            proxy.fault_at(call, fault);
            let error = publish(&record, folder.path(), &mut store).unwrap_err();
            is_clean(&format!("{error} {error:?}"));
        }
    }
    for address in [at(free_port()), "http://ann:hunter2@no.such.host.invalid".into()] {
        let error = look(&address).unwrap_err();
        is_clean(&format!("{error} {error:?}"));
    }
    let error = Address::parse("http://ann:hunter2@h/?token=s3cr3t").unwrap_err();
    is_clean(&format!("{error} {error:?}"));
}

#[test]
fn wrong_servers_are_told_from_absent_ones() {
    let files = scratch();
    std::fs::write(files.path().join("index.html"), "<html></html>").unwrap();
    let pages = Server::start(|port| {
        let mut command = std::process::Command::new("python3");
        command.args(["-m", "http.server", "--bind", "127.0.0.1", &port.to_string()]).current_dir(files.path());
        command
    });
    let error = look(&pages.url()).unwrap_err();
    let message = error.to_string();
    assert!(matches!(error, TrackingError::Config(_)) && message.contains("expected an MLflow server"), "{message}");
    let error = look(&format!("https://127.0.0.1:{}", pages.port())).unwrap_err();
    let message = error.to_string();
    assert!(matches!(error, TrackingError::Config(_)) && message.contains("expected TLS"), "{message}");
    let error = look(&format!("http://127.0.0.1:{}", free_port())).unwrap_err();
    assert!(matches!(error, TrackingError::Unreachable { .. }), "{error}");
    assert!(error.to_string().contains("(2 tries)"), "{error}");

    // One that takes calls and does not answer.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mut settings = impatient(1);
    settings.timeout = std::time::Duration::from_millis(200);
    let port = silent.local_addr().unwrap().port();
    let mut store = rest(&format!("http://127.0.0.1:{port}"), &settings);
    let error = store.experiment_by_name("e").unwrap_err();
    let message =
        format!("http://127.0.0.1:{port}: GET /api/2.0/mlflow/experiments/get-by-name: no answer in time (2 tries)");
    assert_eq!(error.to_string(), message);
    assert!(matches!(error, TrackingError::Unreachable { .. }));
}

/// A server that takes no more of what is sent: the time that a large file may take is not waited for.
#[test]
fn an_upload_that_stands_still_ends() {
    let folder = scratch();
    let file = folder.path().join("large");
    std::fs::File::create(&file).unwrap().set_len(64 << 20).unwrap();
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://127.0.0.1:{}", silent.local_addr().unwrap().port());
    let mut settings = impatient(0);
    settings.timeout = std::time::Duration::from_secs(1);
    let root = ArtifactRoot { uri: "mlflow-artifacts:/1".into(), of: Entity::Run("r".into()) };
    let started = std::time::Instant::now();
    let error = rest(&url, &settings).put_artifact(&root, "large", &file).unwrap_err();
    assert!(matches!(error, TrackingError::Unreachable { .. }), "{error}");
    assert!(started.elapsed().as_secs() < 30, "{:?}", started.elapsed());
}
