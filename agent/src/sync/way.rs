//! The way to the broker: what every client of ours needs, the agent's and the doctor's.

use super::BrokerConfig;
use super::certificate::{FILE_BYTES_MAX, read_within};
use super::kept::Credentials;
use super::tls::Tls;
use super::trouble::Trouble;
use crate::clock::Clock;
use rumqttc::v5::MqttOptions;
use rumqttc::{TlsConfiguration, Transport};
use std::hash::{Hash, Hasher};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// TCP, TLS, CONNECT and CONNACK together; a slow mobile link needs most of it.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(15);

/// Options with TLS and login, and what they prove this site with. Every file is read anew, but those that `kept`
/// takes the place of.
///
/// # Errors
/// A file can't be used.
pub fn options(
    config: &BrokerConfig,
    client_id: &str,
    kept: Option<&Credentials>,
    clock: Clock,
) -> Result<(MqttOptions, Credentials), Trouble> {
    let mut options = MqttOptions::new(client_id, &config.host, config.port);
    let password = match (&config.login, kept) {
        (None, _) => None,
        (Some(_), Some(kept)) => kept.password.clone(),
        (Some(login), None) => Some(password(&login.password_file)?),
    };
    if let (Some(login), Some(password)) = (&config.login, &password) {
        options.set_credentials(&login.username, password);
    }
    let kept = kept.and_then(|kept| kept.tls.as_ref());
    let tls = config.tls.as_ref().map(|tls| Tls::read(tls, kept, clock)).transpose()?;
    if let Some(tls) = &tls {
        options.set_transport(Transport::tls_with_config(TlsConfiguration::Rustls(tls.client.clone())));
    }
    Ok((options, Credentials { password, tls }))
}

fn password(file: &Path) -> Result<String, Trouble> {
    let unreadable = |why: std::io::Error| Trouble::NoPassword { file: file.to_owned(), why: why.to_string() };
    let text = std::fs::read_to_string(file).map_err(unreadable)?;
    Ok(text.lines().next().unwrap_or_default().to_owned())
}

/// A file's age, length and number; `None` where it can't be looked at.
pub type Stamp = Option<(i64, i64, u64, u64)>;

/// What tells that one of the files was replaced.
pub fn stamps(config: &BrokerConfig) -> Vec<Stamp> {
    let stamp = |file: &PathBuf| {
        let seen = std::fs::metadata(file).ok()?;
        Some((seen.mtime(), seen.mtime_nsec(), seen.len(), seen.ino()))
    };
    files(config).map(stamp).collect()
}

/// What tells that replaced files say something else: whoever writes the same once more changes nothing.
pub fn contents(config: &BrokerConfig) -> u64 {
    let mut hasher = std::hash::DefaultHasher::new();
    for file in files(config) {
        read_within(file, FILE_BYTES_MAX).ok().hash(&mut hasher);
    }
    hasher.finish()
}

/// All that a connection reads.
fn files(config: &BrokerConfig) -> impl Iterator<Item = &PathBuf> {
    let password = config.login.iter().map(|login| &login.password_file);
    let authorities = config.tls.iter().flat_map(|tls| std::iter::once(&tls.ca_file).chain(&tls.crl_file));
    let identity = config.tls.iter().filter_map(|tls| tls.identity.as_ref());
    let identity = identity.flat_map(|identity| [&identity.certificate_file, &identity.key_file]);
    password.chain(authorities).chain(identity)
}
