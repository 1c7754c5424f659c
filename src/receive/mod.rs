//! From the browser to you.

mod chunks;
pub(crate) mod queue;
mod receiver;
pub(crate) mod waking;

pub use chunks::Chunks;
pub use receiver::Receiver;
