//! Shared bytes: clones and slices copy nothing.

use std::ops::Range;
use std::rc::Rc;

/// A slice of shared bytes.
#[derive(Clone)]
pub struct Bytes {
    all: Rc<[u8]>,
    range: Range<usize>,
}

impl Bytes {
    pub fn as_slice(&self) -> &[u8] {
        &self.all[self.range.clone()]
    }

    pub fn len(&self) -> u64 {
        self.range.len() as u64
    }

    /// Returns a slice, clamped to the length.
    pub fn slice(&self, range: Range<u64>) -> Self {
        let at = |index: u64| self.range.start + index.min(self.len()) as usize;
        let start = at(range.start);
        Self { all: Rc::clone(&self.all), range: start..at(range.end).max(start) }
    }
}

impl From<&[u8]> for Bytes {
    fn from(bytes: &[u8]) -> Self {
        Self { all: bytes.into(), range: 0..bytes.len() }
    }
}
