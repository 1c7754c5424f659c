//! The connection for async code.

use std::cell::RefCell;
use std::fmt;
use std::future::{Future, poll_fn};
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll, Waker, ready};

use futures_core::{FusedStream, Stream};
use futures_sink::Sink;

use crate::backpressure::Backpressure;
use crate::lifecycle::Lifecycle;
use crate::queue::Queue;
use crate::sys::{Data, Listener, RawSocket, Timer};
use crate::{BinaryType, CloseCode, CloseEvent, CloseReason, Error, Message, Options, Payload, ReadyState, SendError};

/// An open connection as a [`Stream`] and a [`Sink`] of [`Message`]s.
///
/// Messages come in the order in which they were sent. The stream ends with `None` when the connection has ended, however
/// that came about, and stays so; [`close_event`](Self::close_event) says why. Nothing of it is an `Err` so far. What
/// arrives while nobody reads waits in a queue, which has no limit so far.
///
/// Dropping it closes the connection: what was sent goes out first, and no event comes any more. It stays in the thread
/// that made it (`!Send`).
///
/// # Examples
///
/// ```no_run
/// use futures_util::TryStreamExt;
/// use wasm_websocket::{Message, WebSocketStream};
///
/// # async fn example() -> Result<(), wasm_websocket::Error> {
/// let mut stream = WebSocketStream::connect("wss://example.com/chat").await?;
/// stream.send("hello").await?;
/// while let Some(message) = stream.try_next().await? {
///     if message == Message::Text("bye".into()) {
///         stream.close().await?;
///     }
/// }
/// # Ok(())
/// # }
/// ```
#[must_use = "the connection is closed when this is dropped"]
pub struct WebSocketStream {
    // Dropped before the socket is closed, so that no event of the closing comes.
    listeners: Option<[Listener; 4]>,
    shared: Rc<Shared>,
    sink: SinkState,
}

/// What the listeners and the stream have in common.
struct Shared {
    socket: RawSocket,
    options: Options,
    lifecycle: RefCell<Lifecycle>,
    queue: RefCell<Queue<Data>>,
}

/// How far the methods of [`Sink`] have come.
#[derive(Default)]
struct SinkState {
    room: Backpressure,
    flush: Backpressure,
    close_timer: Option<Timer>,
}

impl WebSocketStream {
    /// Connects to `url` and gives the open connection.
    ///
    /// The connection is begun by the call. The future resolves when it is open or has failed, which for a silent peer is
    /// when the browser gives up. Dropping the future closes the connection. [`Options::connect`] does the same with
    /// options.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidUrl`], [`Error::Security`], [`Error::Unsupported`] or [`Error::ConnectFailed`].
    pub fn connect(url: &str) -> impl Future<Output = Result<Self, Error>> + use<> {
        Self::connect_with(url, &Options::default())
    }

    pub(crate) fn connect_with(url: &str, options: &Options) -> impl Future<Output = Result<Self, Error>> + use<> {
        Self::open(RawSocket::new(url, options), options)
    }

    /// Attaches the listeners, in the task in which the socket was constructed, and resolves when it is open.
    pub(crate) fn open(
        socket: Result<RawSocket, Error>,
        options: &Options,
    ) -> impl Future<Output = Result<Self, Error>> + use<> {
        let stream = socket.map(|socket| Self::listen(socket, options));
        async {
            let stream = stream?;
            match poll_fn(|context| stream.shared.lifecycle.borrow_mut().poll_opened(context)).await {
                true => Ok(stream),
                false => Err(Error::ConnectFailed { url: stream.url() }),
            }
        }
    }

    fn listen(socket: RawSocket, options: &Options) -> Self {
        let shared = Rc::new(Shared {
            socket,
            options: options.clone(),
            lifecycle: RefCell::default(),
            queue: RefCell::new(Queue::new()),
        });
        if shared.socket.ready_state() == ReadyState::Open {
            shared.opened();
        }
        let open = Rc::clone(&shared);
        let message = Rc::clone(&shared);
        let error = Rc::clone(&shared);
        let close = Rc::clone(&shared);
        let listeners = [
            shared.socket.on_open(move || open.opened()),
            shared.socket.on_message(move |data| message.received(data)),
            shared.socket.on_error(move || error.failed()),
            shared.socket.on_close(move |event| close.ended(Ok(event))),
        ];
        Self { listeners: Some(listeners), shared, sink: SinkState::default() }
    }

    pub(crate) fn socket(&self) -> &RawSocket {
        &self.shared.socket
    }

    /// Sends a message, waiting while more than [`high_water_mark`](Options::high_water_mark) bytes are unsent.
    ///
    /// It resolves when the browser has taken the message, which is not to say that the peer has it. A message of any size
    /// is taken when there is room. Dropping the future before it resolves sends nothing and drops the message; pass a
    /// reference to keep it.
    ///
    /// # Errors
    ///
    /// [`Error::NotOpen`] if the connection is not open or ceases to be while this waits, [`Error::Thrown`] for a buffer
    /// that browsers refuse, such as one that is resizable or shared. The error hands the message back.
    pub async fn send<P: Payload>(&mut self, message: P) -> Result<(), SendError<P>> {
        let mut backpressure = Backpressure::default();
        let room = poll_fn(|context| backpressure.poll_room(context, &self.shared.socket, &self.shared.options));
        match room.await {
            Ok(()) => self.shared.socket.send(message),
            Err(error) => Err(SendError { message, error }),
        }
    }

    /// Closes the connection without a code, which the peer sees as 1005, and waits for the peer's answer.
    ///
    /// What was sent before goes out first. What had arrived before is still in the stream; what arrives later the browser
    /// discards. Dropping the future does not stop the closing. On a connection that has ended, it gives the event that
    /// ended it.
    ///
    /// # Errors
    ///
    /// [`Error::CloseTimeout`] if the peer does not answer within [`Options::close_timeout`], now and whenever it is asked
    /// again; the stream then ends, and the browser goes on closing the connection by itself.
    pub async fn close(&mut self) -> Result<CloseEvent, Error> {
        self.shared.socket.close();
        self.ended_in_time().await
    }

    /// Closes the connection with a code and a reason, and waits for the peer's answer.
    ///
    /// # Errors
    ///
    /// As for [`close`](Self::close), and [`Error::InvalidCloseCode`] or [`Error::ReasonTooLong`], which close nothing.
    pub async fn close_with<C, R>(&mut self, code: C, reason: R) -> Result<CloseEvent, Error>
    where
        C: TryInto<CloseCode, Error: Into<Error>>,
        R: TryInto<CloseReason, Error: Into<Error>>,
    {
        self.shared.socket.close_with(code, reason)?;
        self.ended_in_time().await
    }

    /// Why the connection has ended; `None` while it has not, and after [`Error::CloseTimeout`].
    pub fn close_event(&self) -> Option<CloseEvent> {
        self.shared.lifecycle.borrow().close_event().cloned()
    }

    /// The state of the connection.
    pub fn ready_state(&self) -> ReadyState {
        self.shared.socket.ready_state()
    }

    /// The URL, as the browser has completed it.
    pub fn url(&self) -> String {
        self.shared.socket.url()
    }

    /// The subprotocol that the server selected; empty if none.
    pub fn protocol(&self) -> String {
        self.shared.socket.protocol()
    }

    /// The extensions that the server selected, such as `permessage-deflate`; empty if none.
    pub fn extensions(&self) -> String {
        self.shared.socket.extensions()
    }

    /// The bytes that were sent and are still with the browser. After a close it does not fall to 0.
    pub fn buffered_amount(&self) -> u64 {
        self.shared.socket.buffered_amount()
    }

    /// What binary messages arrive as.
    pub fn binary_type(&self) -> BinaryType {
        self.shared.socket.binary_type()
    }

    /// Chooses what binary messages arrive as, from the next one that the browser delivers.
    pub fn set_binary_type(&self, binary_type: BinaryType) {
        self.shared.socket.set_binary_type(binary_type);
    }

    async fn ended_in_time(&mut self) -> Result<CloseEvent, Error> {
        let mut timer = pin!(Timer::new(self.shared.options.close_timeout));
        poll_fn(|context| self.poll_ended(context, timer.as_mut())).await
    }

    fn poll_ended(&mut self, context: &mut Context<'_>, timer: Pin<&mut Timer>) -> Poll<Result<CloseEvent, Error>> {
        let ended = self.shared.lifecycle.borrow_mut().poll_ended(context);
        if ended.is_pending() && timer.poll(context).is_ready() {
            // No event of this connection is of interest any more.
            self.listeners = None;
            self.shared.ended(Err(Error::CloseTimeout(self.shared.options.close_timeout)));
            return self.shared.lifecycle.borrow_mut().poll_ended(context);
        }
        ended
    }
}

// With `panic=unwind`, wasm-bindgen demands these of what an exported `async fn` holds. They are true: nothing here runs
// foreign code while it holds a borrow or is half changed.
impl UnwindSafe for Shared {}
impl RefUnwindSafe for Shared {}

impl Shared {
    fn opened(&self) {
        let waiting = self.lifecycle.borrow_mut().open();
        wake(waiting);
    }

    fn received(&self, data: Data) {
        let reader = self.queue.borrow_mut().push(data);
        wake(reader);
    }

    /// By the standard a `close` follows, which tells more. But of a connection that they block, browsers tell this alone:
    /// Chromium if the page's policy forbids it, WebKit for a port, or `ws:` on a page of `https:`.
    fn failed(&self) {
        if !self.lifecycle.borrow().is_opened() {
            self.ended(Err(Error::ConnectFailed { url: self.socket.url() }));
        }
    }

    fn ended(&self, end: Result<CloseEvent, Error>) {
        let waiting = self.lifecycle.borrow_mut().end(end);
        let reader = self.queue.borrow_mut().end();
        wake(waiting.into_iter().chain(reader));
    }
}

/// Wakes tasks. An executor may poll them before this returns, so no borrow must be held.
fn wake(wakers: impl IntoIterator<Item = Waker>) {
    wakers.into_iter().for_each(Waker::wake);
}

impl Stream for WebSocketStream {
    type Item = Result<Message, Error>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            let Some(data) = ready!(self.shared.queue.borrow_mut().poll_next(context)) else {
                return Poll::Ready(None);
            };
            if let Some(message) = data.decode() {
                return Poll::Ready(Some(Ok(message)));
            }
        }
    }
}

impl FusedStream for WebSocketStream {
    fn is_terminated(&self) -> bool {
        self.shared.queue.borrow().is_over()
    }
}

/// Waits for room, sends and closes as the methods of the same names do, with [`Error`] instead of a message handed back.
///
/// A flush resolves when the browser has handed everything to the network. `SinkExt::send` flushes each message, so to
/// send many, use `SinkExt::feed`, or the method [`send`](WebSocketStream::send), which does not flush. Closing fails with
/// [`Error::Unclean`] if the connection ended without a closing handshake.
impl Sink<Message> for WebSocketStream {
    type Error = Error;

    fn poll_ready(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<(), Error>> {
        let Self { shared, sink, .. } = &mut *self;
        sink.room.poll_room(context, &shared.socket, &shared.options)
    }

    fn start_send(self: Pin<&mut Self>, message: Message) -> Result<(), Error> {
        Ok(self.shared.socket.send(message)?)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<(), Error>> {
        let Self { shared, sink, .. } = &mut *self;
        sink.flush.poll_empty(context, &shared.socket)
    }

    fn poll_close(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<(), Error>> {
        let mut timer = self.sink.close_timer.take().unwrap_or_else(|| {
            self.shared.socket.close();
            Timer::new(self.shared.options.close_timeout)
        });
        match self.poll_ended(context, Pin::new(&mut timer)) {
            Poll::Ready(Ok(event)) if !event.was_clean => Poll::Ready(Err(Error::Unclean(event))),
            Poll::Ready(end) => Poll::Ready(end.map(drop)),
            Poll::Pending => {
                self.sink.close_timer = Some(timer);
                Poll::Pending
            }
        }
    }
}

impl fmt::Debug for WebSocketStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebSocketStream").field("socket", &self.shared.socket).finish_non_exhaustive()
    }
}
