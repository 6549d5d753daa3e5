//! The schedule: whether promises can be kept, what is due by the clock, and what can still be promised.
//!
//! A thread of its own that only reads: what follows is a job for the writer, who judges again on what is true then.
//! Ticks and the log's head wake it; what is due it finds in the database, so that work missed while the board was off
//! is done when it is back, and once. While the clock can't be trusted it says `unknown`, and nothing is late.

mod steady;
mod ticks;

use crate::clock::{Clock, Moment};
use crate::domain::carrier::{Carrier, Collection};
use crate::domain::dispatch::{Desk, Gone};
use crate::domain::event::{CourierLate, DayClosed, Event, Kind};
use crate::domain::name::OrderId;
use crate::domain::promise::offer::Offer;
use crate::domain::promise::pace::{Pace, slot_of};
use crate::domain::promise::{Work, review};
use crate::domain::rules::Rules;
use crate::journal::agenda::Seen;
use crate::journal::{DAY_CLOSED, DAY_CLOSED_AT, Error, Job, Journal, Place, Reader};
use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};
use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use std::thread::JoinHandle;
use std::time::Duration;
use steady::Steady;
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

/// How soon after one look at the log the next one may come: a busy floor moves its head all the time.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// What only grows or shrinks is said once a minute; a tick may come a little early.
const SAY_NEWS: SignedDuration = SignedDuration::from_secs(55);
/// What is offered is said again after this, though it has not changed: what was said last holds for five minutes.
const SAY_AGAIN: SignedDuration = SignedDuration::from_secs(3 * 60);
/// Events that are looked at in one go: bounds what a start after a long time reads at once.
const SEEN_MAX: usize = 2_000;
/// A longer time without a tick was no work that somebody was slow at.
const WORKED_S_MAX: u64 = 120;
/// How long closing the day waits for the writer; the next tick tries again.
const WRITER_TIMEOUT: Duration = Duration::from_secs(10);

/// Orders in one job: judging one takes the writer a millisecond at most, and a scan may wait behind the job.
const FINDINGS_MAX: usize = 32;
/// Invitations in one go.
const INVITED_MAX: usize = 32;

/// What moves the queue or what can be promised: looked at again at once.
const TURNS: [Kind; 12] = [
    Kind::OrderAccepted,
    Kind::OrderUpdated,
    Kind::OrderCancelled,
    Kind::OrderHeld,
    Kind::OrderReleased,
    Kind::OrderExpedited,
    Kind::OrderCompleted,
    Kind::ItemShort,
    Kind::ParcelReady,
    Kind::ParcelLoaded,
    Kind::HandedOver,
    Kind::LeftBehind,
];
/// What the pace is counted by.
const COUNTED: [Kind; 2] = [Kind::ItemPacked, Kind::ItemUnpacked];

/// The running thread.
#[derive(Debug)]
pub struct Scheduling {
    stop: watch::Sender<bool>,
    offer: watch::Receiver<Option<Arc<Offer>>>,
    thread: JoinHandle<()>,
}

/// Starts the thread.
///
/// # Errors
/// The journal can't be read, or no thread could be started.
pub fn spawn(rules: Rules, journal: Journal, clock: Clock) -> Result<Scheduling, Error> {
    let (stop, stopped) = watch::channel(false);
    let (planner, offer) = planner(rules, journal, clock)?;
    let thread = std::thread::Builder::new().name("schedule".into()).spawn(move || planner.run_to_end(stopped));
    Ok(Scheduling { stop, offer, thread: thread.map_err(|why| Error::Thread { why })? })
}

fn planner(rules: Rules, journal: Journal, clock: Clock) -> Result<(Planner, OfferReceiver), Error> {
    let reader = journal.reader()?;
    let marks = reader.marks()?;
    let (offers, offer) = watch::channel(None);
    // A file that no schedule has worked on: what was packed and completed before counts for nothing.
    let looked = marks.counted.unwrap_or_else(|| journal.head_at_start());
    let invited = match (marks.counted, rules.notices.feedback_after) {
        (Some(_), Some(_)) => marks.invited,
        _ => looked,
    };
    let planner = Planner {
        pace: reader.pace()?,
        looked,
        invited,
        steady: Steady::default(),
        unkept: marks.counted.is_none(),
        invitations: VecDeque::new(),
        completed: BTreeSet::new(),
        dirty: BTreeSet::new(),
        open_units: 0,
        minute_at: None,
        rules,
        journal,
        reader,
        clock,
        offers,
    };
    Ok((planner, offer))
}

type OfferReceiver = watch::Receiver<Option<Arc<Offer>>>;

impl Scheduling {
    /// What can be promised, now and whenever that changes.
    #[must_use]
    pub fn offer(&self) -> watch::Receiver<Option<Arc<Offer>>> {
        self.offer.clone()
    }

    #[must_use]
    pub fn is_alive(&self) -> bool {
        !self.thread.is_finished()
    }

    pub fn stop(self) {
        let _ = self.stop.send(true);
        if self.thread.join().is_err() {
            tracing::error!("the schedule's thread had panicked");
        }
    }
}

struct Planner {
    rules: Rules,
    journal: Journal,
    reader: Reader,
    clock: Clock,
    pace: Pace,
    /// Up to which place the log has been looked at.
    looked: Place,
    /// Up to which place completions are in `invitations`, or were invited.
    invited: Place,
    /// Completed orders whose customers will be asked, with when and where they were completed.
    invitations: VecDeque<(Timestamp, Place, OrderId)>,
    /// Completed since the last review: some were never open at one.
    completed: BTreeSet<OrderId>,
    /// Whether the clock goes steadily.
    steady: Steady,
    /// The file does not know yet from where units are counted.
    unkept: bool,
    /// Slots that are not in the file as they are here.
    dirty: BTreeSet<i64>,
    /// Units that waited at the last review.
    open_units: u32,
    /// When the last minute's work was counted, since the agent's start.
    minute_at: Option<Duration>,
    offers: watch::Sender<Option<Arc<Offer>>>,
}

/// Why the planner is awake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Woken {
    /// At the start, each minute, and when the clock has stepped.
    Tick,
    Head,
}

impl Planner {
    fn run_to_end(mut self, stop: watch::Receiver<bool>) {
        match tokio::runtime::Builder::new_current_thread().enable_all().build() {
            Ok(runtime) => runtime.block_on(self.run(stop)),
            Err(error) => tracing::error!(%error, "the schedule can't run"),
        }
    }

    async fn run(&mut self, mut stop: watch::Receiver<bool>) {
        let (sender, mut ticks) = mpsc::channel(1);
        let ticking = tokio::spawn(ticks::run(self.clock, sender));
        let mut head = self.journal.head();
        let mut woken = Woken::Tick;
        loop {
            if let Err(error) = self.turn(woken, &self.clock.now()) {
                tracing::error!(%error, "the schedule can't read the journal: it tries again");
            }
            let look_at = Instant::now() + LOOK_EVERY;
            woken = tokio::select! {
                tick = ticks.recv() => match tick {
                    Some(()) => Woken::Tick,
                    None => break,
                },
                moved = async { tokio::time::sleep_until(look_at).await; head.changed().await } => match moved {
                    Ok(()) => Woken::Head,
                    Err(_) => break,
                },
                _ = stop.changed() => break,
            };
        }
        ticking.abort();
        let moment = self.clock.now();
        if self.steady.believes(&moment) {
            self.keep_pace(&moment);
        }
    }

    fn turn(&mut self, woken: Woken, moment: &Moment) -> Result<(), Error> {
        let moment = Moment { trusted: self.steady.believes(moment), ..*moment };
        let turned = self.look(&moment)?;
        if !moment.trusted {
            self.say(Offer::unknown(moment.wall));
            self.minute_at = None;
            return Ok(());
        }
        if woken == Woken::Tick {
            self.count_work(&moment);
            self.close_day(&moment)?;
        }
        if woken == Woken::Tick || turned {
            self.review(&moment, woken)?;
        }
        self.invite(&moment);
        if self.unkept || self.dirty.first().is_some_and(|slot| *slot < slot_of(moment.wall)) {
            self.keep_pace(&moment);
        }
        Ok(())
    }

    /// Reads what is new in the log. Whether anything of it can turn a promise.
    fn look(&mut self, moment: &Moment) -> Result<bool, Error> {
        let head = self.journal.head().borrow().place;
        let oldest = moment.wall.saturating_sub(self.pace_window()).unwrap_or(Timestamp::MIN);
        let kinds: Vec<Kind> = TURNS.into_iter().chain(COUNTED).collect();
        let mut turned = false;
        let mut after = self.looked.min(self.invited);
        loop {
            let seen = self.reader.seen(after, head, &kinds, SEEN_MAX)?;
            let Some(last) = seen.last().map(|last| last.place) else { break };
            after = last;
            for seen in seen {
                turned |= self.see(seen, oldest, moment.wall);
            }
        }
        self.looked = head;
        self.invited = head;
        Ok(turned)
    }

    /// Takes note of one event. Whether it can turn a promise.
    fn see(&mut self, seen: Seen, oldest: Timestamp, now: Timestamp) -> bool {
        if seen.kind == Kind::OrderCompleted
            && self.invited < seen.place
            && let Some(order) = &seen.order
        {
            self.invitations.push_back((seen.at, seen.place, order.clone()));
        }
        if seen.place <= self.looked {
            return false;
        }
        match seen.kind {
            Kind::ItemPacked | Kind::ItemUnpacked => {
                // What happened while the clock was wrong belongs to no time of the day.
                if (oldest..=now).contains(&seen.at) {
                    let slot = slot_of(seen.at);
                    match seen.kind {
                        Kind::ItemPacked => self.pace.add(slot, 1, 0),
                        _ => self.pace.take(slot),
                    }
                    self.dirty.insert(slot);
                }
                false
            }
            Kind::OrderCompleted => {
                self.completed.extend(seen.order);
                true
            }
            _ => true,
        }
    }

    /// Adds the time since the last tick to the pace, where there was work to do in it.
    fn count_work(&mut self, moment: &Moment) {
        let passed =
            self.minute_at.replace(moment.since_start).map_or(0, |at| moment.since_start.saturating_sub(at).as_secs());
        if 0 < self.open_units && (1..=WORKED_S_MAX).contains(&passed) {
            let slot = slot_of(moment.wall);
            self.pace.add(slot, 0, passed as u32);
            self.dirty.insert(slot);
        }
        let window = self.pace_window();
        self.pace.forget(moment.wall, window);
    }

    fn pace_window(&self) -> SignedDuration {
        SignedDuration::try_from(self.rules.pledge.pace_window).unwrap_or(SignedDuration::MAX)
    }

    fn review(&mut self, moment: &Moment, woken: Woken) -> Result<(), Error> {
        let day_closed = self.reader.marks()?.day_closed.map(|(at, _)| at);
        let (work, _) = self.judge(moment, day_closed)?;
        if woken == Woken::Tick {
            self.notice_late_couriers(moment, &work, day_closed)?;
        }
        Ok(())
    }

    /// Judges everything, hands what turns to the writer, and says what can be promised. Whether the writer
    /// has all of it.
    fn judge(&mut self, moment: &Moment, day_closed: Option<Timestamp>) -> Result<(Vec<Work>, bool), Error> {
        let others: Vec<OrderId> = self.completed.iter().cloned().collect();
        let work = self.reader.work(&others, day_closed)?;
        let gone = self.reader.gone()?;
        let desk = desk(&self.rules, moment, &gone);
        let capacity = self.pace.outlook(moment.wall, &self.rules.zone, self.rules.pledge.pace_floor);
        let (findings, offer) = review(desk, &capacity, &work);
        self.open_units = offer.open_units;
        let told = findings.chunks(FINDINGS_MAX).all(|findings| {
            let job = Job::Judge { findings: findings.to_vec(), moment: *moment };
            self.journal.try_submit(job).is_ok()
        });
        if told {
            self.completed.clear();
        }
        self.say(offer);
        Ok((work, told))
    }

    fn say(&self, offer: Offer) {
        self.offers.send_if_modified(|said| {
            let holds = said.as_ref().is_some_and(|said| {
                let age = offer.computed_at.duration_since(said.computed_at);
                let soon = (SignedDuration::ZERO..SAY_NEWS).contains(&age) && said.sells_as(&offer);
                soon || said.says_what(&offer) && (SignedDuration::ZERO..SAY_AGAIN).contains(&age)
            });
            if !holds {
                *said = Some(Arc::new(offer));
            }
            !holds
        });
    }

    /// Tells of couriers that are late where something waits for them, each once.
    fn notice_late_couriers(&self, moment: &Moment, work: &[Work], day_closed: Option<Timestamp>) -> Result<(), Error> {
        // Before the first close nobody knows what this site has seen.
        let Some(from) = day_closed else { return Ok(()) };
        for carrier in &self.rules.carriers {
            let grace = SignedDuration::try_from(carrier.grace).unwrap_or(SignedDuration::MAX);
            let until = moment.wall.saturating_sub(grace).unwrap_or(Timestamp::MIN);
            for collection in carrier.between(from, until, &self.rules.zone) {
                self.notice_late_courier(carrier, collection, moment, work)?;
            }
        }
        Ok(())
    }

    fn notice_late_courier(
        &self,
        carrier: &Carrier,
        collection: Collection,
        moment: &Moment,
        work: &[Work],
    ) -> Result<(), Error> {
        let name = format!("courier_late/{}", collection.id);
        if self.reader.ending(&collection.id)?.is_some() || self.reader.is_done(&name)? {
            return Ok(());
        }
        let parcels = work.iter().flat_map(|work| &work.order.progress.parcels);
        let mine = parcels.filter(|parcel| parcel.collection.as_ref() == Some(&collection.id));
        let waiting = mine.filter(|parcel| parcel.state.waits()).count() as u32;
        let manifest = self.reader.open_manifest(&carrier.id)?.filter(|manifest| {
            0 < manifest.loaded && manifest.collection.as_ref().is_none_or(|of| of.id == collection.id)
        });
        let loaded = manifest.as_ref().map_or(0, |manifest| manifest.loaded);
        if waiting + loaded == 0 {
            return Ok(());
        }
        let event = Event::CourierLate(Box::new(CourierLate {
            carrier: carrier.id.clone(),
            name: carrier.name.clone(),
            collection,
            grace_s: carrier.grace.as_secs(),
            manifest: manifest.map(|manifest| manifest.id),
            loaded,
            waiting,
        }));
        self.hand_over(Job::Duty { name, event: Some(event), marks: Vec::new(), moment: *moment });
        Ok(())
    }

    /// Closes the day where it is over: what was not handed over is missed, and the platform gets a summary.
    fn close_day(&mut self, moment: &Moment) -> Result<(), Error> {
        let Some((date, to)) = day_end(&self.rules, moment.wall) else { return Ok(()) };
        let Some((from, after)) = self.reader.marks()?.day_closed else {
            // The first day of this site ends with its next close.
            let after = self.reader.place_at(to)?;
            self.begin_day(to, after, moment);
            return Ok(());
        };
        if moment.wall < from {
            // Closed while the clock was ahead: the days go on from here.
            self.begin_day(to, after, moment);
            return Ok(());
        }
        if to <= from {
            return Ok(());
        }
        let (_, handed_over) = self.judge(moment, Some(to))?;
        if !handed_over {
            return Ok(());
        }
        let (done, judged) = sync_channel(1);
        let reply = Box::new(move |()| {
            let _ = done.try_send(());
        });
        if self.journal.try_submit(Job::Barrier { reply }).is_err() || judged.recv_timeout(WRITER_TIMEOUT).is_err() {
            tracing::warn!("the journal is busy: the day is closed later");
            return Ok(());
        }
        let head = self.journal.head().borrow().place;
        let (manifests, counts) = self.reader.day(after, head)?;
        let event = Event::DayClosed(Box::new(DayClosed { date, from, to, manifests, counts }));
        let marks = vec![(DAY_CLOSED_AT, to.as_microsecond()), (DAY_CLOSED, head.cast_signed())];
        // Its mark moves with it: so the same day, from the same place, is closed once.
        let name = format!("day/{date}/{after}");
        self.hand_over(Job::Duty { name, event: Some(event), marks, moment: *moment });
        Ok(())
    }

    /// What comes after `after` belongs to the day that began at `to`.
    fn begin_day(&self, to: Timestamp, after: Place, moment: &Moment) {
        let marks = vec![(DAY_CLOSED_AT, to.as_microsecond()), (DAY_CLOSED, after.cast_signed())];
        let name = format!("day_begun/{to}/{after}");
        self.hand_over(Job::Duty { name, event: None, marks, moment: *moment });
    }

    /// Asks customers how it was, so long after their orders have left.
    fn invite(&mut self, moment: &Moment) {
        let Some(after) = self.rules.notices.feedback_after else { return self.invitations.clear() };
        let after = SignedDuration::try_from(after).unwrap_or(SignedDuration::MAX);
        for _ in 0..INVITED_MAX {
            let Some((at, place, order)) = self.invitations.front_mut() else { return };
            // Completed while the clock was ahead: nobody waits for that time.
            *at = moment.wall.min(*at);
            if moment.wall.duration_since(*at) < after {
                return;
            }
            let job = Job::Invite { order: order.clone(), place: *place, moment: *moment };
            if self.journal.try_submit(job).is_err() {
                return;
            }
            self.invitations.pop_front();
        }
    }

    fn keep_pace(&mut self, moment: &Moment) {
        if self.dirty.is_empty() && !self.unkept {
            return;
        }
        let slots = self.dirty.iter().filter_map(|slot| Some((*slot, *self.pace.slots.get(slot)?))).collect();
        let job = Job::Pace { slots, counted: self.looked, moment: *moment };
        if self.journal.try_submit(job).is_ok() {
            self.unkept = false;
            self.dirty.clear();
        }
    }

    /// A busy journal is asked again at the next tick.
    fn hand_over(&self, job: Job) {
        if self.journal.try_submit(job).is_err() {
            tracing::debug!("the journal is busy: what is due waits for the next tick");
        }
    }
}

fn desk<'a>(rules: &'a Rules, moment: &Moment, gone: &'a Gone) -> Desk<'a> {
    Desk { rules, now: moment.wall, clock_trusted: moment.trusted, gone }
}

/// The last day that is over, and when it ended; one that closes in the small hours is the day before.
fn day_end(rules: &Rules, now: Timestamp) -> Option<(Date, Timestamp)> {
    let closes = rules.pledge.day_closes;
    let today = now.to_zoned(rules.zone.clone()).date();
    let ended = [today, today.yesterday().ok()?].into_iter().find_map(|date| {
        let end = rules.zone.to_ambiguous_zoned(date.to_datetime(closes)).compatible().ok()?.timestamp();
        (end <= now).then_some((date, end))
    });
    ended.map(|(date, end)| (if closes.hour() < 12 { date.yesterday().unwrap_or(date) } else { date }, end))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::{self, Writing};
    use std::path::PathBuf;

    /// A journal on a file of its own, and its schedule with a clock that the test sets.
    struct Site {
        folder: PathBuf,
        journal: Journal,
        writing: Writing,
        planner: Planner,
        since_start: Duration,
    }

    impl Site {
        fn start(name: &str, wall: &str) -> Self {
            let folder = std::env::temp_dir().join(format!("parceld-schedule-{name}-{}", std::process::id()));
            let _ = std::fs::remove_dir_all(&folder);
            let mut rules = Rules::of_nothing();
            let at = jiff::civil::time(16, 30, 0, 0);
            rules.carriers = vec![Carrier {
                id: "dhl".into(),
                name: "DHL".into(),
                collections: vec![crate::domain::carrier::Schedule {
                    days: [true; 7],
                    at,
                    cut_off: Duration::from_secs(900),
                }],
                holidays: Vec::new(),
                grace: Duration::from_secs(1_200),
                tracking_required: false,
                tracking_pattern: None,
                tracking_url: None,
            }];
            let config = journal::Config {
                path: folder.join("j.db"),
                rules: rules.clone(),
                stations: Default::default(),
                bounce: Default::default(),
                repeating: Default::default(),
                printing: None,
                keep: Duration::from_secs(3_600),
                forget_on_puback: false,
                version: "0".into(),
                boot: "boot".into(),
            };
            let since_start = Duration::ZERO;
            let moment = Moment { wall: wall.parse().unwrap(), since_start, trusted: true };
            let (journal, writing) = journal::open(config, moment).unwrap();
            let (planner, _) = planner(rules, journal.clone(), Clock::start()).unwrap();
            Self { folder, journal, writing, planner, since_start }
        }

        /// A minute of the wall clock that says `wall`.
        fn tick(&mut self, wall: &str) {
            self.since_start += Duration::from_secs(60);
            let moment = Moment { wall: wall.parse().unwrap(), since_start: self.since_start, trusted: true };
            self.planner.turn(Woken::Tick, &moment).unwrap();
            self.settle();
        }

        fn settle(&self) {
            let (done, settled) = sync_channel(1);
            self.journal.submit(Job::Barrier { reply: Box::new(move |()| done.try_send(()).unwrap()) }).unwrap();
            settled.recv_timeout(Duration::from_secs(30)).unwrap();
        }

        fn put(&self, number: usize, ship_by: &str) {
            let line = serde_json::json!({"line": "1", "sku": "A", "name": "A", "quantity": 2, "barcodes": ["A"]});
            let data = serde_json::json!({
                "id": format!("o-{number}"), "number": number.to_string(), "revision": 1, "lines": [line],
                "delivery": "carrier", "carrier": "dhl", "promise": {"ship_by": ship_by},
                "notify": {"customer": "c-1", "channels": ["email"]},
            });
            let command = serde_json::json!({
                "specversion": "1.0", "id": format!("c-{number}"), "source": "/p", "type": "parceld.order.put.v1",
                "data": data,
            });
            let wall = "2026-11-26T09:00:00Z".parse().unwrap();
            let moment = Moment { wall, since_start: self.since_start, trusted: true };
            let payload = command.to_string().into_bytes();
            self.journal.submit(Job::Command { payload, moment, reply: Box::new(|_| ()) }).unwrap();
        }

        fn kinds(&self, kind: Kind) -> usize {
            let stored = self.journal.reader().unwrap().events(0, 100_000).unwrap();
            stored.iter().filter(|stored| stored.kind == kind).count()
        }

        fn end(self) {
            self.writing.stop();
            let _ = std::fs::remove_dir_all(self.folder);
        }
    }

    #[test]
    fn a_clock_that_jumps_by_years_tells_nobody_anything_and_closes_no_day() {
        let mut site = Site::start("jump", "2026-11-26T09:00:00Z");
        site.put(1, "2026-11-26T17:00:00Z");
        site.tick("2026-11-26T09:01:00Z");
        let before = site.planner.reader.marks().unwrap().day_closed;
        site.tick("2046-11-26T09:02:00Z");
        site.tick("2046-11-26T23:59:00Z");
        assert_eq!((site.kinds(Kind::PromiseMissed), site.kinds(Kind::DayClosed)), (0, 0));
        assert_eq!(site.planner.reader.marks().unwrap().day_closed, before);
        assert_eq!(site.planner.offers.borrow().as_ref().unwrap().door.word(), "unknown");
        site.since_start = Duration::from_secs(300);
        site.tick("2026-11-26T09:06:00Z");
        assert_eq!(site.planner.offers.borrow().as_ref().unwrap().door.word(), "open");
        site.end();
    }

    #[test]
    fn days_go_on_after_one_that_was_closed_in_the_future() {
        let mut site = Site::start("future", "2026-11-26T09:00:00Z");
        let future: Timestamp = "2046-11-25T23:30:00Z".parse().unwrap();
        let marks = vec![(DAY_CLOSED_AT, future.as_microsecond()), (DAY_CLOSED, 1)];
        let moment =
            Moment { wall: "2026-11-26T09:00:00Z".parse().unwrap(), since_start: Duration::ZERO, trusted: true };
        site.journal.submit(Job::Duty { name: "day/2046-11-25".into(), event: None, marks, moment }).unwrap();
        site.settle();
        site.tick("2026-11-26T09:01:00Z");
        site.tick("2026-11-26T23:30:00Z");
        site.tick("2026-11-26T23:31:00Z");
        assert_eq!(site.kinds(Kind::DayClosed), 1);
        // Three days off, and one summary.
        site.tick("2026-11-29T23:45:00Z");
        site.tick("2026-11-29T23:46:00Z");
        assert_eq!(site.kinds(Kind::DayClosed), 2);
        site.end();
    }

    #[test]
    fn a_day_that_ends_with_hundreds_of_open_orders_misses_each_once() {
        let mut site = Site::start("many", "2026-11-26T09:00:00Z");
        for number in 1..=300 {
            site.put(number, "2026-11-26T17:00:00Z");
        }
        site.settle();
        site.tick("2026-11-26T09:01:00Z");
        site.tick("2026-11-26T23:30:00Z");
        site.tick("2026-11-26T23:31:00Z");
        assert_eq!((site.kinds(Kind::PromiseMissed), site.kinds(Kind::DayClosed)), (300, 1));
        site.end();
    }

    /// `cargo test --release -p parceld --lib review_costs -- --ignored --nocapture`
    #[test]
    #[ignore = "a measurement"]
    fn review_costs() {
        for orders in [500, 2_000] {
            let mut site = Site::start(&format!("cost-{orders}"), "2026-11-26T09:00:00Z");
            for number in 1..=orders {
                site.put(number, "2026-12-03T17:00:00Z");
            }
            site.settle();
            site.tick("2026-11-26T09:01:00Z");
            for wall in ["2026-11-26T09:02:00Z", "2026-11-26T09:03:00Z"] {
                let begun = Clock::start();
                site.tick(wall);
                println!("{orders} open orders: {:?}", begun.now().since_start);
            }
            site.end();
        }
    }

    #[test]
    fn the_day_that_is_over_is_told_by_its_end() {
        let zone = jiff::tz::TimeZone::get("Europe/Stockholm").unwrap();
        let rows = [
            ((23, 30), "2026-11-26T22:29:59Z", "2026-11-25", "2026-11-25T22:30:00Z"),
            ((23, 30), "2026-11-26T22:30:00Z", "2026-11-26", "2026-11-26T22:30:00Z"),
            ((2, 0), "2026-11-27T00:59:59Z", "2026-11-25", "2026-11-26T01:00:00Z"),
            ((2, 0), "2026-11-27T01:00:00Z", "2026-11-26", "2026-11-27T01:00:00Z"),
            // 2:30 does not exist on this day, and 2:30 comes twice on that one.
            ((2, 30), "2026-03-29T01:29:59Z", "2026-03-27", "2026-03-28T01:30:00Z"),
            ((2, 30), "2026-03-29T01:30:00Z", "2026-03-28", "2026-03-29T01:30:00Z"),
            ((2, 30), "2026-10-25T00:30:00Z", "2026-10-24", "2026-10-25T00:30:00Z"),
        ];
        for ((hour, minute), now, date, end) in rows {
            let mut rules = Rules::of_nothing();
            rules.zone = zone.clone();
            rules.pledge.day_closes = jiff::civil::time(hour, minute, 0, 0);
            let found = day_end(&rules, now.parse().unwrap());
            assert_eq!(found, Some((date.parse().unwrap(), end.parse().unwrap())), "{now}");
        }
    }
}
