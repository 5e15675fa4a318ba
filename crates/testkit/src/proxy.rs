//! A proxy on this machine between a client and a server, which makes the faults that networks make.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// What goes wrong with a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The connection ends before the server sees the call.
    Drop,
    /// The server does it, and the connection ends before the answer.
    DropAnswer,
    /// The server sees the call so many milliseconds late, also when nobody waits for it any more.
    Delay(u64),
    /// This status comes back, and the server sees nothing; with `Retry-After` in seconds where it is given.
    Status(u16, Option<u32>),
    /// Half of the body reaches the server, and the connection ends.
    Cut,
}

/// A proxy; ended when dropped.
#[derive(Debug)]
pub struct Proxy {
    port: u16,
    shared: Arc<Shared>,
    acceptor: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    upstream: u16,
    ended: AtomicBool,
    script: Mutex<Script>,
}

#[derive(Debug, Default)]
struct Script {
    calls: Vec<String>,
    waited: Duration,
    faults: Vec<(usize, Fault)>,
    fired: usize,
}

impl Proxy {
    /// Starts a proxy before the server at a port of this machine.
    ///
    /// # Panics
    /// When it finds no port.
    pub fn start(upstream: u16) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let port = listener.local_addr().expect("a bound address").port();
        let shared = Arc::new(Shared { upstream, ended: AtomicBool::new(false), script: Mutex::default() });
        let acceptor = {
            let shared = Arc::clone(&shared);
            std::thread::spawn(move || accept(&listener, &shared))
        };
        Self { port, shared, acceptor: Some(acceptor) }
    }

    /// The port that it listens on.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// `http://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// From now on the call with that number, from 0, has a fault; the calls so far are forgotten.
    ///
    /// # Panics
    /// When a thread of the proxy has panicked.
    pub fn fault_at(&self, call: usize, fault: Fault) {
        *self.shared.script.lock().expect("no panic") = Script { faults: vec![(call, fault)], ..Script::default() };
    }

    /// From now on nothing goes wrong; the calls so far are forgotten.
    ///
    /// # Panics
    /// As [`Proxy::fault_at`].
    pub fn clear(&self) {
        *self.shared.script.lock().expect("no panic") = Script::default();
    }

    /// Method and target of each call since the last change of the script.
    ///
    /// # Panics
    /// As [`Proxy::fault_at`].
    pub fn calls(&self) -> Vec<String> {
        self.shared.script.lock().expect("no panic").calls.clone()
    }

    /// How many faults have come to their end since the last change of the script: with one that delays a call or drops
    /// an answer, the server has done what was asked.
    ///
    /// # Panics
    /// As [`Proxy::fault_at`].
    pub fn fired(&self) -> usize {
        self.shared.script.lock().expect("no panic").fired
    }

    /// How long the server took for these calls, together: each from its last byte to that of its answer.
    ///
    /// # Panics
    /// As [`Proxy::fault_at`].
    pub fn waited(&self) -> Duration {
        self.shared.script.lock().expect("no panic").waited
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::SeqCst);
        // Wakes the acceptor; that it could not be reached means that it ended already.
        drop(TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)));
        if let Some(acceptor) = self.acceptor.take() {
            drop(acceptor.join());
        }
    }
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    for stream in listener.incoming() {
        if shared.ended.load(Ordering::SeqCst) {
            return;
        }
        let Ok(stream) = stream else { continue };
        let shared = Arc::clone(shared);
        // A client that went away is no trouble of the proxy's.
        std::thread::spawn(move || drop(serve(stream, &shared)));
    }
}

/// A message: its head, and its body with whatever frames it.
struct Message {
    head: String,
    body: Vec<u8>,
}

/// Serves the calls of one connection, each with a connection of its own to the server.
fn serve(mut client: TcpStream, shared: &Shared) -> io::Result<()> {
    client.set_nodelay(true)?;
    let mut reader = BufReader::new(client.try_clone()?);
    let mut kept: Option<BufReader<TcpStream>> = None;
    while let Some(request) = read(&mut reader, false)? {
        let line = request.head.lines().next().unwrap_or_default();
        let call = line.rsplit_once(' ').map_or(line, |(call, _)| call).to_owned();
        let fault = {
            let mut script = shared.script.lock().expect("no panic");
            let number = script.calls.len();
            script.calls.push(call);
            script.faults.iter().find(|(at, _)| *at == number).map(|(_, fault)| *fault)
        };
        let fired = || shared.script.lock().expect("no panic").fired += usize::from(fault.is_some());
        if !matches!(fault, Some(Fault::Delay(_) | Fault::DropAnswer)) {
            fired();
        }
        match fault {
            Some(Fault::Drop) => return client.shutdown(Shutdown::Both),
            Some(Fault::Status(status, wait)) => {
                let wait = wait.map_or(String::new(), |seconds| format!("Retry-After: {seconds}\r\n"));
                write!(client, "HTTP/1.1 {status} Fault\r\n{wait}Content-Length: 5\r\n\r\nfault")?;
                continue;
            }
            Some(Fault::Cut) => {
                let mut server = TcpStream::connect((Ipv4Addr::LOCALHOST, shared.upstream))?;
                server.write_all(request.head.as_bytes())?;
                server.write_all(&request.body[..request.body.len() / 2])?;
                server.shutdown(Shutdown::Both)?;
                return client.shutdown(Shutdown::Both);
            }
            Some(Fault::Delay(ms)) => std::thread::sleep(Duration::from_millis(ms)),
            Some(Fault::DropAnswer) | None => {}
        }
        let asked = Instant::now();
        let answer = forward(&mut kept, shared.upstream, &request)?;
        shared.script.lock().expect("no panic").waited += asked.elapsed();
        fired();
        if fault == Some(Fault::DropAnswer) {
            return client.shutdown(Shutdown::Both);
        }
        client.write_all(answer.head.as_bytes())?;
        client.write_all(&answer.body)?;
    }
    Ok(())
}

/// Asks the server, on the connection that is kept while it lasts.
fn forward(kept: &mut Option<BufReader<TcpStream>>, upstream: u16, request: &Message) -> io::Result<Message> {
    if let Some(server) = kept
        && let Ok(answer) = ask(server, request)
    {
        return Ok(answer);
    }
    let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, upstream))?;
    stream.set_nodelay(true)?;
    ask(kept.insert(BufReader::new(stream)), request)
}

fn ask(server: &mut BufReader<TcpStream>, request: &Message) -> io::Result<Message> {
    let mut message = request.head.clone().into_bytes();
    message.extend_from_slice(&request.body);
    server.get_mut().write_all(&message)?;
    read(server, true)?.ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
}

/// Reads one message; none where the other side has ended. An answer without a length ends with its connection.
fn read(reader: &mut BufReader<TcpStream>, is_answer: bool) -> io::Result<Option<Message>> {
    let mut head = String::new();
    loop {
        let before = head.len();
        if reader.read_line(&mut head)? == 0 {
            return Ok(None);
        }
        if head[before..].trim_end().is_empty() {
            break;
        }
    }
    let field = |name: &str| {
        let lines = head.lines().filter_map(|line| line.split_once(':'));
        lines.filter(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim().to_lowercase()).next()
    };
    let mut body = Vec::new();
    if field("transfer-encoding").is_some_and(|coding| coding.contains("chunked")) {
        chunks(reader, &mut body)?;
    } else if let Some(length) = field("content-length").and_then(|length| length.parse().ok()) {
        body.resize(length, 0);
        reader.read_exact(&mut body)?;
    } else if is_answer && !head.starts_with("HTTP/1.1 204") && !head.starts_with("HTTP/1.1 304") {
        reader.read_to_end(&mut body)?;
    }
    Ok(Some(Message { head, body }))
}

fn chunks(reader: &mut BufReader<TcpStream>, body: &mut Vec<u8>) -> io::Result<()> {
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        body.extend_from_slice(line.as_bytes());
        let digits = line.trim().split(';').next().unwrap_or_default();
        let length = usize::from_str_radix(digits, 16).map_err(|_| io::Error::from(io::ErrorKind::InvalidData))?;
        let start = body.len();
        body.resize(start + length + 2, 0);
        reader.read_exact(&mut body[start..])?;
        if length == 0 {
            return Ok(());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A server that answers each call with its body, and counts them.
    fn echo() -> (u16, Arc<Mutex<Vec<String>>>) {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&seen);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let seen = Arc::clone(&kept);
                std::thread::spawn(move || {
                    let mut reader = BufReader::new(stream.unwrap());
                    while let Ok(Some(message)) = read(&mut reader, false) {
                        let body = String::from_utf8(message.body).unwrap();
                        seen.lock().unwrap().push(body.clone());
                        let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len());
                        reader.get_mut().write_all(answer.as_bytes()).unwrap();
                    }
                });
            }
        });
        (port, seen)
    }

    fn call(stream: &mut BufReader<TcpStream>, body: &str) -> Option<(String, String)> {
        let request = format!("POST /x HTTP/1.1\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        stream.get_mut().write_all(request.as_bytes()).ok()?;
        let answer = read(stream, true).ok()??;
        Some((answer.head.lines().next()?.to_owned(), String::from_utf8(answer.body).ok()?))
    }

    fn client(proxy: &Proxy) -> BufReader<TcpStream> {
        BufReader::new(TcpStream::connect((Ipv4Addr::LOCALHOST, proxy.port())).unwrap())
    }

    #[test]
    fn calls_pass_on_one_connection_and_are_counted() {
        let (port, seen) = echo();
        let proxy = Proxy::start(port);
        let mut client = client(&proxy);
        for body in ["one", "two"] {
            assert_eq!(call(&mut client, body), Some(("HTTP/1.1 200 OK".into(), body.into())));
        }
        let chunked = "PUT /y HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n";
        client.get_mut().write_all(chunked.as_bytes()).unwrap();
        assert!(read(&mut client, true).unwrap().is_some());
        assert_eq!(proxy.calls(), ["POST /x", "POST /x", "PUT /y"]);
        assert_eq!(seen.lock().unwrap().len(), 3);
        assert!(proxy.waited() > Duration::ZERO);
        proxy.clear();
        assert_eq!(proxy.waited(), Duration::ZERO);
    }

    #[test]
    fn each_fault_does_what_it_says() {
        let (port, seen) = echo();
        let proxy = Proxy::start(port);
        let try_with = |fault| {
            proxy.fault_at(0, fault);
            seen.lock().unwrap().clear();
            let answer = call(&mut client(&proxy), "body");
            assert_eq!(proxy.fired(), 1, "{fault:?}");
            // What the server was sent half of, it does not take for a call.
            (answer.map(|(head, _)| head), seen.lock().unwrap().len())
        };
        assert_eq!(try_with(Fault::Drop), (None, 0));
        assert_eq!(try_with(Fault::DropAnswer), (None, 1));
        assert_eq!(try_with(Fault::Cut), (None, 0));
        assert_eq!(try_with(Fault::Delay(20)), (Some("HTTP/1.1 200 OK".into()), 1));
        assert_eq!(try_with(Fault::Status(429, Some(1))), (Some("HTTP/1.1 429 Fault".into()), 0));
    }
}
