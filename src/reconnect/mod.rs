//! Connections that come and go, as one: [`Reconnecting`], its options, and what it tells.

// `machine` decides what is done when. It knows no browser; `driver` does what it decides.

mod attempt;
mod driver;
pub(crate) mod link;
pub(crate) mod notify;
mod options;
mod patience;
mod policy;
mod reconnecting;
mod sender;
pub(crate) mod shared;
pub(crate) mod target;

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
