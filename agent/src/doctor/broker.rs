//! The way to the platform: name, network, login, receipts.

use super::{Check, Outcome};
use crate::clock::Clock;
use crate::config::{Config, Endpoint, Forget};
use crate::journal::{Error, Reader};
use crate::report::Report;
use jiff::{SignedDuration, Timestamp};
use std::net::{TcpStream, ToSocketAddrs};
use std::path::Path;
use std::time::Duration;

const CONNECTED_WITHIN: Duration = Duration::from_secs(3);

/// Addresses that are tried: IPv6 and IPv4, as clients do.
const ADDRESSES_TRIED_MAX: usize = 2;

/// Whether the broker's name is known and its port answers.
pub fn network(url: &Endpoint) -> Check {
    let check = |outcome, found: String| Check::new("broker", outcome, format!("{url}: {found}"));
    let addresses: Vec<_> = match (url.host.as_str(), url.port).to_socket_addrs() {
        Ok(addresses) => addresses.take(ADDRESSES_TRIED_MAX).collect(),
        Err(error) => {
            return check(Outcome::Error, format!("the name is not known: {error}"))
                .fix("is broker.url right? Does this board have a name server (resolvectl status) and a network?");
        }
    };
    let mut failed = None;
    for address in addresses {
        match TcpStream::connect_timeout(&address, CONNECTED_WITHIN) {
            Ok(_) => return check(Outcome::Ok, format!("answers at {address}")),
            Err(error) => failed = Some(format!("no connection to {address}: {error}")),
        }
    }
    check(Outcome::Error, failed.unwrap_or_else(|| "the name has no address".into()))
        .fix("does the broker run, and does a firewall on the way let this site through?")
}

/// Whether the broker lets this site in: the running agent knows.
pub fn login(report: Option<&Report>) -> Check {
    let check = |outcome, found: String| Check::new("login", outcome, found);
    let Some(report) = report else {
        return check(Outcome::Skipped, "only the running agent logs in: a second client would throw it out".into());
    };
    let broker = &report.broker;
    match (broker.state.as_str(), &broker.reason) {
        ("up", _) => check(Outcome::Ok, format!("connected to {} since {}", broker.url, broker.since)),
        ("connecting", _) => {
            check(Outcome::Warning, format!("the agent is connecting to {}", broker.url)).fix("try again in a moment")
        }
        (_, reason) => {
            let reason = reason.as_deref().unwrap_or("no reason was told");
            check(Outcome::Error, format!("not connected to {} since {}: {reason}", broker.url, broker.since))
                .fix("mend the network first (see broker); a refused login: compare broker.username and the password file with the broker's list of sites")
        }
    }
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

    #[test]
    fn asks_the_agent_about_its_login() {
        let report = |facts| Report::new(&facts, Language::ENGLISH);
        assert_eq!(login(None).outcome, Outcome::Skipped);
        assert_eq!(login(Some(&report(facts()))).outcome, Outcome::Ok);
        let down = login(Some(&report(wreck())));
        assert_eq!(down.outcome, Outcome::Error);
        assert!(down.found.contains("connection refused"), "{down:?}");
    }

    #[test]
    fn connects_to_the_brokers_port() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = Endpoint { host: "127.0.0.1".into(), port: listener.local_addr().unwrap().port() };
        assert_eq!(network(&url).outcome, Outcome::Ok);
        drop(listener);
        assert_eq!(network(&url).outcome, Outcome::Error);
    }
}
