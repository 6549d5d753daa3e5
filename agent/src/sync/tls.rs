//! TLS for one connection: whom to believe, who we are, and what was seen of the broker's certificate.
//!
//! Only the configured CAs are believed, for the host of the url, from TLS 1.2 on. Nothing switches that off.

use super::TlsConfig;
use super::certificate::{Validity, certificates, key, unusable};
use super::trouble::Trouble;
use crate::clock::Clock;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::time_provider::TimeProvider;
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// What one connection is made with.
#[derive(Clone, Debug)]
pub struct Tls {
    pub client: Arc<ClientConfig>,
    /// The last of the believed CAs to expire.
    pub authority: Option<Validity>,
    /// Our own certificate.
    pub own: Option<Validity>,
    /// The broker's, once it has shown it.
    pub server: Arc<OnceLock<Validity>>,
}

impl Tls {
    /// Reads the files anew. Dates are judged by `clock`: by what it reckons while the system's can't be believed.
    ///
    /// # Errors
    /// A file can't be read, isn't what it should be, or doesn't belong to the other.
    pub fn read(config: &TlsConfig, clock: Clock) -> Result<Self, Trouble> {
        let provider = Arc::new(ring::default_provider());
        let believed = certificates(&config.ca_file)?;
        let authority = believed.iter().filter_map(Validity::of).max_by_key(|validity| validity.until);
        let server = Arc::new(OnceLock::new());
        let verifier = Noting { webpki: verifier(believed, config, &provider)?, seen: Arc::clone(&server) };
        let builder = ClientConfig::builder_with_details(provider, Arc::new(Dates(clock)))
            .with_protocol_versions(&[&TLS13, &TLS12])
            .map_err(|error| Trouble::NoTls(error.to_string()))?
            // The verifier is webpki's own, which also notes what it was shown.
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier));
        let (client, own) = match &config.identity {
            None => (builder.with_no_client_auth(), None),
            Some(identity) => {
                let chain = certificates(&identity.certificate_file)?;
                let own = chain.first().and_then(Validity::of);
                let client = builder.with_client_auth_cert(chain, key(&identity.key_file)?);
                let client = client.map_err(|error| match error {
                    Error::InconsistentKeys(_) => unusable(
                        &identity.key_file,
                        &format!(
                            "this key does not belong to the certificate in {}",
                            identity.certificate_file.display()
                        ),
                    ),
                    other => unusable(&identity.key_file, &format!("this key can't be used: {other}")),
                })?;
                (client, own)
            }
        };
        Ok(Self { client: Arc::new(client), authority, own, server })
    }
}

fn verifier(
    believed: Vec<CertificateDer<'static>>,
    config: &TlsConfig,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<WebPkiServerVerifier>, Trouble> {
    let mut roots = RootCertStore::empty();
    // A public bundle may hold what webpki can't read: the others count.
    roots.add_parsable_certificates(believed);
    WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider))
        .build()
        .map_err(|error| unusable(&config.ca_file, &format!("no CA in it can be used: {error}")))
}

/// The time that certificates are judged by.
#[derive(Debug)]
struct Dates(Clock);

impl TimeProvider for Dates {
    fn current_time(&self) -> Option<UnixTime> {
        let since_1970_s = u64::try_from(self.0.now().wall.as_second()).ok()?;
        Some(UnixTime::since_unix_epoch(Duration::from_secs(since_1970_s)))
    }
}

/// Webpki's verifier, which also tells how long the broker's certificate is valid.
#[derive(Debug)]
struct Noting {
    webpki: Arc<WebPkiServerVerifier>,
    seen: Arc<OnceLock<Validity>>,
}

impl ServerCertVerifier for Noting {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if let Some(validity) = Validity::of(end_entity) {
            let _ = self.seen.set(validity);
        }
        self.webpki.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.webpki.verify_tls12_signature(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.webpki.verify_tls13_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.webpki.supported_verify_schemes()
    }
}
