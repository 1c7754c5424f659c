//! A Blob as a series of messages.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::{FusedStream, Stream};

use super::backpressure::Wait;
use crate::{Blob, Error, Sender};

/// A stream that sends a Blob in slices: what [`Sender::send_slices`] returns.
///
/// # Examples
///
/// ```no_run
/// use futures_util::TryStreamExt;
/// use wasm_websocket::{Error, Sender};
///
/// /// Uploads a file, unless the user cancels. Returns whether all of it was sent.
/// async fn upload(sender: &Sender, file: web_sys::File, is_cancelled: impl Fn() -> bool) -> Result<bool, Error> {
///     let mut slices = sender.send_slices(file, 256 << 10);
///     while slices.try_next().await?.is_some() {
///         if is_cancelled() {
///             return Ok(false); // dropping the stream sends no more slices, and the connection stays open
///         }
///     }
///     Ok(true)
/// }
/// ```
#[must_use = "it sends when it is polled"]
pub struct Slices {
    sender: Sender,
    blob: Blob,
    /// The length of the Blob. It never changes, and asking the browser costs a call.
    total: u64,
    len: u64,
    wait: Wait,
    sent: u64,
    has_failed: bool,
}

/// The progress of a Blob that is sent in slices.
///
/// # Examples
///
/// ```no_run
/// use wasm_websocket::Progress;
///
/// /// Returns how much of a file has left the browser. `sent` also counts bytes that are still buffered.
/// fn percent(progress: Progress) -> u64 {
///     100 * progress.sent.saturating_sub(progress.buffered) / progress.total
/// }
/// ```
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// The number of bytes of the Blob that were handed to the browser.
    pub sent: u64,
    /// The length of the Blob in bytes.
    pub total: u64,
    /// The number of bytes that are buffered in the browser: `sent - buffered` have left it, if nothing else is sent.
    pub buffered: u64,
}

impl Slices {
    pub(crate) fn new(sender: Sender, blob: Blob, len: u64) -> Self {
        // At least one byte for each slice: a stream of empty slices would never end.
        let total = blob.len();
        Self { sender, blob, total, len: len.max(1), wait: Wait::default(), sent: 0, has_failed: false }
    }

    fn send_next(&mut self) -> Result<Progress, Error> {
        let total = self.total;
        let end = self.sent.saturating_add(self.len).min(total);
        self.sender.socket().send_while_open(self.blob.slice(self.sent..end))?;
        if let Some(owner) = self.sender.connection().owner() {
            owner.count_slice(end - self.sent);
        }
        self.sent = end;
        Ok(Progress { sent: end, total, buffered: self.sender.buffered_amount() })
    }
}

impl Stream for Slices {
    type Item = Result<Progress, Error>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.is_terminated() {
            return Poll::Ready(None);
        }
        let Self { sender, wait, .. } = &mut *self;
        let room = ready!(sender.connection().poll_room(context, wait));
        let room = room.map_err(|state| sender.connection().refusal(state));
        let progress = room.and_then(|()| self.send_next());
        self.has_failed = progress.is_err();
        // Gives up the place: the next slice waits behind the senders that already wait.
        self.wait = Wait::default();
        Poll::Ready(Some(progress))
    }
}

impl FusedStream for Slices {
    fn is_terminated(&self) -> bool {
        self.has_failed || self.sent == self.total
    }
}

impl fmt::Debug for Slices {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Slices").field("blob", &self.blob).field("sent", &self.sent).finish_non_exhaustive()
    }
}
