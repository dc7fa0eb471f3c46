//! Resolve, vet, dial, and prove who answered.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use mirk_provider::address::{Origin, Policy, VettedAddr, vet, vet_host};
use rustls::{ClientConfig, RootCertStore, pki_types::ServerName};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpSocket, TcpStream},
};
use tokio_rustls::{TlsConnector, client::TlsStream};

use super::{Roots, SendError};

/// How long one address may take before the next is tried.
const PER_ADDRESS: Duration = Duration::from_secs(3);

/// How many addresses of one name are looked at; a longer answer is cut.
const MOST_ADDRESSES: usize = 16;

/// TLS as Mirk speaks it to providers: these roots alone, TLS 1.3 or 1.2, h2 or http/1.1, no
/// key log and no early data.
pub(super) fn tls_config(roots: &Roots) -> Result<Arc<ClientConfig>, rustls::Error> {
    let mut store = RootCertStore::empty();
    // A certificate that does not parse is no root; the others still are.
    let (_added, _ignored) = store.add_parsable_certificates(roots.0.iter().cloned());
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(store)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

/// A connection to a vetted address.
pub(super) enum Stream {
    /// Without TLS, for addresses that the operator gave as `http://`.
    Plain(TcpStream),
    /// With verified TLS.
    Tls(Box<TlsStream<TcpStream>>),
}

impl Stream {
    /// Whether the other side chose HTTP/2.
    pub(super) fn is_h2(&self) -> bool {
        match self {
            Self::Plain(_) => false,
            Self::Tls(stream) => stream.get_ref().1.alpn_protocol() == Some(b"h2"),
        }
    }
}

/// Looks the origin up and vets every address: one that is refused refuses the whole name.
pub(super) async fn resolve(
    origin: &Origin,
    policy: &Policy,
) -> Result<Vec<VettedAddr>, SendError> {
    let host = origin.host();
    let port = origin.port();
    let addresses: Vec<IpAddr> = if let Some(address) = origin.ip() {
        vec![address]
    } else {
        vet_host(host).map_err(|_blocked| SendError::Blocked)?;
        #[expect(
            clippy::disallowed_methods,
            reason = "this is the one place that resolves names"
        )]
        let found = tokio::net::lookup_host((host, port)).await;
        let found = found.map_err(|_unresolved| SendError::Unreachable)?;
        found
            .map(|address| address.ip())
            .take(MOST_ADDRESSES)
            .collect()
    };
    if addresses.is_empty() {
        return Err(SendError::Unreachable);
    }
    let vetted: Result<Vec<_>, _> = addresses
        .into_iter()
        .map(|ip| vet(ip, port, policy))
        .collect();
    vetted.map_err(|_blocked| SendError::Blocked)
}

/// Connects to the first address that answers, and with TLS proves that it is `origin`.
pub(super) async fn dial(
    origin: &Origin,
    addresses: &[VettedAddr],
    tls: &Arc<ClientConfig>,
) -> Result<Stream, SendError> {
    let mut last = SendError::Unreachable;
    for address in addresses {
        match tokio::time::timeout(PER_ADDRESS, tcp(address.socket_addr())).await {
            Ok(Ok(stream)) => return secure(origin, stream, tls).await,
            Ok(Err(_refused)) => last = SendError::Unreachable,
            Err(_elapsed) => last = SendError::ConnectTimeout,
        }
    }
    Err(last)
}

async fn tcp(address: SocketAddr) -> io::Result<TcpStream> {
    let socket = if address.is_ipv4() {
        TcpSocket::new_v4()?
    } else {
        TcpSocket::new_v6()?
    };
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the one place that dials"
    )]
    let stream = socket.connect(address).await?;
    stream.set_nodelay(true)?;
    if stream.peer_addr()? != address {
        return Err(io::ErrorKind::AddrNotAvailable.into());
    }
    Ok(stream)
}

async fn secure(
    origin: &Origin,
    stream: TcpStream,
    tls: &Arc<ClientConfig>,
) -> Result<Stream, SendError> {
    if !origin.is_https() {
        return Ok(Stream::Plain(stream));
    }
    let name = match origin.ip() {
        Some(address) => ServerName::IpAddress(address.into()),
        None => {
            ServerName::try_from(origin.host().to_owned()).map_err(|_invalid| SendError::Tls)?
        }
    };
    let connector = TlsConnector::from(Arc::clone(tls));
    match connector.connect(name, stream).await {
        Ok(stream) => Ok(Stream::Tls(Box::new(stream))),
        Err(_handshake) => Err(SendError::Tls),
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_read(cx, buffer),
            Self::Tls(stream) => Pin::new(stream).poll_read(cx, buffer),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write(cx, bytes),
            Self::Tls(stream) => Pin::new(stream).poll_write(cx, bytes),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write_vectored(cx, slices),
            Self::Tls(stream) => Pin::new(stream).poll_write_vectored(cx, slices),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Self::Plain(stream) => stream.is_write_vectored(),
            Self::Tls(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Self::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}
