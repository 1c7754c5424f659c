//! How a connection ends.

use std::time::Duration;

use crate::{CloseEvent, Error};

/// How a connection has ended.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum End {
    Closed(CloseEvent),
    /// The connection could not be opened.
    Failed,
    /// The connection did not open in time.
    ConnectTimeout,
    CloseTimeout(Duration),
    Overflow,
    /// All handles were dropped.
    Dropped,
}

impl End {
    /// Returns whether messages may be missing.
    pub fn is_loss(&self) -> bool {
        !matches!(self, Self::Closed(event) if event.was_clean)
    }

    /// Returns why messages may be missing; `None` if none are.
    pub fn loss(&self) -> Option<Error> {
        Some(match self {
            Self::Closed(event) if event.was_clean => return None,
            Self::Closed(event) => Error::Unclean(event.clone()),
            Self::CloseTimeout(timeout) => Error::CloseTimeout(*timeout),
            Self::Overflow => Error::Overflow,
            // No stream was ever created, or none is left.
            Self::Failed | Self::ConnectTimeout | Self::Dropped => Error::Dropped,
        })
    }

    /// Returns the close event, or why there is none.
    pub fn told(&self) -> Result<CloseEvent, Error> {
        match self {
            Self::Closed(event) => Ok(event.clone()),
            other => Err(other.loss().unwrap_or(Error::Dropped)),
        }
    }
}
