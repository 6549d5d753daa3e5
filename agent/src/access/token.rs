//! A token of the device: random, readable aloud, compared in constant time.

use rustix::rand::{GetRandomFlags, getrandom};
use sha2::{Digest as _, Sha256};
use std::{fmt, io};
use subtle::ConstantTimeEq;

/// Letters and digits that nobody mistakes for each other (Crockford's base 32).
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// Seven groups of four: 140 bits.
const TOKEN_CHARS: usize = 28;
const GROUP_CHARS: usize = 4;

/// A token as text. `Debug` shows none of it.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(String);

/// SHA-256 of a token. 140 random bits can't be found by trying, so a slow hash would protect nothing more.
pub type Digest = [u8; 32];

impl Token {
    /// # Errors
    /// The system gives no random numbers.
    pub fn random() -> io::Result<Self> {
        random_text(TOKEN_CHARS).map(Self)
    }

    /// What a person typed: without groups, in either case, letters that look like digits read as such.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let read = |c: char| match c.to_ascii_uppercase() {
            '-' | ' ' | '\t' | '\r' | '\n' => None,
            'O' => Some('0'),
            'I' | 'L' => Some('1'),
            c => Some(c),
        };
        Self(text.chars().filter_map(read).collect())
    }

    /// In groups of four, to be shown once.
    #[must_use]
    pub fn shown(&self) -> String {
        let groups: Vec<_> = self.0.as_bytes().chunks(GROUP_CHARS).map(String::from_utf8_lossy).collect();
        groups.join("-")
    }

    #[must_use]
    pub fn digest(&self) -> Digest {
        digest(&self.0)
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

pub fn digest(text: &str) -> Digest {
    Sha256::digest(text.as_bytes()).into()
}

/// Takes as long whether they are alike or not.
pub fn matches(a: &Digest, b: &Digest) -> bool {
    a.ct_eq(b).into()
}

/// Five random bits a character.
pub fn random_text(chars: usize) -> io::Result<String> {
    let mut bytes = vec![0; chars];
    let mut filled = 0;
    while filled < bytes.len() {
        match getrandom(&mut bytes[filled..], GetRandomFlags::empty()) {
            Ok(more) => filled += more,
            Err(rustix::io::Errno::INTR) => {}
            Err(errno) => return Err(errno.into()),
        }
    }
    Ok(bytes.iter().map(|byte| char::from(ALPHABET[usize::from(byte % 32)])).collect())
}
