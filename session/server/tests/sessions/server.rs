//! A server for tests.
#![allow(dead_code, reason = "each test uses a part")]

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::WebSocketUpgrade;
use axum::routing::any;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio::time::sleep;
use websocket_session_server::{Denied, Greeting, Limits, Session, Sessions};

pub struct Server {
    pub address: SocketAddr,
    pub sessions: Sessions,
    task: JoinHandle<()>,
}

/// Returns the credentials as the principal. `mallory` is unknown, and `schrodinger` cannot be looked up.
pub async fn authenticate(greeting: Greeting) -> Result<String, Denied> {
    match greeting.credentials {
        Some(name) if name == "schrodinger" => Err(Denied::Unavailable),
        Some(name) if name != "mallory" => Ok(name),
        _ => Err(Denied::Credentials),
    }
}

impl Server {
    pub async fn start<H, F>(sessions: Sessions, handler: H) -> Self
    where
        H: Fn(Session) -> F + Clone + Send + Sync + 'static,
        F: Future<Output = ()> + Send + 'static,
    {
        Self::at(([127, 0, 0, 1], free_port()).into(), sessions, handler).await
    }

    pub async fn at<H, F>(address: SocketAddr, sessions: Sessions, handler: H) -> Self
    where
        H: Fn(Session) -> F + Clone + Send + Sync + 'static,
        F: Future<Output = ()> + Send + 'static,
    {
        let listener = listen(address).await;
        let address = listener.local_addr().unwrap();
        let ours = sessions.clone();
        let route = any(move |upgrade: WebSocketUpgrade| async move {
            ours.clone().upgrade(upgrade).on_upgrade(move |socket| async move {
                let from = Some(address.ip());
                ours.serve_from(from, socket, authenticate, handler).await;
            })
        });
        let task = tokio::spawn(async move { axum::serve(listener, Router::new().route("/", route)).await.unwrap() });
        Self { address, sessions, task }
    }

    /// Shuts the sessions down, and stops the server. Returns its address.
    pub async fn stop(self) -> SocketAddr {
        self.sessions.shutdown(Duration::from_millis(300)).await;
        self.task.abort();
        let _ = self.task.await;
        self.address
    }
}

/// Listens at an address that another server of this process may have had. While a test starts a program, the child has copies of all
/// listeners until it executes the program, so the address may be in use a moment longer.
async fn listen(address: SocketAddr) -> TcpListener {
    let start = Instant::now();
    loop {
        match TcpListener::bind(address).await {
            Err(error) if error.kind() == ErrorKind::AddrInUse && start.elapsed() < Duration::from_secs(30) => {
                sleep(Duration::from_millis(10)).await;
            }
            listener => return listener.unwrap(),
        }
    }
}

/// Returns a free port that the system gives to no client: a client could take it between two servers at the same port.
pub fn free_port() -> u16 {
    static PORTS: AtomicU16 = AtomicU16::new(0);
    let first = (std::process::id() % 10_000) as u16;
    let mut ports = std::iter::repeat_with(|| 20_000 + (first + PORTS.fetch_add(1, Ordering::Relaxed)) % 10_000);
    ports.find(|port| std::net::TcpListener::bind(("127.0.0.1", *port)).is_ok()).unwrap()
}

/// Returns limits that are short enough for tests in real time.
pub fn limits() -> Limits {
    Limits { ping_after: Duration::from_millis(500), pong_timeout: Duration::from_millis(500), ..Limits::default() }
}

/// Echoes messages.
pub async fn echo(mut session: Session) {
    while let Some(Ok(message)) = session.recv().await {
        if session.send(message).await.is_err() {
            return;
        }
    }
}
