//! A socket over streams, whose messages arrive only when the page reads.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;

use super::socket::Inner;
#[cfg(feature = "streams")]
use super::{page::Engine, page::current, socket::Socket};
#[cfg(feature = "streams")]
use crate::Error;

type Action = Box<dyn FnOnce()>;

/// The messages and ends that have arrived at a socket over streams and wait to be read, in order.
#[derive(Default)]
pub struct Unread {
    waiting: RefCell<VecDeque<(u64, Action)>>,
    /// The number of bytes that were not read yet, including bytes in flight.
    bytes: Cell<u64>,
    is_paused: Cell<bool>,
    /// Whether the task that delivers the last read has not run yet.
    is_reading: Cell<bool>,
    /// Whether everything is read, even if the page does not want it.
    is_abandoned: Cell<bool>,
}

impl Unread {
    /// Returns the number of bytes for which there is room, if TCP buffers `window` bytes.
    pub fn room(&self, window: u64) -> u64 {
        // A page that waits for a message reads its bytes as they arrive, without a limit.
        let waits = !self.is_paused.get() && !self.is_reading.get() && self.waiting.borrow().is_empty();
        if waits || self.is_abandoned.get() { u64::MAX } else { window.saturating_sub(self.bytes.get()) }
    }

    /// Counts bytes in flight.
    pub fn comes(&self, bytes: u64) {
        self.bytes.set(self.bytes.get() + bytes);
    }

    pub fn push(&self, bytes: u64, action: impl FnOnce() + 'static) {
        self.waiting.borrow_mut().push_back((bytes, Box::new(action)));
    }

    /// Handles the peer's Close frame. If reading is paused, Chromium may drop all unread messages but one.
    ///
    /// Returns whether messages may have been dropped: the page knows only whether it has paused reading.
    pub fn close(&self, drops: bool) -> bool {
        if drops && self.is_paused.get() {
            self.waiting.borrow_mut().truncate(1);
        }
        self.is_paused.get()
    }

    /// Drops everything unread, since the connection was lost.
    pub fn clear(&self) {
        drop(self.waiting.take());
    }

    /// Reads everything from now on, even if the page does not want it.
    pub fn abandon(&self) {
        self.is_abandoned.set(true);
        self.is_paused.set(false);
    }

    /// Takes what is read next; `None` if reading is paused, or if nothing has arrived.
    fn next(&self) -> Option<Action> {
        if self.is_paused.get() || self.is_reading.get() {
            return None;
        }
        let (bytes, action) = self.waiting.borrow_mut().pop_front()?;
        self.bytes.set(self.bytes.get().saturating_sub(bytes));
        self.is_reading.set(true);
        Some(action)
    }
}

impl Inner {
    /// Reads everything that has arrived, with a task for each message.
    pub fn read(self: &Rc<Self>) {
        let Some(action) = self.unread().and_then(Unread::next) else { return };
        let socket = Rc::clone(self);
        self.queue(move || {
            action();
            // After the listeners, which may pause reading.
            let page = socket.page();
            page.call_back(move || {
                socket.unread().iter().for_each(|unread| unread.is_reading.set(false));
                socket.read();
                socket.resume_wire();
            });
        });
        self.resume_wire();
    }

    #[cfg(feature = "streams")]
    fn set_paused(self: &Rc<Self>, is_paused: bool) {
        if let Some(unread) = self.unread().filter(|unread| !unread.is_abandoned.get()) {
            unread.is_paused.set(is_paused);
            self.read();
            self.resume_wire();
        }
    }
}

/// A handle of the browser's `WebSocketStream`.
#[cfg(feature = "streams")]
pub struct StreamSocket(Socket);

#[cfg(feature = "streams")]
pub use super::socket::Listener as StreamListener;

#[cfg(feature = "streams")]
impl StreamSocket {
    /// Returns whether the browser has this transport.
    pub fn is_supported() -> bool {
        current().is_some_and(|page| page.engine.get() == Engine::Chromium)
    }

    pub fn new(url: &str, protocols: &[String]) -> Result<Self, Error> {
        if Self::is_supported() {
            Socket::connect(url, protocols, Some(Unread::default())).map(Self)
        } else {
            Err(Error::Unsupported)
        }
    }

    /// Pauses reading, so that the peer has to wait, or resumes it.
    pub fn set_paused(&self, is_paused: bool) {
        if let Some(inner) = self.inner() {
            inner.set_paused(is_paused);
        }
    }
}

#[cfg(feature = "streams")]
impl std::ops::Deref for StreamSocket {
    type Target = Socket;

    fn deref(&self) -> &Socket {
        &self.0
    }
}
