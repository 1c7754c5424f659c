//! Whether there is a next attempt.

use crate::{CloseEvent, Error};

/// What follows when a connection was closed: what [`ReconnectOptions::after_close`](crate::ReconnectOptions::after_close)
/// decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AfterClose {
    /// Another attempt, when the [`Backoff`](crate::Backoff) has it.
    Retry,
    /// Nothing: it is over.
    Stop,
}

impl AfterClose {
    /// What follows if the caller does not decide.
    ///
    /// It is over after the codes that say that it is done (1000), or that the same will happen again: 1002, 1003, 1007 to
    /// 1010, and of those that are registered for libraries 3000 (unauthorized) and 3003 (forbidden). After all others there
    /// is another attempt. That goes for 4000 to 4999, too: what they mean only the application knows, and a needless
    /// attempt does less harm than none.
    ///
    /// # Examples
    ///
    /// ```
    /// use wasm_websocket::{AfterClose, CloseEvent};
    ///
    /// let restart = CloseEvent { code: 1012, reason: String::new(), was_clean: true };
    /// assert_eq!(AfterClose::of(&restart), AfterClose::Retry);
    /// ```
    pub fn of(event: &CloseEvent) -> Self {
        match event.code {
            1000 | 1002 | 1003 | 1007..=1010 | 3000 | 3003 => Self::Stop,
            _ => Self::Retry,
        }
    }

    /// What follows an attempt that has failed.
    pub(crate) fn of_failure(error: &Error) -> Self {
        match error {
            Error::InvalidUrl(_)
            | Error::InvalidProtocol(_)
            | Error::DuplicateProtocol(_)
            | Error::Security { .. }
            | Error::Unsupported
            | Error::Overflow
            | Error::Thrown { .. } => Self::Stop,
            _ => Self::Retry,
        }
    }
}
