//! Why a connection ended, and the code and reason that a page may close with.

use std::fmt;

use super::error::write_number;
use crate::Error;

/// The code of a connection that ended, or could not be opened, without a closing handshake.
pub(crate) const ABNORMAL: u16 = 1006;

/// The code with which Firefox reports that the TLS handshake has failed.
pub(crate) const TLS: u16 = 1015;

/// Why a connection ended: the browser's [`CloseEvent`].
///
/// [`CloseEvent`]: https://websockets.spec.whatwg.org/#the-closeevent-interface
///
/// # Examples
///
/// ```
/// # use wasm_websocket::CloseEvent;
/// let event = CloseEvent { code: 1001, reason: "restart".into(), was_clean: true };
/// assert_eq!(event.to_string(), "1001 (going away): restart");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CloseEvent {
    /// The peer's close code; 1005 if the peer sent none, 1006 if the connection ended without a closing handshake.
    ///
    /// If this page has closed the connection, this is the code of the peer's answer, which is usually the page's own. So a code
    /// does not tell who closed first.
    pub code: u16,
    /// The peer's reason; may be empty.
    pub reason: String,
    /// Whether the closing handshake completed.
    pub was_clean: bool,
}

impl CloseEvent {
    /// Returns the meaning of the code in [RFC 6455](https://www.rfc-editor.org/rfc/rfc6455#section-7.4.1) and its
    /// registry; `None` for all other codes, such as those from 3000, which libraries and applications define.
    ///
    /// # Examples
    ///
    /// ```
    /// use wasm_websocket::CloseEvent;
    ///
    /// fn explain(event: &CloseEvent) -> &str {
    ///     event.meaning().unwrap_or(match event.code {
    ///         4001 => "logged in elsewhere", // codes from 4000 are the application's own
    ///         _ => "unknown",
    ///     })
    /// }
    ///
    /// let event = |code| CloseEvent { code, reason: String::new(), was_clean: true };
    /// assert_eq!(explain(&event(1012)), "service restart");
    /// assert_eq!(explain(&event(4001)), "logged in elsewhere");
    /// ```
    pub fn meaning(&self) -> Option<&'static str> {
        Some(match self.code {
            1000 => "normal closure",
            1001 => "going away",
            1002 => "protocol error",
            1003 => "unsupported data",
            1005 => "no code",
            1006 => "abnormal closure",
            1007 => "invalid payload data",
            1008 => "policy violation",
            1009 => "message too big",
            1010 => "extension required",
            1011 => "internal error",
            1012 => "service restart",
            1013 => "try again later",
            1014 => "bad gateway",
            1015 => "TLS handshake failed",
            _ => return None,
        })
    }

    /// Returns an error if the connection ended without a closing handshake.
    pub(crate) fn checked(self) -> Result<(), Error> {
        if self.was_clean { Ok(()) } else { Err(Error::Unclean(self)) }
    }
}

/// Lets code that can only return an error report how a connection ended, even cleanly.
impl std::error::Error for CloseEvent {}

impl fmt::Display for CloseEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_number(f, self.code.into())?;
        if let Some(meaning) = self.meaning() {
            [" (", meaning, ")"].into_iter().try_for_each(|part| f.write_str(part))?;
        }
        if self.reason.is_empty() {
            return Ok(());
        }
        f.write_str(": ")?;
        f.write_str(&self.reason)
    }
}

/// A close code that a page may send: 1000, or 3000 to 4999.
///
/// The browser [rejects](https://websockets.spec.whatwg.org/#dom-websocket-close) all other codes, so this type cannot hold
/// them. A received code can be any `u16`, see [`CloseEvent`].
///
/// # Examples
///
/// ```
/// use wasm_websocket::{CloseCode, Error};
///
/// assert_eq!(CloseCode::try_from(4001)?.get(), 4001);
/// assert_eq!(CloseCode::try_from(1006), Err(Error::InvalidCloseCode(1006)));
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CloseCode(u16);

impl CloseCode {
    /// Normal closure: the connection has served its purpose (1000).
    pub const NORMAL: Self = Self(1000);

    /// Returns the code if a page may send it.
    pub const fn new(code: u16) -> Option<Self> {
        match code {
            1000 | 3000..=4999 => Some(Self(code)),
            _ => None,
        }
    }

    /// Returns the code as a number.
    pub const fn get(self) -> u16 {
        self.0
    }
}

impl TryFrom<u16> for CloseCode {
    type Error = Error;

    fn try_from(code: u16) -> Result<Self, Error> {
        Self::new(code).ok_or(Error::InvalidCloseCode(code))
    }
}

impl PartialEq<CloseCode> for u16 {
    fn eq(&self, code: &CloseCode) -> bool {
        *self == code.0
    }
}

/// Validates the code and the reason of a Close frame.
pub(crate) fn frame<C, R>(code: C, reason: R) -> Result<(CloseCode, CloseReason), Error>
where
    C: TryInto<CloseCode, Error: Into<Error>>,
    R: TryInto<CloseReason, Error: Into<Error>>,
{
    Ok((code.try_into().map_err(Into::into)?, reason.try_into().map_err(Into::into)?))
}

/// A close reason that a page may send: at most 123 bytes of UTF-8.
///
/// # Examples
///
/// ```
/// use wasm_websocket::{CloseReason, Error};
///
/// let long = "ab€".repeat(25);
/// assert_eq!(CloseReason::try_from(&*long), Err(Error::ReasonTooLong(125)));
/// assert_eq!(CloseReason::truncated(&long).as_str().len(), 122); // "€" is three bytes, and is not cut in two
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct CloseReason(String);

impl CloseReason {
    /// The maximum length in bytes: the 125 bytes of a control frame minus two for the code.
    pub const MAX_LEN: usize = 123;

    /// Truncates `reason` to [`MAX_LEN`](Self::MAX_LEN) bytes, at a character boundary.
    pub fn truncated(reason: &str) -> Self {
        let mut end = reason.len().min(Self::MAX_LEN);
        while !reason.is_char_boundary(end) {
            end -= 1;
        }
        Self(reason[..end].to_owned())
    }

    /// Returns the reason as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for CloseReason {
    type Error = Error;

    fn try_from(reason: String) -> Result<Self, Error> {
        match reason.len() {
            0..=Self::MAX_LEN => Ok(Self(reason)),
            len => Err(Error::ReasonTooLong(len)),
        }
    }
}

impl TryFrom<&str> for CloseReason {
    type Error = Error;

    fn try_from(reason: &str) -> Result<Self, Error> {
        Self::try_from(reason.to_owned())
    }
}

impl TryFrom<&String> for CloseReason {
    type Error = Error;

    fn try_from(reason: &String) -> Result<Self, Error> {
        Self::try_from(reason.to_owned())
    }
}
