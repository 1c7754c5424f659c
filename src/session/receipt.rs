//! The receipt of a sent message.

use std::cell::Cell;
use std::collections::VecDeque;
use std::fmt;
use std::future::Future;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::pin::Pin;
use std::rc::{Rc, Weak};
use std::task::{Context, Poll, Waker};

use websocket_session::Mark;

use crate::Error;

/// A future that resolves when the peer has processed a message: what [`Session::send`](crate::session::Session::send) returns.
///
/// Resolves with [`Error::SessionLost`] if the session is lost before, or given up by dropping its handles; then it is unknown whether
/// the peer has processed the message. A receipt is not a handle: it does not keep the session. Dropping the receipt changes nothing:
/// the message is sent.
///
/// # Examples
///
/// ```no_run
/// use wasm_websocket::session::Session;
/// use wasm_websocket::Error;
///
/// # fn tick(_: &str) {}
/// async fn order(session: &Session, id: &str) -> Result<(), Error> {
///     let receipt = session.send(format!("order {id}")).await?; // kept, whatever happens to the connection
///     receipt.await?;
///     tick(id); // the server has processed it
///     Ok(())
/// }
/// ```
#[must_use = "it only reports what happens to the message; drop it if that does not matter"]
pub struct Receipt(Rc<Outcome>);

#[derive(Default)]
struct Outcome {
    /// Whether the message was processed, once that is known.
    processed: Cell<Option<bool>>,
    waker: Cell<Option<Waker>>,
}

/// The receipts of messages that are not acknowledged.
#[derive(Default)]
pub(crate) struct Receipts(VecDeque<(Mark, Weak<Outcome>)>);

impl Receipts {
    /// Gives a receipt for the message that was sent last.
    pub fn issue(&mut self, mark: Mark) -> Receipt {
        let outcome = Rc::<Outcome>::default();
        self.0.push_back((mark, Rc::downgrade(&outcome)));
        Receipt(outcome)
    }

    /// The peer has processed everything up to a mark. Adds whom to wake when no borrow is held.
    pub fn acknowledge(&mut self, mark: Mark, wakers: &mut Vec<Waker>) {
        while self.0.front().is_some_and(|(sent, _)| *sent <= mark) {
            self.settle_first(true, wakers);
        }
    }

    /// Nobody knows what becomes of the messages. Adds whom to wake when no borrow is held.
    pub fn lose(&mut self, wakers: &mut Vec<Waker>) {
        while !self.0.is_empty() {
            self.settle_first(false, wakers);
        }
    }

    fn settle_first(&mut self, processed: bool, wakers: &mut Vec<Waker>) {
        let Some(outcome) = self.0.pop_front().and_then(|(_, outcome)| outcome.upgrade()) else { return };
        outcome.processed.set(Some(processed));
        wakers.extend(outcome.waker.take());
    }
}

impl Future for Receipt {
    type Output = Result<(), Error>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match self.0.processed.get() {
            Some(true) => Poll::Ready(Ok(())),
            Some(false) => Poll::Ready(Err(Error::SessionLost)),
            None => {
                self.0.waker.set(Some(context.waker().clone()));
                Poll::Pending
            }
        }
    }
}

impl fmt::Debug for Receipt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receipt").field("processed", &self.0.processed).finish_non_exhaustive()
    }
}

// It is changed in one step, and no foreign code runs meanwhile.
impl UnwindSafe for Receipt {}
impl RefUnwindSafe for Receipt {}
