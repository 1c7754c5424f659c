//! URLs without their secrets, for texts that may be logged.

use std::fmt;
use std::ops::Range;

/// A URL for texts: shown without user, password, query and fragment, each of which may be a secret.
///
/// An invalid URL is shown up to what may be a password, as in `wss://user:pass/word@example.com`.
pub(crate) struct PublicUrl<'a>(pub &'a str);

impl fmt::Display for PublicUrl<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_separator = |byte| matches!(byte, b':' | b'/' | b'\\');
        let end = self.find(0..self.0.len(), |byte| matches!(byte, b'?' | b'#')).unwrap_or(self.0.len());
        // User, password, host and port follow the scheme and any number of slashes, as in browsers.
        let scheme = self.find(0..end, is_separator).unwrap_or(0);
        let start = self.find(scheme..end, |byte| byte > b' ' && !is_separator(byte)).unwrap_or(end);
        let path = self.find(start..end, |byte| matches!(byte, b'/' | b'\\')).unwrap_or(end);
        let last = |wanted| {
            let (mut last, mut from) = (None, start);
            while let Some(at) = self.find(from..path, |byte| byte == wanted) {
                (last, from) = (Some(at), at + 1);
            }
            last
        };
        self.write(f, 0..start)?;
        match (last(b'@'), last(b':')) {
            (Some(at), _) => {
                f.write_str("…")?;
                self.write(f, at..path)?;
            }
            (None, Some(colon)) if !self.is_port(colon + 1..path) => {
                self.write(f, start..colon + 1)?;
                return f.write_str("…");
            }
            _ => self.write(f, start..path)?,
        }
        // Includes the `?` or `#`, after which the secret begins.
        self.write(f, path..end + 1)?;
        if end < self.0.len() { f.write_str("…") } else { Ok(()) }
    }
}

/// These methods work on bytes: they search only for ASCII, and slicing text by characters would add the tables of Unicode.
impl PublicUrl<'_> {
    fn find(&self, range: Range<usize>, is_wanted: impl Fn(u8) -> bool) -> Option<usize> {
        range.into_iter().find(|at| self.0.as_bytes().get(*at).is_some_and(|byte| is_wanted(*byte)))
    }

    /// Returns whether the text after the last colon is a port, or the end of an IPv6 address.
    fn is_port(&self, range: Range<usize>) -> bool {
        let is_bracket = range.end.checked_sub(1).and_then(|last| self.find(last..range.end, |byte| byte == b']'));
        is_bracket.is_some() || self.find(range, |byte| !byte.is_ascii_digit()).is_none()
    }

    fn write(&self, f: &mut fmt::Formatter<'_>, range: Range<usize>) -> fmt::Result {
        f.write_str(self.0.get(range.start..range.end.min(self.0.len())).unwrap_or_default())
    }
}

impl fmt::Debug for PublicUrl<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{self}\"")
    }
}
