//! `readyState` and `binaryType`.

use std::fmt;

/// The state of a connection: the browser's [`readyState`].
///
/// [`readyState`]: https://websockets.spec.whatwg.org/#dom-websocket-readystate
///
/// # Examples
///
/// ```no_run
/// use wasm_websocket::{ReadyState, WebSocket};
///
/// /// Returns the label of the button below the chat.
/// fn label(socket: &WebSocket) -> &'static str {
///     match socket.ready_state() {
///         ReadyState::Connecting => "Connecting …",
///         ReadyState::Open => "Send",
///         ReadyState::Closing | ReadyState::Closed => "Connect again",
///     }
/// }
/// ```
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
///
/// # Examples
///
/// ```no_run
/// use futures_util::TryStreamExt;
/// use wasm_websocket::{BinaryType, Error, Message, Options};
///
/// /// Shows photos, for instance with `URL.createObjectURL`. Their bytes never enter wasm memory.
/// async fn show_photos(url: &str, show: impl Fn(&web_sys::Blob)) -> Result<(), Error> {
///     let mut photos = Options::new().binary_type(BinaryType::Blob).connect(url).await?;
///     while let Some(message) = photos.try_next().await? {
///         if let Message::Blob(photo) = message {
///             show(photo.as_raw());
///         }
///     }
///     Ok(())
/// }
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum BinaryType {
    /// Delivers binary messages as bytes in memory: [`Message::Binary`](crate::Message::Binary). The default of this crate;
    /// the browser's own default is `Blob`.
    #[default]
    ArrayBuffer,
    /// Delivers binary messages as [`Message::Blob`](crate::Message::Blob), whose bytes the browser may keep outside of memory.
    Blob,
}
