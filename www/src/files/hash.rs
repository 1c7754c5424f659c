//! SHA-256 of data that is too large for memory.

use futures_util::TryStreamExt;
use sha2::{Digest, Sha256};
use wasm_websocket::{Blob, Error};

/// An incremental hash.
#[derive(Default)]
pub struct Hash(Sha256);

impl Hash {
    /// Hashes a whole Blob.
    pub async fn of(blob: &Blob) -> Result<String, Error> {
        let mut hash = Self::default();
        hash.add(blob).await?;
        Ok(hash.finish())
    }

    /// Adds the bytes of a Blob. Reads them in chunks, and yields to the event loop between chunks.
    pub async fn add(&mut self, blob: &Blob) -> Result<(), Error> {
        const PART: u64 = 256 << 10;
        let mut chunks = blob.chunks(PART);
        while let Some(chunk) = chunks.try_next().await? {
            self.0.update(chunk);
        }
        Ok(())
    }

    /// Returns the hash in hexadecimal.
    pub fn finish(self) -> String {
        self.0.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }
}
