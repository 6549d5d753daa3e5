//! The way to the platform: name, network, TLS, login, topics, receipts.

use super::time;
use super::{Check, Outcome};
use crate::clock::Clock;
use crate::config::{Config, Endpoint, Forget};
use crate::contract::topic::Topics;
use crate::journal::{Error, Reader};
use crate::report::{self, Dates, Report, Topic, Whose};
use crate::sync::probe::{self, Seen};
use crate::sync::status::Certificates;
use crate::sync::{Trouble, Validity};
use jiff::{SignedDuration, Timestamp};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::path::Path;
use std::time::Duration;

/// What [`network`] gives, in order.
pub const NETWORK: [&str; 2] = ["name", "network"];

/// What [`session`] gives, in order.
pub const SESSION: [&str; 3] = ["tls", "login", "topics"];

const CONNECTED_WITHIN: Duration = Duration::from_secs(3);

/// TCP, TLS, the login and all answers; the doctor's other checks wait no longer either.
const SESSION_WITHIN: Duration = Duration::from_secs(6);

/// Addresses that are tried: IPv6 and IPv4, as clients do.
const ADDRESSES_TRIED_MAX: usize = 2;

/// Whether the broker's name is known, and whether its port answers.
pub fn network(url: &Endpoint) -> Vec<Check> {
    match (url.host.as_str(), url.port).to_socket_addrs() {
        Ok(addresses) => {
            let addresses: Vec<_> = addresses.take(ADDRESSES_TRIED_MAX).collect();
            let known = addresses.iter().map(|address| address.ip().to_string()).collect::<Vec<_>>().join(", ");
            let name = Check::new("name", Outcome::Ok, format!("{}: {known}", url.host));
            vec![name, reach(url, &addresses)]
        }
        Err(error) => vec![
            Check::new("name", Outcome::Error, format!("{}: the name is not known: {error}", url.host))
                .fix("is broker.url right? Does this board have a name server (resolvectl status) and a network?"),
            Check::new("network", Outcome::Skipped, format!("{url}: there is no address to try")),
        ],
    }
}

fn reach(url: &Endpoint, addresses: &[SocketAddr]) -> Check {
    let check = |outcome, found: String| Check::new("network", outcome, format!("{url}: {found}"));
    let mut failed = None;
    for address in addresses {
        match TcpStream::connect_timeout(address, CONNECTED_WITHIN) {
            Ok(_) => return check(Outcome::Ok, format!("answers at {address}")),
            Err(error) => failed = Some(format!("no connection to {address}: {error}")),
        }
    }
    check(Outcome::Error, failed.unwrap_or_else(|| "the name has no address".into()))
        .fix("does the broker run, and does a firewall on the way let this site through?")
}

/// Logs in beside the agent, and tries what this site has to be allowed.
pub fn session(config: &Config, report: Option<&Report>, clock: Clock) -> Vec<Check> {
    let topics = Topics::new(&config.broker.root, &config.site.id);
    let seen = probe::look(&config.broker.reached(), &config.broker.client_id, &topics, SESSION_WITHIN, clock);
    let now = clock.now();
    let mut tls = tls(config.broker.tls.is_some(), &seen, now.wall);
    if tls.outcome == Outcome::Error && !now.trusted {
        tls = tls.fix(time::FIX);
    }
    let permissions = permissions(&config.site.id, &topics, &seen, report);
    vec![tls, login(&config.broker.client_id, &seen, report), permissions]
}

fn is_about_tls(trouble: &Trouble) -> bool {
    match trouble {
        Trouble::FileUnusable { .. }
        | Trouble::AuthorityUnknown { .. }
        | Trouble::OtherName { .. }
        | Trouble::Expired { .. }
        | Trouble::NotYetValid { .. }
        | Trouble::Revoked { .. }
        | Trouble::Unusable(_)
        | Trouble::CertificateRefused(_)
        | Trouble::CertificateWanted
        | Trouble::NoTls(_)
        | Trouble::HungUp(_) => true,
        Trouble::Unreachable(_)
        | Trouble::LoginRefused(_)
        | Trouble::Busy(_)
        | Trouble::NoPassword { .. }
        | Trouble::SubscribeDenied { .. }
        | Trouble::PublishDenied { .. }
        | Trouble::TakenOver { .. }
        | Trouble::AnotherAgent { .. }
        | Trouble::Broken(_) => false,
    }
}

fn tls(is_configured: bool, seen: &Seen, now: Timestamp) -> Check {
    let check = |outcome, found: String| Check::new("tls", outcome, found);
    if !is_configured {
        return check(Outcome::Skipped, "broker.url is mqtt://: what is said is not encrypted".into());
    }
    if let Some(trouble) = seen.trouble.as_ref().filter(|trouble| is_about_tls(trouble)) {
        let dates = worst_dates(&seen.certificates, now).map(|(_, found, _)| format!("; {found}"));
        let found = format!("{trouble}{}", dates.unwrap_or_default());
        return check(Outcome::Error, found).fix(report::to_mend(trouble));
    }
    if let Some((outcome, found, fix)) = worst_dates(&seen.certificates, now) {
        return check(outcome, found).fix(fix);
    }
    let Certificates { client, server, authority, revocations } = &seen.certificates;
    let named = [
        ("the broker's", server),
        ("this site's", client),
        ("the CA's", authority),
        ("the list of revoked ones", revocations),
    ];
    let valid =
        named.iter().filter_map(|(whose, validity)| Some(format!("{whose} until {}", validity.as_ref()?.until)));
    let valid = valid.collect::<Vec<_>>().join(", ");
    match (server, &seen.trouble) {
        (Some(_), _) => check(Outcome::Ok, format!("certificates are right; {valid}")),
        (None, _) => check(Outcome::Skipped, format!("the broker has shown no certificate yet; {valid}")),
    }
}

/// The worst of the certificates' dates, with what to do.
fn worst_dates(certificates: &Certificates, now: Timestamp) -> Option<(Outcome, String, String)> {
    let Certificates { client, server, authority, revocations } = certificates;
    let all = [
        (Whose::Site, client),
        (Whose::Broker, server),
        (Whose::Authority, authority),
        (Whose::Revocations, revocations),
    ];
    let judged = all.into_iter().filter_map(|(whose, validity): (Whose, &Option<Validity>)| {
        let dates = report::dates_of(whose, (*validity)?, now)?;
        let outcome = match dates {
            Dates::Expired { .. } if whose == Whose::Revocations => Outcome::Warning,
            Dates::Expired { .. } | Dates::NotYetValid { .. } => Outcome::Error,
            Dates::ExpiresSoon { .. } => Outcome::Warning,
        };
        let (found, fix) = report::certificate(whose, dates);
        Some((outcome, found, fix))
    });
    judged.max_by_key(|(outcome, ..)| *outcome)
}

/// Whether the broker lets this site in: the doctor under a name of its own, and the agent.
fn login(client_id: &str, seen: &Seen, report: Option<&Report>) -> Check {
    let check = |outcome, found: String| Check::new("login", outcome, found);
    let agent = report.map(|report| &report.broker);
    match &seen.trouble {
        Some(trouble) if !seen.is_in && is_about_tls(trouble) => {
            check(Outcome::Skipped, "not before TLS is right".into())
        }
        Some(trouble) if !seen.is_in => check(Outcome::Error, trouble.to_string()).fix(report::to_mend(trouble)),
        Some(_) | None => match agent {
            Some(broker) if broker.state == "down" => {
                let reason = broker.reason.as_deref().unwrap_or("no reason was told");
                check(
                    Outcome::Error,
                    format!("the doctor is let in, the agent is not connected since {}: {reason}", broker.since),
                )
                .fix("if it stays so for a minute: is the client id used twice, and may it connect? parceld status tells what to do")
            }
            Some(broker) if broker.state == "connecting" => {
                check(Outcome::Warning, format!("the agent is connecting to {}", broker.url))
                    .fix("try again in a moment")
            }
            Some(broker) => {
                check(Outcome::Ok, format!("the agent is connected to {} since {}", broker.url, broker.since))
            }
            None => check(Outcome::Ok, format!("the broker takes this site's login, as {client_id}{}", probe::SUFFIX)),
        },
    }
}

/// Whether the site may use its topics: what the doctor tried, and what the agent met.
fn permissions(site: &str, topics: &Topics, seen: &Seen, report: Option<&Report>) -> Check {
    let check = |outcome, found: String| Check::new("topics", outcome, found);
    let named = seen.own_name.as_ref().filter(|name| *name != site);
    let named = named.map(|name| format!("; this site's certificate is for {name:?}, and site.id is {site:?}"));
    let named = named.unwrap_or_default();
    let fix = "ask the platform's on-call to let this site's user read receipts and commands, and write events, state and replies (the broker's ACL)";
    if let Some((topic, _)) = seen.denied.first() {
        let all = seen.denied.iter().map(|(topic, why)| format!("{topic} ({why})")).collect::<Vec<_>>().join(", ");
        let verb = if *topic == topics.state_doctor() { "publish to" } else { "use" };
        return check(Outcome::Error, format!("the broker does not let this site {verb} {all}{named}")).fix(fix);
    }
    let met = report.and_then(|report| {
        report.verdict.findings.iter().find(|finding| ["publish_refused", "topic_denied"].contains(&&*finding.fault))
    });
    if let Some(finding) = met {
        return check(Outcome::Error, format!("{}: {}{named}", finding.what, finding.reason)).fix(fix);
    }
    if !seen.is_whole {
        return check(Outcome::Skipped, "not before the login is right".into());
    }
    if seen.receipt.is_none() && report.is_some_and(|report| 0 < report.log.received) {
        let found =
            "the broker takes the subscription, and does not hand out the last receipt that it should have kept";
        return check(Outcome::Warning, found.into()).fix(fix);
    }
    check(Outcome::Ok, "may read receipts, commands and its state, and publish".into())
}

/// Whether what was sent is confirmed.
pub fn receipts(config: &Config, report: Option<&Report>, clock: Clock) -> Check {
    if config.sync.forget == Forget::Puback {
        let found = "not expected: events may be forgotten when the broker has them (sync.forget = \"puback\")";
        return Check::new("receipts", Outcome::Skipped, found);
    }
    if report.is_none() && !config.storage.path.exists() {
        return Check::new("receipts", Outcome::Skipped, "nothing has been sent yet");
    }
    let missed = report.and_then(|report| {
        report.verdict.findings.iter().find(|finding| finding.topic == Topic::Receipts && !finding.todo.is_empty())
    });
    if let Some(finding) = missed {
        let found = format!("{}: {}", finding.what, finding.reason);
        return Check::new("receipts", Outcome::Warning, found).fix(finding.todo.join(" "));
    }
    let timeout = SignedDuration::try_from(config.sync.receipt_timeout).unwrap_or(SignedDuration::MAX);
    match log(&config.storage.path) {
        Ok(log) => judge(log, clock.now().wall, timeout),
        Err(error) => Check::new("receipts", Outcome::Skipped, format!("the database can't be read: {error}")),
    }
}

/// The log's cursors in the file.
#[derive(Clone, Copy)]
struct Log {
    head: u64,
    sent: u64,
    received: u64,
    oldest_at: Option<Timestamp>,
}

fn log(path: &Path) -> Result<Log, Error> {
    let reader = Reader::open(path)?;
    let cursors = reader.cursors()?;
    let oldest_at = reader.time_after(cursors.received)?;
    Ok(Log { head: cursors.head, sent: cursors.sent, received: cursors.received, oldest_at })
}

fn judge(log: Log, now: Timestamp, timeout: SignedDuration) -> Check {
    let check = |outcome, found: String| Check::new("receipts", outcome, found);
    let waiting = log.head.saturating_sub(log.received);
    let is_late = log.oldest_at.is_some_and(|at| timeout < now.duration_since(at));
    match waiting {
        0 => check(Outcome::Ok, "the platform has confirmed every event".into()),
        _ if !is_late => check(Outcome::Ok, format!("{waiting} events wait, none for long")),
        _ if log.received == 0 && 0 < log.sent => {
            check(Outcome::Warning, format!("none has ever come; {waiting} events wait"))
                .fix("ask the platform's on-call: does it subscribe to this site's events and publish receipts?")
        }
        _ if log.received < log.sent => check(
            Outcome::Warning,
            format!("{waiting} events wait, of which the broker has some; receipts stand still"),
        )
        .fix("ask the platform's on-call: does its subscriber for this site run, and can it store?"),
        _ => check(Outcome::Warning, format!("{waiting} events wait here and can't be sent"))
            .fix("mend what is wrong with agent, broker or login; they go out by themselves"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::Language;
    use crate::report::tests::{facts, now, seconds_ago, wreck};
    use std::net::TcpListener;

    #[test]
    fn judges_receipts_by_the_cursors() {
        for (head, sent, received, oldest_s, outcome, found) in [
            (0, 0, 0, None, Outcome::Ok, "every event"),
            (9, 9, 9, None, Outcome::Ok, "every event"),
            (9, 9, 5, Some(3), Outcome::Ok, "4 events wait, none for long"),
            (9, 9, 5, Some(90), Outcome::Warning, "receipts stand still"),
            (9, 4, 0, Some(90), Outcome::Warning, "none has ever come"),
            (9, 5, 5, Some(90), Outcome::Warning, "can't be sent"),
            (9, 0, 0, Some(90), Outcome::Warning, "can't be sent"),
        ] {
            let log = Log { head, sent, received, oldest_at: oldest_s.map(seconds_ago) };
            let check = judge(log, now(), SignedDuration::from_secs(60));
            assert_eq!(check.outcome, outcome, "{check:?}");
            assert!(check.found.contains(found), "{check:?}");
        }
    }

    fn seen(trouble: Option<Trouble>) -> Seen {
        let is_in = trouble.is_none();
        Seen { is_in, is_whole: is_in, trouble, receipt: Some(48), ..Seen::default() }
    }

    fn days(from: i64, until: i64) -> Option<Validity> {
        Some(Validity { from: seconds_ago(-86_400 * from), until: seconds_ago(-86_400 * until) })
    }

    #[test]
    fn tells_name_and_network_apart() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = Endpoint { host: "127.0.0.1".into(), port: listener.local_addr().unwrap().port() };
        let outcomes = |url: &Endpoint| network(url).iter().map(|check| check.outcome).collect::<Vec<_>>();
        assert_eq!(outcomes(&url), [Outcome::Ok, Outcome::Ok]);
        drop(listener);
        assert_eq!(outcomes(&url), [Outcome::Ok, Outcome::Error]);
        let unknown = Endpoint { host: "no.such.name.invalid".into(), ..url };
        assert_eq!(outcomes(&unknown), [Outcome::Error, Outcome::Skipped]);
    }

    #[test]
    fn judges_certificates() {
        let all = |server, client| Certificates { client, server, authority: days(-30, 3_650), revocations: None };
        let well = || all(days(-30, 335), days(-30, 335));
        for (certificates, trouble, outcome, found) in [
            (all(days(-30, 335), days(-30, 335)), None, Outcome::Ok, "are right"),
            (all(days(-30, 335), days(-300, 12)), None, Outcome::Warning, "This site's certificate expires soon"),
            (all(days(-300, 12), days(-300, -1)), None, Outcome::Error, "This site's certificate has expired"),
            (all(None, days(2, 300)), None, Outcome::Error, "is not valid yet"),
            (Certificates { revocations: days(-30, 1), ..well() }, None, Outcome::Ok, "are right"),
            (Certificates { revocations: days(-30, -1), ..well() }, None, Outcome::Warning, "revoked certificates has"),
            (Certificates::default(), Some(Trouble::NoTls("plain".into())), Outcome::Error, "no TLS: plain"),
            (
                Certificates::default(),
                Some(Trouble::Unreachable("gone".into())),
                Outcome::Skipped,
                "no certificate yet",
            ),
        ] {
            let check = tls(true, &Seen { certificates, ..seen(trouble) }, now());
            assert_eq!(check.outcome, outcome, "{check:?}");
            assert!(check.found.contains(found), "{check:?}");
            assert_eq!(check.fix.is_some(), outcome == Outcome::Error || outcome == Outcome::Warning, "{check:?}");
        }
        assert_eq!(tls(false, &seen(None), now()).outcome, Outcome::Skipped);
    }

    #[test]
    fn judges_the_login_by_both_clients() {
        let report = |facts| Report::new(&facts, Language::ENGLISH);
        let refused = || seen(Some(Trouble::LoginRefused("wrong user name or password".into())));
        for (seen, report, outcome, found) in [
            (seen(None), None, Outcome::Ok, "parceld-doctor"),
            (seen(None), Some(report(facts())), Outcome::Ok, "connected"),
            (seen(None), Some(report(wreck())), Outcome::Error, "connection refused"),
            (refused(), Some(report(facts())), Outcome::Error, "wrong user name"),
            (seen(Some(Trouble::CertificateWanted)), None, Outcome::Skipped, "TLS"),
        ] {
            let check = login("parceld", &seen, report.as_ref());
            assert_eq!(check.outcome, outcome, "{check:?}");
            assert!(check.found.contains(found), "{check:?}");
        }
    }

    #[test]
    fn judges_what_the_site_may_do() {
        let topics = Topics::new("parceld/v1", "sthlm-03");
        let report = |facts| Report::new(&facts, Language::ENGLISH);
        let denied = |topic: String| Seen { denied: vec![(topic, "NotAuthorized".into())], ..seen(None) };
        for (seen, report, outcome, found) in [
            (seen(None), None, Outcome::Ok, "may read"),
            (denied(topics.commands()), None, Outcome::Error, "sthlm-03/commands (NotAuthorized)"),
            (denied(topics.state_doctor()), None, Outcome::Error, "publish to"),
            (
                Seen { own_name: Some("gbg-01".into()), ..denied(topics.commands()) },
                None,
                Outcome::Error,
                "for \"gbg-01\"",
            ),
            (seen(None), Some(report(wreck())), Outcome::Error, "events/pick"),
            (Seen { receipt: None, ..seen(None) }, Some(report(facts())), Outcome::Warning, "the last receipt"),
            (seen(Some(Trouble::CertificateWanted)), None, Outcome::Skipped, "the login"),
        ] {
            let check = permissions("sthlm-03", &topics, &seen, report.as_ref());
            assert_eq!(check.outcome, outcome, "{check:?}");
            assert!(check.found.contains(found), "{check:?}");
        }
    }
}
