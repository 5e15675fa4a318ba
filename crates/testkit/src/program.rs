use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// A run of a program that is waited for: arguments, environment and folder are set, then `run`.
#[derive(Debug)]
pub struct Program {
    command: Command,
    limit: Duration,
}

/// How a program ended, and what it wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// The exit code; `None` when a signal ended it.
    pub code: Option<i32>,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

impl Program {
    /// A program by path. Tests of package `trainer` pass `env!("CARGO_BIN_EXE_trainer")`.
    pub fn new(path: impl AsRef<OsStr>) -> Self {
        let mut command = Command::new(path);
        command.stdin(Stdio::null());
        Self { command, limit: Duration::from_secs(300) }
    }

    /// Adds arguments.
    pub fn args<A: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = A>) -> Self {
        self.command.args(args);
        self
    }

    /// Sets a variable of the environment.
    pub fn env(mut self, key: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(key, value);
        self
    }

    /// Sets the folder that it runs in.
    pub fn dir(mut self, dir: impl AsRef<Path>) -> Self {
        self.command.current_dir(dir);
        self
    }

    /// Sets how long it may take before it is killed and the test fails (300 s when not set).
    pub fn limit(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// Runs it to its end.
    ///
    /// # Panics
    /// When it does not start, or is still running at its limit.
    pub fn run(mut self) -> Outcome {
        let shown = format!("{:?}", self.command);
        // Files and not pipes: a program that writes much must not wait for us while we wait for it.
        let dir = crate::scratch();
        let (out, err) = (dir.path().join("stdout"), dir.path().join("stderr"));
        let create = |path: &PathBuf| std::fs::File::create(path).expect("a file for the output");
        let mut child = self
            .command
            .stdout(create(&out))
            .stderr(create(&err))
            .spawn()
            .unwrap_or_else(|error| panic!("{shown} does not start: {error}"));
        let text = |path: &PathBuf| String::from_utf8_lossy(&std::fs::read(path).expect("the output")).into_owned();
        let started = Instant::now();
        let mut nap = Duration::from_millis(1);
        let status = loop {
            if let Some(status) = child.try_wait().expect("a child that can be waited for") {
                break status;
            }
            if started.elapsed() > self.limit {
                child.kill().expect("a child that can be killed");
                child.wait().expect("a child that can be waited for");
                panic!("{shown} ran past {:?}\nstdout: {}\nstderr: {}", self.limit, text(&out), text(&err));
            }
            std::thread::sleep(nap);
            nap = (nap * 2).min(Duration::from_millis(20));
        };
        Outcome { code: status.code(), stdout: text(&out), stderr: text(&err) }
    }

    /// Runs it and expects an exit code.
    ///
    /// # Panics
    /// As [`Program::run`], and with all output when the code is another.
    pub fn expect(self, code: i32) -> Outcome {
        let shown = format!("{:?}", self.command);
        let outcome = self.run();
        let Outcome { code: found, stdout, stderr } = &outcome;
        assert!(
            *found == Some(code),
            "{shown}: expected exit {code}, found {found:?}\nstdout: {stdout}\nstderr: {stderr}"
        );
        outcome
    }
}

impl Outcome {
    /// Expects every one of these texts on standard error.
    ///
    /// # Panics
    /// When one is missing.
    pub fn says(self, texts: &[&str]) -> Self {
        for text in texts {
            assert!(self.stderr.contains(text), "expected `{text}` on standard error, found:\n{}", self.stderr);
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sh(script: &str) -> Program {
        Program::new("/bin/sh").args(["-c", script])
    }

    #[test]
    fn code_and_output_are_kept_apart() {
        let outcome = sh("echo out; echo \"$WORD\" >&2; exit 3").env("WORD", "err").expect(3).says(&["err"]);
        assert_eq!((outcome.stdout.as_str(), outcome.stderr.as_str()), ("out\n", "err\n"));
    }

    #[test]
    #[should_panic(expected = "expected exit 0, found Some(2)")]
    fn another_code_fails() {
        sh("exit 2").expect(0);
    }

    #[test]
    #[should_panic(expected = "ran past")]
    fn a_program_that_hangs_fails() {
        sh("sleep 60").limit(Duration::from_millis(50)).run();
    }

    #[test]
    fn much_output_does_not_block() {
        assert_eq!(sh("head -c 3000000 /dev/zero | tr '\\0' x").expect(0).stdout.len(), 3_000_000);
    }
}
