//! A CA of the test's own, and certificates from it with any dates.

use std::cell::{Cell, RefCell};
use std::fs;
use std::path::Path;

use jiff::{SignedDuration, tz::TimeZone};
use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, CertifiedIssuer, DnType, IsCa, KeyIdMethod,
    KeyPair, KeyUsagePurpose, RevokedCertParams, SerialNumber, date_time_ymd,
};

use crate::wait;

/// Signs what a test asks for.
pub struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    /// Numbers of certificates given so far.
    signed: Cell<u64>,
    /// Numbers of revoked ones, and how many lists there were.
    revoked: RefCell<Vec<u64>>,
    lists: Cell<u64>,
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
        let issuer = CertifiedIssuer::self_signed(params, key).expect("a CA can sign itself");
        Authority { issuer, signed: Cell::new(0), revoked: RefCell::default(), lists: Cell::new(0) }
    }

    /// Its own certificate as PEM.
    #[must_use]
    pub fn pem(&self) -> String {
        self.issuer.pem()
    }

    /// Writes its own certificate as PEM.
    pub fn publish(&self, file: &Path) {
        replace(file, &self.issuer.pem());
    }

    /// Writes a certificate for `names` and its key as PEM, in place of what is there. Returns its number.
    pub fn sign(&self, names: &[&str], days: Days, certificate: &Path, key: &Path) -> u64 {
        let (number, signed, pair) = self.make(names, days);
        replace(certificate, &signed);
        replace(key, &pair);
        number
    }

    /// A certificate's number, it and its key, as PEM. It is for all of `names`; the first is its common name too.
    #[must_use]
    pub fn make(&self, names: &[&str], days: Days) -> (u64, String, String) {
        let number = self.signed.get() + 1;
        self.signed.set(number);
        let pair = KeyPair::generate().expect("a key can be made");
        let mut params = params(names[0], names, days);
        params.serial_number = Some(SerialNumber::from(number));
        let signed = params.signed_by(&pair, &self.issuer).expect("a CA can sign");
        (number, signed.pem(), pair.serialize_pem())
    }

    /// From its next list on nobody shall believe the certificate with this number.
    pub fn revoke(&self, number: u64) {
        self.revoked.borrow_mut().push(number);
    }

    /// Its list of revoked certificates as PEM, new and old on these days.
    #[must_use]
    pub fn list(&self, days: Days) -> String {
        self.lists.set(self.lists.get() + 1);
        let midnight = |days: i64| {
            let (year, month, day) = date(days);
            date_time_ymd(year, month, day)
        };
        let revoked = self.revoked.borrow();
        let revoked = revoked.iter().map(|number| RevokedCertParams {
            serial_number: SerialNumber::from(*number),
            revocation_time: midnight(days.from),
            reason_code: None,
            invalidity_date: None,
        });
        let list = CertificateRevocationListParams {
            this_update: midnight(days.from),
            next_update: midnight(days.until),
            crl_number: SerialNumber::from(self.lists.get()),
            issuing_distribution_point: None,
            revoked_certs: revoked.collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        let list = list.signed_by(&self.issuer).expect("a CA can sign its list");
        list.pem().expect("a list can be written as PEM")
    }
}

fn params(name: &str, names: &[&str], days: Days) -> CertificateParams {
    let names: Vec<String> = names.iter().map(ToString::to_string).collect();
    let mut params = CertificateParams::new(names).expect("the test's names can stand in a certificate");
    params.distinguished_name.push(DnType::CommonName, name);
    let midnight = |days: i64| {
        let (year, month, day) = date(days);
        date_time_ymd(year, month, day)
    };
    params.not_before = midnight(days.from);
    params.not_after = midnight(days.until);
    params
}

/// The year, month and day that is so many days from today.
fn date(days: i64) -> (i32, u8, u8) {
    let date = (wait::wall_clock() + SignedDuration::from_hours(24 * days)).to_zoned(TimeZone::UTC).date();
    (date.year().into(), date.month() as u8, date.day() as u8)
}

/// In one step: who reads sees the old file or the new one.
pub fn replace(file: &Path, text: &str) {
    let new = file.with_extension("new");
    fs::write(&new, text).expect("a directory of our own takes a file");
    fs::rename(&new, file).expect("a file can be renamed");
}
