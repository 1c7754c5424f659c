//! A simulated browser, network and servers, in memory, on the host. One seed makes all random decisions.
//!
//! ```text
//! the code under test ─▶ Socket ─▶ Wire ─▶ Inbox ─▶ a peer
//!          ▲               │         ▲                │
//!          └─── tasks ◀── Page ◀─────┴────────────────┘
//! ```
//!
//! - `page` has the event loop, the clock and the seed.
//! - `socket` behaves like the sockets of browsers, as `tests/cases.md` describes them.
//! - `wire` is the network.
//! - `server` is the other end of the network.
//!
//! Outside of a page, as on a server that renders pages, connecting fails, tasks and timers do not run, and nothing panics.

mod alarm;
mod blob;
mod bytes;
mod data;
mod error;
mod executor;
mod frames;
#[cfg(feature = "serde-wasm-bindgen")]
pub mod json;
pub mod page;
pub mod server;
mod socket;
mod streams;
mod task;
mod turn;
mod url;
mod wake_up;
pub mod wire;
pub mod world;

pub use alarm::Alarm;
pub use blob::Blob;
pub use data::Data;
pub use socket::{Listener, Socket};
#[cfg(feature = "streams")]
pub use streams::{StreamListener, StreamSocket};
#[cfg(feature = "session")]
pub use task::random_bits;
pub use task::{has_event_loop, now, random, spawn};
pub use turn::in_next_turn;
pub use wake_up::WakeUps;
