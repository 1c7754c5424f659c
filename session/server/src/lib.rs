#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod alarm;
mod batch;
mod core;
mod crowd;
mod driver;
mod handling;
mod limits;
mod link;
mod mailbox;
mod message;
mod owner;
mod patience;
#[cfg(feature = "redis")]
mod redis;
mod registry;
mod session;
mod sessions;
mod socket;
mod store;
mod token;

pub use limits::Limits;
pub use message::{Message, Text};
#[cfg(feature = "redis")]
pub use redis::RedisStore;
pub use session::{Gone, Progress, Receiver, Sender, Session};
pub use sessions::{Denied, Greeting, Sessions};
pub use store::{Change, Key, Later, Lease, MemoryStore, Snapshot, Store, StoreError, Stored};
pub use websocket_session::{End, Lost, LostCause, SUBPROTOCOL, SendError, Unacknowledged, Violation};
