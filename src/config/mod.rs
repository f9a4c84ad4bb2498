//! Configuration: embedded defaults, then a file, then the environment; typed, documented in `config/doorward.toml`,
//! unknown and contradictory settings refused, all problems at once.
//!
//! Never: reading anything but configuration, acting on it.

mod layers;
mod reader;
mod sections;

pub use self::layers::{CONFIG_FILE_VARIABLE, Layers, Source};
pub use self::reader::Problem;
pub use self::sections::{
    AuditConfig, Config, DatabaseConfig, DecisionConfig, KeysConfig, LogConfig, LogFormat, LoginConfig, ServerConfig,
    TlsFiles, TokensConfig,
};

/// Every setting with its default and what it means.
pub const DEFAULTS: &str = include_str!("../../config/doorward.toml");

/// Settings that are never shown.
const SECRETS: [&str; 1] = ["keys.master_key"];

/// All that is wrong with a configuration.
#[derive(Debug, thiserror::Error)]
pub struct ConfigError(pub Vec<Problem>);

impl std::fmt::Display for ConfigError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let plural = if self.0.len() == 1 { "problem" } else { "problems" };
        writeln!(f, "the configuration has {} {plural}:", self.0.len())?;
        self.0.iter().try_for_each(|problem| writeln!(f, "  {problem}"))
    }
}

impl Config {
    /// Puts the layers together and checks everything.
    ///
    /// # Errors
    /// Every problem there is, each with its key, what is wrong and what to do.
    pub fn load(layers: &Layers) -> Result<Self, ConfigError> {
        let mut reader = reader::Reader::new(layers);
        let config = sections::read(&mut reader);
        let problems = reader.finish();
        if problems.is_empty() { Ok(config) } else { Err(ConfigError(problems)) }
    }
}

/// The settings as they apply, with where each comes from, secrets masked: for `doorward config show`.
#[must_use]
pub fn show(layers: &Layers) -> String {
    let mut lines = Vec::new();
    let mut section = "";
    for (key, setting) in layers.settings() {
        let (of, name) = key.split_once('.').unwrap_or(("", key));
        if of != section {
            lines.extend((!section.is_empty()).then(String::new));
            lines.push(format!("[{of}]"));
            section = of;
        }
        lines.push(format!("{name} = {}  # {}", shown(key, &setting.value), setting.source));
    }
    lines.join("\n")
}

/// The same as JSON: key → value and source.
#[must_use]
pub fn show_json(layers: &Layers) -> serde_json::Value {
    let setting = |(key, setting): (&str, &layers::Setting)| {
        let value = serde_json::json!({ "value": shown(key, &setting.value), "source": setting.source.to_string() });
        (key.to_owned(), value)
    };
    layers.settings().map(setting).collect::<serde_json::Map<_, _>>().into()
}

fn shown(key: &str, value: &toml::Value) -> String {
    match value.as_str() {
        Some(text) if SECRETS.contains(&key) && !text.is_empty() => "\"********\"".to_owned(),
        Some(text) if key == "database.url" => format!("{:?}", mask_password(text)),
        _ => value.to_string(),
    }
}

/// A database URL without what may be secret in it: user, host and database stay, a password and all parameters go; what
/// cannot be read is hidden whole.
#[must_use]
pub fn mask_password(text: &str) -> String {
    if text.starts_with("sqlite://") {
        return text.to_owned();
    }
    let Ok(mut url) = url::Url::parse(text) else { return "********".to_owned() };
    if url.password().is_some() && url.set_password(Some("********")).is_err() {
        return "********".to_owned();
    }
    if url.query().is_some() {
        url.set_query(Some("********"));
    }
    url.to_string()
}
