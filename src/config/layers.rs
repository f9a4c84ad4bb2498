//! The layers of settings and where each setting comes from.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use super::reader::Problem;
use super::{ConfigError, DEFAULTS};

/// Where a setting comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    Default,
    File(PathBuf),
    Environment(String),
    /// Set by the command itself (`doorward demo`) or by a test.
    Program,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Environment(name) => f.write_str(name),
            Self::Program => f.write_str("set by the command"),
        }
    }
}

#[derive(Clone, Debug)]
pub struct Setting {
    pub value: toml::Value,
    pub source: Source,
}

/// Settings by `section.name`, later layers over earlier ones.
#[derive(Clone, Debug, Default)]
pub struct Layers {
    settings: BTreeMap<String, Setting>,
    problems: Vec<Problem>,
}

/// Named so in the environment, but no setting: it names the file.
pub const CONFIG_FILE_VARIABLE: &str = "DOORWARD_CONFIG";
/// What tests and scripts pass to each other under our prefix.
const FOREIGN_PREFIX: &str = "DOORWARD_TEST_";

impl Layers {
    /// The embedded defaults.
    #[must_use]
    pub fn defaults() -> Self {
        let mut layers = Self::default();
        layers.merge(DEFAULTS, &Source::Default, true);
        layers
    }

    /// Defaults, then the file, then the environment.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn load(file: Option<&Path>, environment: impl Iterator<Item = (String, String)>) -> Result<Self, ConfigError> {
        let mut layers = Self::defaults();
        if let Some(path) = file {
            let text = std::fs::read_to_string(path).map_err(|e| {
                ConfigError(vec![Problem::new(
                    "--config",
                    format!("{} cannot be read: {e}", path.display()),
                    "name an existing file",
                )])
            })?;
            layers.merge(&text, &Source::File(path.to_owned()), false);
        }
        layers.merge_environment(environment);
        Ok(layers)
    }

    /// Overrides one setting; for commands and tests.
    #[must_use]
    pub fn with(mut self, key: &str, value: impl Into<toml::Value>) -> Self {
        self.put(key, value.into(), &Source::Program, false);
        self
    }

    fn merge(&mut self, text: &str, source: &Source, defines: bool) {
        let table = match text.parse::<toml::Table>() {
            Ok(table) => table,
            Err(error) => {
                self.problems.push(Problem::new(&source.to_string(), error.message().to_owned(), "write valid TOML"));
                return;
            }
        };
        for (section, value) in table {
            match value {
                toml::Value::Table(settings) => {
                    for (name, value) in settings {
                        self.put(&format!("{section}.{name}"), value, source, defines);
                    }
                }
                _ => self.unknown(&section, source),
            }
        }
    }

    fn merge_environment(&mut self, environment: impl Iterator<Item = (String, String)>) {
        for (name, text) in environment {
            if !name.starts_with("DOORWARD_") || name == CONFIG_FILE_VARIABLE || name.starts_with(FOREIGN_PREFIX) {
                continue;
            }
            let source = Source::Environment(name.clone());
            let key = self.settings.keys().find(|key| variable(key) == name).cloned();
            match key {
                Some(key) => {
                    let value = self.typed_like(&key, &text);
                    self.put(&key, value, &source, false);
                }
                None => self.unknown(&name, &source),
            }
        }
    }

    /// The environment has only texts; a number or list is read where the default is one.
    fn typed_like(&self, key: &str, text: &str) -> toml::Value {
        match self.settings.get(key).map(|s| &s.value) {
            Some(toml::Value::Integer(_)) => text.parse().map_or_else(|_| text.into(), toml::Value::Integer),
            Some(toml::Value::Array(_)) => {
                toml::Value::Array(text.split(',').map(str::trim).filter(|t| !t.is_empty()).map(Into::into).collect())
            }
            _ => text.into(),
        }
    }

    fn put(&mut self, key: &str, value: toml::Value, source: &Source, defines: bool) {
        if !defines && !self.settings.contains_key(key) {
            self.unknown(key, source);
            return;
        }
        self.settings.insert(key.to_owned(), Setting { value, source: source.clone() });
    }

    fn unknown(&mut self, name: &str, source: &Source) {
        let environment = matches!(source, Source::Environment(_));
        let candidates = self.settings.keys().map(|key| if environment { variable(key) } else { key.clone() });
        let nearest = candidates.min_by_key(|candidate| strsim::damerau_levenshtein(candidate, name));
        let fix = nearest.map_or_else(|| "remove it".to_owned(), |n| format!("remove it, or did you mean {n}?"));
        let problem = match source {
            Source::Environment(_) => "is no setting".to_owned(),
            _ => format!("is no setting (in {source})"),
        };
        self.problems.push(Problem::new(name, problem, &fix));
    }

    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Setting> {
        self.settings.get(key)
    }

    pub fn settings(&self) -> impl Iterator<Item = (&str, &Setting)> {
        self.settings.iter().map(|(key, setting)| (key.as_str(), setting))
    }

    pub(super) fn problems(&self) -> &[Problem] {
        &self.problems
    }
}

/// The environment variable of a setting.
fn variable(key: &str) -> String {
    format!("DOORWARD_{}", key.replace('.', "_").to_ascii_uppercase())
}
