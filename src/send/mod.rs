//! From you to the browser.

pub(crate) mod backpressure;
pub(crate) mod places;
mod sender;
mod slices;

pub use sender::Sender;
pub use slices::{Progress, Slices};
