//! A server that answers everything with what it is told to, and keeps what it heard.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// One call as it came.
#[derive(Debug, Clone)]
pub struct Heard {
    /// Method and target.
    pub line: String,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    pub body: String,
    /// Number of the connection on which it came.
    pub connection: usize,
}

impl Heard {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// Status line with more headers, and body.
pub type Said = (String, String);

pub struct Listener {
    port: u16,
    heard: Arc<Mutex<Vec<Heard>>>,
}

impl Listener {
    /// Answers each call by what it is.
    pub fn start(answer: impl Fn(&Heard) -> Said + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let heard = Arc::new(Mutex::new(Vec::new()));
        let (kept, answer) = (Arc::clone(&heard), Arc::new(answer));
        std::thread::spawn(move || {
            for (connection, stream) in listener.incoming().enumerate() {
                let (heard, answer) = (Arc::clone(&kept), Arc::clone(&answer));
                std::thread::spawn(move || serve(stream.unwrap(), connection, &heard, &*answer));
            }
        });
        Self { port, heard }
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    pub fn heard(&self) -> Vec<Heard> {
        self.heard.lock().unwrap().clone()
    }
}

fn serve(stream: TcpStream, connection: usize, heard: &Mutex<Vec<Heard>>, answer: &dyn Fn(&Heard) -> Said) {
    let mut reader = BufReader::new(stream);
    loop {
        let mut lines = Vec::new();
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line).unwrap_or(0) == 0 {
                return;
            }
            let line = line.trim_end().to_owned();
            if line.is_empty() {
                break;
            }
            lines.push(line);
        }
        let split = |line: &String| {
            let (name, value) = line.split_once(':').unwrap();
            (name.to_lowercase(), value.trim().to_owned())
        };
        let headers: Vec<_> = lines[1..].iter().map(split).collect();
        let line = lines[0].trim_end_matches(" HTTP/1.1").to_owned();
        let mut call = Heard { line, headers, body: String::new(), connection };
        let length = call.header("content-length").map_or(0, |length| length.parse().unwrap());
        let mut body = vec![0; length];
        if reader.read_exact(&mut body).is_err() {
            return;
        }
        call.body = String::from_utf8_lossy(&body).into_owned();
        let (head, body) = answer(&call);
        heard.lock().unwrap().push(call);
        let answer = format!("HTTP/1.1 {head}\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        if reader.get_mut().write_all(answer.as_bytes()).is_err() {
            return;
        }
    }
}

/// `200` with JSON.
pub fn ok(body: &str) -> Said {
    ("200 OK".to_owned(), body.to_owned())
}
