//! TLS in front of the server, which has no TLS itself.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Result;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::PrivatePkcs8KeyDer;

/// Listens at a free port, and forwards decrypted connections to `server`. Returns the address.
pub async fn in_front_of(server: String) -> Result<SocketAddr> {
    let acceptor = acceptor()?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(hand_on(acceptor.clone(), stream, server.clone()));
        }
    });
    Ok(address)
}

/// Makes a self-signed certificate that is new each time, so that no certificate is stored or expires.
fn acceptor() -> Result<TlsAcceptor> {
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()])?;
    let key = PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
    let config = ServerConfig::builder().with_no_client_auth();
    Ok(Arc::new(config.with_single_cert(vec![made.cert.into()], key.into())?).into())
}

/// Forwards one connection in both directions. The browser, and so the test, sees its errors.
async fn hand_on(acceptor: TlsAcceptor, stream: TcpStream, server: String) -> Result<()> {
    let mut outside = acceptor.accept(stream).await?;
    let mut inside = TcpStream::connect(server).await?;
    copy_bidirectional(&mut outside, &mut inside).await?;
    Ok(())
}
