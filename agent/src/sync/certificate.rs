//! Certificates from files, and their dates.

use super::trouble::Trouble;
use jiff::Timestamp;
use rustls::pki_types::pem::{Error as Pem, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::fs::File;
use std::io::Read;
use std::path::Path;
use x509_parser::prelude::{FromDer, X509Certificate};

/// The system's file of every public CA has a quarter of a megabyte.
const FILE_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// When a certificate is valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Validity {
    pub from: Timestamp,
    pub until: Timestamp,
}

impl Validity {
    /// `None` for what is no certificate.
    #[must_use]
    pub fn of(certificate: &CertificateDer<'_>) -> Option<Self> {
        let (_, certificate) = X509Certificate::from_der(certificate).ok()?;
        let dates = certificate.validity();
        Some(Self {
            from: Timestamp::from_second(dates.not_before.timestamp()).ok()?,
            until: Timestamp::from_second(dates.not_after.timestamp()).ok()?,
        })
    }
}

/// The certificates of a PEM file, at least one.
///
/// # Errors
/// The file can't be read, or isn't what it should be.
pub fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, Trouble> {
    let pem = read(file)?;
    let all: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    match all {
        Ok(all) if all.is_empty() => Err(unusable(file, "there is no certificate in it, as PEM")),
        Ok(all) if all.iter().all(|certificate| Validity::of(certificate).is_some()) => Ok(all),
        Ok(_) => Err(unusable(file, "a certificate in it is damaged")),
        Err(error) => Err(unusable(file, &wrong(&error))),
    }
}

/// The key of a PEM file.
///
/// # Errors
/// The file can't be read, or isn't what it should be.
pub fn key(file: &Path) -> Result<PrivateKeyDer<'static>, Trouble> {
    PrivateKeyDer::from_pem_slice(&read(file)?).map_err(|error| match error {
        Pem::NoItemsFound => unusable(file, "there is no private key in it, as PEM without a password"),
        other => unusable(file, &wrong(&other)),
    })
}

pub fn unusable(file: &Path, why: &str) -> Trouble {
    Trouble::FileUnusable { file: file.to_owned(), why: why.to_owned() }
}

fn wrong(error: &Pem) -> String {
    format!("this is not PEM: {error}")
}

fn read(file: &Path) -> Result<Vec<u8>, Trouble> {
    let failed = |why: std::io::Error| unusable(file, &format!("can't be read: {why}"));
    let mut pem = Vec::new();
    let read = File::open(file).map_err(failed)?.take(FILE_BYTES_MAX + 1).read_to_end(&mut pem).map_err(failed)?;
    if FILE_BYTES_MAX < read as u64 {
        return Err(unusable(file, &format!("is larger than {FILE_BYTES_MAX} bytes")));
    }
    Ok(pem)
}
