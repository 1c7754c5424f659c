//! A proxy on loopback TCP that loses connections in every way.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::sleep;

/// How a connection is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Both sides get a reset.
    Reset,
    /// Both sides get an orderly end, possibly in the middle of a frame.
    Close,
    /// No bytes arrive any more, in either direction, without an event.
    Stall,
    /// The client's side is closed; the server gets the remaining bytes later.
    Late,
    /// Only the server's side is closed.
    HalfClose,
}

const FAULTS: [Fault; 5] = [Fault::Reset, Fault::Close, Fault::Stall, Fault::Late, Fault::HalfClose];

pub struct Proxy {
    pub address: SocketAddr,
    faults: Arc<AtomicUsize>,
    /// How many connections are still to be lost.
    left: Arc<AtomicUsize>,
    counts: Arc<[AtomicUsize; 5]>,
}

impl Proxy {
    /// Loses the first `faults` connections, each after up to `bytes` bytes in either direction.
    pub async fn start(target: SocketAddr, faults: usize, bytes: usize) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (left, done) = (Arc::new(AtomicUsize::new(faults)), Arc::new(AtomicUsize::new(0)));
        let counts: Arc<[AtomicUsize; 5]> = Arc::default();
        let this = Self { address, faults: done, left, counts };
        let (left, done, counts) = (this.left.clone(), this.faults.clone(), this.counts.clone());
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let is_lost = left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok();
                let index = fastrand::usize(..FAULTS.len());
                let plan = is_lost.then(|| (FAULTS[index], fastrand::usize(..bytes), fastrand::bool()));
                let (done, counts) = (done.clone(), counts.clone());
                tokio::spawn(async move {
                    let Ok(server) = TcpStream::connect(target).await else { return };
                    if connection(client, server, plan).await {
                        done.fetch_add(1, Ordering::SeqCst);
                        counts[index].fetch_add(1, Ordering::SeqCst);
                    }
                });
            }
        });
        this
    }

    /// Returns how many connections were lost.
    pub fn faults(&self) -> usize {
        self.faults.load(Ordering::SeqCst)
    }

    /// Returns how many connections were lost by each kind of fault.
    pub fn counts(&self) -> Vec<usize> {
        self.counts.iter().map(|count| count.load(Ordering::SeqCst)).collect()
    }
}

async fn connection(client: TcpStream, server: TcpStream, plan: Option<(Fault, usize, bool)>) -> bool {
    client.set_nodelay(true).unwrap();
    server.set_nodelay(true).unwrap();
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let Some((fault, bytes, up)) = plan else {
        tokio::join!(copy(&mut from_client, &mut to_server, None), copy(&mut from_server, &mut to_client, None));
        return false;
    };
    let (upwards, downwards) = if up { (Some(bytes), None) } else { (None, Some(bytes)) };
    tokio::select! {
        biased;
        is_over = copy(&mut from_client, &mut to_server, upwards) => if is_over { return false; },
        is_over = copy(&mut from_server, &mut to_client, downwards) => if is_over { return false; },
    }
    match fault {
        Fault::Reset => {
            let _ = from_client.reunite(to_client).unwrap().set_zero_linger();
            let _ = from_server.reunite(to_server).unwrap().set_zero_linger();
        }
        Fault::Close => (),
        Fault::Stall => sleep(Duration::from_millis(1500)).await,
        Fault::Late => {
            let mut rest = vec![0; 64 << 10];
            let len = from_client.try_read(&mut rest).unwrap_or(0);
            drop((from_client, to_client));
            sleep(Duration::from_millis(fastrand::u64(20..100))).await;
            let _ = to_server.write_all(&rest[..len]).await;
            sleep(Duration::from_millis(20)).await;
        }
        Fault::HalfClose => {
            let _ = to_server.shutdown().await;
            sleep(Duration::from_millis(20)).await;
        }
    }
    true
}

/// Copies up to `bytes` bytes. Returns whether the connection ended by itself.
async fn copy(from: &mut OwnedReadHalf, to: &mut OwnedWriteHalf, mut bytes: Option<usize>) -> bool {
    let mut buffer = vec![0; 16 << 10];
    loop {
        let most = bytes.unwrap_or(buffer.len()).min(buffer.len());
        if most == 0 {
            return false;
        }
        match from.read(&mut buffer[..most]).await {
            Ok(len) if len > 0 => {
                if to.write_all(&buffer[..len]).await.is_err() {
                    return true;
                }
                bytes = bytes.map(|bytes| bytes - len);
            }
            _ => {
                let _ = to.shutdown().await;
                return true;
            }
        }
    }
}
