//! A Blob as a stream of chunks.

use std::fmt;
use std::future::Future;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::{FusedStream, Stream};

use crate::{Blob, Error};

/// A stream of the bytes of a Blob in chunks: what [`Blob::chunks`] returns.
///
/// # Examples
///
/// ```no_run
/// use futures_util::TryStreamExt;
/// use wasm_websocket::{Blob, Error, Sender};
///
/// /// Uploads a file of any size, encrypted. Only one chunk is in memory at a time.
/// async fn upload(sender: &mut Sender, file: web_sys::File, encrypt: impl Fn(&mut [u8])) -> Result<(), Error> {
///     let mut chunks = Blob::from(file).chunks(256 << 10);
///     while let Some(mut chunk) = chunks.try_next().await? {
///         encrypt(&mut chunk);
///         sender.send(chunk).await?; // waits for the network
///     }
///     Ok(())
/// }
/// ```
#[must_use = "it reads when it is polled"]
pub struct Chunks {
    blob: Blob,
    /// The length of the Blob. It never changes, and asking the browser costs a call.
    total: u64,
    len: u64,
    read: u64,
    reading: Option<Reading>,
}

type Reading = Pin<Box<dyn Future<Output = Result<Vec<u8>, Error>>>>;

impl Blob {
    /// Reads the Blob lazily in chunks of `len` bytes; the last may be shorter.
    ///
    /// Only one chunk is in memory at a time, so files of any size can be read. An empty Blob has no chunks. A `len` of 0 counts
    /// as 1.
    ///
    /// # Errors
    ///
    /// The stream ends with one of these errors:
    ///
    /// - [`Error::UnreadableBlob`], for instance if the file has changed,
    /// - [`Error::OutOfMemory`].
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use futures_util::TryStreamExt;
    /// use wasm_websocket::{Blob, Error};
    ///
    /// async fn count_zeros(file: web_sys::File) -> Result<usize, Error> {
    ///     let chunks = Blob::from(file).chunks(1 << 20);
    ///     chunks.try_fold(0, async |zeros, chunk| Ok(zeros + chunk.iter().filter(|byte| **byte == 0).count())).await
    /// }
    /// ```
    pub fn chunks(&self, len: u64) -> Chunks {
        Chunks { blob: self.clone(), total: self.len(), len: len.max(1), read: 0, reading: None }
    }
}

impl Stream for Chunks {
    type Item = Result<Vec<u8>, Error>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.is_terminated() {
            return Poll::Ready(None);
        }
        let Self { blob, total, len, read, reading } = &mut *self;
        let end = read.saturating_add(*len).min(*total);
        let reading_now = reading.get_or_insert_with(|| {
            let part = blob.slice(*read..end);
            Box::pin(async move { part.bytes().await })
        });
        let bytes = ready!(reading_now.as_mut().poll(context));
        *reading = None;
        *read = if bytes.is_ok() { end } else { *total };
        Poll::Ready(Some(bytes))
    }
}

impl FusedStream for Chunks {
    fn is_terminated(&self) -> bool {
        self.read == self.total
    }
}

// No other code refers to the chunk that is being read.
impl UnwindSafe for Chunks {}
impl RefUnwindSafe for Chunks {}

impl fmt::Debug for Chunks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Chunks").field("blob", &self.blob).field("read", &self.read).finish_non_exhaustive()
    }
}
