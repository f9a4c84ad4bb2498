//! The table: which room may import which, and which crate lives where. `src/docs` says why.

/// A room, and the rooms it may import. Every room may import itself.
///
/// Use cases (`oidc`, `login`, `account`, `admin`) import the ground and never each other; nobody imports `boot`, and only
/// `boot` imports `config`. `jobs` is a driver that also rotates keys, so it imports `keys`.
pub const ROOMS: [(&str, &[&str]); 19] = [
    // The program and the head of the library: rooms are declared there, nothing else is.
    ("main", &["boot"]),
    ("lib", &[]),
    // The handbook: pages, no code.
    ("docs", &[]),
    // Drivers.
    (
        "boot",
        &[
            "config",
            "http",
            "oidc",
            "login",
            "account",
            "admin",
            "decision",
            "domain",
            "store",
            "keys",
            "events",
            "jobs",
            "mail",
            "telemetry",
            "world",
        ],
    ),
    ("config", &["domain"]),
    ("http", &["oidc", "login", "account", "admin", "decision", "domain", "telemetry"]),
    ("jobs", &["oidc", "login", "account", "admin", "keys", "store", "events", "mail", "world", "telemetry", "domain"]),
    // Use cases.
    ("oidc", USE_CASE),
    ("login", USE_CASE),
    ("account", USE_CASE),
    ("admin", USE_CASE),
    // Ground.
    ("decision", &["domain", "store", "events", "world"]),
    ("keys", &["domain", "store", "world"]),
    ("events", &["domain", "store"]),
    ("store", &["domain"]),
    ("world", &["domain"]),
    ("mail", &["domain", "world"]),
    ("telemetry", &[]),
    ("domain", &[]),
];

const USE_CASE: &[&str] = &["decision", "keys", "events", "store", "world", "domain"];

/// Crates that have a home: no other room names them. Without a home they are not to be used at all yet.
pub const HOMES: [(&str, &[&str]); 14] = [
    ("salvo", &["http", "boot"]),
    ("diesel", &["store"]),
    ("diesel_async", &["store"]),
    ("diesel_migrations", &["store"]),
    ("deadpool", &["store"]),
    ("tokio_postgres", &["store"]),
    ("tokio_postgres_rustls", &["store"]),
    ("libsqlite3_sys", &["store"]),
    ("cedar_policy", &["decision"]),
    ("jsonwebtoken", &["keys"]),
    ("clap", &["boot"]),
    ("mimalloc", &["main"]),
    ("reqwest", &["boot", "world"]),
    ("openidconnect", &["boot"]),
];

/// All that `domain` may use: crates that compute, without input, output, clock or chance.
pub const PURE: [&str; 13] = [
    "serde",
    "serde_json",
    "serde_path_to_error",
    "url",
    "uuid",
    "sha2",
    "subtle",
    "zeroize",
    "base64",
    "humantime",
    "unicode_normalization",
    "zxcvbn",
    "thiserror",
];
