//! The browser's interface that a connection uses.

/// The browser's interface that a connection uses, for [`Options::transport`](crate::Options::transport). Needs the feature
/// `streams`.
///
/// A [`WebSocketStream`](crate::WebSocketStream) of this crate works the same over both, except for this:
///
/// | | `Events` | `Streams` |
/// |---|---|---|
/// | browsers | all | Chromium and Edge, 124 and newer |
/// | while the receiver takes nothing | the browser reads on; at [`receive_limit`](crate::Options::receive_limit), [`overflow`](crate::Options::overflow) decides | the browser stops reading at [`read_ahead`](crate::Options::read_ahead), and the peer has to wait; with a dropping `overflow`, as with `Events` |
/// | an attempt that is dropped | completes its handshake, if that takes less than a second | is aborted at once |
/// | a clean close by the peer | is known at once | is known when the messages before it were read into the receive queue |
/// | senders wait | above [`high_water_mark`](crate::Options::high_water_mark), and poll `bufferedAmount` | above 128 KiB at most, and are woken when messages have left |
/// | a sent Blob | is read by the browser | is read into memory, as one message: later messages go out after it, but `send` does not wait for that |
/// | a received Blob | counts as a message without bytes | is made of bytes in memory, which count |
///
/// `Streams` suits connections that receive much and send little, since Chromium's streams have two defects (seen in
/// Chromium 156):
///
/// - **The tab crashes** if the connection is lost while a message waits in the browser to be sent. A message waits when the
///   network is slower than the page, as during an upload.
/// - If the peer's close arrives while reading has stopped, the browser drops messages that it has buffered. The stream then ends
///   with [`Error::Unclean`](crate::Error::Unclean), even if no message was dropped. Let the page close, or mark the last message.
///
/// # Examples
///
/// ```no_run
/// use wasm_websocket::{Error, Options, Transport, WebSocketStream};
///
/// async fn follow(feed: &str) -> Result<WebSocketStream, Error> {
///     let mut stream = Options::new().transport(Transport::Best).connect(feed).await?;
///     // Over `Streams`, the server has to wait for a slow page. Otherwise, ask it for a lower rate.
///     let rate = if stream.transport() == Transport::Streams { "rate: full" } else { "rate: 10 per second" };
///     stream.send(rate).await?;
///     Ok(stream)
/// }
/// ```
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Transport {
    /// The browser's `WebSocket`, and its events.
    #[default]
    Events,
    /// The browser's [`WebSocketStream`](https://developer.mozilla.org/en-US/docs/Web/API/WebSocketStream). In a browser without
    /// it, connecting fails with [`Error::Unsupported`](crate::Error::Unsupported).
    Streams,
    /// `Streams` if the browser has it, otherwise `Events`.
    Best,
}
