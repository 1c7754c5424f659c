//! The peer of wasm-websocket's tests and demo: one port, one behaviour per URL path.
//!
//! ```text
//! connection ─▶ routes ─┬─▶ upgrade ─┬─▶ behaviour   /echo, /close/4001/bye, /flood/1000/64, …
//!                       │            ├─▶ chat        /chat/lobby: everyone in the room hears everyone
//!                       │            ├─▶ share       /share/room: the same for drawings
//!                       │            ├─▶ fault       /fault/half-open, … (`fault.rs` lists all faults)
//!                       │            ├─▶ chaos       /chaos/7/key: a schedule of faults
//!                       │            └─▶ session     /session/echo/5: a session whose connections are cut
//!                       ├─▶ node                     /node/key/session: a server that clients can kill
//!                       └─▶ files                    the demo page, or the examples
//! ```
//!
//! The server prints one line with its address, and ends when its standard input closes.

mod behaviour;
mod chaos;
mod chat;
mod connection;
mod count;
mod fault;
mod flood;
mod frames;
mod node;
mod peers;
mod records;
mod routes;
mod session;
mod share;
mod sink;
mod upgrade;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Parser;
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;

use crate::connection::{Breaker, Listener};

/// The default port. `tests/suite/peer.rs` has the same.
const PORT: u16 = 8765;

/// The peer of wasm-websocket's tests and demo: one behaviour per URL path.
#[derive(Parser)]
struct Options {
    /// The address to listen at. Anything but loopback lets other machines in.
    #[arg(long, default_value_t = Ipv4Addr::LOCALHOST.into())]
    address: IpAddr,
    /// The port to listen at; 0 for a free one. Default: 8765, or a free one if that is taken.
    #[arg(long)]
    port: Option<u16>,
    /// A folder to serve at `/`, such as the built demo page.
    #[arg(long)]
    page: Option<PathBuf>,
}

#[tokio::main]
async fn main() -> Result<()> {
    let Options { address, port, page } = Options::parse();
    let listener = match port {
        Some(port) => listen(address, port).await?,
        None => match listen(address, PORT).await {
            Ok(listener) => listener,
            Err(_) => listen(address, 0).await?,
        },
    };
    println!("listening on http://{}", listener.local_addr()?);
    let listener = Listener(listener);
    let service = routes::all(page).into_make_service_with_connect_info::<Breaker>();
    tokio::select! {
        result = async { axum::serve(listener, service).await } => result.context("cannot serve"),
        () = end_of_input() => Ok(()),
    }
}

async fn listen(address: IpAddr, port: u16) -> Result<TcpListener> {
    let address = SocketAddr::new(address, port);
    TcpListener::bind(address).await.with_context(|| format!("cannot listen at {address}"))
}

/// Resolves when standard input closes: the parent process is done, or gone.
async fn end_of_input() {
    let mut input = tokio::io::stdin();
    let mut ignored = [0; 64];
    while matches!(input.read(&mut ignored).await, Ok(1..)) {}
}
