use std::io::{self, Write};

use sha2::{Digest, Sha256};

/// Passes bytes on, and knows how many they were and their SHA-256.
#[derive(Debug)]
pub(super) struct Hashed<W> {
    pub(super) inner: W,
    digest: Sha256,
    bytes: u64,
}

impl<W: Write> Hashed<W> {
    pub(super) fn new(inner: W) -> Self {
        Self { inner, digest: Sha256::new(), bytes: 0 }
    }

    /// Where the bytes went, how many there were, and their SHA-256 in hexadecimal.
    pub(super) fn finish(self) -> (W, u64, String) {
        let digest = self.digest.finalize();
        (self.inner, self.bytes, digest.iter().map(|byte| format!("{byte:02x}")).collect())
    }
}

impl<W: Write> Write for Hashed<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.inner.write(bytes)?;
        self.digest.update(&bytes[..count]);
        self.bytes += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}
