//! The notations that one value can have: pure functions from what was written to what it means.

use std::fmt;
use std::net::{Ipv6Addr, SocketAddr};
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use jiff::civil;
use jiff::tz::TimeZone;

use super::credential;
use super::error::quote;
use super::{DataBits, Port, StopBits};

pub(super) const DATA_BITS: [(i64, DataBits); 2] = [(7, DataBits::Seven), (8, DataBits::Eight)];
pub(super) const STOP_BITS: [(i64, StopBits); 2] = [(1, StopBits::One), (2, StopBits::Two)];

/// What is wrong with one value.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Complaint {
    pub what: String,
    /// `None`: the manual's example says enough.
    pub advice: Option<String>,
}

impl Complaint {
    fn new(what: impl Into<String>) -> Self {
        Self { what: what.into(), advice: None }
    }

    fn advise(self, advice: impl Into<String>) -> Self {
        Self { advice: Some(advice.into()), ..self }
    }
}

/// A host and a TCP port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// A name or an address; IPv6 without brackets.
    pub host: String,
    pub port: u16,
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.host.contains(':') {
            true => write!(f, "[{}]:{}", self.host, self.port),
            false => write!(f, "{}:{}", self.host, self.port),
        }
    }
}

const UNITS: [(&str, u64); 5] = [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

/// A duration as a configuration says it, in the largest unit that leaves no rest: `30d`, `90s`, `150ms`.
#[must_use]
pub fn duration_text(duration: Duration) -> String {
    let ms = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    if ms == 0 {
        return "0s".into();
    }
    match UNITS.iter().find(|(_, unit_ms)| unit_ms <= &ms && ms % unit_ms == 0) {
        Some((unit, unit_ms)) => format!("{}{unit}", ms / unit_ms),
        None => format!("{ms}ms"),
    }
}

/// A whole number and a unit.
pub(super) fn duration(text: &str, range: &RangeInclusive<Duration>) -> Result<Duration, Complaint> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let unit_ms = UNITS.iter().find(|(name, _)| *name == unit).map(|(_, unit_ms)| unit_ms);
    let (false, Some(unit_ms)) = (number.is_empty(), unit_ms) else {
        return Err(Complaint::new("must be a duration: a whole number, and then ms, s, m, h or d"));
    };
    let duration = number.parse().ok().and_then(|n: u64| n.checked_mul(*unit_ms)).map(Duration::from_millis);
    duration.filter(|duration| range.contains(duration)).ok_or_else(|| {
        let (least, most) = (duration_text(*range.start()), duration_text(*range.end()));
        Complaint::new(format!("must be between {least} and {most}"))
    })
}

/// A duration as a configuration says it, of any length.
#[must_use]
pub fn any_duration(text: &str) -> Option<Duration> {
    duration(text, &(Duration::ZERO..=Duration::MAX)).ok()
}

pub(super) fn number<T: TryFrom<i64>>(number: i64, range: &RangeInclusive<i64>) -> Result<T, Complaint> {
    T::try_from(number)
        .ok()
        .filter(|_| range.contains(&number))
        .ok_or_else(|| Complaint::new(format!("must be between {} and {}", range.start(), range.end())))
}

const SIZES: [(&str, u64); 3] = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];

/// A size as a configuration says it, in the largest unit that leaves no rest: `200MiB`.
#[must_use]
pub fn size_text(bytes: u64) -> String {
    let (unit, unit_bytes) = SIZES
        .iter()
        .find(|(_, unit_bytes)| *unit_bytes <= bytes && bytes.is_multiple_of(*unit_bytes))
        .unwrap_or(&SIZES[2]);
    format!("{}{unit}", bytes / unit_bytes)
}

/// A whole number and a unit, in bytes.
pub(super) fn size(text: &str, most: u64) -> Result<u64, Complaint> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let unit_bytes = SIZES.iter().find(|(name, _)| *name == unit).map(|(_, unit_bytes)| unit_bytes);
    let (false, Some(unit_bytes)) = (number.is_empty(), unit_bytes) else {
        return Err(Complaint::new("must be a size: a whole number, and then KiB, MiB or GiB"));
    };
    let bytes = number.parse().ok().and_then(|n: u64| n.checked_mul(*unit_bytes));
    bytes
        .filter(|bytes| *bytes <= most)
        .ok_or_else(|| Complaint::new(format!("must be no more than {}", size_text(most))))
}

/// One of a few names.
pub(super) fn named<T: Copy>(text: &str, known: &[(&str, T)]) -> Result<T, Complaint> {
    if let Some((_, value)) = known.iter().find(|(name, _)| *name == text) {
        return Ok(*value);
    }
    let names: Vec<String> = known.iter().map(|(name, _)| format!("\"{name}\"")).collect();
    let what = format!("cannot be {}", quote(text));
    Err(match (nearest(text, known.iter().map(|(name, _)| *name)), names.as_slice()) {
        (Some(near), [_, _, ..]) => {
            Complaint::new(what).advise(format!("did you mean \"{near}\"? it can be {}", names.join(", ")))
        }
        (_, [only]) => Complaint::new(what).advise(format!("it can only be {only}")),
        _ => Complaint::new(what).advise(format!("it can be {}", names.join(", "))),
    })
}

/// One of a few numbers.
pub(super) fn numbered<T: Copy>(number: i64, known: &[(i64, T)]) -> Result<T, Complaint> {
    if let Some((_, value)) = known.iter().find(|(known, _)| *known == number) {
        return Ok(*value);
    }
    let numbers: Vec<String> = known.iter().map(|(number, _)| number.to_string()).collect();
    Err(Complaint::new(format!("cannot be {number}")).advise(format!("it can be {}", numbers.join(", "))))
}

/// A level of a topic (contract, "Topics"), and so every id that travels in one.
pub(super) fn level(text: &str) -> Result<String, Complaint> {
    if is_level(text) {
        return Ok(text.to_owned());
    }
    let what = "must be 1 to 32 characters out of a-z, 0-9, _ and -";
    let mended: String = text.to_lowercase().chars().map(|c| if c == ' ' || c == '.' { '-' } else { c }).collect();
    Err(match is_level(&mended) {
        true => Complaint::new(what).advise(format!("write \"{mended}\"")),
        false => Complaint::new(what),
    })
}

fn is_level(text: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_' || byte == b'-';
    !text.is_empty() && text.len() <= 32 && text.bytes().all(is_allowed)
}

/// Levels joined by `/`, with at most `slashes_max` of them.
pub(super) fn topic(text: &str, slashes_max: usize) -> Result<String, Complaint> {
    if let Some(wrong) = text.split('/').find(|part| !is_level(part)) {
        let what = "must be levels of 1 to 32 characters out of a-z, 0-9, _ and -, with / between them";
        return Err(Complaint::new(what).advise(match wrong {
            "" => "leave out the / at the ends, and any second / in a row".to_owned(),
            wrong => format!("the level {} is wrong; write it like this: root = \"parceld/v1\"", quote(wrong)),
        }));
    }
    if slashes_max < text.matches('/').count() {
        let levels = slashes_max + 1;
        return Err(Complaint::new(format!("has more than {levels} levels, so topics below it would be too deep")));
    }
    Ok(text.to_owned())
}

/// A text for people, or an identifier of somebody else's.
pub(super) fn line(text: &str, chars_max: usize) -> Result<String, Complaint> {
    if text.trim().is_empty() || text.chars().any(char::is_control) || chars_max < text.chars().count() {
        return Err(Complaint::new(format!("must be 1 to {chars_max} characters on one line")));
    }
    Ok(text.to_owned())
}

pub(super) fn company_prefix(text: &str) -> Result<String, Complaint> {
    if text.bytes().all(|byte| byte.is_ascii_digit()) && (4..=12).contains(&text.len()) {
        return Ok(text.to_owned());
    }
    Err(Complaint::new("must be the 4 to 12 digits that GS1 gave to the company"))
}

/// A zone of the IANA database, and its name there.
pub(super) fn timezone(text: &str) -> Result<(TimeZone, String), Complaint> {
    if let Ok(zone) = TimeZone::get(text)
        && !zone.is_unknown()
        && let Some(name) = zone.iana_name().map(str::to_owned)
    {
        // What was kept of all other zones, 0.1 MB: nobody asks for another.
        jiff::tz::db().reset();
        return Ok((zone, name));
    }
    let what = format!("cannot be {}: the IANA time zone database has no such zone", quote(text));
    let names: Vec<String> = jiff::tz::db().available().map(|name| name.to_string()).collect();
    Err(match nearest(text, names.iter().map(String::as_str)) {
        Some(near) => Complaint::new(what).advise(format!("did you mean \"{near}\"?")),
        None if names.is_empty() => Complaint::new(what).advise("this system has no such database: install tzdata"),
        None => Complaint::new(what),
    })
}

pub(super) fn path(text: &str) -> Result<PathBuf, Complaint> {
    if text.is_empty() || text.contains('\0') || text.ends_with('/') {
        return Err(Complaint::new("must be the path of a file"));
    }
    Ok(PathBuf::from(text))
}

/// A file that may be one of the service manager's credentials.
pub(super) fn file(text: &str) -> Result<PathBuf, Complaint> {
    match credential::path(text) {
        None => path(text),
        Some(Ok(path)) => Ok(path),
        Some(Err(credential::BadName)) => {
            let what = "must be credential: and a name of letters, digits, `.`, `_` and `-`, without a path";
            Err(Complaint::new(what).advise("LoadCredential= in parceld.service gives the names"))
        }
    }
}

/// The path of a socket, which the kernel limits to 107 bytes (unix(7), `sun_path`).
pub(super) fn socket_path(text: &str) -> Result<PathBuf, Complaint> {
    if 107 < text.len() {
        return Err(Complaint::new("must be at most 107 bytes long, as every socket's path"));
    }
    path(text)
}

/// Where the broker is, and whether the way there is TLS.
pub(super) fn broker_url(text: &str) -> Result<(Endpoint, bool), Complaint> {
    /// IANA's ports for MQTT and for MQTT over TLS.
    const PORTS: [(&str, u16, bool); 2] = [("mqtt://", 1883, false), ("mqtts://", 8883, true)];
    let scheme = PORTS.iter().find_map(|(scheme, port, tls)| Some((text.strip_prefix(scheme)?, *port, *tls)));
    let Some((rest, port, tls)) = scheme else {
        return Err(Complaint::new("must begin with mqtt:// or mqtts://"));
    };
    if rest.contains('@') {
        let what = "must not contain a user or a password";
        return Err(Complaint::new(what).advise("use the keys `username` and `password_file`"));
    }
    endpoint(rest, Some(port))
        .map(|endpoint| (endpoint, tls))
        .ok_or_else(|| Complaint::new("must be mqtt://host or mqtt://host:port, or mqtts:// for TLS, and nothing else"))
}

pub(super) fn listen(text: &str) -> Result<SocketAddr, Complaint> {
    text.parse().map_err(|_| Complaint::new("must be an IP address and a port"))
}

/// A name as a browser sends it in `Host`, without the port.
pub(super) fn host_name(text: &str) -> Result<String, Complaint> {
    if is_host_name(text) {
        return Ok(text.to_lowercase());
    }
    Err(Complaint::new("must be host names alone, without http:// and without a port"))
}

/// A host name or an address; IPv6 without brackets.
pub(super) fn host(text: &str) -> Result<String, Complaint> {
    let address = text.parse::<std::net::IpAddr>().is_ok();
    match address || is_host_name(text) {
        true => Ok(text.to_owned()),
        false => Err(Complaint::new("must be a host name or an address, without a port")),
    }
}

pub(super) fn scanner_port(text: &str) -> Result<Port, Complaint> {
    if let Some(rest) = text.strip_prefix("tcp://") {
        let Some(Endpoint { host, port }) = endpoint(rest, None) else {
            return Err(
                Complaint::new("must be tcp://host:port").advise("write it like this: port = \"tcp://10.0.4.21:9000\"")
            );
        };
        return Ok(Port::Tcp { host, port });
    }
    if text.starts_with('/') {
        return path(text).map(Port::Serial);
    }
    Err(Complaint::new("must be an absolute path or tcp://host:port"))
}

fn endpoint(text: &str, default_port: Option<u16>) -> Option<Endpoint> {
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let (address, port) = rest.split_once(']')?;
            address.parse::<Ipv6Addr>().ok()?;
            (address, port)
        }
        None => {
            let (host, port) = text.split_at(text.find(':').unwrap_or(text.len()));
            if !is_host_name(host) {
                return None;
            }
            (host, port)
        }
    };
    let port = match port.strip_prefix(':') {
        Some(digits) => digits.parse().ok().filter(|port| *port != 0 && digits.bytes().all(|b| b.is_ascii_digit()))?,
        None if port.is_empty() => default_port?,
        None => return None,
    };
    Some(Endpoint { host: host.to_lowercase(), port })
}

/// RFC 1123 names, with the underscore that private networks use.
fn is_host_name(text: &str) -> bool {
    let is_label = |label: &str| {
        let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        (1..=63).contains(&label.len()) && label.bytes().all(is_allowed) && !label.starts_with('-')
    };
    text.len() <= 253 && text.split('.').all(is_label)
}

pub(super) const WEEKDAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

/// A weekday or a range of them, which may run over the end of the week.
pub(super) fn weekdays(text: &str) -> Result<[bool; 7], Complaint> {
    let index = |name: &str| WEEKDAYS.iter().position(|known| *known == name);
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let (Some(first), Some(last)) = (index(first), index(last)) else {
        let what = format!("cannot have {}", quote(text));
        let advice = format!("a day is one of {}, or a range like \"mon-fri\"", WEEKDAYS.join(", "));
        return Err(Complaint::new(what).advise(advice));
    };
    let mut days = [false; 7];
    for n in 0..=(last + 7 - first) % 7 {
        days[(first + n) % 7] = true;
    }
    Ok(days)
}

/// Hours and minutes, `16:30`.
pub(super) fn time_of_day(text: &str) -> Result<civil::Time, Complaint> {
    let two_digits = |text: &str| -> Option<i8> {
        let is_plain = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
        is_plain.then(|| text.parse().ok()).flatten()
    };
    let time = text
        .split_once(':')
        .and_then(|(hour, minute)| civil::Time::new(two_digits(hour)?, two_digits(minute)?, 0, 0).ok());
    time.ok_or_else(|| Complaint::new("must be a time of the day with hours and minutes, from 00:00 to 23:59"))
}

/// A day, `2026-12-25`.
pub(super) fn date(text: &str) -> Result<civil::Date, Complaint> {
    let date = text.parse().ok().filter(|date: &civil::Date| date.to_string() == text);
    date.ok_or_else(|| Complaint::new(format!("cannot have {}: it is no day of the calendar", quote(text))))
}

pub(super) fn tracking_url(text: &str) -> Result<String, Complaint> {
    let is_web = text.starts_with("https://") || text.starts_with("http://");
    if !is_web || text.contains(|c: char| c.is_whitespace() || c.is_control()) || 512 < text.len() {
        return Err(Complaint::new("must be a web address of at most 512 characters"));
    }
    if text.matches("{tracking}").count() != 1 {
        return Err(Complaint::new("must contain {tracking} once, where the parcel's number goes"));
    }
    Ok(text.to_owned())
}

/// The known name that `text` was probably meant to be.
pub(super) fn nearest<'n>(text: &str, known: impl Iterator<Item = &'n str>) -> Option<&'n str> {
    const CHARS_MAX: usize = 64;
    let text: Vec<char> = text.to_lowercase().chars().take(CHARS_MAX).collect();
    let edits_max = (text.len() / 3).clamp(1, 3);
    let shortened = text.iter().collect::<String>() + "_";
    known
        .map(|name| {
            if name.starts_with(&shortened) {
                (0, name)
            } else {
                (edits(&text, &name.to_lowercase().chars().collect::<Vec<_>>()), name)
            }
        })
        .filter(|(edits, name)| *edits <= edits_max && *edits < name.len())
        .min_by_key(|(edits, _)| *edits)
        .map(|(_, name)| name)
}

/// Letters to add, drop, replace or swap with their neighbour (optimal string alignment).
fn edits(a: &[char], b: &[char]) -> usize {
    let mut before_last: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i; b.len() + 1];
        for j in 1..=b.len() {
            let replaced = last[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            row[j] = replaced.min(last[j] + 1).min(row[j - 1] + 1);
            if 1 < i && 1 < j && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                row[j] = row[j].min(before_last[j - 2] + 1);
            }
        }
        before_last = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}
