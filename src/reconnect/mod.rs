//! Connections that come back: [`Reconnecting`], its options, states and counts.

// `machine` makes the decisions, independently of the browser. `driver` runs its actions. Handles and driver share `shared`:
//
// a connection ─▶ receiving ─▶ inbox ──▶ reconnecting ─▶ the app
// a connection ◀─ sending ◀─── outbox ◀─ sender ◀─────── the app

mod attempt;
pub(crate) mod driver;
mod handle;
pub(crate) mod link;
pub(crate) mod notify;
mod options;
mod policy;
mod receiving;
mod reconnecting;
mod sender;
mod sending;
pub(crate) mod shared;
pub(crate) mod target;
pub(crate) mod waiting;

pub(crate) mod backoff;
pub(crate) mod deadline;
pub(crate) mod event;
pub(crate) mod heartbeat;
pub(crate) mod inbox;
pub(crate) mod kept;
pub(crate) mod machine;
pub(crate) mod outbox;
pub(crate) mod state;

pub use attempt::Attempt;
pub use backoff::Backoff;
pub use heartbeat::Heartbeat;
pub use options::ReconnectOptions;
pub use outbox::{Counts, InDoubt};
pub use policy::{AfterClose, WhenFull, WhenLost};
pub use reconnecting::Reconnecting;
pub use sender::ReconnectingSender;
pub use state::{Cause, State, States};
pub use target::{AttemptError, Target};
