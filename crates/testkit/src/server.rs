use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A server on this machine that a test started; ended, with the processes that it started, when dropped.
#[derive(Debug)]
pub struct Server {
    child: Child,
    port: u16,
}

/// A port that nothing listens on now.
///
/// # Panics
/// When the machine has none left.
pub fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    listener.local_addr().expect("a bound address").port()
}

impl Server {
    /// Starts a command that listens on the port that it is made for, and waits until the port answers.
    ///
    /// # Panics
    /// When it does not start, ends early, or does not listen within a minute.
    pub fn start(command: impl FnOnce(u16) -> Command) -> Self {
        let port = free_port();
        let mut command = command(port);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        // A group of its own: MLflow starts workers, which would outlive it.
        command.process_group(0);
        let child = command.spawn().unwrap_or_else(|error| panic!("{command:?} does not start: {error}"));
        let mut server = Self { child, port };
        let started = Instant::now();
        while !server.is_listening() {
            let ended = server.child.try_wait().expect("a child that can be waited for");
            assert!(ended.is_none(), "{command:?} ended before it listened: {ended:?}");
            assert!(started.elapsed() < Duration::from_secs(60), "{command:?} does not listen on port {port}");
            std::thread::sleep(Duration::from_millis(50));
        }
        server
    }

    /// moto's S3 server, which keeps its buckets in memory.
    ///
    /// # Panics
    /// As [`Server::start`].
    pub fn s3() -> Self {
        Self::start(|port| {
            let mut command = Command::new(crate::python());
            command.args(["-m", "moto.server", "-H", "127.0.0.1", "-p", &port.to_string()]);
            command
        })
    }

    /// SeaweedFS with its S3 door, which asks for `testkey` and `testsecret12345`, and with one bucket, `train-data`.
    ///
    /// # Panics
    /// As [`Server::start`], and when the bucket cannot be made within a minute.
    pub fn seaweed(folder: &Path) -> Self {
        let config = folder.join("s3.json");
        let identity = r#"{"identities":[{"name":"t","credentials":[{"accessKey":"testkey","secretKey":"testsecret12345"}],
            "actions":["Admin","Read","Write","List","Tagging"]}]}"#;
        std::fs::write(&config, identity).expect("a folder that can be written");
        let filer = free_port();
        let server = Self::start(|port| {
            let mut command = Command::new(crate::weed());
            command.args(["server", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-volume.max=20", "-filer", "-s3"]);
            command.args([
                "-master.volumeSizeLimitMB=64",
                &format!("-s3.port={port}"),
                &format!("-filer.port={filer}"),
            ]);
            for door in [
                "master.port",
                "volume.port",
                "master.port.grpc",
                "volume.port.grpc",
                "filer.port.grpc",
                "s3.port.grpc",
            ] {
                command.arg(format!("-{door}={}", free_port()));
            }
            command.arg(format!("-dir={}", folder.display())).arg(format!("-s3.config={}", config.display()));
            command
        });
        let make = || -> std::io::Result<String> {
            let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, filer))?;
            let head = "POST /buckets/train-data/ HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n";
            stream.write_all(format!("{head}Connection: close\r\n\r\n").as_bytes())?;
            let mut answer = String::new();
            stream.read_to_string(&mut answer)?;
            Ok(answer)
        };
        let started = Instant::now();
        while !make().is_ok_and(|answer| answer.starts_with("HTTP/1.1 201")) {
            assert!(started.elapsed() < Duration::from_secs(60), "SeaweedFS makes no bucket");
            std::thread::sleep(Duration::from_millis(200));
        }
        server
    }

    /// `mlflow server` of the tests' Python, with its database and its files in a folder.
    ///
    /// # Panics
    /// As [`Server::start`], and when it is not healthy within two minutes.
    pub fn mlflow(folder: &Path) -> Self {
        Self::mlflow_with(&crate::python(), folder, |command| {
            command.arg("--artifacts-destination").arg(folder.join("artifacts"));
        })
    }

    /// As [`Server::mlflow`], of the last MLflow before 3.0.
    ///
    /// # Panics
    /// As [`Server::mlflow`].
    pub fn mlflow2(folder: &Path) -> Self {
        Self::mlflow_with(&crate::python_mlflow2(), folder, |command| {
            command.arg("--artifacts-destination").arg(folder.join("artifacts"));
        })
    }

    /// As [`Server::mlflow`], of any Python, and with further arguments and variables.
    ///
    /// # Panics
    /// As [`Server::mlflow`].
    pub fn mlflow_with(python: &Path, folder: &Path, more: impl FnOnce(&mut Command)) -> Self {
        let server = Self::start(|port| {
            let mut command = Command::new(python);
            let store = format!("sqlite:///{}", folder.join("mlflow.db").display());
            command.args(["-m", "mlflow", "server", "--host", "127.0.0.1", "--workers", "1", "--port"]);
            command.arg(port.to_string()).args(["--backend-store-uri", &store]).current_dir(folder);
            // Seven processes that no test needs.
            command.env("MLFLOW_SERVER_ENABLE_JOB_EXECUTION", "false");
            more(&mut command);
            command
        });
        let started = Instant::now();
        while !server.is_healthy() {
            assert!(started.elapsed() < Duration::from_secs(120), "mlflow server on {} is not healthy", server.url());
            std::thread::sleep(Duration::from_millis(100));
        }
        server
    }

    fn is_listening(&self) -> bool {
        TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).is_ok()
    }

    fn is_healthy(&self) -> bool {
        let ask = || -> std::io::Result<String> {
            let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port))?;
            stream.set_read_timeout(Some(Duration::from_secs(60)))?;
            stream.write_all(b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
            let mut answer = String::new();
            stream.read_to_string(&mut answer)?;
            Ok(answer)
        };
        ask().is_ok_and(|answer| answer.split(' ').nth(1) == Some("200"))
    }

    /// The port that it listens on.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// `http://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // The shell's own `kill` knows groups; Debian's takes no `--`. Already ended is as good as ended now.
        drop(
            Command::new("sh").args(["-c", &format!("kill -KILL -{}", self.child.id())]).stderr(Stdio::null()).status(),
        );
        drop(self.child.kill());
        drop(self.child.wait());
        // Those it started are not ours to wait for: they are gone when their port is.
        let asked = Instant::now();
        while self.is_listening() && asked.elapsed() < Duration::from_secs(30) {
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_answers_while_it_lives_and_not_after() {
        let server = Server::start(|port| {
            let mut command = Command::new("python3");
            command.args(["-m", "http.server", "--bind", "127.0.0.1", &port.to_string()]);
            command
        });
        let address = (Ipv4Addr::LOCALHOST, server.port());
        assert!(TcpStream::connect(address).is_ok());
        drop(server);
        assert!(TcpStream::connect(address).is_err());
    }

    #[test]
    fn what_a_server_started_ends_with_it() {
        let server = Server::start(|port| {
            let mut command = Command::new("sh");
            command.args(["-c", &format!("python3 -m http.server --bind 127.0.0.1 {port} & wait")]);
            command
        });
        let address = (Ipv4Addr::LOCALHOST, server.port());
        assert!(TcpStream::connect(address).is_ok());
        drop(server);
        assert!(TcpStream::connect(address).is_err());
    }

    #[test]
    #[should_panic(expected = "ended before it listened")]
    fn a_server_that_ends_early_fails() {
        Server::start(|_| Command::new("true"));
    }
}
