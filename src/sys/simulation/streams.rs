//! What a socket by streams does otherwise: it reads when it is asked to.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;

use super::socket::Inner;
#[cfg(feature = "streams")]
use super::{page::Engine, page::current, socket::Socket};
#[cfg(feature = "streams")]
use crate::Error;

type Action = Box<dyn FnOnce()>;

/// What has arrived at a socket by streams, in its order, and waits to be read.
#[derive(Default)]
pub struct Unread {
    waiting: RefCell<VecDeque<(u64, Action)>>,
    /// The bytes that have arrived, or are on their way, and were not read.
    bytes: Cell<u64>,
    is_paused: Cell<bool>,
    /// Whether something was read that the page has not got yet.
    is_reading: Cell<bool>,
    /// Whether all is read, whoever wants it.
    is_abandoned: Cell<bool>,
}

impl Unread {
    /// How many more bytes may come, with sockets that hold so many.
    pub fn room(&self, window: u64) -> u64 {
        // One that waits for a message takes its bytes as they come, however many they are.
        let waits = !self.is_paused.get() && !self.is_reading.get() && self.waiting.borrow().is_empty();
        if waits || self.is_abandoned.get() { u64::MAX } else { window.saturating_sub(self.bytes.get()) }
    }

    /// So many bytes are on their way.
    pub fn comes(&self, bytes: u64) {
        self.bytes.set(self.bytes.get() + bytes);
    }

    pub fn push(&self, bytes: u64, action: impl FnOnce() + 'static) {
        self.waiting.borrow_mut().push_back((bytes, Box::new(action)));
    }

    /// The peer's Close frame has come. If nobody reads, Chromium drops what was not read but for one message.
    ///
    /// Returns whether it may have, which those who stopped reading can tell.
    pub fn close(&self, drops: bool) -> bool {
        if drops && self.is_paused.get() {
            self.waiting.borrow_mut().truncate(1);
        }
        self.is_paused.get()
    }

    /// The connection was lost, and with it what was not read.
    pub fn clear(&self) {
        drop(self.waiting.take());
    }

    /// Reads all that comes, whoever wants it.
    pub fn abandon(&self) {
        self.is_abandoned.set(true);
        self.is_paused.set(false);
    }

    /// What is read next, if it is to be.
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
    /// Reads on, one thing in each task.
    pub fn read(self: &Rc<Self>) {
        let Some(action) = self.unread().and_then(Unread::next) else { return };
        let socket = Rc::clone(self);
        self.queue(move || {
            action();
            // After the listeners, which may stop it.
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
    /// Whether the browser has this transport.
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

    /// Stops to read, so that the peer has to wait, or goes on.
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
