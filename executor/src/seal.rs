//! Seals: keyed hashes around every frame, so that no byte that was changed or that somebody else wrote becomes a value.
//!
//! HMAC-SHA256 (RFC 2104). Before a payload stand the header's length, its tag, the header, its tag and the payload's SHA-256, which the header's
//! tag covers; the tags count the frames, so each has its place. A payload's digest is the same wherever it goes, so whoever passes it on goes
//! through it once. `runtime/nbhoist_runtime/seal.py` is the other end.

use std::path::Path;

use ring::hmac;
use ring::rand::{SecureRandom as _, SystemRandom};
use serde::{Deserialize, Serialize};

use crate::runtime::hex;

/// Length of a tag and of a digest, bytes.
pub(crate) const TAG: usize = 32;

/// The SHA-256 of a payload.
pub(crate) type Digest = [u8; TAG];

/// What stands for a payload under the tag of its header.
pub(crate) fn digest(payload: &[u8]) -> Digest {
    let digest = ring::digest::digest(&ring::digest::SHA256, payload);
    digest.as_ref().try_into().expect("a SHA-256 has 32 bytes")
}

/// What makes the keys of a stream its own.
pub(crate) type Nonce = [u8; 16];

/// A key that the other end is given by the channel that starts it; written as hexadecimal digits.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct Key([u8; 32]);

/// The system gives no random numbers, or a text is no key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum KeyError {
    #[error("the system gives no random numbers")]
    NoRandom,
    #[error("a key has 64 hexadecimal digits")]
    NoKey,
}

impl Key {
    /// A fresh one.
    pub(crate) fn random() -> Result<Self, KeyError> {
        random().map(Self)
    }

    pub(crate) const fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// The seal of the frames that go to a worker.
    pub(crate) fn to_worker(&self, nonce: &Nonce) -> Seal {
        Seal::new(self, b">", nonce)
    }

    /// The seal of the frames that come from a worker.
    pub(crate) fn of_worker(&self, nonce: &Nonce) -> Seal {
        Seal::new(self, b"<", nonce)
    }

    /// The seal of the frames in a file beside the kernel.
    pub(crate) fn file(&self, path: &Path) -> Seal {
        Seal::new(self, b"file", path.file_name().unwrap_or_default().as_encoded_bytes())
    }
}

/// Random bytes.
pub(crate) fn random<const LENGTH: usize>() -> Result<[u8; LENGTH], KeyError> {
    let mut bytes = [0; LENGTH];
    SystemRandom::new().fill(&mut bytes).map_err(|_| KeyError::NoRandom)?;
    Ok(bytes)
}

impl std::fmt::Debug for Key {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Key(..)")
    }
}

impl From<Key> for String {
    fn from(key: Key) -> Self {
        hex(&key.0)
    }
}

impl TryFrom<String> for Key {
    type Error = KeyError;

    fn try_from(text: String) -> Result<Self, KeyError> {
        let digit = |at: usize| u8::from_str_radix(text.get(2 * at..2 * at + 2).unwrap_or_default(), 16);
        let mut bytes = [0; 32];
        for (at, byte) in bytes.iter_mut().enumerate() {
            *byte = digit(at).map_err(|_| KeyError::NoKey)?;
        }
        if text.len() == 64 { Ok(Self(bytes)) } else { Err(KeyError::NoKey) }
    }
}

/// Makes or checks the tags of one stream in one direction.
#[derive(Clone)]
pub(crate) struct Seal {
    key: hmac::Key,
    count: u64,
}

/// A tag does not belong to what it stands beside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Forged;

impl Seal {
    fn new(key: &Key, way: &[u8], nonce: &[u8]) -> Self {
        let key = hmac::Key::new(hmac::HMAC_SHA256, &key.0);
        let derived = hmac::sign(&key, &[b"nbhoist ", way, nonce].concat());
        Self { key: hmac::Key::new(hmac::HMAC_SHA256, derived.as_ref()), count: 0 }
    }

    /// All that goes before the payload of the next frame.
    pub(crate) fn head(&mut self, length: [u8; 4], header: &[u8], payload: &Digest) -> Vec<u8> {
        let tag = hmac::sign(&self.key, &self.of_header(header, payload));
        let first = hmac::sign(&self.key, &self.of_length(length));
        self.count += 1;
        [&length[..], first.as_ref(), header, tag.as_ref(), payload].concat()
    }

    /// Whether the next frame's header is as long as is said.
    pub(crate) fn check_length(&self, length: [u8; 4], tag: &[u8]) -> Result<(), Forged> {
        hmac::verify(&self.key, &self.of_length(length), tag).map_err(|_| Forged)
    }

    /// Whether this is the next frame's header; `tags` are its own and the payload's digest, which is given.
    pub(crate) fn check_header(&self, header: &[u8], tags: &[u8]) -> Result<Digest, Forged> {
        let (tag, payload) = tags.split_at_checked(TAG).ok_or(Forged)?;
        hmac::verify(&self.key, &self.of_header(header, payload), tag).map_err(|_| Forged)?;
        payload.try_into().map_err(|_| Forged)
    }

    /// Whether this is the payload of the frame whose header came with this digest; then that frame is over.
    pub(crate) fn check_payload(&mut self, payload: &[u8], announced: &Digest) -> Result<(), Forged> {
        if digest(payload) != *announced {
            return Err(Forged);
        }
        self.count += 1;
        Ok(())
    }

    fn of_length(&self, length: [u8; 4]) -> [u8; 13] {
        let mut bytes = [0; 13];
        bytes[0] = b'L';
        bytes[1..9].copy_from_slice(&self.count.to_be_bytes());
        bytes[9..].copy_from_slice(&length);
        bytes
    }

    fn of_header(&self, header: &[u8], payload: &[u8]) -> Vec<u8> {
        [b"H", &self.count.to_be_bytes()[..], payload, header].concat()
    }
}

impl std::fmt::Debug for Seal {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Seal").field("count", &self.count).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn key_is_written_and_read_and_not_shown() {
        let key = Key::random().unwrap();
        assert_eq!(Key::try_from(String::from(key.clone())), Ok(key.clone()));
        assert_eq!(Key::try_from("12".to_owned()), Err(KeyError::NoKey));
        assert!(!format!("{key:?}").contains(&String::from(key.clone())));
        assert_ne!(key, Key::random().unwrap());
    }

    #[test]
    fn tags_are_those_of_python() {
        // `Seal(bytes(range(32)), b">", bytes(16)).head(b"{}", digest(b"payload"))` of seal.py.
        let key = Key(std::array::from_fn(|at| at as u8));
        let head = key.to_worker(&[0; 16]).head(2u32.to_be_bytes(), b"{}", &digest(b"payload"));
        assert_eq!(hex(&head), PYTHON);
    }

    const PYTHON: &str = "\
        000000027d2f16ba3e5ea91c63876bfefd6a83472fce4b1c6f5830f0e0cc71b5570768737b7d46db6d9c1c554bcab03ad4e2\
        65c57fb2ae45850675e3adb4bed85a4b0a7e0619239f59ed55e737c77147cf55ad0c1b030b6d7ee748a7426952f9b852d5a9\
        35e5";
}
