//! `readyState` and `binaryType`.

use std::fmt;

/// The state of a connection: the browser's [`readyState`].
///
/// [`readyState`]: https://websockets.spec.whatwg.org/#dom-websocket-readystate
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ReadyState {
    /// The handshake is in progress (0).
    Connecting,
    /// The connection is open: messages can be sent and received (1).
    Open,
    /// `close` was called, or the closing handshake is in progress (2).
    Closing,
    /// The connection is closed, or could not be opened (3).
    Closed,
}

impl ReadyState {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Connecting => "connecting",
            Self::Open => "open",
            Self::Closing => "closing",
            Self::Closed => "closed",
        }
    }
}

impl fmt::Display for ReadyState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The type in which the browser delivers binary messages: its [`binaryType`].
///
/// Text messages are not affected.
///
/// [`binaryType`]: https://websockets.spec.whatwg.org/#dom-websocket-binarytype
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum BinaryType {
    /// Delivers binary messages as bytes in memory: [`Message::Binary`](crate::Message::Binary). The default of this crate;
    /// the browser's own default is `Blob`.
    #[default]
    ArrayBuffer,
    /// Delivers binary messages as [`Message::Blob`](crate::Message::Blob), which the browser may keep outside of memory
    /// until they are read.
    Blob,
}
