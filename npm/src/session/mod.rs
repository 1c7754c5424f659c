//! A session, for JavaScript.

mod hooks;
mod lost;
mod options;
mod receipt;
mod stream;

pub use receipt::Receipt;
pub use stream::Session;
