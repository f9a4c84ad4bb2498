//! Requests made beforehand, on plain connections: a client library would cost more than the decision.

use std::io::{ErrorKind, Read as _, Write as _};
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
    len: usize,
    /// Where the body begins, once it is known.
    head: usize,
    end: usize,
    waits: bool,
}

impl Line {
    pub fn open(server: &Program) -> Self {
        let stream = TcpStream::connect(server.base.trim_start_matches("http://")).unwrap();
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(15))).unwrap();
        Self { stream, received: vec![0; 1 << 17], len: 0, head: 0, end: usize::MAX, waits: true }
    }

    /// The status and the body of the answer.
    pub fn ask(&mut self, request: &[u8]) -> (u16, &str) {
        self.send(request);
        while !self.is_answered() {}
        self.answer()
    }

    fn send(&mut self, request: &[u8]) {
        (self.len, self.head, self.end) = (0, 0, usize::MAX);
        self.stream.write_all(request).unwrap();
    }

    /// Reads what there is; waits for it only where the line does.
    fn is_answered(&mut self) -> bool {
        match self.stream.read(&mut self.received[self.len..]) {
            Ok(more) => {
                assert!(more > 0, "the server hung up");
                self.len += more;
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock && !self.waits => return false,
            Err(error) => panic!("{error}"),
        }
        if self.head == 0
            && let Some(at) = self.received[..self.len].windows(4).position(|four| four == b"\r\n\r\n")
        {
            self.head = at + 4;
            self.end = self.head + content_length(&self.received[..at]);
        }
        self.len >= self.end
    }

    fn answer(&self) -> (u16, &str) {
        let text = |range| std::str::from_utf8(&self.received[range]).unwrap();
        (text(9..12).parse().unwrap(), text(self.head..self.end))
    }

    /// Asks and compares the answer.
    pub fn check(&mut self, request: &Request) {
        self.ask(&request.bytes);
        self.compare(request);
    }

    fn compare(&self, request: &Request) {
        let (status, body) = self.answer();
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

/// So many connections, for so long; each asks again as soon as it is answered.
pub fn load(server: &Program, lines: usize, requests: &[Request], lasts: Duration) -> Load {
    let (started, before, next) = (Instant::now(), server.processor_time(), &AtomicU32::new(0));
    let work = || {
        let (mut line, mut latencies) = (Line::open(server), Vec::new());
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            let begun = started.elapsed();
            if begun >= WARM_UP + lasts {
                return latencies;
            }
            line.check(&requests[usize::try_from(number).unwrap() % requests.len()]);
            if begun >= WARM_UP {
                latencies.push(started.elapsed().saturating_sub(begun));
            }
        }
    };
    let latencies = thread::scope(|scope| {
        let workers: Vec<_> = (0..lines).map(|_| scope.spawn(work)).collect();
        workers.into_iter().flat_map(|worker| worker.join().unwrap()).collect()
    });
    Load::of(server, before, lasts, next.load(Ordering::Relaxed), latencies)
}

/// So many requests a second are due whether those before them are answered or not, and each counts from when it was due.
/// One thread looks after all connections and never sleeps: what is measured is not how soon it is woken.
pub fn paced(server: &Program, lines: usize, requests: &[Request], lasts: Duration, rate: f64) -> Load {
    let mut free: Vec<_> = (0..lines).map(|_| Line::open(server)).collect();
    for line in &mut free {
        line.stream.set_nonblocking(true).unwrap();
        line.waits = false;
    }
    let (started, before) = (Instant::now(), server.processor_time());
    let (mut asked, mut latencies, mut waiting) = (0_u32, Vec::new(), Vec::<(Line, Duration, &Request)>::new());
    loop {
        let due = Duration::from_secs_f64(f64::from(asked) / rate);
        if due >= WARM_UP + lasts && waiting.is_empty() {
            return Load::of(server, before, lasts, asked, latencies);
        }
        if due < WARM_UP + lasts
            && due <= started.elapsed()
            && let Some(mut line) = free.pop()
        {
            let request = &requests[usize::try_from(asked).unwrap() % requests.len()];
            line.send(&request.bytes);
            waiting.push((line, due, request));
            asked += 1;
        }
        let mut nth = 0;
        while nth < waiting.len() {
            if !waiting[nth].0.is_answered() {
                nth += 1;
                continue;
            }
            let took = started.elapsed();
            let (line, due, request) = waiting.swap_remove(nth);
            line.compare(request);
            free.push(line);
            if due >= WARM_UP {
                latencies.push(took.saturating_sub(due));
            }
        }
    }
}

impl Load {
    fn of(server: &Program, before: Duration, lasts: Duration, asked: u32, mut latencies: Vec<Duration>) -> Self {
        latencies.sort_unstable();
        let took = server.processor_time().checked_sub(before).unwrap_or_default();
        let per_second = f64::from(u32::try_from(latencies.len()).unwrap()) / lasts.as_secs_f64();
        Self { per_second, processor: took / asked, latencies }
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
