//! URLs without their secrets, for texts that end up in logs.

use std::fmt;

/// A URL as texts show it: without user and password, query and fragment, each of which may be a secret.
///
/// An invalid URL is shown up to what may be a password, as in `wss://user:pass/word@example.com`.
pub(crate) struct PublicUrl<'a>(pub &'a str);

impl fmt::Display for PublicUrl<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (url, secret) = self.0.split_at(self.0.find(['?', '#']).unwrap_or(self.0.len()));
        // User, password, host and port follow the scheme and slashes, however many: browsers do not count them.
        let scheme = url.find([':', '/', '\\']).unwrap_or(0);
        let start = url[scheme..].find(|c: char| c > ' ' && !":/\\".contains(c)).map_or(url.len(), |at| scheme + at);
        let (before, rest) = url.split_at(start);
        let (authority, path) = rest.split_at(rest.find(['/', '\\']).unwrap_or(rest.len()));
        f.write_str(before)?;
        match (authority.rsplit_once('@'), authority.rsplit_once(':')) {
            (Some((_, host)), _) => write!(f, "…@{host}")?,
            (None, Some((host, port))) if !is_port(port) => return write!(f, "{host}:…"),
            _ => f.write_str(authority)?,
        }
        f.write_str(path)?;
        match secret.chars().next() {
            Some(kind) => write!(f, "{kind}…"),
            None => Ok(()),
        }
    }
}

/// Whether what follows the last colon is a port, or else the end of an IPv6 address.
fn is_port(text: &str) -> bool {
    text.ends_with(']') || text.bytes().all(|byte| byte.is_ascii_digit())
}

impl fmt::Debug for PublicUrl<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{self}\"")
    }
}
