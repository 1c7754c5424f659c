//! A simulated browser and its world, in memory, on the host: everything from one seed.
//!
//! ```text
//! the code under test ─▶ Socket ─▶ Wire ─▶ Inbox ─▶ a peer
//!          ▲               │         ▲                │
//!          └─── tasks ◀── Page ◀─────┴────────────────┘
//! ```
//!
//! `page` has the event loop, the clock and the seed. `socket` behaves as `tests/cases.md` says of browsers. `wire` is the
//! network, `server` what is at its other end. Outside of a page nothing works, and nothing panics: that is a server which
//! renders pages.

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
pub use task::{has_event_loop, now, random, spawn};
pub use turn::in_next_turn;
pub use wake_up::WakeUps;
