//! What this site has proved itself with, kept while new files are tried: whether a broker takes a password, or the name in a
//! certificate, only a login tells. Where it refuses them, the connection is made again with what it took before.
//!
//! Only what proves who we are is kept, never whom to believe: CAs and lists of revoked certificates are read anew for each
//! connection.

use super::tls::Tls;
use super::trouble::Trouble;
use super::way::Stamp;
use crate::clock::Moment;

/// A password, and a certificate with its key, as they were read.
#[derive(Clone)]
pub struct Credentials {
    pub password: Option<String>,
    pub tls: Option<Tls>,
}

/// Credentials that the broker took, until it takes those in the files that came after them.
#[derive(Debug)]
pub struct Kept {
    pub credentials: Credentials,
    /// The files in which they stood.
    pub stamps: Vec<Stamp>,
    pub contents: u64,
    pub refused: Option<LoginRefused>,
}

/// Files that the broker has refused to a login: those of other contents are tried.
#[derive(Clone, Debug)]
pub struct LoginRefused {
    pub contents: u64,
    pub trouble: Trouble,
    pub at: Moment,
}

impl std::fmt::Debug for Credentials {
    /// Without the password.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credentials").field("tls", &self.tls).finish_non_exhaustive()
    }
}

impl Kept {
    /// Whether files with these contents have been refused.
    pub fn is_to_be_used(&self, contents: u64) -> bool {
        self.refused.as_ref().is_some_and(|refused| refused.contents == contents)
    }
}
