//! The core of the npm package: connections for JavaScript, with the names of Rust.
//!
//! ```text
//! you ─▶ index.ts, socket.ts, … ─▶ this ─▶ wasm_websocket
//! ```
//!
//! Each feature is a separate wasm module, so that a page downloads only what it uses. The modules are thin: code that is simpler or
//! smaller in TypeScript is in the files beside this folder. No method borrows its object while a promise is pending, so that every
//! object can be freed at any time.

#[cfg(any(feature = "reconnect", feature = "session"))]
mod backoff;
#[cfg(feature = "connect")]
mod connecting;
#[cfg(feature = "connect")]
mod connection;
mod error;
mod event;
#[cfg(any(feature = "reconnect", feature = "session"))]
mod message;
mod object;
mod options;
mod pending;
mod promise;
#[cfg(any(feature = "reconnect", feature = "session"))]
mod provider;
#[cfg(feature = "reconnect")]
mod reconnect;
#[cfg(feature = "session")]
mod session;
#[cfg(any(feature = "reconnect", feature = "session"))]
mod state;

#[cfg(feature = "connect")]
pub use connecting::Connecting;
#[cfg(feature = "connect")]
pub use connection::Connection;
pub use pending::Pending;
#[cfg(feature = "reconnect")]
pub use reconnect::{EventQueue, Opening, Reconnection};
#[cfg(feature = "session")]
pub use session::{Receipt, Session};
#[cfg(any(feature = "reconnect", feature = "session"))]
pub use state::StateQueue;
