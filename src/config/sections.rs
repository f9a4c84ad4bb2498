//! The typed sections.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;

use super::reader::Reader;
use crate::domain::issuer::Issuer;
use crate::domain::secret::Secret;

#[derive(Clone, Debug)]
pub struct Config {
    pub server: ServerConfig,
    pub database: DatabaseConfig,
    pub keys: KeysConfig,
    pub tokens: TokensConfig,
    pub login: LoginConfig,
    pub decision: DecisionConfig,
    pub audit: AuditConfig,
    pub outbound: OutboundConfig,
    pub log: LogConfig,
}

#[derive(Clone, Debug)]
pub struct ServerConfig {
    pub listen: SocketAddr,
    pub issuer: Issuer,
    pub tls: Option<TlsFiles>,
    pub trusted_proxies: Vec<IpNet>,
    pub body_max_bytes: usize,
    pub request_timeout: Duration,
    pub header_timeout: Duration,
    pub idle_timeout: Duration,
    pub connections_max: usize,
    pub shutdown_notice: Duration,
    pub shutdown_grace: Duration,
}

#[derive(Clone, Debug)]
pub struct TlsFiles {
    pub certificate: PathBuf,
    pub key: PathBuf,
    pub reload_every: Duration,
}

#[derive(Clone, Debug)]
pub struct DatabaseConfig {
    pub url: Secret,
    pub connections_max: usize,
    pub checkout_timeout: Duration,
    pub statement_timeout: Duration,
    pub tls_ca_file: Option<PathBuf>,
}

#[derive(Clone, Debug)]
pub struct KeysConfig {
    pub master_key_file: PathBuf,
    pub master_key: Option<Secret>,
    pub previous_master_key_files: Vec<PathBuf>,
    pub rotate_every: Duration,
    pub publish_lead: Duration,
    pub jwks_max_age: Duration,
}

#[derive(Clone, Debug)]
pub struct TokensConfig {
    pub access_token_lifetime: Duration,
    pub claims_max_bytes: usize,
    pub verified_cache_max: u64,
    pub code_lifetime: Duration,
    pub refresh_idle: Duration,
    pub refresh_absolute: Duration,
    pub refresh_grace: Duration,
}

#[derive(Clone, Debug)]
pub struct LoginConfig {
    pub session_idle: Duration,
    pub session_absolute: Duration,
    pub interaction_lifetime: Duration,
    pub attempts_per_account_max: i32,
    pub attempts_per_address_max: i32,
    pub attempts_window: Duration,
}

#[derive(Clone, Debug)]
pub struct DecisionConfig {
    pub freshness_bound: Duration,
    pub poll_every: Duration,
    pub cache_max: u64,
    pub search_reach_max: usize,
    pub search_keys_max: usize,
    pub batch_max: usize,
    pub batch_body_max_bytes: usize,
}

#[derive(Clone, Debug)]
pub struct AuditConfig {
    /// None is for ever.
    pub keep_for: Option<Duration>,
}

#[derive(Clone, Debug)]
pub struct OutboundConfig {
    pub private_networks: Vec<IpNet>,
    pub timeout: Duration,
}

#[derive(Clone, Debug)]
pub struct LogConfig {
    pub format: LogFormat,
    pub level: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    Auto,
    Human,
    Json,
}

const MILLISECOND: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_mins(1);
const HOUR: Duration = Duration::from_hours(1);
const DAY: Duration = Duration::from_hours(24);

pub(super) fn read(r: &mut Reader<'_>) -> Config {
    Config {
        server: server(r),
        database: database(r),
        keys: keys(r),
        tokens: tokens(r),
        login: login(r),
        decision: decision(r),
        audit: audit(r),
        outbound: outbound(r),
        log: log(r),
    }
}

fn server(r: &mut Reader<'_>) -> ServerConfig {
    let listen = r.address("server.listen");
    let fix = "write the public origin, such as https://id.example.com";
    let issuer = r.parsed("server.issuer", fix, Issuer::localhost(), Issuer::parse);
    let reload_every = r.duration("server.tls_reload_every", 10 * MILLISECOND, DAY);
    let tls = match (r.path("server.tls_certificate_file"), r.path("server.tls_key_file")) {
        (Some(certificate), Some(key)) => Some(TlsFiles { certificate, key, reload_every }),
        (None, None) => None,
        (Some(_), None) => {
            r.problem("server.tls_key_file", "is not set, but tls_certificate_file is", "set both or neither");
            None
        }
        (None, Some(_)) => {
            r.problem("server.tls_certificate_file", "is not set, but tls_key_file is", "set both or neither");
            None
        }
    };
    if tls.is_some() && !issuer.is_https() {
        r.problem("server.issuer", "is plain http, but TLS is served", "write https://…, or unset the two TLS files");
    }
    ServerConfig {
        listen,
        issuer,
        tls,
        trusted_proxies: r.networks("server.trusted_proxies"),
        body_max_bytes: r.size("server.body_max", 1024, 16 * 1024 * 1024),
        request_timeout: r.duration("server.request_timeout", 100 * MILLISECOND, 5 * MINUTE),
        header_timeout: r.duration("server.header_timeout", 100 * MILLISECOND, 5 * MINUTE),
        idle_timeout: r.duration("server.idle_timeout", SECOND, HOUR),
        connections_max: r.count("server.connections_max", 1, 1_000_000),
        shutdown_notice: r.duration("server.shutdown_notice", Duration::ZERO, 10 * MINUTE),
        shutdown_grace: r.duration("server.shutdown_grace", Duration::ZERO, 10 * MINUTE),
    }
}

fn database(r: &mut Reader<'_>) -> DatabaseConfig {
    let fix = "write sqlite://path/to/file or postgres://user:password@host/database";
    let url = r.parsed("database.url", fix, String::new(), |text| {
        let path = text.strip_prefix("sqlite://");
        let known =
            path.is_some_and(|p| !p.is_empty()) || text.starts_with("postgres://") || text.starts_with("postgresql://");
        if known { Ok(text.to_owned()) } else { Err("is neither SQLite nor PostgreSQL".into()) }
    });
    DatabaseConfig {
        url: Secret::new(url),
        connections_max: r.count("database.connections_max", 1, 1_000),
        checkout_timeout: r.duration("database.checkout_timeout", 10 * MILLISECOND, MINUTE),
        statement_timeout: r.duration("database.statement_timeout", 100 * MILLISECOND, 10 * MINUTE),
        tls_ca_file: r.path("database.tls_ca_file"),
    }
}

fn keys(r: &mut Reader<'_>) -> KeysConfig {
    let master_key = Some(r.text("keys.master_key")).filter(|t| !t.is_empty()).map(Secret::new);
    let master_key_file = r.path("keys.master_key_file");
    if master_key.is_none() && master_key_file.is_none() {
        r.problem("keys.master_key_file", "is empty, and keys.master_key is not set", "set one of them");
    }
    let jwks_max_age = r.duration("keys.jwks_max_age", SECOND, DAY);
    let publish_lead = r.duration("keys.publish_lead", SECOND, 30 * DAY);
    let rotate_every = r.duration("keys.rotate_every", SECOND, 3650 * DAY);
    // A second for the answer on its way and for clocks that differ.
    if publish_lead < jwks_max_age + SECOND {
        let fix = "make it at least a second longer, or verifiers will meet a key they do not know";
        r.problem("keys.publish_lead", "is not longer than keys.jwks_max_age", fix);
    }
    if rotate_every <= publish_lead {
        r.problem("keys.rotate_every", "is not longer than keys.publish_lead", "make it longer");
    }
    KeysConfig {
        master_key_file: master_key_file.unwrap_or_default(),
        master_key,
        previous_master_key_files: r.paths("keys.previous_master_key_files"),
        rotate_every,
        publish_lead,
        jwks_max_age,
    }
}

fn tokens(r: &mut Reader<'_>) -> TokensConfig {
    let refresh_idle = r.duration("tokens.refresh_idle", MINUTE, 3650 * DAY);
    let refresh_absolute = r.duration("tokens.refresh_absolute", MINUTE, 3650 * DAY);
    if refresh_idle > refresh_absolute {
        r.problem("tokens.refresh_idle", "is longer than tokens.refresh_absolute", "make it shorter");
    }
    TokensConfig {
        access_token_lifetime: r.duration("tokens.access_token_lifetime", 10 * SECOND, DAY),
        claims_max_bytes: r.size("tokens.claims_max", 0, 8 * 1024),
        verified_cache_max: r.count("tokens.verified_cache_max", 0, 10_000_000) as u64,
        code_lifetime: r.duration("tokens.code_lifetime", 5 * SECOND, 10 * MINUTE),
        refresh_idle,
        refresh_absolute,
        refresh_grace: r.duration("tokens.refresh_grace", Duration::ZERO, HOUR),
    }
}

fn login(r: &mut Reader<'_>) -> LoginConfig {
    let session_idle = r.duration("login.session_idle", MINUTE, 3650 * DAY);
    let session_absolute = r.duration("login.session_absolute", MINUTE, 3650 * DAY);
    if session_idle > session_absolute {
        r.problem("login.session_idle", "is longer than login.session_absolute", "make it shorter");
    }
    let attempts = |count: usize| i32::try_from(count).unwrap_or(i32::MAX);
    LoginConfig {
        session_idle,
        session_absolute,
        interaction_lifetime: r.duration("login.interaction_lifetime", MINUTE, DAY),
        attempts_per_account_max: attempts(r.count("login.attempts_per_account_max", 1, 1_000_000)),
        attempts_per_address_max: attempts(r.count("login.attempts_per_address_max", 1, 1_000_000)),
        attempts_window: r.duration("login.attempts_window", SECOND, DAY),
    }
}

fn decision(r: &mut Reader<'_>) -> DecisionConfig {
    let freshness_bound = r.duration("decision.freshness_bound", SECOND, HOUR);
    let poll_every = r.duration("decision.poll_every", MILLISECOND, SECOND);
    if freshness_bound < 2 * poll_every {
        let fix = "make it at least twice as long, or a healthy node will refuse to answer";
        r.problem("decision.freshness_bound", "is shorter than two rounds of decision.poll_every", fix);
    }
    DecisionConfig {
        freshness_bound,
        poll_every,
        cache_max: r.count("decision.cache_max", 0, 100_000_000) as u64,
        search_reach_max: r.count("decision.search_reach_max", 1, 100_000),
        search_keys_max: r.count("decision.search_keys_max", 1, 1_000_000),
        batch_max: r.count("decision.batch_max", 1, 10_000),
        batch_body_max_bytes: r.size("decision.batch_body_max", 1024, 64 * 1024 * 1024),
    }
}

fn audit(r: &mut Reader<'_>) -> AuditConfig {
    AuditConfig { keep_for: r.optional_duration("audit.keep_for", DAY, 36_500 * DAY) }
}

fn outbound(r: &mut Reader<'_>) -> OutboundConfig {
    OutboundConfig {
        private_networks: r.networks("outbound.private_networks"),
        timeout: r.duration("outbound.timeout", 100 * MILLISECOND, 30 * SECOND),
    }
}

fn log(r: &mut Reader<'_>) -> LogConfig {
    let format = r.parsed("log.format", "write auto, human or json", LogFormat::Auto, |text| match text {
        "auto" => Ok(LogFormat::Auto),
        "human" => Ok(LogFormat::Human),
        "json" => Ok(LogFormat::Json),
        other => Err(format!("{other:?} is no format")),
    });
    let level = r.parsed("log.level", "write error, warn, info, debug or trace", String::from("info"), |text| {
        let parsed = tracing_subscriber::EnvFilter::try_new(text);
        parsed.map(|_| text.to_owned()).map_err(|e| format!("{text:?} is no filter: {e}"))
    });
    LogConfig { format, level }
}
