//! The shared state and the driver of a connection that comes back, which all its handles hold.

use std::cell::Cell;
use std::future::poll_fn;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::rc::{Rc, Weak};
use std::task::{Context, Poll};

use super::driver::Driver;
use super::event::Command;
use super::shared::Shared;
use super::target::Provider;
use crate::sys::{has_event_loop, spawn};
use crate::{Error, ReconnectOptions};

/// The owner of the driver, dropped with the last public handle. Then nothing of the connection is left.
pub(crate) struct Handle {
    pub shared: Rc<Shared>,
    /// `None` while the driver runs, and after the end.
    driver: Cell<Option<Driver>>,
}

impl Handle {
    /// Begins to connect, in a new task.
    pub fn new(options: ReconnectOptions, provider: Rc<dyn Provider>) -> Rc<Self> {
        let shared = Rc::new(Shared::new(&options));
        let mut driver = Driver::new(Rc::clone(&shared), options, provider);
        if !has_event_loop() {
            shared.fail(Error::Unsupported);
            driver.act();
            return Rc::new(Self { shared, driver: Cell::default() });
        }
        let handle = Rc::new(Self { shared, driver: Cell::new(Some(driver)) });
        handle.shared.command(Command::ReconnectNow);
        let driven = Rc::downgrade(&handle);
        spawn(poll_fn(move |context| Self::poll(&driven, context)));
        handle
    }

    /// Polls the driver. Resolves when nothing is left to drive.
    fn poll(this: &Weak<Self>, context: &mut Context<'_>) -> Poll<()> {
        // Taken out, since the caller's code, which the driver runs, may drop the last handle.
        let driver = this.upgrade().and_then(|handle| handle.driver.take());
        let Some(mut driver) = driver else { return Poll::Ready(()) };
        let polled = driver.poll(context);
        if let (Poll::Pending, Some(handle)) = (polled, this.upgrade()) {
            handle.driver.set(Some(driver));
            return Poll::Pending;
        }
        Poll::Ready(())
    }
}

// With `panic=unwind`, like `Shared`: the driver is taken out while it runs.
impl UnwindSafe for Handle {}
impl RefUnwindSafe for Handle {}
