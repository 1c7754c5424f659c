//! Connections that come and go, as one.
//!
//! What is done when is decided by [`machine`], which knows no browser and is tested on the host; `driver` does it.

mod attempt;
mod driver;
mod link;
mod options;
mod patience;
mod reconnecting;
mod sender;
mod shared;

pub(crate) mod backoff;
pub(crate) mod deadline;
pub(crate) mod event;
pub(crate) mod heartbeat;
pub(crate) mod inbox;
pub(crate) mod kept;
pub(crate) mod machine;
pub(crate) mod outbox;
mod retry;
mod state;
pub(crate) mod states;

pub use attempt::{AttemptError, Target};
pub use backoff::Backoff;
pub use heartbeat::Heartbeat;
pub use options::ReconnectOptions;
pub use outbox::{Counts, InDoubt, WhenFull};
pub use reconnecting::Reconnecting;
pub use retry::AfterClose;
pub use sender::ReconnectingSender;
pub use state::{Cause, State};
pub use states::States;
