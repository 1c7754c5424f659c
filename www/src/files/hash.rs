//! SHA-256, of what is too large to be in memory as a whole.

use futures_util::TryStreamExt;
use sha2::{Digest, Sha256};
use wasm_websocket::{Blob, Error};

/// A hash that grows with what comes.
#[derive(Default)]
pub struct Hash(Sha256);

impl Hash {
    /// The hash of a whole Blob.
    pub async fn of(blob: &Blob) -> Result<String, Error> {
        let mut hash = Self::default();
        hash.add(blob).await?;
        Ok(hash.finish())
    }

    /// Adds the bytes of a Blob. It reads them in parts, between which the page has its turn.
    pub async fn add(&mut self, blob: &Blob) -> Result<(), Error> {
        const PART: u64 = 256 << 10;
        let mut chunks = blob.chunks(PART);
        while let Some(chunk) = chunks.try_next().await? {
            self.0.update(chunk);
        }
        Ok(())
    }

    /// In hexadecimal.
    pub fn finish(self) -> String {
        self.0.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }
}
