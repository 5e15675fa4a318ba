use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A server on this machine that a test started; ended, by its own process id, when dropped.
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
        let child = command.spawn().unwrap_or_else(|error| panic!("{command:?} does not start: {error}"));
        let mut server = Self { child, port };
        let started = Instant::now();
        while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
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
        // Already ended is as good as ended now.
        drop(self.child.kill());
        drop(self.child.wait());
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
    #[should_panic(expected = "ended before it listened")]
    fn a_server_that_ends_early_fails() {
        Server::start(|_| Command::new("true"));
    }
}
