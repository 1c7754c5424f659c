//! A connection that comes back, for JavaScript.

mod doubt;
mod events;
mod hooks;
mod opening;
mod options;
mod reconnection;

pub use events::EventQueue;
pub use opening::Opening;
pub use reconnection::Reconnection;
