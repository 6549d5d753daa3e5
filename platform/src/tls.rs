//! TLS to the broker: which CAs are believed, and who we are. Files are read anew for each connection.

use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, RootCertStore};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The files, as PEM.
#[derive(Clone, Debug)]
pub struct Tls {
    pub ca_file: PathBuf,
    /// A certificate and its key.
    pub identity: Option<(PathBuf, PathBuf)>,
}

/// Why a file can't be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("{}: {why}", .file.display())]
    File { file: PathBuf, why: String },
    #[error("TLS: {0}")]
    Tls(#[from] rustls::Error),
}

impl Tls {
    /// What a connection is made with: TLS 1.2 or 1.3, and the CAs of the file alone.
    ///
    /// # Errors
    /// A file can't be used, or doesn't belong to the other.
    pub fn client(&self) -> Result<Arc<ClientConfig>, Error> {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(certificates(&self.ca_file)?);
        if roots.is_empty() {
            return Err(unusable(&self.ca_file, "there is no CA in it"));
        }
        let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_protocol_versions(&[&TLS13, &TLS12])?
            .with_root_certificates(roots);
        let client = match &self.identity {
            None => builder.with_no_client_auth(),
            Some((certificate_file, key_file)) => {
                let key = PrivateKeyDer::from_pem_file(key_file).map_err(|why| unusable(key_file, &why))?;
                let client = builder.with_client_auth_cert(certificates(certificate_file)?, key);
                client.map_err(|why| unusable(key_file, &why))?
            }
        };
        Ok(Arc::new(client))
    }
}

fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, Error> {
    let all = CertificateDer::pem_file_iter(file).and_then(Iterator::collect);
    all.map_err(|why| unusable(file, &why))
}

fn unusable(file: &Path, why: &(impl std::fmt::Display + ?Sized)) -> Error {
    Error::File { file: file.to_owned(), why: why.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_the_file_that_can_not_be_used() {
        let directory = std::env::temp_dir().join(format!("parceld-platform-tls-{}", std::process::id()));
        std::fs::create_dir_all(&directory).unwrap();
        let file = |name: &str, text: &str| {
            let file = directory.join(name);
            std::fs::write(&file, text).unwrap();
            file
        };
        let (empty, garbage) = (file("empty", ""), file("garbage", "-----BEGIN CERTIFICATE-----\n%%\n"));
        for (ca_file, said) in
            [(directory.join("missing"), "missing: "), (empty, "empty: there is no CA in it"), (garbage, "garbage: ")]
        {
            let error = Tls { ca_file, identity: None }.client().unwrap_err().to_string();
            assert!(error.contains(said), "{error}");
        }
        std::fs::remove_dir_all(&directory).unwrap();
    }
}
