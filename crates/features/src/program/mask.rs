//! Codes in place of what nobody may see.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{CellType, Operator};

/// `y` = a text in place of the cell's; missing stays missing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Mask {
    /// The first 128 bits of HMAC-SHA256 of the cell's text, as 32 hexadecimal digits: equal cells have equal codes.
    Hash {
        /// The key, or what is left of it in a file.
        key: Secret,
    },
    /// The same text for all cells.
    Redact {
        /// The text.
        text: String,
    },
}

/// A key that is never written: in a file, and in messages, there is only its fingerprint, by which it is known again.
#[derive(Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(from = "String")]
#[schemars(with = "String")]
pub enum Secret {
    /// The key itself.
    Key(String),
    /// Of a key that is not at hand.
    Fingerprint(String),
}

const FINGERPRINT: &str = "fingerprint:";

impl Secret {
    /// By which the key is known again, and from which it cannot be told.
    pub fn fingerprint(&self) -> String {
        match self {
            Self::Key(key) => format!("{FINGERPRINT}{}", hex(&hmac(key.as_bytes(), b"fingerprint")[..8])),
            Self::Fingerprint(text) => text.clone(),
        }
    }
}

impl Secret {
    /// Becomes the key itself, where that is among these.
    pub(crate) fn recall(&mut self, keys: &[&str]) {
        let known = keys.iter().map(|&key| Self::Key(key.to_owned()));
        if let Some(found) = known.into_iter().find(|known| known.fingerprint() == self.fingerprint()) {
            *self = found;
        }
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        if text.starts_with(FINGERPRINT) { Self::Fingerprint(text) } else { Self::Key(text) }
    }
}

impl Serialize for Secret {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.fingerprint())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.fingerprint())
    }
}

/// HMAC-SHA256 (RFC 2104).
fn hmac(key: &[u8], message: &[u8]) -> [u8; 32] {
    const BLOCK: usize = 64;
    let mut padded = [0u8; BLOCK];
    match key.len() {
        0..=BLOCK => padded[..key.len()].copy_from_slice(key),
        _ => padded[..32].copy_from_slice(&Sha256::digest(key)),
    }
    let with = |pad: u8| padded.map(|byte| byte ^ pad);
    let inner = Sha256::new().chain_update(with(0x36)).chain_update(message).finalize();
    Sha256::new().chain_update(with(0x5c)).chain_update(inner).finalize().into()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

impl Mask {
    /// The code of a text.
    ///
    /// # Panics
    /// Without the key, which is asked for before.
    pub(crate) fn masked(&self, text: &str) -> String {
        match self {
            Self::Hash { key: Secret::Key(key) } => hex(&hmac(key.as_bytes(), text.as_bytes())[..16]),
            Self::Hash { key: Secret::Fingerprint(_) } => panic!("a plan is applied with its keys"),
            Self::Redact { text } => text.clone(),
        }
    }

    /// Whether its key is not at hand.
    pub(crate) fn lacks_key(&self) -> bool {
        matches!(self, Self::Hash { key: Secret::Fingerprint(_) })
    }
}

impl Operator for Mask {
    fn output(&self, _input: CellType) -> Result<CellType, &'static str> {
        Ok(CellType::Text)
    }

    fn numbers(&self, _inputs: &[&[f64]], output: &mut [f64], _unknown: &mut u64) {
        output.fill(f64::NAN);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Test case 2 of RFC 4231, and one with a key that is longer than a block (its case 6).
    #[test]
    fn codes_are_those_of_hmac_sha256() {
        let code = |key: &[u8], message: &[u8]| hex(&hmac(key, message));
        let expected = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
        assert_eq!(code(b"Jefe", b"what do ya want for nothing?"), expected);
        let expected = "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54";
        assert_eq!(code(&[0xaa; 131], b"Test Using Larger Than Block-Size Key - Hash Key First"), expected);
        let mask = Mask::Hash { key: Secret::Key("Jefe".into()) };
        assert_eq!(mask.masked("what do ya want for nothing?"), "5bdcc146bf60754e6a042426089575c7");
    }

    #[test]
    fn a_key_is_never_written() {
        let mask = Mask::Hash { key: Secret::Key("correct horse".into()) };
        let json = serde_json::to_string(&mask).unwrap();
        assert!(!json.contains("horse") && !format!("{mask:?}").contains("horse"));
        let read: Mask = serde_json::from_str(&json).unwrap();
        assert!(read.lacks_key() && !mask.lacks_key());
        assert_eq!(serde_json::to_string(&read).unwrap(), json);
    }
}
