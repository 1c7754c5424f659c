//! Sends and receives values as JSON over a connection.

use std::fmt;
use std::future::poll_fn;
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::{FusedStream, Stream};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::socket::Connection;
use crate::{CloseEvent, Error};

pub struct Typed<S, Out, In, C> {
    inner: S,
    is_over: bool,
    types: PhantomData<(fn(Out) -> In, C)>,
}

/// The error of a value that could not be sent.
pub struct SendError<T> {
    pub message: T,
    pub error: Error,
}

/// The error of a message that is not JSON of the type.
pub struct ReceiveError {
    pub error: Error,
}

impl<S, Out, In, C> Typed<S, Out, In, C> {
    pub(crate) fn new(inner: S) -> Self {
        Self { inner, is_over: false, types: PhantomData }
    }
}

impl<S: Connection, Out: Serialize, In, C> Typed<S, Out, In, C> {
    pub async fn send(&mut self, value: Out) -> Result<(), SendError<Out>> {
        let text = serde_json::to_string(&value).map_err(failed);
        text.and_then(|text| self.inner.send(&text)).map_err(|error| SendError { message: value, error })
    }

    /// Sends a value. A hand-written socket has no receipts.
    #[cfg(feature = "session")]
    pub async fn send_for_receipt(&mut self, value: Out) -> Result<(), SendError<Out>> {
        self.send(value).await
    }
}

impl<S: Connection, Out, In, C> Typed<S, Out, In, C> {
    pub async fn closed(&self) -> Result<CloseEvent, Error> {
        Ok(poll_fn(|context| self.inner.poll_closed(context)).await)
    }
}

impl<S: Connection + Unpin, Out, In: DeserializeOwned, C> Stream for Typed<S, Out, In, C> {
    type Item = Result<In, ReceiveError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.inner.poll_text(context).map(|text| {
            self.is_over = text.is_none();
            text.map(|text| serde_json::from_str(&text).map_err(|error| ReceiveError { error: undecodable(error) }))
        })
    }
}

impl<S: Connection + Unpin, Out, In: DeserializeOwned, C> FusedStream for Typed<S, Out, In, C> {
    fn is_terminated(&self) -> bool {
        self.is_over
    }
}

impl<S, Out, In, C> Unpin for Typed<S, Out, In, C> {}

fn undecodable(error: serde_json::Error) -> Error {
    Error::Failed(format!("the message cannot be decoded: {error}"))
}

fn failed(error: serde_json::Error) -> Error {
    Error::Failed(error.to_string())
}

impl<T> fmt::Display for SendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}
