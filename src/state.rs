//! The two small enumerations of the standard.

use std::fmt;

/// The state of a connection, as the browser's [`readyState`] has it.
///
/// [`readyState`]: https://websockets.spec.whatwg.org/#dom-websocket-readystate
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ReadyState {
    /// The connection has not yet been established (0).
    Connecting,
    /// The connection is established and messages can go both ways (1).
    Open,
    /// The closing handshake is under way, or `close` was called (2).
    Closing,
    /// The connection is closed, or could not be opened (3).
    Closed,
}

impl fmt::Display for ReadyState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Connecting => "connecting",
            Self::Open => "open",
            Self::Closing => "closing",
            Self::Closed => "closed",
        })
    }
}

/// What the browser makes of a binary message, its [`binaryType`].
///
/// Text is not concerned: it is always a string.
///
/// [`binaryType`]: https://websockets.spec.whatwg.org/#dom-websocket-binarytype
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum BinaryType {
    /// Binary messages arrive as bytes, in memory: [`Message::Binary`](crate::Message::Binary). The default of this
    /// crate, not of the browser.
    #[default]
    ArrayBuffer,
    /// Binary messages arrive as [`Message::Blob`](crate::Message::Blob), which the browser may keep outside memory
    /// until they are read.
    Blob,
}
