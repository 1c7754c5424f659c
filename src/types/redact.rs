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
        let at = last(b'@');
        self.write(f, 0..start)?;
        if at.is_some() {
            f.write_str("…")?;
        }
        let shown = at.unwrap_or(start);
        let host = at.map_or(start, |at| at + 1);
        // The port follows the first colon, apart from those of an IPv6 address. What is no port may be a password with a slash.
        let address = self.find(host..host + 1, |byte| byte == b'[').and_then(|_| last(b']'));
        let colon = self.find(address.unwrap_or(shown)..path, |byte| byte == b':');
        if let Some(colon) = colon.filter(|colon| self.find(colon + 1..path, |byte| !byte.is_ascii_digit()).is_some()) {
            self.write(f, shown..colon + 1)?;
            return f.write_str("…");
        }
        self.write(f, shown..path)?;
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

    fn write(&self, f: &mut fmt::Formatter<'_>, range: Range<usize>) -> fmt::Result {
        f.write_str(self.0.get(range.start..range.end.min(self.0.len())).unwrap_or_default())
    }
}

impl fmt::Debug for PublicUrl<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{self}\"")
    }
}
