//! What the npm package is written over: connections for JavaScript, by the names that they have in Rust.
//!
//! ```text
//! you ─▶ index.ts, socket.ts, … ─▶ this ─▶ wasm_websocket
//! ```
//!
//! It is as thin as can be. What is nicer to write, or smaller, in TypeScript is in the files beside this folder. No method
//! holds its object while a promise is pending, so that any object can be freed at any time.

mod connecting;
mod connection;
mod error;
mod event;
mod options;
mod promise;

pub use connecting::Connecting;
pub use connection::Connection;
