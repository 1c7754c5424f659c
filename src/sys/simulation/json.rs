//! The browser's own JSON, on a host without a browser: every call fails.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::Error;

pub fn stringify<T: Serialize + ?Sized>(_value: &T) -> Result<String, Error> {
    Err(Error::Unsupported)
}

pub fn parse<T: DeserializeOwned>(_text: &str) -> Result<T, String> {
    Err("there is no JavaScript in this environment".into())
}
