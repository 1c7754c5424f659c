//! Random programs in random pages, against random peers: the properties hold in every order of events.
//!
//! One seed determines the program, the page, the network and the peer of a run. The oracle is the peer: the messages that its
//! application has received and sent, never the crate's own account.
//!
//! In a quarter of the pages, an executor without a queue polls a task within the call that wakes it: the crate must then hold no
//! borrow. Tasks run between another task's action and its note, so some checks of order and counts are left to the other pages.
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
mod inline;
mod peer;
mod plan;
mod reading;
mod reconnecting;
mod seeds;
mod session;
mod sink;
mod waiting;
mod world;
