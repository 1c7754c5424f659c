//! Streams and sinks of messages ↔ streams and sinks of your types.

use std::borrow::Borrow;
use std::fmt;
use std::future::{Future, poll_fn};
use std::marker::PhantomData;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::{FusedStream, Stream};
use futures_sink::Sink;

use crate::codec::{Decode, Encode};
use crate::{
    Blob, CloseCode, CloseEvent, CloseReason, Closed, Error, Message, ReceiveError, Receiver, SendError, Sender,
    WebSocketStream,
};

/// A connection that sends values of `Out` and yields values of `In`, by a codec: what [`WebSocketStream::typed`] returns.
///
/// - As a [`Stream`] it decodes each message, in order. A message that cannot be decoded becomes an `Err` that holds the
///   message, and the stream continues. An `Err` without a message is an error of the connection, and the last item. But over a
///   `WebSocketStream` or a [`Receiver`], [`Error::OutOfMemory`] and [`Error::Thrown`] replace one message, and the stream
///   continues. A `Session` continues after `Error::SessionLost` if the server has forgotten it and neither side has closed it.
///   A [`Blob`] is read first; if that fails, the `Err` holds the Blob, and the stream continues.
/// - As a [`Sink`] it encodes each value when the value is sent. Backpressure is that of the wrapped connection.
///
/// # Examples
///
/// ```no_run
/// use futures_util::StreamExt;
/// use serde::{Deserialize, Serialize};
/// use wasm_websocket::{Error, WebSocketStream, codec::Json};
///
/// #[derive(Serialize)]
/// enum ToServer {
///     Join { room: u32 },
/// }
///
/// #[derive(Deserialize)]
/// enum FromServer {
///     Said { name: String, text: String },
/// }
///
/// async fn chat(stream: WebSocketStream, show: impl Fn(&str), report: impl Fn(Error)) -> Result<(), Error> {
///     let mut chat = stream.typed::<ToServer, FromServer, Json>();
///     chat.send(ToServer::Join { room: 7 }).await?;
///     while let Some(received) = chat.next().await {
///         match received {
///             Ok(FromServer::Said { name, text }) => show(&format!("{name}: {text}")),
///             Err(bad) => report(bad.error), // one bad message, which does not end a chat, or a lost connection, which comes last
///         }
///     }
///     Ok(())
/// }
/// ```
#[must_use = "the connection is closed when this is dropped"]
pub struct Typed<S, Out, In, C> {
    inner: S,
    reading: Option<Reading>,
    types: PhantomData<fn(Out) -> (In, C)>,
}

/// A Blob that is being read.
type Reading = Pin<Box<dyn Future<Output = Result<Message, ReceiveError>>>>;

impl<S, Out, In, C> Typed<S, Out, In, C> {
    /// Wraps any stream and/or sink of messages.
    ///
    /// # Examples
    ///
    /// Tests of code that takes typed values need no connection:
    ///
    /// ```ignore-wasm32
    /// use futures_util::{StreamExt, stream};
    /// use wasm_websocket::{Error, Message, Typed, codec::Json};
    ///
    /// # wasm_websocket::testing::Page::new().run(async {
    /// let messages = ["20.5", "broken", "21"].map(|text| Ok::<_, Error>(Message::from(text)));
    /// let mut degrees = Typed::<_, (), f64, Json>::new(stream::iter(messages));
    /// assert_eq!(degrees.next().await, Some(Ok(20.5)));
    /// assert!(matches!(degrees.next().await, Some(Err(_)))); // the stream continues
    /// assert_eq!(degrees.next().await, Some(Ok(21.0)));
    /// # });
    /// ```
    pub fn new(inner: S) -> Self {
        Self { inner, reading: None, types: PhantomData }
    }

    /// Returns a reference to the wrapped connection, for instance to ask how many messages were dropped.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use futures_util::StreamExt;
    /// use wasm_websocket::{Receiver, Typed, codec::Json};
    ///
    /// /// Shows the newest price, and how many were skipped because the page was busy: for a queue with `Overflow::DropOldest`.
    /// async fn prices(mut prices: Typed<Receiver, (), f64, Json>, show: impl Fn(f64, u64)) {
    ///     while let Some(Ok(price)) = prices.next().await {
    ///         show(price, prices.get_ref().dropped());
    ///     }
    /// }
    /// ```
    pub fn get_ref(&self) -> &S {
        &self.inner
    }

    /// Returns a mutable reference to the wrapped connection, for instance to send a message that no codec made.
    pub fn get_mut(&mut self) -> &mut S {
        &mut self.inner
    }

    /// Returns the wrapped connection. A Blob that is being read is lost.
    pub fn into_inner(self) -> S {
        self.inner
    }

    /// Sends a value, or a reference to one, and waits while there is no room.
    ///
    /// Resolves when the wrapped connection has taken the message. Dropping the future before that sends nothing, but
    /// keeps the place among the waiting senders for the next call.
    ///
    /// # Errors
    ///
    /// - [`Error::Encode`] for a value that the codec cannot encode,
    /// - the errors of the wrapped connection, such as [`Error::NotOpen`].
    ///
    /// The error returns the value.
    pub async fn send<T: Borrow<Out>>(&mut self, value: T) -> Result<(), SendError<T>>
    where
        S: Sink<Message, Error: Into<Error>> + Unpin,
        C: Encode<Out>,
    {
        match poll_fn(|context| self.poll_room(context)).await.and_then(|()| self.start(value.borrow())) {
            Ok(()) => Ok(()),
            Err(error) => Err(SendError { message: value, error }),
        }
    }

    fn poll_room(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Error>>
    where
        S: Sink<Message, Error: Into<Error>> + Unpin,
    {
        Pin::new(&mut self.inner).poll_ready(context).map_err(Into::into)
    }

    fn start(&mut self, value: &Out) -> Result<(), Error>
    where
        S: Sink<Message, Error: Into<Error>> + Unpin,
        C: Encode<Out>,
    {
        Pin::new(&mut self.inner).start_send(C::encode(value)?).map_err(Into::into)
    }
}

/// What a typed connection and its typed sending half have in common.
macro_rules! sending {
    ($($half:ty)*) => { $(
        impl<Out, In, C> Typed<$half, Out, In, C> {
            /// Sends a value, or a reference to one, without waiting.
            ///
            /// # Errors
            ///
            /// [`Error::Full`] if there is no room; otherwise as for [`send`](Self::send). The error returns the value.
            ///
            /// # Examples
            ///
            /// ```no_run
            /// use wasm_websocket::{Error, SendError, Sender, Typed, codec::Json};
            ///
            /// /// Called for each move of the pointer. With a small high water mark, positions are skipped while the network is slow.
            /// fn moved(cursor: &Typed<Sender, (i32, i32), (), Json>, position: (i32, i32)) -> Result<(), Error> {
            ///     match cursor.try_send(position) {
            ///         Err(SendError { error: Error::Full, .. }) => Ok(()),
            ///         sent => Ok(sent?),
            ///     }
            /// }
            /// ```
            pub fn try_send<T: Borrow<Out>>(&self, value: T) -> Result<(), SendError<T>>
            where
                C: Encode<Out>,
            {
                let sent = C::encode(value.borrow()).and_then(|message| Ok(self.inner.try_send(message)?));
                sent.map_err(|error| SendError { message: value, error })
            }

            /// Closes the connection without a code, and waits for the peer's answer. See [`Sender::close`].
            ///
            /// # Errors
            ///
            /// The same errors as [`Sender::close`].
            pub fn close(&mut self) -> impl Future<Output = Result<CloseEvent, Error>> {
                self.inner.close()
            }

            /// Closes the connection with a code and a reason, and waits for the peer's answer. See [`Sender::close_with`].
            ///
            /// # Errors
            ///
            /// As for [`close`](Self::close). After [`Error::InvalidCloseCode`] and [`Error::ReasonTooLong`] the connection stays
            /// open.
            pub fn close_with<Code, R>(
                &self,
                code: Code,
                reason: R,
            ) -> impl Future<Output = Result<CloseEvent, Error>> + use<'_, Out, In, C, Code, R>
            where
                Code: TryInto<CloseCode, Error: Into<Error>>,
                R: TryInto<CloseReason, Error: Into<Error>>,
            {
                self.inner.close_with(code, reason)
            }
        }
    )* };
}

sending! { WebSocketStream Sender }

/// What a typed connection and both of its typed halves have in common.
macro_rules! ending {
    ($($half:ty)*) => { $(
        impl<Out, In, C> Typed<$half, Out, In, C> {
            /// Waits until the connection has ended, and returns the close event. See [`Sender::closed`].
            ///
            /// # Errors
            ///
            /// As for [`Sender::closed`].
            ///
            /// # Examples
            ///
            /// ```no_run
            /// use wasm_bindgen_futures::spawn_local;
            /// use wasm_websocket::{Receiver, Typed, codec::Json};
            ///
            /// /// Shows the end of the connection at once, also while messages are still queued.
            /// fn watch(prices: &Typed<Receiver, (), f64, Json>, show: impl Fn(String) + 'static) {
            ///     let closed = prices.closed();
            ///     spawn_local(async move {
            ///         if let Ok(event) = closed.await {
            ///             show(event.to_string()); // for instance "1001 (going away): restart"
            ///         }
            ///     });
            /// }
            /// ```
            pub fn closed(&self) -> Closed {
                self.inner.closed()
            }

            /// Returns the close event; `None` until the connection has ended, and after [`Error::CloseTimeout`] and
            /// [`Error::Overflow`].
            pub fn close_event(&self) -> Option<CloseEvent> {
                self.inner.close_event()
            }
        }
    )* };
}

ending! { WebSocketStream Sender Receiver }

/// The sending half of a [`Typed`] connection.
type TypedSender<Out, C> = Typed<Sender, Out, (), C>;
/// The receiving half.
type TypedReceiver<In, C> = Typed<Receiver, (), In, C>;

impl<Out, In, C> Typed<WebSocketStream, Out, In, C> {
    /// Splits the connection into two typed halves, for different tasks. A Blob that is being read stays with the receiving half.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use futures_util::TryStreamExt;
    /// use wasm_bindgen_futures::spawn_local;
    /// use wasm_websocket::{Sender, Typed, WebSocketStream, codec::Json};
    ///
    /// /// Shows what is said in a task of its own, and returns the half that says something.
    /// fn chat(stream: WebSocketStream, show: impl Fn(String) + 'static) -> Typed<Sender, String, (), Json> {
    ///     let (say, mut said) = stream.typed::<String, String, Json>().split();
    ///     spawn_local(async move {
    ///         while let Ok(Some(text)) = said.try_next().await {
    ///             show(text);
    ///         }
    ///     });
    ///     say // clone it for each part of the app that sends
    /// }
    /// ```
    pub fn split(self) -> (TypedSender<Out, C>, TypedReceiver<In, C>) {
        let Self { inner, reading, .. } = self;
        let (sender, receiver) = inner.split();
        (Typed::new(sender), Typed { inner: receiver, reading, types: PhantomData })
    }
}

/// A clone is another handle of the same connection.
impl<S: Clone, Out, C> Clone for Typed<S, Out, (), C> {
    fn clone(&self) -> Self {
        Self::new(self.inner.clone())
    }
}

impl WebSocketStream {
    /// Converts the connection into a stream of `In` and a sink of `Out`, by a [codec](crate::codec) such as `Json`.
    pub fn typed<Out, In, C>(self) -> Typed<Self, Out, In, C> {
        Typed::new(self)
    }
}

impl Sender {
    /// Converts the half into a sink of `Out`, by a codec.
    pub fn typed<Out, C>(self) -> Typed<Self, Out, (), C> {
        Typed::new(self)
    }
}

impl Receiver {
    /// Converts the half into a stream of `In`, by a codec.
    pub fn typed<In, C>(self) -> Typed<Self, (), In, C> {
        Typed::new(self)
    }
}

impl<S, E, Out, In, C> Stream for Typed<S, Out, In, C>
where
    S: Stream<Item = Result<Message, E>> + Unpin,
    E: Into<Error>,
    C: Decode<In>,
{
    type Item = Result<In, ReceiveError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let Self { inner, reading, .. } = &mut *self;
        let message = match reading {
            Some(reading) => ready!(reading.as_mut().poll(context)),
            None => match ready!(Pin::new(inner).poll_next(context)) {
                None => return Poll::Ready(None),
                Some(Ok(Message::Blob(blob))) => {
                    *reading = Some(Box::pin(read(blob)));
                    return self.poll_next(context);
                }
                Some(received) => received.map_err(|error| ReceiveError { message: None, error: error.into() }),
            },
        };
        *reading = None;
        Poll::Ready(Some(message.and_then(C::decode)))
    }
}

async fn read(blob: Blob) -> Result<Message, ReceiveError> {
    match blob.bytes().await {
        Ok(bytes) => Ok(Message::Binary(bytes)),
        Err(error) => Err(ReceiveError { message: Some(Message::Blob(blob)), error }),
    }
}

impl<S, E, Out, In, C> FusedStream for Typed<S, Out, In, C>
where
    S: FusedStream<Item = Result<Message, E>> + Unpin,
    E: Into<Error>,
    C: Decode<In>,
{
    fn is_terminated(&self) -> bool {
        self.reading.is_none() && self.inner.is_terminated()
    }
}

impl<S, Out, In, C> Sink<Out> for Typed<S, Out, In, C>
where
    S: Sink<Message, Error: Into<Error>> + Unpin,
    C: Encode<Out>,
{
    type Error = Error;

    fn poll_ready(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.poll_room(context)
    }

    fn start_send(mut self: Pin<&mut Self>, value: Out) -> Result<(), Error> {
        self.start(&value)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Pin::new(&mut self.inner).poll_flush(context).map_err(Into::into)
    }

    fn poll_close(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Pin::new(&mut self.inner).poll_close(context).map_err(Into::into)
    }
}

// Nothing else refers to the Blob that is being read.
impl<S: UnwindSafe, Out, In, C> UnwindSafe for Typed<S, Out, In, C> {}
impl<S: RefUnwindSafe, Out, In, C> RefUnwindSafe for Typed<S, Out, In, C> {}

impl<S: fmt::Debug, Out, In, C> fmt::Debug for Typed<S, Out, In, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Typed").field("inner", &self.inner).finish_non_exhaustive()
    }
}
