//! Looking: the facts of one station's screen, gathered from memory and from the journal.

use crate::clock::{Clock, Moment};
use crate::domain::dispatch::Desk;
use crate::domain::name::StationId;
use crate::domain::rules::{Flow, Rules};
use crate::domain::station::{Mode, Station};
use crate::floor::Floor;
use crate::floor::status::{Answered, Line};
use crate::journal::view::{Bench, Door, Open, Past, Waiting};
use crate::journal::{Error, Journal, Place, Reader, Storage};
use crate::report::Gatherer;
use crate::screen::{Counts, Facts, Net, Screen, Words};
use crate::words::Language;
use jiff::civil::Date;
use jiff::{Timestamp, ToSpan};
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::Semaphore;

/// Orders that are read for a screen.
const ROWS_MAX: usize = 4;

/// Scans before this start that a screen lists.
const PAST_MAX: usize = 5;

const HOUR_MINUTES: i64 = 60;

/// Every station with a screen or without, and what screens need to look.
#[derive(Debug)]
pub struct Stations {
    floor: Floor,
    journal: Journal,
    clock: Clock,
    rules: Rules,
    seats: BTreeMap<StationId, Seat>,
    kept: Mutex<Kept>,
    /// Places for streams: the board's own screens, and those of others, which can't take theirs.
    pub(super) room: [Arc<Semaphore>; 2],
}

/// A station as the configuration has it.
#[derive(Clone, Debug)]
pub struct Seat {
    pub id: StationId,
    /// What people call it.
    pub name: String,
    pub mode: Mode,
    /// Whether staff see a screen there.
    pub screen: bool,
}

/// What is not read anew each time. Everything else of a screen comes from the file.
#[derive(Debug, Default)]
struct Kept {
    reader: Option<Reader>,
    past: HashMap<StationId, Arc<Vec<Past>>>,
    counted: HashMap<StationId, Counted>,
    /// What was read last, for when the file can't be read.
    seen: HashMap<StationId, Seen>,
}

#[derive(Clone, Debug)]
struct Seen {
    bench: Bench,
    waiting: Waiting,
    door: Door,
    past: Arc<Vec<Past>>,
    counts: Option<Counts>,
}

/// Units that counted today and in each of the last minutes, up to a place of the log.
#[derive(Debug)]
struct Counted {
    day: Date,
    upto: Place,
    today: i64,
    minutes: VecDeque<(i64, i64)>,
}

impl Stations {
    #[must_use]
    pub fn new(floor: Floor, journal: Journal, clock: Clock, rules: Rules, seats: Vec<Seat>) -> Self {
        let seats = seats.into_iter().map(|seat| (seat.id.clone(), seat)).collect();
        let room = [(); 2].map(|()| Arc::new(Semaphore::new(super::live::STREAMS_MAX)));
        Self { floor, journal, clock, rules, seats, kept: Mutex::default(), room }
    }

    /// In the order of their ids.
    pub fn seats(&self) -> impl Iterator<Item = &Seat> {
        self.seats.values()
    }

    #[must_use]
    pub fn seat(&self, id: &str) -> Option<&Seat> {
        self.seats.get(id)
    }

    #[must_use]
    pub fn floor(&self) -> &Floor {
        &self.floor
    }

    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.clock.now().wall
    }

    /// The screen as it is at `answer`, or now. Blocks while the database is read.
    pub fn look(
        &self,
        seat: &Seat,
        answer: Option<&Answered>,
        gatherer: &Gatherer,
        language: Language,
    ) -> (Screen, Timestamp) {
        let moment = self.clock.now();
        let answers = self.answers(&seat.id, answer);
        let mut storage = gatherer.storage();
        let seen = match self.read(seat, &moment) {
            Ok(seen) => seen,
            Err(error) => {
                tracing::warn!(station = %seat.id, %error, "a station's screen can't be read");
                if storage == Storage::Well {
                    storage = Storage::Failing { error: error.to_string() };
                }
                self.lock().seen.get(&seat.id).cloned().unwrap_or_else(|| nothing(seat))
            }
        };
        let screen = Screen::of(&Facts {
            words: Words::of(language),
            rules: &self.rules,
            now: moment.wall,
            clock_trusted: moment.trusted,
            start: self.journal.starts(),
            name: &seat.name,
            bench: &seen.bench,
            waiting: &seen.waiting,
            door: &seen.door,
            answers: &answers,
            past: &seen.past,
            counts: seen.counts,
            storage: &storage,
            storage_since: gatherer.storage_since(),
            net: if gatherer.is_linked() { Net::Up(gatherer.backlog()) } else { Net::Down(gatherer.backlog()) },
            is_deaf: self.is_deaf(&seat.id),
        });
        (screen, moment.wall)
    }

    /// Whether the station has scanners, and none of them is there.
    fn is_deaf(&self, id: &StationId) -> bool {
        let status = self.floor.status();
        let status = status.borrow();
        let mut lines = status.scanners.values().filter(|scanner| scanner.station == *id).map(|scanner| &scanner.line);
        let is_lost = |line: &Line| matches!(line, Line::Lost { .. });
        lines.next().is_some_and(is_lost) && lines.all(is_lost)
    }

    /// The station's last answers, up to `upto` where one is given.
    fn answers(&self, id: &StationId, upto: Option<&Answered>) -> VecDeque<Answered> {
        let status = self.floor.status();
        let known = status.borrow().by_station.get(id).cloned().unwrap_or_default();
        let Some(upto) = upto else { return known };
        let mut answers: VecDeque<_> = known.into_iter().filter(|known| known.number < upto.number).collect();
        answers.push_front(upto.clone());
        answers
    }

    fn read(&self, seat: &Seat, moment: &Moment) -> Result<Seen, Error> {
        let mut kept = self.lock();
        let reader = match kept.reader.take() {
            Some(reader) => reader,
            None => self.journal.reader()?,
        };
        // A connection that has failed is not put back: the next look opens a new one.
        let bench = reader.bench(&seat.id, seat.mode)?;
        let gone = reader.gone()?;
        let desk = Desk { rules: &self.rules, now: moment.wall, clock_trusted: moment.trusted, gone: &gone };
        let mode = bench.station.mode;
        let waiting = reader.waiting(desk, mode, bench.station.put_down.as_ref(), ROWS_MAX)?;
        let door = if mode == Mode::Load { reader.door()? } else { Door::default() };
        let past = match kept.past.get(&seat.id) {
            Some(past) => Arc::clone(past),
            None => Arc::new(reader.counted_before(&seat.id, self.journal.head_at_start(), PAST_MAX)?),
        };
        kept.past.insert(seat.id.clone(), Arc::clone(&past));
        let counts = match moment.trusted {
            true => Some(self.count(&mut kept, &reader, &seat.id, moment)?),
            false => None,
        };
        let seen = Seen { bench, waiting, door, past, counts };
        kept.seen.insert(seat.id.clone(), seen.clone());
        kept.reader = Some(reader);
        Ok(seen)
    }

    /// Reads on from where it was read to; a new day, or a clock that was set, begins anew.
    fn count(&self, kept: &mut Kept, reader: &Reader, id: &StationId, moment: &Moment) -> Result<Counts, Error> {
        let now = moment.wall;
        let day = self.rules.day(now);
        let begins = day.to_zoned(self.rules.zone.clone()).map_or(now, |midnight| midnight.timestamp());
        let an_hour_ago = now.saturating_sub(HOUR_MINUTES.minutes()).unwrap_or(Timestamp::MIN);
        let picks = self.rules.flow == Flow::PickThenPack;
        let counted = match kept.counted.remove(id) {
            Some(counted) if counted.day == day => counted,
            _ => {
                let upto = reader.place_near(begins.min(an_hour_ago))?;
                Counted { day, upto, today: 0, minutes: VecDeque::new() }
            }
        };
        let Counted { mut upto, mut today, mut minutes, .. } = counted;
        let head = reader.cursors()?.head;
        for (at, units) in reader.counted(id, picks, upto, head)? {
            if begins <= at {
                today += units;
            }
            let minute = at.as_second().div_euclid(60);
            match minutes.back_mut() {
                Some((last, sum)) if *last == minute => *sum += units,
                _ => minutes.push_back((minute, units)),
            }
        }
        upto = upto.max(head);
        let oldest = an_hour_ago.as_second().div_euclid(60);
        minutes.retain(|(minute, _)| oldest < *minute);
        let hour: i64 = minutes.iter().map(|(_, units)| units).sum();
        kept.counted.insert(id.clone(), Counted { day, upto, today, minutes });
        Ok(Counts { today: today.max(0).cast_unsigned(), hour: hour.max(0).cast_unsigned() })
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A station of which nothing has been read.
fn nothing(seat: &Seat) -> Seen {
    let station = Station::idle(seat.id.clone(), seat.mode);
    Seen {
        bench: Bench { station, open: Open::Nothing, standing: None, sealed: None },
        waiting: Waiting::default(),
        door: Door::default(),
        past: Arc::default(),
        counts: None,
    }
}
