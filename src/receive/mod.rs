//! Receiving: from the browser to the app.

mod chunks;
pub(crate) mod queue;
#[cfg(feature = "streams")]
pub(crate) mod reading;
mod receiver;
pub(crate) mod waking;

pub use chunks::Chunks;
pub use receiver::Receiver;
