//! One attempt to connect.

use std::fmt;
use std::future::{Future, pending, poll_fn};
use std::pin::{Pin, pin};
use std::rc::{Rc, Weak};
use std::task::Poll;
use std::time::Duration;

use super::event::{Begin, Signal};
use super::link::Link;
use super::shared::Shared;
use super::target::Provider;
use crate::stream::connection::Connection;
use crate::sys::Timer;
use crate::{AfterClose, AttemptError, Cause, Error, InDoubt, ReconnectOptions, Target, WebSocketStream};

/// The attempt that has opened a connection: the second argument of [`on_open`](ReconnectOptions::on_open).
///
/// # Examples
///
/// With [`WhenLost::Resend`](crate::WhenLost::Resend), a server that remembers the last id of each client processes each message
/// exactly once. Ids are part of the messages: the numbers of this crate have gaps, and begin anew with each `Reconnecting`. A new
/// `Reconnecting` that sends messages of an old one again keeps its name and continues its ids.
///
/// ```no_run
/// use futures_util::TryStreamExt;
/// use wasm_websocket::reconnect::WhenLost;
/// use wasm_websocket::{Message, ReconnectOptions};
///
/// # fn id(_: &Message) -> u64 { 0 }
/// # let client = "5c3e09";
/// // `client` is the random name of a sequence of ids: a new name when ids begin anew, as after a reload.
/// let options = ReconnectOptions::new().when_lost(WhenLost::Resend).on_open(async move |stream, attempt| {
///     stream.send(format!("resume {client}")).await?;
///     let answer = stream.try_next().await?.ok_or("there was no answer")?;
///     let last: u64 = answer.as_text().unwrap_or_default().parse()?; // the last id that the server has
///     if let Some((number, _)) = attempt.in_doubt().messages.iter().rfind(|(_, message)| id(message) <= last) {
///         attempt.confirm(*number);
///     }
///     Ok(()) // now the messages after the last one are sent again, and then the queued ones
/// });
/// ```
pub struct Attempt {
    number: u32,
    cause: Cause,
    shared: Weak<Shared>,
}

impl Attempt {
    /// Returns the number of the attempt, from 1. [`Backoff`](crate::Backoff) says when counting starts over.
    pub fn number(&self) -> u32 {
        self.number
    }

    /// Returns why the attempt was made: [`Cause::Requested`] for the first attempt, and after `reconnect_now` and `resume`.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use wasm_websocket::ReconnectOptions;
    /// use wasm_websocket::reconnect::Cause;
    ///
    /// let options = ReconnectOptions::new().on_open(async |stream, attempt| {
    ///     if let Cause::Closed(event) = attempt.cause() {
    ///         stream.send(format!("back after {event}")).await?; // for the server's log
    ///     }
    ///     Ok(())
    /// });
    /// ```
    pub fn cause(&self) -> &Cause {
        &self.cause
    }

    /// Returns a copy of the messages in doubt. They stay in doubt.
    pub fn in_doubt(&self) -> InDoubt {
        self.shared.upgrade().map(|shared| shared.in_doubt()).unwrap_or_default()
    }

    /// Takes the messages in doubt, for instance to send some of them again on this connection before queued messages. See
    /// [`Reconnecting::take_in_doubt`](crate::Reconnecting::take_in_doubt).
    ///
    /// The next attempt does not get these messages, even if the preamble fails.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use wasm_websocket::ReconnectOptions;
    ///
    /// let options = ReconnectOptions::new().on_open(async |stream, attempt| {
    ///     for (_, message) in attempt.take_in_doubt().messages {
    ///         if message.as_text().is_some_and(|text| text.starts_with("get ")) {
    ///             stream.send(message).await?; // a question may be asked twice, an order may not
    ///         }
    ///     }
    ///     Ok(())
    /// });
    /// ```
    pub fn take_in_doubt(&self) -> InDoubt {
        self.shared.upgrade().map(|shared| shared.take_in_doubt()).unwrap_or_default()
    }

    /// Confirms that the peer has received the messages in doubt up to this number, so that they are not sent again. Returns the
    /// number of messages that this confirms. See [`Reconnecting::confirm`](crate::Reconnecting::confirm).
    ///
    /// Only for [`WhenLost::Resend`](crate::WhenLost::Resend): with [`WhenLost::Report`](crate::WhenLost::Report) it does nothing.
    pub fn confirm(&self, number: u64) -> u64 {
        self.shared.upgrade().map(|shared| shared.confirm(number)).unwrap_or_default()
    }
}

impl fmt::Debug for Attempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Attempt").field("number", &self.number).field("cause", &self.cause).finish_non_exhaustive()
    }
}

impl From<AttemptError> for Signal {
    fn from(error: AttemptError) -> Self {
        Self::Failed(Error::Attempt(error.message), error.after)
    }
}

impl From<Error> for Signal {
    fn from(error: Error) -> Self {
        let after = AfterClose::of_failure(&error);
        Self::Failed(error, after)
    }
}

/// Gets a target, connects to it and runs the preamble, within the timeout of the attempt.
pub(crate) async fn attempt(
    begin: Begin,
    shared: Weak<Shared>,
    provider: Rc<dyn Provider>,
    options: Rc<ReconnectOptions>,
) -> Result<Link, Signal> {
    if begin.generation > 1 {
        // At most one attempt in a turn. Otherwise attempts that fail at once would freeze the page.
        Timer::new(Duration::ZERO).await;
    }
    let timeout = options.connection.connect_timeout;
    let mut timer = Timer::new(timeout);
    let Some(target) = in_time(&mut timer, provider.target()).await else {
        return Err(Error::Attempt("there was no URL, or no credentials, before the timeout".into()).into());
    };
    let Target { url, protocols } = target?;
    // The provider may have closed or paused: then no socket is made, and the driver drops this attempt.
    if !shared.upgrade().is_some_and(|shared| shared.machine.borrow().is_connecting(begin.generation)) {
        return pending().await;
    }
    let mut connection = options.connection.clone();
    connection.protocols = protocols.unwrap_or(connection.protocols);
    // A preamble receives even if nothing may be queued. Messages that it does not receive are added to the inbox, which has the same
    // limit, once the connection is open: the reader may make room meanwhile.
    connection.receive_limit.messages = connection.receive_limit.messages.max(1);
    let attempt = Attempt { number: begin.number, cause: begin.cause, shared };
    let mut opened = Opened { link: None, shared: attempt.shared.clone() };
    let open = async {
        let link = opened.link.insert(Link::new(connection.connect(&url).await?, begin.generation));
        Ok::<_, Error>(prepare(&options, &mut link.stream, &attempt).await)
    };
    let prepared = in_time(&mut timer, open).await;
    let link = opened.take();
    let end = link.as_ref().and_then(|link| link.stream.ended());
    match (prepared, end, link) {
        (Some(Ok(Some(Ok(())))), _, Some(link)) => Ok(link),
        (Some(Ok(Some(Err(error)))), ..) if error.after != AfterClose::Retry => Err(error.into()),
        // A close by the peer makes the preamble fail, and says more than an error that does not say what follows.
        (_, Some(end), _) => Err(options.ended(end)),
        (Some(Ok(Some(Err(error)))), ..) => Err(error.into()),
        (Some(Err(error)), ..) => Err(error.into()),
        _ => Err(Error::ConnectTimeout { url, timeout }.into()),
    }
}

/// The connection that an attempt has opened. The messages that it has dropped are counted even if the attempt is given up.
struct Opened {
    link: Option<Link>,
    shared: Weak<Shared>,
}

impl Opened {
    /// Takes the connection, and counts the messages that it has dropped.
    fn take(&mut self) -> Option<Link> {
        let link = self.link.take()?;
        if let Some(shared) = self.shared.upgrade() {
            shared.inbox.borrow_mut().add_dropped(link.stream.dropped());
        }
        Some(link)
    }
}

impl Drop for Opened {
    fn drop(&mut self) {
        drop(self.take());
    }
}

/// Runs the preamble. Resolves with `None` if the connection ends before the preamble does.
async fn prepare(
    options: &ReconnectOptions,
    stream: &mut WebSocketStream,
    attempt: &Attempt,
) -> Option<Result<(), AttemptError>> {
    let mut ended = stream.closed();
    let connection = Rc::<Connection>::clone(stream.connection());
    let mut preamble = options.preamble.run(stream, attempt);
    poll_fn(|context| match preamble.as_mut().poll(context) {
        Poll::Ready(prepared) => Poll::Ready(Some(prepared)),
        // The preamble reads, and goes on in the next turn.
        Poll::Pending if connection.has_paused_reader() => Poll::Pending,
        Poll::Pending => Pin::new(&mut ended).poll(context).map(|_| None),
    })
    .await
}

/// Resolves with the output of a future, or with `None` at the timeout.
async fn in_time<F: Future>(timer: &mut Timer, future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    poll_fn(|context| match future.as_mut().poll(context) {
        Poll::Pending => Pin::new(&mut *timer).poll(context).map(|()| None),
        ready => ready.map(Some),
    })
    .await
}
