//! The schedule: whether promises can be kept, what is due by the clock, and what can still be promised.
//!
//! A thread of its own that only reads: what follows is a job for the writer, who judges again on what is true then.
//! Ticks and the log's head wake it; what is due it finds in the database, so that work missed while the board was off
//! is done when it is back, and once. While the clock can't be trusted it says `unknown`, and nothing is late.

mod day;
pub mod status;
mod ticks;

use crate::clock::{Clock, Moment};
use crate::domain::dispatch::{Desk, Gone};
use crate::domain::event::Kind;
use crate::domain::name::OrderId;
use crate::domain::promise::offer::Offer;
use crate::domain::promise::pace::{Pace, slot_of};
use crate::domain::promise::{Work, review};
use crate::domain::rules::Rules;
use crate::journal::agenda::Seen;
use crate::journal::{Error, Job, Journal, Place, Reader};
use crate::pulse::Pulse;
use jiff::{SignedDuration, Timestamp};
use status::ScheduleStatus;
use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
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
    let invited = match (marks.counted, rules.notices.feedback_after) {
        (Some(_), Some(_)) => marks.invited,
        _ => looked,
    };
    let planner = Planner {
        pace: reader.pace()?,
        looked,
        invited,
        unkept: marks.counted.is_none(),
        invitations: VecDeque::new(),
        completed: BTreeSet::new(),
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
    /// Up to which place completions are in `invitations`, or were invited.
    invited: Place,
    /// Completed orders whose customers will be asked, with when and where they were completed.
    invitations: VecDeque<(Timestamp, Place, OrderId)>,
    /// Completed since the last review: some were never open at one.
    completed: BTreeSet<OrderId>,
    /// The file does not know yet from where units are counted.
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
                () = pulse.keep_turning() => break,
                Ok(()) = rules.changed() => {
                    self.rules = Rules::clone(&rules.borrow_and_update());
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
            return Ok(());
        }
        if woken == Woken::Tick {
            self.count_work(moment);
            self.close_day(moment)?;
        }
        if std::mem::take(&mut self.doubted) || woken == Woken::Tick || turned {
            self.review(moment, woken)?;
        }
        self.invite(moment);
        if self.unkept || self.dirty.first().is_some_and(|slot| *slot < slot_of(moment.wall)) {
            self.keep_pace(moment);
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
            let at = if seen.trusted { seen.at } else { now };
            self.invitations.push_back((at, seen.place, order.clone()));
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
        self.status.send_modify(|status| status.judged_at = Some(moment.wall));
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

#[cfg(test)]
mod tests;
