//! The schedule: whether promises can be kept, what is due by the clock, and what can still be promised.
//!
//! A thread of its own that only reads: what follows is a job for the writer, who judges again on what is true then.
//! Ticks and the log's head wake it; what is due it finds in the database, so that work missed while the board was off
//! is done when it is back, and once. While the clock can't be trusted it says `unknown`, and nothing is late.
//!
//! What is not packed is looked at each time, since time alone turns it. What is packed is looked at when something happened
//! to it, and all of it in a sweep: at the start, and when what many share has changed. Of either only a page of orders is in
//! memory at once, however many there are.

mod day;
mod invitations;
pub mod played;
pub mod status;
mod ticks;

use crate::clock::{Clock, Moment};
use crate::domain::dispatch::{Desk, Gone};
use crate::domain::event::Kind;
use crate::domain::name::OrderId;
use crate::domain::promise::offer::Offer;
use crate::domain::promise::pace::{Pace, slot_of};
use crate::domain::promise::{Finding, Review, Work};
use crate::domain::rules::Rules;
use crate::journal::agenda::{Part, Seen, WORK_PAGE};
use crate::journal::{Error, Job, Journal, Place, Reader};
use crate::pulse::Pulse;
use invitations::Invitations;
use jiff::{SignedDuration, Timestamp};
use status::ScheduleStatus;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

/// How soon after one look at the log the next one may come: a busy floor moves its head all the time.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// What only grows or shrinks is said once a minute; a tick may come a little early.
const SAY_NEWS: SignedDuration = SignedDuration::from_secs(55);
/// What is offered is said again after this, though it has not changed: what was said last holds for five minutes.
const SAY_AGAIN: SignedDuration = SignedDuration::from_secs(3 * 60);
/// Events that are looked at in one go: bounds what a start after a long time reads at once.
const SEEN_MAX: usize = 500;
/// A longer time without a tick was no work that somebody was slow at.
const WORKED_S_MAX: u64 = 120;
/// How long the writer is waited for; the next tick tries again.
const WRITER_TIMEOUT: Duration = Duration::from_secs(10);

/// Orders in one job: judging one takes the writer a millisecond at most, and a scan may wait behind the job.
const FINDINGS_MAX: usize = 32;
/// Such jobs that may wait for the writer at once: the rest of its queue is for those who scan.
const JOBS_AHEAD_MAX: usize = 16;
/// As many unpacked orders as are looked at a second time without being read again: one in 3 kB.
const KEPT_MAX: usize = 256;
/// All that is packed is looked at so often without a cause: a carrier whose collections were not known may have some now.
const SWEEP_EVERY: Duration = Duration::from_secs(3_600);
/// A clock that went another way than the time by more than this was set.
const SET_BY: SignedDuration = SignedDuration::from_secs(60);
/// A review that takes long comes less often: it has this part of one processor at most.
const REVIEWS_PART: u32 = 10;

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
/// What judging an order leads to: nothing more comes of it.
const JUDGED: [Kind; 6] = [
    Kind::PromiseAtRisk,
    Kind::PromiseWillMiss,
    Kind::PromiseRecovered,
    Kind::PromiseMissed,
    Kind::PromiseKept,
    Kind::NotificationRequested,
];

/// The running thread.
#[derive(Debug)]
pub struct Scheduling {
    stop: watch::Sender<bool>,
    rules: watch::Sender<Arc<Rules>>,
    offer: watch::Receiver<Option<Arc<Offer>>>,
    status: watch::Receiver<ScheduleStatus>,
    pulse: Pulse,
    thread: JoinHandle<()>,
}

/// Starts the thread.
///
/// # Errors
/// The journal can't be read, or no thread could be started.
pub fn spawn(rules: Rules, journal: Journal, clock: Clock) -> Result<Scheduling, Error> {
    let (stop, stopped) = watch::channel(false);
    let (changed, changes) = watch::channel(Arc::new(rules.clone()));
    let (planner, offer) = planner(rules, journal, clock)?;
    let status = planner.status.subscribe();
    let pulse = planner.pulse.clone();
    let thread = std::thread::Builder::new().name("schedule".into());
    let thread = thread.spawn(move || planner.run_to_end(stopped, changes)).map_err(|why| Error::Thread { why })?;
    Ok(Scheduling { stop, rules: changed, offer, status, pulse, thread })
}

fn planner(rules: Rules, journal: Journal, clock: Clock) -> Result<(Planner, OfferReceiver), Error> {
    let reader = journal.reader()?;
    let marks = reader.marks()?;
    let (offers, offer) = watch::channel(None);
    // A file that no schedule has worked on: what was packed and completed before counts for nothing.
    let looked = marks.counted.unwrap_or_else(|| journal.head_at_start());
    let asks = rules.notices.feedback_after.is_some();
    let invitations = Invitations::of(marks.invited, journal.head().borrow().place, asks);
    let planner = Planner {
        pace: reader.pace()?,
        looked,
        unkept: marks.counted.is_none() || (asks && invitations.passed().is_some()),
        invitations,
        judged: looked,
        sweep_due: true,
        swept_by: None,
        reviewed_for: Duration::ZERO,
        dirty: BTreeSet::new(),
        doubted: false,
        open_units: 0,
        minute_at: None,
        rules,
        journal,
        reader,
        clock,
        offers,
        status: watch::Sender::default(),
        pulse: Pulse::default(),
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

    /// What it knows of the clock and of its own work, now and whenever that changes.
    #[must_use]
    pub fn status(&self) -> watch::Receiver<ScheduleStatus> {
        self.status.clone()
    }

    #[must_use]
    pub fn pulse(&self) -> Pulse {
        self.pulse.clone()
    }

    #[must_use]
    pub fn is_alive(&self) -> bool {
        !self.thread.is_finished()
    }

    #[must_use]
    pub fn changer(&self) -> Changer {
        Changer(self.rules.clone())
    }

    pub fn stop(self) {
        let _ = self.stop.send(true);
        if self.thread.join().is_err() {
            tracing::error!("the schedule's thread had panicked");
        }
    }
}

/// Changes what is judged by. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Changer(watch::Sender<Arc<Rules>>);

impl Changer {
    /// These are the rules from here on: everything is judged by them at once.
    pub fn change_to(&self, rules: Rules) {
        self.0.send_replace(Arc::new(rules));
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
    invitations: Invitations,
    /// Up to which place what happened to packed and closed orders has been judged.
    judged: Place,
    /// All that is packed is to be looked at.
    sweep_due: bool,
    /// What the last sweep went by.
    swept_by: Option<Shared>,
    /// How long the last review took.
    reviewed_for: Duration,
    /// The file does not know yet from where units are counted, or customers asked.
    unkept: bool,
    /// Slots that are not in the file as they are here.
    dirty: BTreeSet<i64>,
    /// The clock was not believed at the last turn.
    doubted: bool,
    /// Units that waited at the last review.
    open_units: u32,
    /// When the last minute's work was counted, since the agent's start.
    minute_at: Option<Duration>,
    offers: watch::Sender<Option<Arc<Offer>>>,
    status: watch::Sender<ScheduleStatus>,
    pulse: Pulse,
}

/// What many packed orders are judged by: where it changes, all of them may turn.
#[derive(Debug)]
struct Shared {
    gone: Gone,
    closed_manifests: u64,
    day_closed: Option<Timestamp>,
    /// When the agent started by the wall clock as it is now: it moves where that is set.
    started: Timestamp,
    /// Since the agent's start.
    at: Duration,
}

impl Shared {
    fn holds(&self, now: &Self) -> bool {
        self.gone == now.gone
            && self.closed_manifests == now.closed_manifests
            && self.day_closed == now.day_closed
            && self.started.duration_since(now.started).abs() <= SET_BY
            && now.at.saturating_sub(self.at) < SWEEP_EVERY
    }
}

/// Why the planner is awake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Woken {
    /// At the start, each minute, and when the clock has stepped.
    Tick,
    Head,
}

impl Planner {
    fn run_to_end(mut self, stop: watch::Receiver<bool>, rules: watch::Receiver<Arc<Rules>>) {
        match tokio::runtime::Builder::new_current_thread().enable_all().build() {
            Ok(runtime) => runtime.block_on(self.run(stop, rules)),
            Err(error) => tracing::error!(%error, "the schedule can't run"),
        }
    }

    async fn run(&mut self, mut stop: watch::Receiver<bool>, mut rules: watch::Receiver<Arc<Rules>>) {
        let (sender, mut ticks) = mpsc::channel(1);
        let ticking = tokio::spawn(ticks::run(self.clock, sender));
        let mut head = self.journal.head();
        let mut woken = Woken::Tick;
        let pulse = self.pulse.clone();
        loop {
            if let Err(error) = self.turn(woken, &self.clock.now()) {
                self.journal.damage().suspect(&error);
                tracing::error!(%error, "the schedule can't read the journal: it tries again");
            }
            pulse.turned();
            let look_at = Instant::now() + LOOK_EVERY.max(self.reviewed_for * (REVIEWS_PART - 1));
            woken = tokio::select! {
                tick = ticks.recv() => match tick {
                    Some(()) => Woken::Tick,
                    None => break,
                },
                moved = async { tokio::time::sleep_until(look_at).await; head.changed().await } => match moved {
                    Ok(()) => Woken::Head,
                    Err(_) => break,
                },
                () = pulse.keep_turning() => break,
                Ok(()) = rules.changed() => {
                    self.rules = Rules::clone(&rules.borrow_and_update());
                    self.sweep_due = true;
                    Woken::Tick
                }
                _ = stop.changed() => break,
            };
        }
        ticking.abort();
        let moment = self.clock.now();
        if moment.trusted {
            self.keep_pace(&moment);
        }
    }

    fn turn(&mut self, woken: Woken, moment: &Moment) -> Result<(), Error> {
        let turned = self.look(moment)?;
        if !moment.trusted {
            self.say(Offer::unknown(moment.wall));
            self.minute_at = None;
            self.doubted = true;
            self.sweep_due = true;
            return Ok(());
        }
        if woken == Woken::Tick {
            self.count_work(moment);
            self.close_day(moment)?;
        }
        if std::mem::take(&mut self.doubted) || woken == Woken::Tick || turned {
            self.review(moment, woken)?;
        }
        self.invitations.hand_over(self.rules.notices.feedback_after, &self.journal, moment);
        if self.unkept || self.dirty.first().is_some_and(|slot| *slot < slot_of(moment.wall)) {
            self.keep_pace(moment);
        }
        Ok(())
    }

    /// Reads what is new in the log. Whether anything of it can turn a promise.
    fn look(&mut self, moment: &Moment) -> Result<bool, Error> {
        let head = self.journal.head().borrow().place;
        let oldest = moment.wall.saturating_sub(self.pace_window()).unwrap_or(Timestamp::MIN);
        let mut turned = false;
        let mut after = self.looked.min(self.invitations.seen());
        loop {
            let seen = self.reader.seen(after, head, SEEN_MAX)?;
            let Some(last) = seen.last().map(|last| last.place) else { break };
            after = last;
            for seen in &seen {
                turned |= self.see(seen, oldest, moment.wall);
            }
        }
        self.looked = head;
        self.invitations.has_seen(head);
        Ok(turned)
    }

    /// Takes note of one event. Whether it can turn a promise.
    fn see(&mut self, seen: &Seen, oldest: Timestamp, now: Timestamp) -> bool {
        if seen.kind == Kind::OrderCompleted
            && let Some(order) = &seen.order
        {
            self.invitations.completed(if seen.trusted { seen.at } else { now }, seen.place, order);
        }
        if seen.place <= self.looked {
            return false;
        }
        match seen.kind {
            Kind::ItemPacked | Kind::ItemUnpacked => {
                // What happened while the clock was wrong belongs to no time of the day.
                if seen.trusted && (oldest..=now).contains(&seen.at) {
                    let slot = slot_of(seen.at);
                    match seen.kind {
                        Kind::ItemPacked => self.pace.add(slot, 1, 0),
                        _ => self.pace.take(slot),
                    }
                    self.dirty.insert(slot);
                }
                false
            }
            kind => TURNS.contains(&kind),
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
        let begun = self.clock.now().since_start;
        let day_closed = self.reader.marks()?.day_closed.map(|(at, _)| at);
        self.judge(moment, day_closed)?;
        if woken == Woken::Tick {
            self.notice_late_couriers(moment, day_closed)?;
        }
        self.reviewed_for = self.clock.now().since_start.saturating_sub(begun);
        Ok(())
    }

    /// Judges what may turn, hands what does to the writer, and says what can be promised. Whether the writer has all of it.
    fn judge(&mut self, moment: &Moment, day_closed: Option<Timestamp>) -> Result<bool, Error> {
        let shared = Shared {
            gone: self.reader.gone()?,
            closed_manifests: self.reader.closed_manifests()?,
            day_closed,
            started: moment.wall.saturating_sub(moment.since_start).unwrap_or(Timestamp::MIN),
            at: moment.since_start,
        };
        let sweeps = self.sweep_due || self.swept_by.as_ref().is_none_or(|swept_by| !swept_by.holds(&shared));
        let capacity = self.pace.outlook(moment.wall, &self.rules.zone, self.rules.pledge.pace_floor);
        let mut review = Review::new(desk(&self.rules, moment, &shared.gone), &capacity);
        let mut told = Told { journal: &self.journal, moment, ahead: 0, all: true };
        let mut kept = Some(Vec::new());
        self.reader.each_work(Part::Unpacked, day_closed, |work| {
            work.iter().for_each(|work| review.count(work));
            match &mut kept {
                Some(all) if all.len() + work.len() <= KEPT_MAX => all.extend(work),
                _ => kept = None,
            }
        })?;
        let offer = review.offer();
        let pulse = &self.pulse;
        let mut find = |work: Vec<Work>| {
            told.tell(work.iter().filter_map(|work| review.find(work)).collect());
            pulse.turned();
        };
        match kept {
            Some(work) => find(work),
            None => self.reader.each_work(Part::Unpacked, day_closed, &mut find)?,
        }
        if sweeps {
            self.reader.each_work(Part::Packed, day_closed, &mut find)?;
            self.reader.each_work(Part::Unsettled, day_closed, &mut find)?;
        }
        let mut after = self.judged;
        loop {
            let seen = self.reader.seen(after, self.looked, SEEN_MAX)?;
            let Some(last) = seen.last().map(|last| last.place) else { break };
            after = last;
            let mut work = Vec::new();
            for (order, is_completed) in touched(seen) {
                if !sweeps || is_completed {
                    work.extend(self.reader.packed_work(&order, is_completed, day_closed)?);
                }
                if WORK_PAGE <= work.len() {
                    find(std::mem::take(&mut work));
                }
            }
            find(work);
        }
        let all_told = told.all;
        if all_told {
            self.judged = self.looked;
        }
        // Where the writer has not all of it the rest is found once more.
        self.sweep_due = sweeps && !all_told;
        if sweeps {
            self.swept_by = Some(shared);
        }
        self.open_units = offer.open_units;
        self.say(offer);
        self.status.send_modify(|status| status.judged_at = Some(moment.wall));
        Ok(all_told)
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

    fn keep_pace(&mut self, moment: &Moment) {
        let passed = self.invitations.passed();
        if self.dirty.is_empty() && passed.is_none() && !self.unkept {
            return;
        }
        let slots = self.dirty.iter().filter_map(|slot| Some((*slot, *self.pace.slots.get(slot)?))).collect();
        let job = Job::Pace { slots, counted: self.looked, passed, moment: *moment };
        if self.journal.try_submit(job).is_ok() {
            self.unkept = false;
            self.invitations.is_kept();
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

/// The orders that something happened to, each once, with whether they were completed: then some were never open at a review.
fn touched(seen: Vec<Seen>) -> BTreeMap<OrderId, bool> {
    let mut touched = BTreeMap::new();
    for Seen { kind, order, .. } in seen {
        if let Some(order) = order.filter(|_| !JUDGED.contains(&kind)) {
            *touched.entry(order).or_default() |= kind == Kind::OrderCompleted;
        }
    }
    touched
}

/// What turns, on its way to the writer.
struct Told<'a> {
    journal: &'a Journal,
    moment: &'a Moment,
    /// Jobs that may wait for the writer.
    ahead: usize,
    /// The writer has all that was found.
    all: bool,
}

impl Told<'_> {
    /// Hands findings over, and waits for the writer where it has enough of them. Once it is too busy nothing more is handed
    /// over.
    fn tell(&mut self, findings: Vec<Finding>) {
        let mut findings = findings.into_iter().peekable();
        while self.all && findings.peek().is_some() {
            let job = Job::Judge { findings: findings.by_ref().take(FINDINGS_MAX).collect(), moment: *self.moment };
            self.all = self.journal.try_submit(job).is_ok();
            self.ahead += 1;
            if JOBS_AHEAD_MAX <= self.ahead {
                self.all &= has_caught_up(self.journal);
                self.ahead = 0;
            }
        }
    }
}

/// Waits for the writer. Whether it has done all that it was handed until now.
fn has_caught_up(journal: &Journal) -> bool {
    let (done, caught_up) = sync_channel(1);
    let reply = Box::new(move |()| {
        let _ = done.try_send(());
    });
    journal.try_submit(Job::Barrier { reply }).is_ok() && caught_up.recv_timeout(WRITER_TIMEOUT).is_ok()
}

fn desk<'a>(rules: &'a Rules, moment: &Moment, gone: &'a Gone) -> Desk<'a> {
    Desk { rules, now: moment.wall, clock_trusted: moment.trusted, gone }
}

#[cfg(test)]
mod tests;
