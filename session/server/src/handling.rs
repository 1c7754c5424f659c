//! The application's handler of one session.

use std::sync::Arc;

use crate::Session;
use crate::core::{Core, Shared};
use crate::mailbox::Handler;

/// Runs the application's handler in a task of its own.
pub(crate) fn start(handler: Handler, shared: Arc<Shared>) {
    let mut done = Done { shared: shared.clone(), has_returned: false };
    tokio::spawn(async move {
        handler(Session::new(shared)).await;
        done.returned();
    });
}

/// When dropped, tells the session whether its handler has returned or panicked.
struct Done {
    shared: Arc<Shared>,
    has_returned: bool,
}

impl Done {
    fn returned(&mut self) {
        self.has_returned = true;
    }
}

impl Drop for Done {
    fn drop(&mut self) {
        self.shared.change(|core: &mut Core| core.finish(!self.has_returned));
    }
}
