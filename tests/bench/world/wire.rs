//! Requests made beforehand, on plain connections: a client library would cost more than the decision.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::program::Program;

const WARM_UP: Duration = Duration::from_millis(500);

/// A request, and the right answer to it.
pub struct Request {
    pub bytes: Vec<u8>,
    pub answer: Option<String>,
}

impl Request {
    pub fn new(verb: &str, path: &str, authorization: &str, body: &Value, answer: Option<String>) -> Self {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let bytes = format!(
            "{verb} {path} HTTP/1.1\r\nhost: localhost\r\nauthorization: {authorization}\r\n\
             content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        Self { bytes: bytes.into_bytes(), answer }
    }
}

/// One connection that is kept.
pub struct Line {
    stream: TcpStream,
    received: Vec<u8>,
}

impl Line {
    pub fn open(server: &Program) -> Self {
        let stream = TcpStream::connect(server.base.trim_start_matches("http://")).unwrap();
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(15))).unwrap();
        Self { stream, received: vec![0; 1 << 17] }
    }

    /// The status and the body of the answer.
    pub fn ask(&mut self, request: &[u8]) -> (u16, &str) {
        self.stream.write_all(request).unwrap();
        let (mut len, mut end) = (0, usize::MAX);
        let mut head = 0;
        while len < end {
            let more = self.stream.read(&mut self.received[len..]).unwrap();
            assert!(more > 0, "the server hung up");
            len += more;
            if head == 0
                && let Some(at) = self.received[..len].windows(4).position(|four| four == b"\r\n\r\n")
            {
                head = at + 4;
                end = head + content_length(&self.received[..at]);
            }
        }
        let text = |range| std::str::from_utf8(&self.received[range]).unwrap();
        (text(9..12).parse().unwrap(), text(head..end))
    }

    /// Asks and compares the answer.
    pub fn check(&mut self, request: &Request) {
        let (status, body) = self.ask(&request.bytes);
        let is_right = request.answer.as_ref().is_none_or(|answer| answer == body);
        assert!(status == 200 && is_right, "{status} {body} to {}", String::from_utf8_lossy(&request.bytes));
    }

    pub fn json(&mut self, request: &Request) -> (u16, Value) {
        let (status, body) = self.ask(&request.bytes);
        (status, serde_json::from_str(body).unwrap_or_default())
    }
}

fn content_length(head: &[u8]) -> usize {
    const NAME: &[u8] = b"content-length: ";
    let Some(at) = head.windows(NAME.len()).position(|some| some == NAME) else { return 0 };
    let digits = head[at + NAME.len()..].iter().take_while(|byte| byte.is_ascii_digit());
    digits.fold(0, |number, digit| number * 10 + usize::from(digit - b'0'))
}

/// How often, what of the server's processor time each took, and how long each took its client.
pub struct Load {
    pub per_second: f64,
    pub processor: Duration,
    latencies: Vec<Duration>,
}

impl Load {
    pub fn at(&self, percent: usize) -> Duration {
        self.latencies[(self.latencies.len() - 1) * percent / 100]
    }
}

/// So many connections, for so long. Without a pace each asks again as soon as it is answered; with one, so many requests
/// a second are due whether those before them are answered or not, and each counts from when it was due.
pub fn load(server: &Program, lines: usize, requests: &[Request], lasts: Duration, pace: Option<f64>) -> Load {
    let (started, before, next) = (Instant::now(), server.processor_time(), &AtomicU32::new(0));
    let work = || {
        let (mut line, mut latencies) = (Line::open(server), Vec::new());
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            let begun =
                pace.map_or_else(|| started.elapsed(), |rate| Duration::from_secs_f64(f64::from(number) / rate));
            if begun >= WARM_UP + lasts {
                return latencies;
            }
            thread::sleep(begun.saturating_sub(started.elapsed()));
            line.check(&requests[usize::try_from(number).unwrap() % requests.len()]);
            if begun >= WARM_UP {
                latencies.push(started.elapsed().saturating_sub(begun));
            }
        }
    };
    let mut latencies: Vec<_> = thread::scope(|scope| {
        let workers: Vec<_> = (0..lines).map(|_| scope.spawn(work)).collect();
        workers.into_iter().flat_map(|worker| worker.join().unwrap()).collect()
    });
    latencies.sort_unstable();
    let took = server.processor_time().checked_sub(before).unwrap_or_default();
    let many = u32::try_from(latencies.len()).unwrap();
    Load {
        per_second: f64::from(many) / lasts.as_secs_f64(),
        processor: took / next.load(Ordering::Relaxed),
        latencies,
    }
}

/// Each request once, over eight connections: whatever can be cached then is.
pub fn each_once(server: &Program, requests: &[Request]) {
    thread::scope(|scope| {
        for some in requests.chunks(requests.len().div_ceil(8)) {
            scope.spawn(move || {
                let mut line = Line::open(server);
                for request in some {
                    line.check(request);
                }
            });
        }
    });
}
