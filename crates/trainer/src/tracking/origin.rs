//! Who ran it, from where, and at which commit.

use std::process::Command;

use trainer_tracking::Tag;

use crate::config::blot;

/// The tags by which MLflow knows where a run came from. Outside of a git checkout, or without git, those of git are not
/// there, as with the official client.
pub fn tags(user: &str) -> Vec<Tag> {
    let command: Vec<String> = std::env::args_os().skip(1).map(|argument| blot(&argument.to_string_lossy())).collect();
    // What a platform starts is a job; SageMaker and Kubernetes leave these variables.
    let is_job = ["SM_TRAINING_ENV", "TRAINING_JOB_NAME", "KUBERNETES_SERVICE_HOST"];
    let is_job = is_job.iter().any(|name| std::env::var_os(name).is_some());
    let mut tags = vec![
        Tag::new("mlflow.user", user),
        Tag::new("mlflow.source.name", format!("trainer {}", command.join(" "))),
        Tag::new("mlflow.source.type", if is_job { "JOB" } else { "LOCAL" }),
    ];
    let git = [
        ("mlflow.source.git.commit", ["rev-parse", "--verify", "HEAD"].as_slice()),
        ("mlflow.source.git.branch", &["symbolic-ref", "--short", "--quiet", "HEAD"]),
        ("mlflow.source.git.repoURL", &["config", "--get", "remote.origin.url"]),
    ];
    tags.extend(git.into_iter().filter_map(|(key, arguments)| Some(Tag::new(key, blot(&git_says(arguments)?)))));
    tags
}

/// The user, as the official client finds it: by variables first, then by the system.
pub fn user() -> String {
    let variables = ["LOGNAME", "USER", "LNAME", "USERNAME"];
    let named = variables.iter().find_map(|name| std::env::var(name).ok().filter(|user| !user.is_empty()));
    named.or_else(|| whoami::username().ok()).unwrap_or_else(|| "unknown".to_owned())
}

fn git_says(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").args(arguments).output().ok().filter(|output| output.status.success())?;
    let text = String::from_utf8(output.stdout).ok()?.trim().to_owned();
    (!text.is_empty()).then_some(text)
}
