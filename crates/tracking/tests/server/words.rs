//! What is said to a server, word by word.

use trainer_testkit::scratch;
use trainer_tracking::{ArtifactRoot, Credentials, Entity, Registry, Secret, Settings, Tracking, TrackingError};

use crate::listener::{Heard, Listener, ok};
use crate::sample::{impatient, rest};

const EXPERIMENT: &str = r#"{"experiment": {"experiment_id": "7", "name": "e", "lifecycle_stage": "active"}}"#;

fn told(settings: &Settings, user: &str) -> Vec<Heard> {
    let server = Listener::start(|_| ok(EXPERIMENT));
    let mut store = rest(&format!("http://{user}127.0.0.1:{}/below/", server.port()), settings);
    for name in ["a b", "ü/&?"] {
        store.experiment_by_name(name).unwrap();
    }
    store.set_alias("m", "champion", 3).unwrap();
    server.heard()
}

#[test]
fn calls_go_below_the_address_on_one_connection() {
    let heard = told(&impatient(0), "");
    let lines: Vec<&str> = heard.iter().map(|call| call.line.as_str()).collect();
    let expected = [
        "GET /below/api/2.0/mlflow/experiments/get-by-name?experiment_name=a+b",
        "GET /below/api/2.0/mlflow/experiments/get-by-name?experiment_name=%C3%BC%2F%26%3F",
        "POST /below/api/2.0/mlflow/registered-models/alias",
    ];
    assert_eq!(lines, expected);
    assert!(heard.iter().all(|call| call.connection == 0), "{heard:?}");
    assert!(heard[0].header("user-agent").unwrap().starts_with("trainer/"), "{heard:?}");
    assert_eq!(heard[0].header("authorization"), None);
    assert_eq!(heard[2].header("content-type"), Some("application/json"));
    assert_eq!(heard[2].body, r#"{"name":"m","alias":"champion","version":"3"}"#);
}

#[test]
fn the_user_of_the_address_wins_over_that_of_the_environment() {
    let mut settings = impatient(0);
    settings.credentials = Some(Credentials::Bearer(Secret::new("t0ken")));
    settings.workspace = Some("team".into());
    let heard = told(&settings, "");
    assert_eq!(heard[0].header("authorization"), Some("Bearer t0ken"));
    assert_eq!(heard[0].header("x-mlflow-workspace"), Some("team"));
    let heard = told(&settings, "ann:p%40w@");
    assert_eq!(heard[0].header("authorization"), Some("Basic YW5uOnBAdw=="));
}

/// The listeners' answer to everything, also to what is listed: one file.
const FILES: &str = r#"{"files": [{"path": "seen.txt", "is_dir": false, "file_size": "1"}]}"#;

fn of_run(uri: String) -> ArtifactRoot {
    ArtifactRoot { uri, of: Entity::Run("r".into()) }
}

#[test]
fn only_the_server_itself_is_told_who_asks() {
    let (server, other) = (Listener::start(|_| ok(FILES)), Listener::start(|_| ok(FILES)));
    let folder = scratch();
    let file = folder.path().join("seen.txt");
    std::fs::write(&file, "x").unwrap();
    let mut settings = impatient(0);
    settings.workspace = Some("team".into());
    let mut store = rest(&format!("http://ann:hunter2@127.0.0.1:{}", server.port()), &settings);
    for port in [server.port(), other.port()] {
        let root = of_run(format!("mlflow-artifacts://127.0.0.1:{port}/7/r/artifacts"));
        store.put_artifact(&root, "seen.txt", &file).unwrap();
        assert!(store.get_artifact(&root, "seen.txt").unwrap().is_some());
    }
    let names = |heard: &[Heard]| -> Vec<_> {
        let secret = |call: &Heard| call.header("authorization").or(call.header("x-mlflow-workspace")).is_some();
        heard.iter().map(|call| (call.line.split(' ').next().unwrap().to_owned(), secret(call))).collect()
    };
    let calls = |is_told| ["PUT", "GET", "GET"].map(|method| (method.to_owned(), is_told)).to_vec();
    assert_eq!(names(&server.heard()), calls(true));
    assert_eq!(names(&other.heard()), calls(false));
}

#[test]
fn a_folder_of_this_machine_is_used_where_the_server_sees_it() {
    let server = Listener::start(|_| ok(FILES));
    let folder = scratch();
    let file = folder.path().join("from");
    std::fs::write(&file, "x").unwrap();
    let to = folder.path().join("7/r/artifacts");
    let root = of_run(to.to_str().unwrap().to_owned());
    let url = format!("http://127.0.0.1:{}", server.port());
    let error = rest(&url, &impatient(0)).put_artifact(&root, "plots/other.txt", &file).unwrap_err();
    assert!(matches!(error, TrackingError::Config(_)), "{error:?}");
    let message = error.to_string();
    assert!(message.contains("this folder is on the server's machine\n  hint: start the server with"), "{message}");
    assert!(!to.join("plots/other.txt").exists(), "nobody would look for it");
    let mut store = rest(&url, &impatient(0));
    for path in ["seen.txt", "other.txt"] {
        store.put_artifact(&root, path, &file).unwrap();
        assert!(to.join(path).exists());
    }
    let lines: Vec<String> = server.heard().into_iter().map(|call| call.line).collect();
    let list = "GET /api/2.0/mlflow/artifacts/list?run_id=r";
    assert_eq!(lines, [format!("{list}&path=plots"), list.to_owned()], "one look is enough");
}

#[test]
fn what_is_signed_is_sent_as_it_was_signed() {
    let folder = scratch();
    let file = folder.path().join("a.txt");
    std::fs::write(&file, "hello").unwrap();
    let cloud = Listener::start(|_| ok(""));
    let signed = format!("http://127.0.0.1:{}/bucket/sub/a.txt?X-Signature=s3cr3t%2F", cloud.port());
    let answer = format!(r#"{{"presigned_url": "{signed}", "headers": {{"x-amz-kind": "one"}}}}"#);
    let server = Listener::start(move |_| ok(&answer));
    let mut store = rest(&format!("http://ann:hunter2@127.0.0.1:{}", server.port()), &impatient(0));
    let root = |of| ArtifactRoot { uri: "s3://bucket/1/r/artifacts/model".into(), of };
    store.put_artifact(&root(Entity::Run("r".into())), "sub/a.txt", &file).unwrap();
    store.put_artifact(&root(Entity::Model("m-1".into())), "sub/a.txt", &file).unwrap();
    let asked: Vec<String> = server.heard().into_iter().map(|call| call.body).collect();
    let expected = [
        r#"{"path":"model/sub/a.txt","expiration":900,"run_id":"r"}"#,
        r#"{"path":"sub/a.txt","expiration":900,"model_id":"m-1"}"#,
    ];
    assert_eq!(asked, expected);
    let sent = &cloud.heard()[0];
    assert_eq!(sent.line, "PUT /bucket/sub/a.txt?X-Signature=s3cr3t%2F");
    assert_eq!((sent.body.as_str(), sent.header("x-amz-kind")), ("hello", Some("one")));
    assert_eq!((sent.header("authorization"), sent.header("content-type")), (None, None));

    // A refusal shows neither the signature nor the password.
    let cloud = Listener::start(|_| ("403 Forbidden".into(), "<Error>expired</Error>".into()));
    let signed = format!("http://127.0.0.1:{}/bucket/a.txt?X-Signature=s3cr3t", cloud.port());
    let server = Listener::start(move |_| ok(&format!(r#"{{"presigned_url": "{signed}"}}"#)));
    let mut store = rest(&format!("http://ann:hunter2@127.0.0.1:{}", server.port()), &impatient(0));
    let error = store.put_artifact(&root(Entity::Run("r".into())), "a.txt", &file).unwrap_err();
    let text = format!("{error} {error:?}");
    assert!(text.contains("PUT /bucket/a.txt: 403") && !text.contains("s3cr3t"), "{text}");
}

#[test]
fn a_redirect_is_told_and_not_followed() {
    let server =
        Listener::start(|_| ("302 Found\r\nLocation: https://login.example.com/in?next=s3cr3t".into(), String::new()));
    let mut store = rest(&format!("http://127.0.0.1:{}", server.port()), &impatient(3));
    let error = store.set_alias("m", "champion", 3).unwrap_err();
    let message = error.to_string();
    assert!(message.contains("redirects to https://login.example.com/in\n"), "{message}");
    assert_eq!(server.heard().len(), 1);
}

#[test]
fn a_busy_server_is_asked_again_and_what_may_have_happened_is_not() {
    let busy = |status: &'static str| Listener::start(move |_| (format!("{status}\r\nRetry-After: 0"), "later".into()));
    for (status, safe, unsafe_) in [("503 Unavailable", 3, 1), ("429 Too Many Requests", 3, 3), ("500 Error", 3, 1)] {
        let server = busy(status);
        let mut store = rest(&format!("http://127.0.0.1:{}", server.port()), &impatient(2));
        let error = store.set_alias("m", "champion", 3).unwrap_err();
        assert!(matches!(error, TrackingError::Unreachable { .. }), "{error}");
        assert_eq!(server.heard().len(), safe, "{status}");
        assert!(store.log_output("r", "m-1").is_err());
        assert_eq!(server.heard().len(), safe + unsafe_, "{status}");
    }
    // A server without workspaces says so with a 500: no other try changes that.
    let body = r#"{"error_code": "FEATURE_DISABLED", "message": "Workspaces are not enabled"}"#;
    let server = Listener::start(move |_| ("500 Error".into(), body.into()));
    let mut store = rest(&format!("http://127.0.0.1:{}", server.port()), &impatient(2));
    let error = store.experiment_by_name("e").unwrap_err();
    assert!(matches!(error, TrackingError::Config(_)), "{error}");
    assert_eq!(server.heard().len(), 1);
}
