//! Random programs in random pages, against random peers: the properties hold in every order of events.
//!
//! One seed determines the program, the page, the network and the peer of a run. The oracle is the peer: the messages that its
//! application has received and sent, never the crate's own account.
//!
//! ```text
//! seeds ─▶ a plan ─▶ world: the page    ─▶ halves · sink · bytes · events · flood · reconnecting · session: the programs
//!                └─▶ peer: conversation ─▶ account: what both sides know must agree
//! ```
#![cfg(not(target_arch = "wasm32"))]

mod account;
mod bytes;
mod dialect;
mod events;
mod flood;
mod halves;
mod peer;
mod plan;
mod reading;
mod reconnecting;
mod seeds;
mod session;
mod sink;
mod waiting;
mod world;
