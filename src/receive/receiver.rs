//! The receiving half of a connection.

use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::{FusedStream, Stream};

use super::queue::Taken;
use crate::stream::connection::Handle;
use crate::stream::end::End;
use crate::sys::Data;
use crate::{BinaryType, CloseEvent, Closed, Error, Message, RawMessage};

/// The half of a [`WebSocketStream`](crate::WebSocketStream) that receives: a [`Stream`] of [`Message`]s.
///
/// Yields messages in the order in which they were sent. When the connection has ended and all messages are taken, the stream ends:
/// it yields `None` from then on, and [`close_event`](Self::close_event) returns the code and the reason. If messages may be
/// missing, one `Err` comes before the first `None`:
///
/// - [`Error::Unclean`] if the connection was lost,
/// - [`Error::CloseTimeout`] if this page has awaited a close and the peer did not answer in time,
/// - [`Error::Overflow`] if the receive queue has overflowed and [`Overflow::Close`](crate::Overflow::Close) has closed the
///   connection.
///
/// Two errors replace a single message, and the stream continues:
///
/// - [`Error::OutOfMemory`] if the message does not fit into wasm memory,
/// - [`Error::Thrown`] if the page has transferred the message's buffer.
///
/// Browsers discard messages that arrive after this page has called `close`, and no `Err` reports it: call `close` after the last
/// message that you need, or let the peer close.
///
/// After 128 messages in a row the stream waits for the next turn of the event loop, so that the page stays responsive. If more
/// than 2048 messages are queued, it takes a sixteenth of them in a row, at most 1024. So `now_or_never` may return `None` although
/// messages are queued.
///
/// Dropping the receiver discards all queued and later messages; senders keep working. When the senders are dropped, too, the
/// connection is closed without a code, which the peer sees as 1005.
///
/// # Examples
///
/// ```ignore-wasm32
/// # use wasm_websocket::testing::Page;
/// use futures_util::StreamExt;
/// use wasm_websocket::{Message, Receiver, WebSocketStream};
///
/// async fn show_all(mut receiver: Receiver, show: impl Fn(&str)) {
///     while let Some(received) = receiver.next().await {
///         match received {
///             Ok(message) => show(message.as_text().unwrap_or("bytes")),
///             Err(error) => show(&format!("messages may be missing: {error}")),
///         }
///     }
///     show("the end");
/// }
/// # let page = Page::new();
/// # page.serve("wss://example.com/news", async |handshake| {
/// #     if let Some(mut peer) = handshake.accept() { peer.send("news") } // dropping it loses the connection
/// # });
/// # let shown = std::cell::RefCell::new(Vec::new());
/// # page.run(async {
/// #     let (_sender, receiver) = WebSocketStream::connect("wss://example.com/news").await.unwrap().split();
/// #     show_all(receiver, |text| shown.borrow_mut().extend(text.split(' ').next().map(String::from))).await;
/// # });
/// # assert_eq!(shown.take(), ["news", "messages", "the"]);
/// ```
#[must_use = "messages are discarded when this is dropped"]
pub struct Receiver {
    connection: Handle,
}

impl Receiver {
    pub(crate) fn new(connection: Handle) -> Self {
        Self { connection }
    }

    /// Returns the next message as the browser delivered it, without a copy into wasm memory.
    ///
    /// Use it for messages that are passed to another function of the browser, such as a decoder or `JSON.parse`. Dropping the
    /// future loses no message. It waits for the event loop as the stream does.
    ///
    /// # Errors
    ///
    /// [`Error::Unclean`], [`Error::CloseTimeout`] or [`Error::Overflow`] as the last item, if messages may be missing.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use wasm_bindgen::JsValue;
    /// use wasm_websocket::{Error, RawMessage, Receiver};
    ///
    /// /// Passes JSON to a function of JavaScript that parses it. The text is never copied into wasm memory.
    /// async fn pass_on(mut receiver: Receiver, parse_and_draw: &js_sys::Function) -> Result<(), Error> {
    ///     while let Some(message) = receiver.next_raw().await {
    ///         if let RawMessage::Text(text) = message? {
    ///             drop(parse_and_draw.call1(&JsValue::NULL, &text)); // if it throws, only this chart is missing
    ///         }
    ///     }
    ///     Ok(())
    /// }
    /// ```
    pub async fn next_raw(&mut self) -> Option<Result<RawMessage, Error>> {
        poll_fn(|context| self.poll_taken(context, |data| data.into_raw().map(Ok))).await
    }

    /// Polls for the next message, converted by `take`.
    fn poll_taken<T>(
        &self,
        context: &mut Context<'_>,
        take: fn(Data) -> Option<Result<T, Error>>,
    ) -> Poll<Option<Result<T, Error>>> {
        loop {
            let taken = match self.connection.poll_take(context) {
                Taken::Message(data) => take(data),
                Taken::Loss => self.connection.ended().and_then(End::loss).map(Err),
                Taken::End => return Poll::Ready(None),
                Taken::Empty | Taken::Pause => return Poll::Pending,
            };
            if taken.is_some() {
                return Poll::Ready(taken);
            }
        }
    }

    /// Waits until the connection has ended, and returns the close event. See [`Sender::closed`](crate::Sender::closed).
    ///
    /// # Errors
    ///
    /// The same errors as [`Sender::closed`](crate::Sender::closed).
    pub fn closed(&self) -> Closed {
        Closed::of(&self.connection)
    }

    /// Returns the close event; `None` until the connection has ended, and after [`Error::CloseTimeout`] and [`Error::Overflow`].
    pub fn close_event(&self) -> Option<CloseEvent> {
        self.connection.close_event()
    }

    /// Returns the number of messages that were dropped because the receive queue was full, at most 1 with
    /// [`Overflow::Close`](crate::Overflow::Close). See [`Options::receive_limit`](crate::Options::receive_limit).
    pub fn dropped(&self) -> u64 {
        self.connection.queue().dropped()
    }

    /// Returns the type in which binary messages are delivered.
    pub fn binary_type(&self) -> BinaryType {
        self.connection.socket().binary_type()
    }

    /// Sets the type in which binary messages are delivered, from the next message that the browser delivers.
    pub fn set_binary_type(&self, binary_type: BinaryType) {
        self.connection.socket().set_binary_type(binary_type);
    }
}

impl Stream for Receiver {
    type Item = Result<Message, Error>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.poll_taken(context, Data::decode)
    }
}

impl FusedStream for Receiver {
    fn is_terminated(&self) -> bool {
        self.connection.queue().is_over()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        let waiting = self.connection.queue().discard();
        drop(waiting);
        self.connection.pace_reading();
    }
}

impl fmt::Debug for Receiver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver").field("socket", self.connection.socket()).finish_non_exhaustive()
    }
}
