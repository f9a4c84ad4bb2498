//! The real time, moved by as much as a test likes.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime};

use doorward::domain::time::{Clock, Instant};

#[derive(Debug)]
pub struct TestClock {
    started: std::time::Instant,
    ahead_micros: AtomicI64,
}

impl TestClock {
    pub fn new() -> Self {
        Self { started: std::time::Instant::now(), ahead_micros: AtomicI64::new(0) }
    }

    pub fn advance(&self, by: Duration) {
        self.ahead_micros.fetch_add(i64::try_from(by.as_micros()).unwrap(), Ordering::SeqCst);
    }
}

impl Clock for TestClock {
    fn now(&self) -> Instant {
        let real = Instant::from(SystemTime::now());
        Instant::from_micros(real.as_micros() + self.ahead_micros.load(Ordering::SeqCst))
    }

    fn monotonic(&self) -> Duration {
        self.started.elapsed()
    }
}
