//! Certificates and lists of revoked ones from files, and their dates.

use super::trouble::Trouble;
use jiff::Timestamp;
use rustls::pki_types::pem::{Error as Pem, PemObject};
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer};
use std::fs::File;
use std::io::Read;
use std::path::Path;
use x509_parser::prelude::{CertificateRevocationList, FromDer, X509Certificate};

/// The system's file of every public CA has a quarter of a megabyte.
pub const FILE_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// When a certificate is valid, or a list of revoked ones the newest.
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

    /// `None` for what is no list. One that never says when the next comes is the newest for ever.
    fn of_list(list: &CertificateRevocationListDer<'_>) -> Option<Self> {
        let (_, list) = CertificateRevocationList::from_der(list).ok()?;
        let next = list.next_update().map(|next| Timestamp::from_second(next.timestamp()));
        Some(Self {
            from: Timestamp::from_second(list.last_update().timestamp()).ok()?,
            until: next.unwrap_or(Ok(Timestamp::MAX)).ok()?,
        })
    }
}

/// The first common name of a certificate's subject, which is a broker's user where it takes names from certificates.
pub fn common_name(certificate: &CertificateDer<'_>) -> Option<String> {
    let (_, certificate) = X509Certificate::from_der(certificate).ok()?;
    certificate.subject().iter_common_name().next()?.as_str().ok().map(str::to_owned)
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

/// The lists of revoked certificates of a PEM file, at least one, and the dates of the first to grow old.
///
/// # Errors
/// The file can't be read, or isn't what it should be.
pub fn revocations(file: &Path) -> Result<(Vec<CertificateRevocationListDer<'static>>, Validity), Trouble> {
    let pem = read(file)?;
    let all: Result<Vec<_>, _> = CertificateRevocationListDer::pem_slice_iter(&pem).collect();
    let all = all.map_err(|error| unusable(file, &wrong(&error)))?;
    let dates: Option<Vec<_>> = all.iter().map(Validity::of_list).collect();
    let dates = dates.ok_or_else(|| unusable(file, "a list in it is damaged"))?;
    match dates.into_iter().min_by_key(|dates| dates.until) {
        Some(dates) => Ok((all, dates)),
        None => Err(unusable(file, "there is no list of revoked certificates in it, as PEM")),
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
    let pem = read_within(file, FILE_BYTES_MAX + 1);
    let pem = pem.map_err(|why| unusable(file, &format!("can't be read: {why}")))?;
    if FILE_BYTES_MAX < pem.len() as u64 {
        return Err(unusable(file, &format!("is larger than {FILE_BYTES_MAX} bytes")));
    }
    Ok(pem)
}

/// The first bytes of a file.
pub fn read_within(file: &Path, bytes_max: u64) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(file)?.take(bytes_max).read_to_end(&mut bytes)?;
    Ok(bytes)
}
