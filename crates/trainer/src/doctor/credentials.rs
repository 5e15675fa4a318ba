//! Who this machine is to S3 and to a tracking server: which variables and files say so, and never what they say.

use std::path::Path;

use trainer_tracking::{Address, Credentials, Settings, TrackingError};

use super::{Check, For, Variables};
use crate::exit::Exit;
use crate::tracking::Destination;

const KEY: &str = "AWS_ACCESS_KEY_ID";
const SECRET: &str = "AWS_SECRET_ACCESS_KEY";
const TOKEN_FILE: &str = "AWS_WEB_IDENTITY_TOKEN_FILE";
const CONTAINER: [&str; 2] = ["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI"];
const URI: &str = "MLFLOW_TRACKING_URI";
const FILE: &str = ".mlflow/credentials";

/// How requests to S3 are signed; `is_file` tells whether a file is there.
pub fn s3(variables: &Variables<'_>, is_file: impl Fn(&Path) -> bool) -> Check {
    let name = "s3 credentials";
    let has = |name: &str| variables.get(name).is_some();
    let warning = |found: String, mend: &str| Check::warning(name, For::All, found, mend);
    let region = match variables.get("AWS_REGION").or_else(|| variables.get("AWS_DEFAULT_REGION")) {
        Some(region) => format!("region {region}"),
        None => "no AWS_REGION: us-east-1".to_owned(),
    };
    match (has(KEY), has(SECRET)) {
        (true, true) => {
            let session = if has("AWS_SESSION_TOKEN") { " with AWS_SESSION_TOKEN" } else { "" };
            return Check::ok(name, For::All, format!("{KEY} and {SECRET}{session}; {region}"));
        }
        (true, false) | (false, true) => {
            let (there, missing) = if has(KEY) { (KEY, SECRET) } else { (SECRET, KEY) };
            return warning(format!("{there} without {missing}"), "set both, or neither");
        }
        (false, false) => {}
    }
    if let Some(file) = variables.get(TOKEN_FILE) {
        if !is_file(Path::new(file)) {
            return warning(
                format!("{TOKEN_FILE} names {file}, which is not there"),
                "mount the service account's token",
            );
        }
        return Check::ok(name, For::All, format!("{TOKEN_FILE}; {region}"));
    }
    if let Some(variable) = CONTAINER.into_iter().find(|name| has(name)) {
        return Check::ok(name, For::All, format!("{variable}; {region}"));
    }
    if has("AWS_SKIP_SIGNATURE") {
        return Check::ok(name, For::All, "AWS_SKIP_SIGNATURE: public buckets");
    }
    let profile = variables.get("HOME").is_some_and(|home| is_file(&Path::new(home).join(".aws/credentials")));
    if profile || has("AWS_PROFILE") {
        let found = "a profile of the AWS command line, which is not read".to_owned();
        return warning(found, "eval \"$(aws configure export-credentials --format env)\"");
    }
    Check::ok(name, For::All, "no variables; s3:// addresses ask the machine's metadata service")
}

/// Where runs are logged, and as whom; with `network` the store is asked too.
pub fn tracking(environment: &[(String, String)], network: bool) -> Check {
    let name = "tracking";
    let variables = Variables(environment);
    let failed = |error: &TrackingError| {
        let text = error.to_string();
        let (found, hint) = text.split_once("\n  hint: ").unwrap_or((&text, "see the variables of the MLflow client"));
        Check::failed(name, Exit::Usage, found, hint)
    };
    let settings = match Settings::of(environment) {
        Ok(settings) => settings,
        Err(error) => return failed(&error),
    };
    let named = variables.get(URI);
    let address = match named.map(Address::parse).transpose() {
        Ok(address) => address,
        Err(error) => return failed(&error),
    };
    let place = match (&address, named) {
        (Some(Address::Off), _) => return Check::ok(name, For::All, format!("off ({URI}=none)")),
        (Some(address), _) => format!("{address} ({URI})"),
        (None, _) => format!("mlflow.db here, unless the config names another place (no {URI})"),
    };
    let found = format!("{place}; {}", whose(settings.credentials.as_ref(), &variables));
    match asks(&address, network) {
        false => Check::ok(name, For::All, found),
        true => answered(name, found, named, environment),
    }
}

/// A file is asked by nobody's network.
fn asks(address: &Option<Address>, network: bool) -> bool {
    network && matches!(address, Some(Address::Server(_)))
}

fn answered(name: &str, found: String, uri: Option<&str>, environment: &[(String, String)]) -> Check {
    let ask = || -> anyhow::Result<()> {
        if let Some(destination) = Destination::new(uri, None, environment)? {
            destination.impatient().open_tracking()?.experiment_by_name("Default")?;
        }
        Ok(())
    };
    match ask() {
        Ok(()) => Check::ok(name, For::All, format!("{found}; it answers")),
        Err(error) => {
            let text = format!("{error:#}");
            let found = text.lines().next().unwrap_or_default().to_owned();
            let refused = error
                .chain()
                .any(|link| matches!(link.downcast_ref(), Some(TrackingError::Refused { status: 401 | 403, .. })));
            let mend = match refused {
                true => "mend MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN",
                false => "start the server, or mend MLFLOW_TRACKING_URI; runs are logged later with `trainer sync`",
            };
            Check::failed(name, Exit::NotLogged, found, mend)
        }
    }
}

/// Where the credentials are, and not what they are.
fn whose(credentials: Option<&Credentials>, variables: &Variables<'_>) -> String {
    let from = |name: &str| match variables.get(name) {
        Some(_) => name.to_owned(),
        None => format!("~/{FILE}"),
    };
    match credentials {
        None => "no user and no token in the environment".to_owned(),
        Some(Credentials::Bearer(_)) => format!("a token from {}", from("MLFLOW_TRACKING_TOKEN")),
        Some(Credentials::Basic(..)) => {
            let (user, password) = (from("MLFLOW_TRACKING_USERNAME"), from("MLFLOW_TRACKING_PASSWORD"));
            format!("user from {user}, password from {password}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Verdict;
    use crate::doctor::tests::variables;

    const HIDDEN: &str = "hunter2";

    #[test]
    fn s3_says_where_credentials_are_and_not_what_they_are() {
        let warned = [
            (&[(KEY, HIDDEN)][..], "without AWS_SECRET_ACCESS_KEY", "set both"),
            (&[(SECRET, HIDDEN)], "without AWS_ACCESS_KEY_ID", "set both"),
            (&[(TOKEN_FILE, "/gone")], "/gone, which is not there", "mount"),
            (&[("AWS_PROFILE", "x")], "a profile", "aws configure export-credentials"),
            (&[("HOME", "/h")], "a profile", "aws configure export-credentials"),
        ];
        for (set, found, mend) in warned {
            let pairs = variables(set);
            let check = s3(&Variables(&pairs), |path| path == Path::new("/h/.aws/credentials"));
            assert_eq!(check.verdict, Verdict::Warning, "{check:?}");
            assert!(check.found.contains(found) && check.mend.as_ref().unwrap().contains(mend), "{check:?}");
            assert!(!format!("{check:?}").contains(HIDDEN), "{check:?}");
        }
        let fine = [
            (&[(KEY, HIDDEN), (SECRET, HIDDEN), ("AWS_REGION", "eu-1")][..], "region eu-1"),
            (&[(KEY, HIDDEN), (SECRET, HIDDEN), ("AWS_SESSION_TOKEN", HIDDEN)], "with AWS_SESSION_TOKEN"),
            (&[(TOKEN_FILE, "/there")], TOKEN_FILE),
            (&[(CONTAINER[0], "/x")], CONTAINER[0]),
            (&[("AWS_SKIP_SIGNATURE", "true")], "public"),
            (&[], "metadata service"),
        ];
        for (set, found) in fine {
            let pairs = variables(set);
            let check = s3(&Variables(&pairs), |path| path == Path::new("/there"));
            assert_eq!(check.verdict, Verdict::Ok, "{check:?}");
            assert!(check.found.contains(found) && !check.found.contains(HIDDEN), "{check:?}");
        }
    }

    #[test]
    fn tracking_says_where_credentials_are_and_not_what_they_are() {
        let home = trainer_testkit::scratch();
        std::fs::create_dir(home.path().join(".mlflow")).unwrap();
        std::fs::write(home.path().join(FILE), format!("[mlflow]\nmlflow_tracking_password = {HIDDEN}\n")).unwrap();
        let (user, home) = (("MLFLOW_TRACKING_USERNAME", "ann"), ("HOME", home.path().to_str().unwrap()));
        let cases = [
            (&[user, home][..], Verdict::Ok, "password from ~/.mlflow/credentials"),
            (&[user, ("MLFLOW_TRACKING_PASSWORD", HIDDEN)], Verdict::Ok, "password from MLFLOW_TRACKING_PASSWORD"),
            (&[("MLFLOW_TRACKING_TOKEN", HIDDEN)], Verdict::Ok, "a token from MLFLOW_TRACKING_TOKEN"),
            (&[(URI, "http://ann:hunter2@mlflow:5000")], Verdict::Ok, "http://mlflow:5000"),
            (&[(URI, "none")], Verdict::Ok, "off"),
            (&[], Verdict::Ok, "mlflow.db here"),
            (&[user], Verdict::Failed, "expected MLFLOW_TRACKING_PASSWORD"),
            (&[(URI, "mlflow:5000")], Verdict::Failed, "expected http"),
        ];
        for (set, verdict, found) in cases {
            let check = tracking(&variables(set), false);
            assert_eq!(check.verdict, verdict, "{check:?}");
            assert!(check.found.contains(found), "{check:?}");
            assert!(!format!("{check:?}").contains(HIDDEN), "{check:?}");
            assert_eq!(check.mend.is_some(), verdict == Verdict::Failed);
        }
    }

    #[test]
    fn a_server_that_is_down_is_found_out_with_the_network_alone() {
        let uri = format!("http://127.0.0.1:{}", trainer_testkit::free_port());
        let pairs = variables(&[(URI, &uri)]);
        assert_eq!(tracking(&pairs, false).verdict, Verdict::Ok);
        let check = tracking(&pairs, true);
        assert_eq!((check.verdict, check.exit), (Verdict::Failed, Exit::NotLogged), "{check:?}");
        assert!(check.mend.unwrap().contains("start the server"));
    }
}
