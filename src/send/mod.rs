//! Sending: from the app to the browser.

pub(crate) mod backpressure;
pub(crate) mod line;
pub(crate) mod places;
mod sender;
pub(crate) mod sink;
mod slices;

pub use sender::Sender;
pub use slices::{Progress, Slices};
