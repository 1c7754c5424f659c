//! The platform's socket, with the rules that hold on every platform.

use std::cell::Cell;
use std::fmt;

use super::{Data, Listener, Payload, Socket, js};
#[cfg(feature = "streams")]
use crate::Transport;
use crate::types::redact::PublicUrl;
use crate::{BinaryType, CloseCode, CloseEvent, CloseReason, Error, ReadyState, SendError};

/// The platform's socket. Dropping it closes the socket, unless the socket was given away.
pub(crate) struct RawSocket {
    socket: Socket,
    is_given_away: Cell<bool>,
    /// An upper bound of the unsent bytes: the number at the last look at the open socket, plus the bytes sent since. Without
    /// this bound, a third of the calls to the browser for a small message would ask for `bufferedAmount`.
    most_unsent: Cell<u64>,
    /// A lower bound of the unsent bytes if none have left since the last look: without messages of unknown length.
    least_if_none_left: Cell<u64>,
    /// The number of looks at the open socket that found fewer unsent bytes than that, so that bytes have left.
    falls: Cell<u32>,
}

/// An event of a socket.
pub enum Event {
    Message(Data),
    Opened,
    Failed,
    Closed(CloseEvent),
    /// A message has left the browser, or the state has changed: wakes senders. Only [`Transport::Streams`] reports it; the
    /// browser's `WebSocket` has no such event.
    #[cfg(feature = "streams")]
    Sent,
}

/// The length of a payload whose length only the browser knows.
pub const UNKNOWN: u64 = u64::MAX;

/// The time for which a dropped socket may continue to connect, in milliseconds.
pub const LONGEST_CONNECTING: u32 = 1000;

impl RawSocket {
    /// Starts to connect. The subprotocols must be valid.
    #[cfg(not(feature = "streams"))]
    pub fn new(url: &str, protocols: &[String], binary_type: BinaryType) -> Result<Self, Error> {
        let socket = Self::of(Socket::new(url, protocols)?);
        socket.set_binary_type(binary_type);
        Ok(socket)
    }

    /// Starts to connect over the requested transport. The subprotocols must be valid.
    #[cfg(feature = "streams")]
    pub fn by(transport: Transport, url: &str, protocols: &[String], binary_type: BinaryType) -> Result<Self, Error> {
        let socket = Self::of(Socket::by(transport, url, protocols)?);
        socket.set_binary_type(binary_type);
        Ok(socket)
    }

    /// Returns the transport that a connection with this option gets.
    #[cfg(feature = "streams")]
    pub fn available(transport: Transport) -> Transport {
        Socket::available(transport)
    }

    #[cfg(feature = "streams")]
    pub fn transport(&self) -> Transport {
        self.socket.transport()
    }

    /// Pauses reading, so that the peer has to wait, or resumes it.
    #[cfg(feature = "streams")]
    pub fn set_paused(&self, is_paused: bool) {
        self.socket.set_paused(is_paused);
    }

    pub fn from_raw(raw: js::WebSocket) -> Self {
        let socket = Self::of(Socket::from_raw(raw));
        // The page may have sent messages before, if the socket is open.
        socket.look();
        socket
    }

    fn of(socket: Socket) -> Self {
        Self {
            socket,
            is_given_away: Cell::default(),
            most_unsent: Cell::default(),
            least_if_none_left: Cell::default(),
            falls: Cell::default(),
        }
    }

    pub fn as_raw(&self) -> &js::WebSocket {
        self.socket.as_raw()
    }

    /// Gives the browser's socket away, so that dropping `self` does not close it.
    pub fn give_away(&self) -> js::WebSocket {
        self.is_given_away.set(true);
        self.socket.to_raw()
    }

    pub fn is_given_away(&self) -> bool {
        self.is_given_away.get()
    }

    pub fn ready_state(&self) -> ReadyState {
        // A socket that was given away belongs to its new owner: here it counts as closed.
        if self.is_given_away.get() { ReadyState::Closed } else { self.socket.ready_state() }
    }

    pub fn url(&self) -> String {
        self.socket.url()
    }

    pub fn protocol(&self) -> String {
        self.socket.protocol()
    }

    pub fn extensions(&self) -> String {
        self.socket.extensions()
    }

    pub fn buffered_amount(&self) -> u64 {
        self.socket.buffered_amount()
    }

    /// Returns the state and the number of unsent bytes, at the same moment.
    pub fn look(&self) -> (ReadyState, u64) {
        let (state, amount) = (self.ready_state(), self.buffered_amount());
        if state == ReadyState::Open {
            self.most_unsent.set(amount);
            let least = self.least_if_none_left.replace(amount);
            if amount < least {
                self.falls.set(self.falls.get().wrapping_add(1));
            }
        }
        (state, amount)
    }

    /// Returns the number of looks that found that bytes have left.
    pub fn falls(&self) -> u32 {
        self.falls.get()
    }

    /// Returns an upper bound of the unsent bytes, without asking the browser.
    pub fn most_unsent(&self) -> u64 {
        self.most_unsent.get()
    }

    /// Returns whether at most `amount` bytes are unsent.
    pub fn has_at_most(&self, amount: u64) -> bool {
        self.most_unsent.get() <= amount || self.look().1 <= amount
    }

    /// Returns whether the connection may have ended before everything was sent.
    ///
    /// `bufferedAmount` is not enough: in Chromium it can be 0 as soon as the connection is lost, with megabytes unsent.
    pub fn may_have_unsent(&self) -> bool {
        self.most_unsent.get() > 0 || self.buffered_amount() > 0
    }

    pub fn binary_type(&self) -> BinaryType {
        self.socket.binary_type()
    }

    pub fn set_binary_type(&self, binary_type: BinaryType) {
        if !self.is_given_away.get() {
            self.socket.set_binary_type(binary_type);
        }
    }

    /// Hands the message to the browser, or returns it in the error.
    pub fn send<P: Payload>(&self, message: P) -> Result<(), SendError<P>> {
        // A browser accepts a message for a closing or closed socket without an error, and discards it.
        let state = self.ready_state();
        if state != ReadyState::Open {
            return Err(SendError { message, error: Error::NotOpen(state) });
        }
        self.send_while_open(message)
    }

    /// Sends on a socket that the caller has just seen open.
    pub fn send_while_open<P: Payload>(&self, message: P) -> Result<(), SendError<P>> {
        match message.send_to(&self.socket) {
            Ok(len) => {
                if len != UNKNOWN {
                    self.least_if_none_left.set(self.least_if_none_left.get() + len);
                }
                // An empty message counts as one byte, since it has to leave the browser, too.
                self.most_unsent.set(self.most_unsent.get().saturating_add(len.max(1)));
                Ok(())
            }
            Err(error) => Err(SendError { message, error }),
        }
    }

    pub fn close(&self) {
        if !self.is_given_away.get() {
            self.socket.close();
        }
    }

    pub fn close_with(&self, code: CloseCode, reason: &CloseReason) -> Result<(), Error> {
        if self.is_given_away.get() {
            return Ok(());
        }
        self.socket.close_with(code.get(), reason.as_str())
    }

    /// Closes the socket because its last handle was dropped, unless the socket was given away.
    pub fn leave(&self) {
        let state = self.ready_state();
        if state != ReadyState::Closed {
            // Browsers treat a socket that is closed while it connects as a failure: they write an error to the console, and
            // Chromium delays the next connections.
            self.socket.leave(state);
        }
        self.is_given_away.set(true);
    }

    pub fn on_open(&self, closure: impl FnMut() + 'static) -> Listener {
        self.socket.on_open(closure)
    }

    pub fn on_message(&self, closure: impl FnMut(Data) + 'static) -> Listener {
        self.socket.on_message(closure)
    }

    pub fn on_error(&self, closure: impl FnMut() + 'static) -> Listener {
        self.socket.on_error(closure)
    }

    /// Listens to all events.
    pub fn on_event(&self, closure: impl Fn(Event) + 'static) -> Listener {
        self.socket.on_event(closure)
    }

    pub fn on_close(&self, closure: impl FnMut(CloseEvent) + 'static) -> Listener {
        self.socket.on_close(closure)
    }
}

impl Drop for RawSocket {
    fn drop(&mut self) {
        self.leave();
    }
}

impl fmt::Debug for RawSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebSocket")
            .field("url", &PublicUrl(&self.url()))
            .field("ready_state", &self.ready_state())
            .finish()
    }
}
