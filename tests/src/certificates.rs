//! A CA of the test's own, and certificates from it with any dates.

use std::fs;
use std::path::Path;

use jiff::{SignedDuration, Timestamp, tz::TimeZone};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, KeyUsagePurpose, date_time_ymd,
};

use crate::wait;

/// Signs what a test asks for.
pub struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
}

/// When a certificate is valid: whole days from today, in UTC.
#[derive(Debug, Clone, Copy)]
pub struct Days {
    pub from: i64,
    pub until: i64,
}

/// A year around today.
pub const VALID: Days = Days { from: -30, until: 335 };
pub const EXPIRED: Days = Days { from: -365, until: -1 };
pub const NOT_YET_VALID: Days = Days { from: 2, until: 365 };

impl Authority {
    /// # Panics
    /// Where this machine can make no keys, as in all that follows.
    #[must_use]
    pub fn new(name: &str) -> Authority {
        let mut params = params(name, &[], VALID);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyPair::generate().expect("a key can be made");
        Authority { issuer: CertifiedIssuer::self_signed(params, key).expect("a CA can sign itself") }
    }

    /// Writes its own certificate as PEM.
    pub fn publish(&self, file: &Path) {
        replace(file, &self.issuer.pem());
    }

    /// Writes a certificate for `names` and its key as PEM, in place of what is there.
    pub fn sign(&self, names: &[&str], days: Days, certificate: &Path, key: &Path) {
        let pair = KeyPair::generate().expect("a key can be made");
        let signed = params(names[0], names, days).signed_by(&pair, &self.issuer).expect("a CA can sign");
        replace(certificate, &signed.pem());
        replace(key, &pair.serialize_pem());
    }
}

fn params(name: &str, names: &[&str], days: Days) -> CertificateParams {
    let names: Vec<String> = names.iter().map(ToString::to_string).collect();
    let mut params = CertificateParams::new(names).expect("the test's names can stand in a certificate");
    params.distinguished_name.push(DnType::CommonName, name);
    let day = |days: i64| {
        let date = day(days).to_zoned(TimeZone::UTC).date();
        date_time_ymd(date.year().into(), date.month() as u8, date.day() as u8)
    };
    params.not_before = day(days.from);
    params.not_after = day(days.until);
    params
}

fn day(days: i64) -> Timestamp {
    wait::wall_clock() + SignedDuration::from_hours(24 * days)
}

/// In one step: who reads sees the old file or the new one.
pub fn replace(file: &Path, text: &str) {
    let new = file.with_extension("new");
    fs::write(&new, text).expect("a directory of our own takes a file");
    fs::rename(&new, file).expect("a file can be renamed");
}
