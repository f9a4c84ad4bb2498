//! Listeners: plain or TLS, with the certificate read again when its files change.

use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, SystemTime};

use futures_util::stream::{self, Stream};
use salvo::conn::rustls::{Keycert, RustlsConfig};
use salvo::conn::tcp::TcpListener;
use salvo::conn::{Acceptor, Listener};
use salvo::fuse::FuseConfig;
use salvo::server::ServerHandle;
use salvo::{Server, Service};
use tokio::task::JoinHandle;

use super::node::BootError;
use crate::config::{ServerConfig, TlsFiles};

/// The head of a request takes so many bytes at most.
const HEAD_MAX_BYTES: usize = 32 * 1024;
const HEADERS_MAX: usize = 64;
/// Requests at once on one HTTP/2 connection.
const STREAMS_MAX: u32 = 128;

/// Binds and serves in a task; says where and gives the handle that stops it.
pub(super) async fn listen(
    config: &ServerConfig,
    service: Service,
) -> Result<(SocketAddr, JoinHandle<()>, ServerHandle), BootError> {
    let bound = |e: salvo::Error| {
        format!(
            "cannot listen on {}: {e}; is another program there? set server.listen to another address",
            config.listen
        )
    };
    let tcp = TcpListener::new(config.listen);
    match &config.tls {
        None => serve(tcp.try_bind().await.map_err(bound)?, config, service),
        Some(files) => {
            // Read once before listening, so that a wrong path or key is an error at start and not a line in the log.
            let seen = stamp(files);
            let first = read(files)?;
            let acceptor = tcp.rustls(configs(first, files.clone(), seen)).try_bind().await.map_err(bound)?;
            serve(acceptor, config, service)
        }
    }
}

fn serve<A>(
    acceptor: A,
    config: &ServerConfig,
    service: Service,
) -> Result<(SocketAddr, JoinHandle<()>, ServerHandle), BootError>
where
    A: Acceptor + Send + 'static,
{
    let address = acceptor.holdings().first().and_then(|h| h.local_addr.clone().into_std());
    let address = address.ok_or("the listener has no address")?;
    let fuse = FuseConfig::default()
        .with_tls_handshake_timeout(config.header_timeout)
        .with_http1_header_timeout(config.header_timeout)
        .with_connection_idle_timeout(config.idle_timeout)
        .with_write_stall_timeout(config.idle_timeout)
        // Shorter than the whole, so that a body that stops coming is the caller's error and not ours.
        .with_request_body_timeout(config.request_timeout / 2);
    let mut server = Server::new(acceptor).fuse_config(fuse).max_connections(config.connections_max);
    server.http1_mut().max_headers(HEADERS_MAX).max_buf_size(HEAD_MAX_BYTES);
    let head = u32::try_from(HEAD_MAX_BYTES).unwrap_or(u32::MAX);
    server.http2_mut().max_header_list_size(head).max_concurrent_streams(STREAMS_MAX);
    let handle = server.handle();
    Ok((address, tokio::spawn(server.serve(service)), handle))
}

type Stamp = (Option<SystemTime>, Option<SystemTime>);

fn stamp(files: &TlsFiles) -> Stamp {
    let modified = |path: &Path| std::fs::metadata(path).and_then(|m| m.modified()).ok();
    (modified(&files.certificate), modified(&files.key))
}

fn read(files: &TlsFiles) -> Result<RustlsConfig, BootError> {
    let wrong = |path: &Path| {
        let path = path.display().to_string();
        move |e: std::io::Error| format!("the TLS file {path} cannot be read: {e}")
    };
    let keycert = Keycert::new()
        .cert_from_path(&files.certificate)
        .map_err(wrong(&files.certificate))?
        .key_from_path(&files.key)
        .map_err(wrong(&files.key))?;
    let config = RustlsConfig::new(keycert);
    let fits: Result<salvo::conn::rustls::ServerConfig, _> = config.clone().try_into();
    fits.map_err(|e| format!("the TLS certificate {} and its key do not fit: {e}", files.certificate.display()))?;
    Ok(config)
}

/// The certificate now, and again whenever the files have changed and fit together. New connections use the new one.
fn configs(first: RustlsConfig, files: TlsFiles, seen: Stamp) -> impl Stream<Item = RustlsConfig> + Send + 'static {
    stream::unfold((Some(first), files, seen), |(first, files, mut seen)| async move {
        if let Some(first) = first {
            return Some((first, (None, files, seen)));
        }
        loop {
            tokio::time::sleep(files.reload_every.max(Duration::from_millis(10))).await;
            let now = stamp(&files);
            if now == seen {
                continue;
            }
            match read(&files) {
                Ok(config) => return Some((config, (None, files, now))),
                // Half-written files: looked at again next time.
                Err(error) => tracing::warn!(%error, "the changed TLS files are not used"),
            }
            seen = if stamp(&files) == now { now } else { seen };
        }
    })
}
