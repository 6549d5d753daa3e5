//! `parceld events`

use super::Exit;
use super::terminal::{self, plain, plain_json};
use crate::clock::Clock;
use crate::config::Config;
use crate::journal::{Error, Place, Reader, Stored};
use crate::report::wire::Sender;
use jiff::tz::TimeZone;
use std::io;
use std::time::Duration;

/// What was asked for.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// Only what is about the order with this id or number.
    pub order: Option<String>,
    pub follow: bool,
    pub since: Option<u64>,
    pub limit: Option<usize>,
    pub json: bool,
}

const LATEST: usize = 20;

/// Events in memory at once.
const BATCH: usize = 500;

/// How soon something new is seen with `--follow`.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// What ended the printing.
enum Ended {
    Output(io::Error),
    Database(Error),
}

pub fn print(config: &Config, wanted: &Wanted) -> io::Result<Exit> {
    match walk(config, wanted, Clock::start(), &mut terminal::print) {
        Ok(()) => Ok(Exit::Well),
        Err(Ended::Output(error)) => Err(error),
        Err(Ended::Database(error)) => {
            terminal::complain(&error.to_string());
            Ok(Exit::Failed)
        }
    }
}

fn walk(
    config: &Config,
    wanted: &Wanted,
    clock: Clock,
    print: &mut impl FnMut(&str) -> io::Result<()>,
) -> Result<(), Ended> {
    let reader = Reader::open(&config.storage.path)?;
    let mut after = begin(&reader, wanted)?;
    let about = wanted.order.as_deref().map(|order| About::named(&reader, order)).transpose()?;
    let mut left = match wanted {
        Wanted { order: Some(_), limit, .. } => limit.unwrap_or(usize::MAX),
        Wanted { follow: true, since: None, .. } => usize::MAX,
        Wanted { since: Some(_), limit, .. } => limit.unwrap_or(usize::MAX),
        Wanted { limit, .. } => limit.unwrap_or(LATEST),
    };
    while 0 < left {
        let room = if about.is_some() { BATCH } else { left.min(BATCH) };
        let events = reader.events(after, room)?;
        if events.is_empty() && !wanted.follow {
            return Ok(());
        }
        if events.is_empty() {
            std::thread::sleep(LOOK_EVERY);
            continue;
        }
        let sender = sender(config, &reader, clock)?;
        let about = about.as_ref();
        let wanted_ones = events.iter().filter(|event| about.is_none_or(|about| about.is_about(event)));
        for event in wanted_ones.take(left) {
            left -= 1;
            print(&line(event, &sender, wanted.json, &config.site.timezone)?).map_err(Ended::Output)?;
        }
        after = events.last().map_or(after, |last| last.place);
    }
    Ok(())
}

/// The place after which to print.
fn begin(reader: &Reader, wanted: &Wanted) -> Result<Place, Error> {
    let cursors = reader.cursors()?;
    Ok(match wanted.since {
        None if wanted.order.is_some() => 0,
        Some(sequence) => cursors.epoch.map_or(0, |epoch| epoch.base).saturating_add(sequence.saturating_sub(1)),
        None => cursors.head.saturating_sub(wanted.limit.unwrap_or(LATEST) as u64),
    })
}

/// An order, as events tell of it.
struct About {
    subject: String,
    id: String,
    number: String,
}

impl About {
    fn named(reader: &Reader, text: &str) -> Result<Self, Error> {
        // Retention may have forgotten the order, and not its events.
        let known = reader.order(text)?;
        let names = known.map(|order| (order.terms.id.to_string(), order.terms.number.to_string()));
        let (id, number) = names.unwrap_or_else(|| (text.to_owned(), text.to_owned()));
        Ok(Self { subject: format!("orders/{id}"), id, number })
    }

    /// Its own events; a return of it, and a scan that was refused while it was open, name it in their data.
    fn is_about(&self, event: &Stored) -> bool {
        if event.subject.as_ref() == Some(&self.subject) {
            return true;
        }
        let named = event.data.contains(&self.id) || event.data.contains(&self.number);
        let data: serde_json::Value = match named {
            true => serde_json::from_str(&event.data).unwrap_or_default(),
            false => return false,
        };
        data["order"]["id"] == *self.id || data["order"] == *self.number
    }
}

fn sender(config: &Config, reader: &Reader, clock: Clock) -> Result<Sender, Error> {
    Ok(Sender {
        site: config.site.id.as_str().into(),
        epochs: reader.epochs()?,
        head: reader.cursors()?.head,
        now: clock.now().wall,
        historical_after: config.sync.historical_after,
    })
}

fn line(event: &Stored, sender: &Sender, json: bool, zone: &TimeZone) -> Result<String, Error> {
    if json {
        return Ok(plain_json(&sender.render(event)?));
    }
    let (_, sequence) = sender.place(event.place);
    let shown = |text: &Option<String>| plain(text.as_deref().unwrap_or("-"));
    Ok(format!(
        "{sequence:>8}  {}  {:<24}  {:<12}  {:<20}  {}",
        terminal::time(event.at, zone),
        event.kind.word(),
        shown(&event.station),
        shown(&event.subject),
        plain(&event.data)
    ))
}

impl From<Error> for Ended {
    fn from(error: Error) -> Self {
        Self::Database(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::event::Event;
    use crate::report::tests::Running;
    use std::path::Path;

    fn config(running: &Running) -> Config {
        let text = include_str!("../../../config/parceld.toml");
        let mut config = crate::config::parse(Path::new("parceld.toml"), text).unwrap();
        config.storage.path = running.database();
        config
    }

    /// An agent whose log holds `site.started` and nine lost scanners.
    async fn running() -> Running {
        let running = Running::new();
        for n in 2..=10 {
            let cause = format!("\u{1b}[2J{n}").as_str().into();
            running.record(Event::ScannerLost { scanner: "hand".into(), cause }).await;
        }
        running
    }

    fn printed(running: &Running, wanted: &Wanted) -> Vec<String> {
        let mut lines = Vec::new();
        let walked = walk(&config(running), wanted, Clock::start(), &mut |line| {
            lines.push(line.to_owned());
            Ok(())
        });
        assert!(walked.is_ok());
        lines
    }

    #[tokio::test]
    async fn prints_the_part_that_was_asked_for() {
        let running = running().await;
        for (since, limit, first, count) in [
            (None, None, 1, 10),
            (None, Some(3), 8, 3),
            (Some(4), None, 4, 7),
            (Some(0), Some(2), 1, 2),
            (Some(11), None, 0, 0),
        ] {
            let lines = printed(&running, &Wanted { since, limit, ..Wanted::default() });
            assert_eq!(lines.len(), count, "{since:?} {limit:?}: {lines:#?}");
            let starts = |line: &String| line.trim_start().starts_with(&format!("{first}  "));
            assert!(lines.first().is_none_or(starts), "{since:?} {limit:?}: {lines:#?}");
        }
    }

    #[tokio::test]
    async fn prints_envelopes_and_nothing_raw() {
        let running = running().await;
        for json in [true, false] {
            let lines = printed(&running, &Wanted { since: Some(10), json, ..Wanted::default() });
            assert!(!lines[0].contains('\u{1b}'), "{lines:?}");
        }
        let lines = printed(&running, &Wanted { since: Some(10), json: true, ..Wanted::default() });
        let envelope: serde_json::Value = serde_json::from_str(&lines[0]).unwrap();
        assert_eq!((&envelope["sequence"], &envelope["head"]), (&10.into(), &10.into()));
        assert_eq!(envelope["data"]["reason"], "\u{1b}[2J10");
    }

    #[tokio::test]
    async fn prints_what_is_about_one_order_and_nothing_else() {
        let running = running().await;
        let order = |id: &str| crate::domain::event::OrderRef { id: id.into(), number: id.into(), revision: 1 };
        running.record(Event::OrderReleased { order: order("10042") }).await;
        running.record(Event::OrderReleased { order: order("100421") }).await;
        let refused = Event::ScanRefused {
            scanner: "hand".into(),
            code: "10042".into(),
            signal: crate::domain::signal::Signal::Wrong,
            reason: crate::domain::signal::Reason::NotOnOrder,
            order: Some("10042".into()),
            expected: Vec::new(),
        };
        running.record(refused).await;
        for (order, expected) in [("10042", vec!["order.released", "site.scan_refused"]), ("7", vec![])] {
            let lines = printed(&running, &Wanted { order: Some(order.into()), ..Wanted::default() });
            let kinds: Vec<&str> = lines.iter().filter_map(|line| line.split_whitespace().nth(3)).collect();
            assert_eq!(kinds, expected, "{order}: {lines:#?}");
        }
    }

    #[tokio::test]
    async fn follows_until_the_reader_has_seen_enough() {
        let running = running().await;
        let mut lines = 0;
        let wanted = Wanted { follow: true, since: Some(1), json: true, ..Wanted::default() };
        let walked = walk(&config(&running), &wanted, Clock::start(), &mut |_| {
            lines += 1;
            if lines == 10 { Err(io::ErrorKind::BrokenPipe.into()) } else { Ok(()) }
        });
        assert!(matches!(walked, Err(Ended::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe));
    }
}
