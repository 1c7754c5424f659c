//! A simulated browser and its world, in memory, on the host: everything from one seed.
//!
//! ```text
//! the code under test ─▶ Socket ─▶ Wire ─▶ Inbox ─▶ a peer
//!          ▲               │         ▲                │
//!          └─── tasks ◀── Page ◀─────┴────────────────┘
//! ```
//!
//! `page` has the event loop, the clock and the seed. `socket` behaves as browsers do by `tests/cases.md`. `wire` is the network,
//! and `server` its other end. Outside of a page, as on a server that renders pages, nothing works and nothing panics.

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
