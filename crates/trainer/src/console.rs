//! The two streams: the result goes to stdout, everything else to stderr.

use std::io::{ErrorKind, IsTerminal, Write};

use serde_json::{Map, Value as Json};

use crate::config::{Paint, render};
use crate::exit::{Failure, exit_of};

/// Prints the result. A reader that has gone away (`| head`) is no error.
///
/// # Errors
/// When stdout cannot be written, such as a full disk.
pub fn print(text: &str) -> std::io::Result<()> {
    let mut stdout = std::io::stdout().lock();
    let written = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
    match written {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        Err(error) => Err(std::io::Error::new(error.kind(), format!("cannot write to stdout: {error}"))),
        Ok(()) => Ok(()),
    }
}

/// Prints a result as JSON, indented.
///
/// # Errors
/// When stdout cannot be written.
pub fn print_json(json: &Json) -> std::io::Result<()> {
    print(&format!("{json:#}\n"))
}

/// Writes a line to stderr; that nobody can read it stops nothing.
pub fn say(line: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{line}");
}

/// Colours on stderr: on a terminal that has them, unless `NO_COLOR` is set.
pub fn paint() -> Paint {
    let set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    let dumb = std::env::var_os("TERM").is_none_or(|term| term == "dumb");
    Paint::new(std::io::stderr().is_terminal() && !dumb && !set("NO_COLOR"))
}

/// An error for people: the config's problems, or the message with its causes, and at most one hint.
pub fn error_text(error: &anyhow::Error, paint: Paint) -> String {
    if let Some(failure) = config_failure(error) {
        return render(&failure.problems, paint);
    }
    let Told { message, causes, hint } = Told::of(error);
    let mut text = format!("{}: {message}\n", paint.red("error"));
    for cause in causes {
        text += &format!("  caused by: {cause}\n");
    }
    if let Some(hint) = hint {
        text += &format!("  {}: {hint}\n", paint.green("hint"));
    }
    text
}

/// An error for programs: `{"error": {"kind", "exit_code", "message", "causes", "hint", "problems"}}`.
pub fn error_json(error: &anyhow::Error) -> Json {
    let exit = exit_of(error);
    let told = Told::of(error);
    let mut map = Map::new();
    map.insert("kind".into(), exit.name().into());
    map.insert("exit_code".into(), (exit as u8).into());
    map.insert("message".into(), told.message.into());
    if !told.causes.is_empty() {
        map.insert("causes".into(), told.causes.into());
    }
    if let Some(hint) = told.hint {
        map.insert("hint".into(), hint.into());
    }
    if let Some(failure) = config_failure(error) {
        map.insert("problems".into(), failure.problems.iter().map(crate::config::Problem::to_json).collect());
    }
    serde_json::json!({ "error": map })
}

fn config_failure(error: &anyhow::Error) -> Option<&Failure> {
    error.downcast_ref::<Failure>().filter(|failure| !failure.problems.is_empty())
}

/// What a chain of errors says, each thing once.
struct Told {
    message: String,
    causes: Vec<String>,
    hint: Option<String>,
}

impl Told {
    fn of(error: &anyhow::Error) -> Self {
        let (mut lines, mut hint): (Vec<String>, _) = (Vec::new(), None);
        for link in error.chain() {
            let text = link.to_string();
            let (hints, said): (Vec<&str>, Vec<&str>) =
                text.lines().partition(|line| line.trim_start().starts_with("hint: "));
            hint = hint.or_else(|| hints.first().map(|line| line.trim_start()["hint: ".len()..].to_owned()));
            let said = said.join("\n");
            // Many errors name their cause in their own message.
            if !lines.iter().any(|earlier| earlier.contains(&said)) {
                lines.push(said);
            }
        }
        let message = if lines.is_empty() { String::new() } else { lines.remove(0) };
        Self { message, causes: lines, hint }
    }
}

#[cfg(test)]
mod tests {
    use anyhow::anyhow;

    use super::*;

    #[test]
    fn causes_are_said_once_and_one_hint() {
        let error = anyhow!("no such file\n  hint: look there")
            .context("cannot read a: no such file")
            .context("while fitting\nhint: x");
        let text = error_text(&error, Paint::new(false));
        assert_eq!(text, "error: while fitting\n  caused by: cannot read a: no such file\n  hint: x\n");
        let json = error_json(&error);
        assert_eq!(json["error"]["kind"], "bug");
        assert_eq!(json["error"]["exit_code"], 1);
        assert_eq!(json["error"]["causes"], serde_json::json!(["cannot read a: no such file"]));
    }

    #[test]
    fn a_failure_without_causes_has_none() {
        let error = anyhow::Error::from(Failure::usage("unknown sample `x`"));
        assert_eq!(error_text(&error, Paint::new(false)), "error: unknown sample `x`\n");
        assert_eq!(error_json(&error)["error"].get("causes"), None);
    }
}
