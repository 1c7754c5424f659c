//! The platform, behind plain types: sockets, timers, event loop turns, tasks, the clock, randomness, page events, Blobs.
//!
//! Two modules implement the same types:
//!
//! - [`browser`], on wasm: calls the browser through `web_sys`, `js_sys` and `wasm_bindgen`, which no other module names.
//! - [`simulation`], on all other targets: a simulated page. Code outside of a simulated page, such as a server that renders
//!   pages, has no WebSocket: connecting fails with [`Error::Unsupported`](crate::Error::Unsupported), and nothing panics.
//!
//! The rest of this crate does not depend on which module is used.

#[cfg(all(target_family = "wasm", target_os = "unknown"))]
mod browser;
#[cfg(all(target_family = "wasm", target_os = "unknown"))]
use browser as platform;

#[cfg(not(all(target_family = "wasm", target_os = "unknown")))]
#[cfg_attr(not(feature = "testing"), allow(dead_code, reason = "without the feature, no code runs in a page"))]
pub(crate) mod simulation;
#[cfg(not(all(target_family = "wasm", target_os = "unknown")))]
use simulation as platform;

mod payload;
mod socket;
mod timer;
#[cfg(feature = "streams")]
mod transport;

/// JavaScript's own objects, for the methods that take or return them.
pub mod js {
    pub use js_sys::{ArrayBuffer, JsString};
    pub use web_sys::{Blob, WebSocket};
}

pub use payload::Payload;
pub use platform::Blob;
#[cfg(feature = "serde-wasm-bindgen")]
pub(crate) use platform::json;
#[cfg(feature = "session")]
pub(crate) use platform::random_bits;
pub(crate) use platform::{Alarm, Data, WakeUps, has_event_loop, in_next_turn, now, random, spawn};
#[cfg(not(feature = "streams"))]
pub(crate) use platform::{Listener, Socket};
pub(crate) use socket::{Event, RawSocket};
pub(crate) use timer::Timer;
#[cfg(feature = "streams")]
pub(crate) use transport::{Listener, Socket};
