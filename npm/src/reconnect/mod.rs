//! A connection that comes back, for JavaScript.

mod events;
mod hooks;
mod message;
mod opening;
mod options;
mod reconnection;
mod sending;
mod state;

pub use events::EventQueue;
pub use opening::Opening;
pub use reconnection::Reconnection;
pub use sending::{Sending, Sent};
pub use state::StateQueue;
