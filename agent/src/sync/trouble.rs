//! Why there is no connection: what the library's errors mean, and each reason in a sentence.

use super::certificate::{Validity, unusable};
use super::way::CONNECT_TIMEOUT;
use super::{BrokerConfig, TlsConfig};
use jiff::Timestamp;
use rumqttc::TlsError;
use rumqttc::v5::mqttbytes::Error as Mqtt;
use rumqttc::v5::mqttbytes::v5::ConnectReturnCode;
use rumqttc::v5::{ConnectionError, StateError};
use rustls::{AlertDescription, CertificateError, Error as Rustls, PeerIncompatible};
use std::io;
use std::path::PathBuf;
use uuid::Uuid;

/// A reason that somebody can do something about.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Trouble {
    /// Name, network, port, or a broker that doesn't run or doesn't answer.
    #[error("{0}")]
    Unreachable(String),
    #[error("refused by the broker: {0}")]
    LoginRefused(String),
    /// The broker takes nobody now.
    #[error("refused by the broker: {0}")]
    Busy(String),
    #[error("the password file {} can't be read: {why}", .file.display())]
    NoPassword { file: PathBuf, why: String },
    #[error("{}: {why}", .file.display())]
    FileUnusable { file: PathBuf, why: String },
    #[error("the broker's certificate is signed by nobody in {}", .ca_file.display())]
    AuthorityUnknown { ca_file: PathBuf },
    #[error("the broker's certificate is for {}, and not for {host}", listed(.names))]
    OtherName { host: String, names: Vec<String> },
    #[error("the broker's certificate, or its CA's, has expired: it was valid until {at}")]
    Expired { at: Timestamp },
    #[error("the broker's certificate is valid only from {from}, and here it is {now}: the clock may be wrong")]
    NotYetValid { from: Timestamp, now: Timestamp },
    #[error("the broker's certificate has been revoked: {} says so", .crl_file.display())]
    Revoked { crl_file: PathBuf },
    #[error("the broker's certificate can't be used: {0}")]
    Unusable(String),
    #[error("the broker refuses this site's certificate: {0}")]
    CertificateRefused(Refusal),
    #[error("the broker wants a certificate from this site, and none is configured")]
    CertificateWanted,
    #[error("no TLS: {0}")]
    NoTls(String),
    /// A guess: the broker hung up before it took us, and said nothing.
    #[error(
        "{0} before the broker took us: does TLS belong to this port, and does it want a certificate from this site?"
    )]
    HungUp(String),
    #[error("the broker does not let us subscribe to {topic}: check its access rules")]
    SubscribeDenied { topic: String },
    #[error("the broker does not let us publish to {topic} ({why}): check its access rules and quotas")]
    PublishDenied { topic: String, why: String },
    #[error("another client took over the session {client_id:?}: two agents with one client id")]
    TakenOver { client_id: String },
    /// Nothing is sent until a technician claims the site.
    #[error("another agent serves this site: it runs version {version}, and its log is {epoch}")]
    AnotherAgent { version: String, epoch: Uuid },
    /// The connection was there, and something went wrong on it.
    #[error("{0}")]
    Broken(String),
}

/// Why the broker refuses this site's certificate.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("it has been revoked")]
    Revoked,
    #[error("the broker does not know the CA that signed it")]
    AuthorityUnknown,
    #[error("it was valid until {at}")]
    Expired { at: Timestamp },
    #[error("it is valid only from {from}, and here it is {now}: the clock may be wrong")]
    NotYetValid { from: Timestamp, now: Timestamp },
    /// The broker says so, and it isn't.
    #[error(
        "the broker takes it for expired, and it is valid until {until}: the broker's clock may be wrong, or its list of revoked certificates too old"
    )]
    CalledExpired { until: Timestamp },
    /// The alert.
    #[error("{0}")]
    Said(String),
    /// A guess: the broker hung up before it took us, and said nothing.
    #[error("{0} before the broker took us")]
    Unsaid(String),
}

/// What is known about a connection when it ends.
pub struct Attempt<'a> {
    pub config: &'a BrokerConfig,
    pub client_id: &'a str,
    /// Whether the broker has taken our CONNECT.
    pub is_accepted: bool,
    /// Of our own certificate.
    pub own: Option<Validity>,
    pub now: Timestamp,
}

impl Trouble {
    /// Whether it is guessed: the other side has said nothing.
    pub fn is_guessed(&self) -> bool {
        matches!(self, Self::HungUp(_) | Self::CertificateRefused(Refusal::Unsaid(_)))
    }

    /// Whether a broker that can be reached, and is believed, may mean what this site proves itself with.
    pub fn is_about_us(&self) -> bool {
        match self {
            Self::LoginRefused(_)
            | Self::CertificateRefused(_)
            | Self::CertificateWanted
            | Self::HungUp(_)
            | Self::SubscribeDenied { .. }
            | Self::PublishDenied { .. } => true,
            Self::Unreachable(_)
            | Self::Busy(_)
            | Self::NoPassword { .. }
            | Self::FileUnusable { .. }
            | Self::AuthorityUnknown { .. }
            | Self::OtherName { .. }
            | Self::Expired { .. }
            | Self::NotYetValid { .. }
            | Self::Revoked { .. }
            | Self::Unusable(_)
            | Self::NoTls(_)
            | Self::TakenOver { .. }
            | Self::AnotherAgent { .. }
            | Self::Broken(_) => false,
        }
    }
}

impl Attempt<'_> {
    /// What `error` means for whoever has to mend it.
    pub fn trouble(&self, error: ConnectionError) -> Trouble {
        match error {
            ConnectionError::ConnectionRefused(code)
            | ConnectionError::MqttState(StateError::ConnFail { reason: code }) => refusal(code),
            ConnectionError::MqttState(StateError::ServerDisconnect { reason_code, reason_string }) => {
                let code = format!("{reason_code:?}");
                if code == "SessionTakenOver" {
                    return Trouble::TakenOver { client_id: self.client_id.to_owned() };
                }
                Trouble::Broken(format!("the broker disconnected us: {}", reason_string.unwrap_or(code)))
            }
            ConnectionError::MqttState(StateError::AwaitPingResp) => {
                Trouble::Broken("the broker does not answer pings".into())
            }
            ConnectionError::MqttState(StateError::ConnectionAborted) => self.broke_off("connection closed by peer"),
            ConnectionError::Timeout(_) => {
                Trouble::Unreachable(format!("no answer to CONNECT within {} s", CONNECT_TIMEOUT.as_secs()))
            }
            ConnectionError::Tls(TlsError::TLS(error)) => self.untrusted(&error),
            ConnectionError::Io(error)
            | ConnectionError::MqttState(StateError::Io(error) | StateError::Deserialization(Mqtt::Io(error)))
            | ConnectionError::Tls(TlsError::Io(error)) => self.io(&error),
            other => Trouble::Broken(other.to_string()),
        }
    }

    fn io(&self, error: &io::Error) -> Trouble {
        if let Some(error) = error.get_ref().and_then(|inner| inner.downcast_ref::<Rustls>()) {
            return self.untrusted(error);
        }
        match error.kind() {
            io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::BrokenPipe
            | io::ErrorKind::UnexpectedEof => self.broke_off(&error.to_string()),
            _ => Trouble::Unreachable(error.to_string()),
        }
    }

    /// A broker that dislikes a certificate says so in an alert that its hanging up may overtake.
    fn broke_off(&self, why: &str) -> Trouble {
        let Some(tls) = &self.config.tls else { return Trouble::Unreachable(why.to_owned()) };
        if self.is_accepted {
            return Trouble::Unreachable(why.to_owned());
        }
        match self.fault_of_ours() {
            Some(fault) => Trouble::CertificateRefused(fault),
            None if tls.identity.is_none() => Trouble::HungUp(why.to_owned()),
            None => Trouble::CertificateRefused(Refusal::Unsaid(why.to_owned())),
        }
    }

    fn fault_of_ours(&self) -> Option<Refusal> {
        let own = self.own?;
        if own.until < self.now {
            return Some(Refusal::Expired { at: own.until });
        }
        (self.now < own.from).then_some(Refusal::NotYetValid { from: own.from, now: self.now })
    }

    fn refusal(&self, alert: AlertDescription) -> Refusal {
        match alert {
            AlertDescription::CertificateRevoked => return Refusal::Revoked,
            AlertDescription::UnknownCA => return Refusal::AuthorityUnknown,
            _ => {}
        }
        let called = self.own.filter(|_| alert == AlertDescription::CertificateExpired);
        let called = called.map(|own| Refusal::CalledExpired { until: own.until });
        self.fault_of_ours().or(called).unwrap_or_else(|| Refusal::Said(format!("{alert:?}")))
    }

    /// What an error of TLS alone means.
    pub fn untrusted(&self, error: &Rustls) -> Trouble {
        let Some(TlsConfig { ca_file, crl_file, identity }) = &self.config.tls else {
            return Trouble::Broken(error.to_string());
        };
        let crl_file = crl_file.as_deref().unwrap_or(ca_file);
        match error {
            Rustls::InvalidCertificate(CertificateError::Revoked) => Trouble::Revoked { crl_file: crl_file.to_owned() },
            Rustls::InvalidCertificate(CertificateError::UnknownRevocationStatus) => {
                unusable(crl_file, "it has no list by the CA that signed the broker's certificate")
            }
            Rustls::InvalidCertRevocationList(why) => {
                unusable(crl_file, &format!("a list in it can't be used: {why:?}"))
            }
            Rustls::InvalidCertificate(why) => self.certificate(why, ca_file.clone()),
            Rustls::AlertReceived(alert) if is_about_a_certificate(*alert) => match identity {
                None => Trouble::CertificateWanted,
                Some(_) => Trouble::CertificateRefused(self.refusal(*alert)),
            },
            Rustls::InvalidMessage(_) => Trouble::NoTls("what answers at this port does not speak TLS".into()),
            Rustls::AlertReceived(AlertDescription::ProtocolVersion | AlertDescription::HandshakeFailure)
            | Rustls::PeerIncompatible(
                PeerIncompatible::ServerDoesNotSupportTls12Or13
                | PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig,
            ) => Trouble::NoTls("the broker speaks neither TLS 1.2 nor 1.3 in a way that is safe".into()),
            other => Trouble::NoTls(other.to_string()),
        }
    }

    fn certificate(&self, why: &CertificateError, ca_file: PathBuf) -> Trouble {
        let at = |time: &rustls::pki_types::UnixTime| timestamp(time.as_secs());
        match why {
            CertificateError::UnknownIssuer | CertificateError::BadSignature => Trouble::AuthorityUnknown { ca_file },
            CertificateError::NotValidForNameContext { presented, .. } => Trouble::OtherName {
                host: self.config.host.clone(),
                names: presented.iter().map(|name| bare(name)).collect(),
            },
            CertificateError::NotValidForName => {
                Trouble::OtherName { host: self.config.host.clone(), names: Vec::new() }
            }
            CertificateError::ExpiredContext { not_after, .. } => Trouble::Expired { at: at(not_after) },
            CertificateError::NotValidYetContext { time, not_before } => {
                Trouble::NotYetValid { from: at(not_before), now: at(time) }
            }
            other => Trouble::Unusable(other.to_string()),
        }
    }
}

fn is_about_a_certificate(alert: AlertDescription) -> bool {
    matches!(
        alert,
        AlertDescription::BadCertificate
            | AlertDescription::UnsupportedCertificate
            | AlertDescription::CertificateRevoked
            | AlertDescription::CertificateExpired
            | AlertDescription::CertificateUnknown
            | AlertDescription::UnknownCA
            | AlertDescription::AccessDenied
            | AlertDescription::CertificateRequired
            | AlertDescription::DecryptError
    )
}

fn timestamp(unix_s: u64) -> Timestamp {
    i64::try_from(unix_s).ok().and_then(|s| Timestamp::from_second(s).ok()).unwrap_or(Timestamp::MAX)
}

/// A name as rustls shows it, `DnsName("a")`, without its kind.
fn bare(shown: &str) -> String {
    shown.split('"').nth(1).unwrap_or(shown).to_owned()
}

fn listed(names: &[String]) -> String {
    if names.is_empty() { "another name".to_owned() } else { names.join(", ") }
}

fn refusal(code: ConnectReturnCode) -> Trouble {
    let login = |why: &str| Trouble::LoginRefused(why.to_owned());
    let busy = |why: &str| Trouble::Busy(why.to_owned());
    match code {
        ConnectReturnCode::BadUserNamePassword => login("wrong user name or password"),
        ConnectReturnCode::NotAuthorized => login("not authorized: check user, password and client id"),
        ConnectReturnCode::ClientIdentifierNotValid | ConnectReturnCode::BadClientId => {
            login("the client id is not accepted")
        }
        ConnectReturnCode::Banned => login("this client is banned"),
        ConnectReturnCode::ServerUnavailable | ConnectReturnCode::ServiceUnavailable => {
            busy("the broker is not available")
        }
        ConnectReturnCode::ServerBusy => busy("the broker is busy"),
        ConnectReturnCode::QuotaExceeded => busy("a quota of the broker is exceeded"),
        ConnectReturnCode::UnsupportedProtocolVersion | ConnectReturnCode::RefusedProtocolVersion => {
            busy("the broker does not speak MQTT 5")
        }
        _ => busy("the broker gives no usable reason"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sync::IdentityConfig;
    use rustls::CertRevocationListError;

    /// The same alert, by each way that it comes.
    fn alert(alert: AlertDescription) -> [ConnectionError; 4] {
        let io = || io::Error::new(io::ErrorKind::InvalidData, Rustls::AlertReceived(alert));
        [
            ConnectionError::Tls(TlsError::Io(io())),
            ConnectionError::Io(io()),
            ConnectionError::MqttState(StateError::Io(io())),
            ConnectionError::MqttState(StateError::Deserialization(Mqtt::Io(io()))),
        ]
    }

    #[test]
    fn knows_a_refused_certificate_by_whichever_way_it_is_told() {
        let identity = IdentityConfig { certificate_file: "site.pem".into(), key_file: "site.key".into() };
        for identity in [None, Some(identity)] {
            let tls = TlsConfig { ca_file: "ca.pem".into(), crl_file: None, identity: identity.clone() };
            let config = BrokerConfig { host: "broker".into(), port: 8883, login: None, tls: Some(tls) };
            let now = Timestamp::UNIX_EPOCH;
            let attempt = Attempt { config: &config, client_id: "parceld", is_accepted: false, own: None, now };
            for error in alert(AlertDescription::CertificateExpired) {
                let trouble = attempt.trouble(error);
                let is_known = match identity {
                    None => trouble == Trouble::CertificateWanted,
                    Some(_) => trouble == Trouble::CertificateRefused(Refusal::Said("CertificateExpired".into())),
                };
                assert!(is_known, "{trouble:?}");
            }
        }
    }

    #[test]
    fn says_what_each_alert_means_for_this_sites_certificate() {
        let day = |days: i64| Timestamp::from_second(days * 86_400).unwrap();
        let now = day(100);
        let valid = |from, until| Some(Validity { from: day(from), until: day(until) });
        let (good, old, new) = (valid(0, 200), valid(0, 99), valid(101, 200));
        let identity = IdentityConfig { certificate_file: "site.pem".into(), key_file: "site.key".into() };
        let tls = TlsConfig { ca_file: "ca.pem".into(), crl_file: None, identity: Some(identity) };
        let config = BrokerConfig { host: "broker".into(), port: 8883, login: None, tls: Some(tls) };
        for (own, alert, refusal) in [
            (good, AlertDescription::CertificateRevoked, Refusal::Revoked),
            (old, AlertDescription::CertificateRevoked, Refusal::Revoked),
            (good, AlertDescription::UnknownCA, Refusal::AuthorityUnknown),
            (old, AlertDescription::CertificateExpired, Refusal::Expired { at: day(99) }),
            (good, AlertDescription::CertificateExpired, Refusal::CalledExpired { until: day(200) }),
            (new, AlertDescription::BadCertificate, Refusal::NotYetValid { from: day(101), now }),
            (good, AlertDescription::BadCertificate, Refusal::Said("BadCertificate".into())),
        ] {
            let attempt = Attempt { config: &config, client_id: "parceld", is_accepted: false, own, now };
            let trouble = attempt.untrusted(&Rustls::AlertReceived(alert));
            assert_eq!(trouble, Trouble::CertificateRefused(refusal), "{alert:?}, valid {own:?}");
        }
    }

    #[test]
    fn says_what_a_list_has_to_say_of_the_brokers_certificate() {
        let tls = TlsConfig { ca_file: "ca.pem".into(), crl_file: Some("ca.crl".into()), identity: None };
        let config = BrokerConfig { host: "broker".into(), port: 8883, login: None, tls: Some(tls) };
        let attempt = Attempt {
            config: &config,
            client_id: "parceld",
            is_accepted: false,
            own: None,
            now: Timestamp::UNIX_EPOCH,
        };
        for (error, said) in [
            (Rustls::InvalidCertificate(CertificateError::Revoked), "has been revoked: ca.crl says so"),
            (Rustls::InvalidCertificate(CertificateError::UnknownRevocationStatus), "ca.crl: it has no list by the CA"),
            (
                Rustls::InvalidCertRevocationList(CertRevocationListError::BadSignature),
                "ca.crl: a list in it can't be used",
            ),
        ] {
            let trouble = attempt.untrusted(&error).to_string();
            assert!(trouble.contains(said), "{trouble}");
        }
    }
}
