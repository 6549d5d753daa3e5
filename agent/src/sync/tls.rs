//! TLS for one connection: whom to believe, who we are, and what was seen of the broker's certificate.
//!
//! Only the configured CAs are believed, for the host of the url, from TLS 1.2 on. Nothing switches that off. What a list
//! says is revoked stays so however old the list is; a list that can't be read, or has nothing to say about the broker's
//! certificate, is no list.

use super::certificate::{Validity, certificates, common_name, key, revocations, unusable};
use super::status::Certificates;
use super::trouble::Trouble;
use super::{BrokerConfig, TlsConfig};
use crate::clock::Clock;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{VerifierBuilderError, WebPkiServerVerifier};
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, ServerName, UnixTime};
use rustls::time_provider::TimeProvider;
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, ClientConnection, DigitallySignedStruct, Error, RootCertStore, SignatureScheme, Stream};
use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tokio::time::Instant;

/// What one connection is made with.
#[derive(Clone, Debug)]
pub struct Tls {
    pub client: Arc<ClientConfig>,
    /// The last of the believed CAs to expire.
    pub authority: Option<Validity>,
    /// Our own certificate.
    pub own: Option<Validity>,
    /// Whom our own certificate is for.
    pub own_name: Option<String>,
    /// Of the lists of revoked certificates the first to grow old.
    pub revocations: Option<Validity>,
    /// The broker's, once it has shown it.
    server: Arc<OnceLock<Validity>>,
}

/// What a broker says to a handshake.
#[derive(Debug)]
pub enum Heard {
    /// It waits for more, and so is content; it was believed too.
    Silence,
    /// Its refusal of us, or ours of it.
    Refusal(Error),
    /// It can't be reached.
    Nothing(String),
}

/// Longer than a broker takes to look at a certificate, and short enough to wait for. For each address, too.
const HEARD_WITHIN: Duration = Duration::from_secs(3);

/// All of it together, however many addresses there are and however slowly the broker speaks.
const HEARD_IN_ALL: Duration = Duration::from_secs(9);

/// The same with the look-up of the name, which nothing ends early but its own limit: it is left alone then.
const GIVEN_UP_AFTER: Duration = Duration::from_secs(10);

impl Tls {
    /// Reads the files anew; this site's own certificate and key only where none are `kept`. Dates are judged by `clock`: by
    /// what it reckons while the system's can't be believed.
    ///
    /// # Errors
    /// A file can't be read, isn't what it should be, or doesn't belong to the other.
    pub fn read(config: &TlsConfig, kept: Option<&Self>, clock: Clock) -> Result<Self, Trouble> {
        let provider = Arc::new(ring::default_provider());
        let believed = certificates(&config.ca_file)?;
        let authority = believed.iter().filter_map(Validity::of).max_by_key(|validity| validity.until);
        let lists = config.crl_file.as_deref().map(revocations).transpose()?;
        let (lists, revocations) = lists.map_or((Vec::new(), None), |(lists, dates)| (lists, Some(dates)));
        let server = Arc::new(OnceLock::new());
        let verifier = Noting { webpki: verifier(believed, lists, config, &provider)?, seen: Arc::clone(&server) };
        let builder = ClientConfig::builder_with_details(provider, Arc::new(Dates(clock)))
            .with_protocol_versions(&[&TLS13, &TLS12])
            .map_err(|error| Trouble::NoTls(error.to_string()))?
            // The verifier is webpki's own, which also notes what it was shown.
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier));
        let (client, own, own_name) = match (&config.identity, kept) {
            (None, _) => (builder.with_no_client_auth(), None, None),
            (Some(_), Some(kept)) => {
                let resolver = Arc::clone(&kept.client.client_auth_cert_resolver);
                (builder.with_client_cert_resolver(resolver), kept.own, kept.own_name.clone())
            }
            (Some(identity), None) => {
                let chain = certificates(&identity.certificate_file)?;
                let own = chain.first().and_then(Validity::of);
                let own_name = chain.first().and_then(common_name);
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
                (client, own, own_name)
            }
        };
        Ok(Self { client: Arc::new(client), authority, own, own_name, revocations, server })
    }

    /// The dates of all that was read, and of what the broker has shown.
    pub fn certificates(&self) -> Certificates {
        let server = self.server.get().copied();
        Certificates { client: self.own, server, authority: self.authority, revocations: self.revocations }
    }

    /// Makes a handshake, says nothing, and listens for a moment: a broker that dislikes a certificate hangs up on whatever
    /// came with it, and its reason is lost on the way. Blocks.
    fn hear(&self, config: &BrokerConfig) -> Heard {
        let deadline = Instant::now() + HEARD_IN_ALL;
        let addresses = (config.host.as_str(), config.port).to_socket_addrs();
        let mut socket = match addresses.and_then(|addresses| connect(addresses, deadline)) {
            Ok(socket) => socket,
            Err(why) => return Heard::Nothing(why.to_string()),
        };
        let session = ServerName::try_from(config.host.clone()).map_err(|error| Error::General(error.to_string()));
        let session = session.and_then(|name| ClientConnection::new(Arc::clone(&self.client), name));
        let mut session = match session {
            Ok(session) => session,
            Err(error) => return Heard::Refusal(error),
        };
        let Err(error) = Stream::new(&mut session, &mut socket).read(&mut [0]) else {
            return Heard::Nothing("the broker hung up".to_owned());
        };
        let is_late = matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut);
        let why = error.to_string();
        if let Some(inner) = error.into_inner()
            && let Ok(refusal) = inner.downcast::<Error>()
        {
            return Heard::Refusal(*refusal);
        }
        if is_late && !session.is_handshaking() { Heard::Silence } else { Heard::Nothing(why) }
    }
}

/// A socket on which nothing waits beyond a deadline.
struct Limited {
    socket: TcpStream,
    deadline: Instant,
}

impl Read for Limited {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        self.socket.set_read_timeout(Some(patience(self.deadline)?))?;
        self.socket.read(bytes)
    }
}

impl Write for Limited {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.socket.set_write_timeout(Some(patience(self.deadline)?))?;
        self.socket.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.socket.flush()
    }
}

/// How long the next wait may be.
fn patience(deadline: Instant) -> io::Result<Duration> {
    let left = deadline.saturating_duration_since(Instant::now()).min(HEARD_WITHIN);
    if left.is_zero() { Err(ErrorKind::TimedOut.into()) } else { Ok(left) }
}

/// Connects to the first address that answers, as the library does.
fn connect(addresses: impl Iterator<Item = SocketAddr>, deadline: Instant) -> io::Result<Limited> {
    let mut last_error = io::Error::from(ErrorKind::AddrNotAvailable);
    for address in addresses {
        match TcpStream::connect_timeout(&address, patience(deadline)?) {
            Ok(socket) => return Ok(Limited { socket, deadline }),
            Err(error) => last_error = error,
        }
    }
    Err(last_error)
}

/// What the broker says to a handshake, within a few seconds and without holding anything else up.
pub async fn hear(tls: &Tls, config: &BrokerConfig) -> Heard {
    let (tls, config) = (tls.clone(), config.clone());
    let hearing = tokio::task::spawn_blocking(move || tls.hear(&config));
    match tokio::time::timeout(GIVEN_UP_AFTER, hearing).await {
        Ok(heard) => heard.unwrap_or_else(|error| Heard::Nothing(error.to_string())),
        Err(_) => Heard::Nothing(format!("no answer within {} s", GIVEN_UP_AFTER.as_secs())),
    }
}

fn verifier(
    believed: Vec<CertificateDer<'static>>,
    lists: Vec<CertificateRevocationListDer<'static>>,
    config: &TlsConfig,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<WebPkiServerVerifier>, Trouble> {
    let mut roots = RootCertStore::empty();
    // A public bundle may hold what webpki can't read: the others count.
    roots.add_parsable_certificates(believed);
    WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider)).with_crls(lists).build().map_err(
        |error| match (&error, &config.crl_file) {
            (VerifierBuilderError::InvalidCrl(why), Some(file)) => {
                unusable(file, &format!("a list in it can't be used: {why:?}"))
            }
            _ => unusable(&config.ca_file, &format!("no CA in it can be used: {error}")),
        },
    )
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    #[test]
    fn connects_to_the_first_address_that_answers() {
        let (taken, free) = (TcpListener::bind("127.0.0.1:0").unwrap(), TcpListener::bind("127.0.0.1:0").unwrap());
        let [taken_at, free_at] = [&taken, &free].map(|listener| listener.local_addr().unwrap());
        drop(free);
        let deadline = Instant::now() + HEARD_IN_ALL;
        for addresses in [vec![free_at, taken_at], vec![taken_at, free_at]] {
            let connected = connect(addresses.into_iter(), deadline).unwrap();
            assert_eq!(connected.socket.peer_addr().unwrap(), taken_at);
        }
        for (addresses, kind) in [(vec![free_at], ErrorKind::ConnectionRefused), (vec![], ErrorKind::AddrNotAvailable)]
        {
            let error = connect(addresses.into_iter(), deadline).err().expect("nobody answers");
            assert_eq!(error.kind(), kind);
        }
    }

    #[test]
    fn listens_no_longer_than_until_the_deadline_to_a_broker_that_never_comes_to_the_point() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let place = listener.local_addr().unwrap();
        let speaks = std::thread::spawn(move || {
            let (mut client, _) = listener.accept().unwrap();
            while client.write_all(b".").is_ok() {}
        });
        let mut heard = connect(std::iter::once(place), Instant::now() + Duration::from_millis(100)).unwrap();
        let error = loop {
            if let Err(error) = heard.read(&mut [0]) {
                break error;
            }
        };
        assert_eq!(error.kind(), ErrorKind::TimedOut);
        drop(heard);
        speaks.join().unwrap();
    }
}
