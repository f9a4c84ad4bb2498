//! Reads settings into types and collects what is wrong, instead of stopping at the first.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;

use super::layers::Layers;

/// One thing that is wrong: the key, the problem and the fix.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    pub key: String,
    pub problem: String,
    pub fix: String,
}

impl Problem {
    pub(super) fn new(key: &str, problem: String, fix: &str) -> Self {
        Self { key: key.to_owned(), problem, fix: fix.to_owned() }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}; {}", self.key, self.problem, self.fix)
    }
}

pub(super) struct Reader<'a> {
    layers: &'a Layers,
    problems: Vec<Problem>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(layers: &'a Layers) -> Self {
        Self { layers, problems: layers.problems().to_vec() }
    }

    pub(super) fn finish(self) -> Vec<Problem> {
        self.problems
    }

    pub(super) fn problem(&mut self, key: &str, problem: impl Into<String>, fix: &str) {
        let source = self.layers.get(key).map(|s| format!(" (set in: {})", s.source)).unwrap_or_default();
        self.problems.push(Problem::new(key, format!("{}{source}", problem.into()), fix));
    }

    fn raw(&self, key: &str) -> Option<&'a toml::Value> {
        self.layers.get(key).map(|setting| &setting.value)
    }

    /// A text through a parser; the default of its type stands in for what is wrong, so that reading goes on.
    pub(super) fn parsed<T>(
        &mut self,
        key: &str,
        fix: &str,
        fallback: T,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> T {
        let parsed = match self.raw(key).and_then(toml::Value::as_str) {
            Some(text) => parse(text),
            None => Err("must be a text in quotes".to_owned()),
        };
        parsed.unwrap_or_else(|problem| {
            self.problem(key, problem, fix);
            fallback
        })
    }

    pub(super) fn text(&mut self, key: &str) -> String {
        self.parsed(key, "write a text", String::new(), |text| Ok(text.to_owned()))
    }

    pub(super) fn path(&mut self, key: &str) -> Option<PathBuf> {
        let text = self.text(key);
        (!text.is_empty()).then(|| PathBuf::from(text))
    }

    fn texts(&mut self, key: &str) -> Vec<&'a str> {
        let list = self.raw(key).and_then(toml::Value::as_array);
        let texts: Option<Vec<_>> = list.and_then(|l| l.iter().map(toml::Value::as_str).collect());
        texts.unwrap_or_else(|| {
            self.problem(key, "must be a list of texts", "write [\"first\", \"second\"]");
            Vec::new()
        })
    }

    pub(super) fn paths(&mut self, key: &str) -> Vec<PathBuf> {
        self.texts(key).into_iter().map(PathBuf::from).collect()
    }

    /// Networks or single addresses.
    pub(super) fn networks(&mut self, key: &str) -> Vec<IpNet> {
        let mut networks = Vec::new();
        for text in self.texts(key) {
            match text.parse::<IpNet>().or_else(|_| text.parse::<IpAddr>().map(IpNet::from)) {
                Ok(network) => networks.push(network),
                Err(_) => {
                    self.problem(key, format!("{text:?} is no network"), "write networks such as 10.0.0.0/8 or ::1");
                }
            }
        }
        networks
    }

    pub(super) fn address(&mut self, key: &str) -> SocketAddr {
        let fallback = SocketAddr::from(([127, 0, 0, 1], 0));
        self.parsed(key, "write an IP address and port, such as 127.0.0.1:8080 or [::]:8080", fallback, |text| {
            text.parse().map_err(|_| format!("{text:?} is no address"))
        })
    }

    /// A duration within bounds.
    pub(super) fn duration(&mut self, key: &str, min: Duration, max: Duration) -> Duration {
        let fix = format!(
            "write a duration from {} to {}, such as 500ms, 15m or 7d",
            humantime::format_duration(min),
            humantime::format_duration(max)
        );
        self.parsed(key, &fix, min, |text| {
            let duration = humantime::parse_duration(text).map_err(|_| format!("{text:?} is no duration"))?;
            if duration < min || duration > max { Err(format!("{text} is out of bounds")) } else { Ok(duration) }
        })
    }

    /// A duration within bounds; none for an empty text.
    pub(super) fn optional_duration(&mut self, key: &str, min: Duration, max: Duration) -> Option<Duration> {
        let is_set = self.raw(key).and_then(toml::Value::as_str) != Some("");
        is_set.then(|| self.duration(key, min, max))
    }

    /// A size in bytes within bounds.
    pub(super) fn size(&mut self, key: &str, min: usize, max: usize) -> usize {
        let fix = format!("write a size from {min} to {max} bytes, such as 64KiB");
        self.parsed(key, &fix, min, |text| {
            let size: bytesize::ByteSize = text.parse().map_err(|_| format!("{text:?} is no size"))?;
            let size = usize::try_from(size.as_u64()).unwrap_or(usize::MAX);
            if size < min || size > max { Err(format!("{text} is out of bounds")) } else { Ok(size) }
        })
    }

    /// A number within bounds.
    pub(super) fn count(&mut self, key: &str, min: usize, max: usize) -> usize {
        let number = self.raw(key).and_then(toml::Value::as_integer).and_then(|n| usize::try_from(n).ok());
        match number {
            Some(number) if (min..=max).contains(&number) => number,
            _ => {
                self.problem(key, "is no number within bounds", &format!("write a number from {min} to {max}"));
                min
            }
        }
    }
}
