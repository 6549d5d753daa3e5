//! The promise as stories: what happens at the site and when, and what follows for each order.
//!
//! A row is `TIME | WHAT | WHAT FOLLOWS`. The time is local, and stands for the row before where it is empty. After
//! each row everything is looked at, as each minute does.

use super::pace::{Pace, slot_of};
use super::*;
use crate::domain::carrier::{Carrier, Collection, Schedule};
use crate::domain::dispatch::{Desk, Gone};
use crate::domain::event::Event;
use crate::domain::order::{Done, Order, Parcel, ParcelState, State};
use crate::domain::rules::Rules;
use crate::domain::text::terms;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan, civil};
use std::collections::BTreeMap;
use std::sync::Arc;

const WEEKDAYS: [bool; 7] = [true, true, true, true, true, false, false];
const SATURDAY: [bool; 7] = [false, false, false, false, false, true, false];
const EVERY_DAY: [bool; 7] = [true; 7];

/// dhl: weekdays 11:00 and 16:30, Saturdays 10:00, never on 25 December; fjard: every day 18:00; night: every day 2:30.
fn rules() -> Rules {
    let at = |days, hour, minute, cut_off_min: u64| Schedule {
        days,
        at: civil::time(hour, minute, 0, 0),
        cut_off: Duration::from_secs(60 * cut_off_min),
    };
    let carrier = |id: &str, collections| Carrier {
        id: id.into(),
        name: id.into(),
        collections,
        holidays: vec![civil::date(2026, 12, 25)],
        grace: Duration::from_secs(1_200),
        tracking_required: false,
        tracking_pattern: None,
        tracking_url: None,
    };
    let mut rules = Rules::of_nothing();
    rules.zone = TimeZone::get("Europe/Stockholm").unwrap();
    rules.carriers = vec![
        carrier("dhl", vec![at(WEEKDAYS, 11, 0, 15), at(WEEKDAYS, 16, 30, 15), at(SATURDAY, 10, 0, 15)]),
        carrier("fjard", vec![at(EVERY_DAY, 18, 0, 30)]),
        carrier("night", vec![at(EVERY_DAY, 2, 30, 10)]),
    ];
    rules
}

struct Site {
    rules: Rules,
    now: Timestamp,
    orders: BTreeMap<String, Order>,
    standings: BTreeMap<String, Standing>,
    endings: BTreeMap<String, Ending>,
    gone: Gone,
    day_closed: Option<Timestamp>,
    pace: Pace,
    trusted: bool,
}

impl Site {
    fn time(&self, text: &str) -> Timestamp {
        let civil: civil::DateTime = text.replace(' ', "T").parse().unwrap();
        self.rules.zone.to_ambiguous_zoned(civil).compatible().unwrap().timestamp()
    }

    fn happens(&mut self, what: &str) {
        let words: Vec<&str> = what.split_whitespace().collect();
        match words[..] {
            [] | ["wait"] => {}
            // `accept 10: 2xA via dhl, ship DATE TIME, by DATE TIME`: to be shipped, and delivered, by then.
            ["accept", ..] | ["put", ..] => {
                let mut parts = what[words[0].len()..].split(',').map(str::trim);
                let mut terms = terms(parts.next().unwrap());
                for part in parts {
                    let (what, when) = part.split_once(' ').unwrap();
                    let when = self.time(when);
                    match what {
                        "ship" => terms.promise.ship_by = Some(when),
                        "from" => terms.promise.deliver_from = Some(when),
                        _ => terms.promise.deliver_by = Some(when),
                    }
                }
                let id = terms.number.to_string();
                match self.orders.get_mut(&id) {
                    Some(order) => order.terms = Arc::new(terms),
                    None => drop(self.orders.insert(id, Order::accept(Arc::new(terms)))),
                }
            }
            ["pack", id] => self.pack(id),
            ["unpack", id] => {
                self.orders.get_mut(id).unwrap().progress.state = State::Packing;
                self.orders.get_mut(id).unwrap().progress.lines.fill(Done::default());
            }
            ["load", id] => self.parcels(id, ParcelState::Loaded),
            ["ready", id] => self.parcels(id, ParcelState::Ready),
            ["found", id] => {
                self.parcels(id, ParcelState::Labelled);
                self.orders.get_mut(id).unwrap().progress.state = State::Packed;
            }
            ["leave", id] => {
                self.parcels(id, ParcelState::HandedOver);
                self.orders.get_mut(id).unwrap().progress.state = State::Completed;
            }
            ["cancel", id] => self.orders.get_mut(id).unwrap().progress.state = State::Cancelled,
            ["hold", id] => self.orders.get_mut(id).unwrap().progress.held = true,
            ["release", id] => self.orders.get_mut(id).unwrap().progress.held = false,
            ["expedite", id] => self.orders.get_mut(id).unwrap().progress.expedited = true,
            ["handover", collection] => self.end(collection, Ending::HandedOver),
            ["nobody", collection] => self.end(collection, Ending::NoCourier),
            ["day", "closes"] => self.day_closed = Some(self.now),
            // The configuration has no such carrier any more, or it comes at another time.
            ["without", carrier] => self.rules.carriers.retain(|known| *known.id != *carrier),
            ["fjard", "comes", hour] => {
                let carrier = self.rules.carriers.iter_mut().find(|known| *known.id == *"fjard").unwrap();
                carrier.collections[0].at = civil::time(hour.parse().unwrap(), 0, 0, 0);
            }
            // `holidays 2026-11-24 20`: so many days without dhl.
            ["holidays", from, days] => {
                let from: civil::Date = from.parse().unwrap();
                let days: i64 = days.parse().unwrap();
                self.rules.carriers[0].holidays = (0..days).map(|day| from.checked_add(day.days()).unwrap()).collect();
            }
            ["gone", collection] => {
                let (carrier, at) = collection.split_once('@').unwrap();
                self.gone.insert(carrier.into(), self.time(at));
            }
            ["silent", id] => Arc::make_mut(&mut self.orders.get_mut(id).unwrap().terms).notify.channels.clear(),
            ["reachable", id] => {
                Arc::make_mut(&mut self.orders.get_mut(id).unwrap().terms).notify.channels.push("email".into());
            }
            ["clock", word] => self.trusted = word == "known",
            // `pace 60 for 40`: 60 units an hour, for the last 40 minutes.
            ["pace", per_hour, "for", minutes] => {
                let (per_hour, minutes): (u32, i64) = (per_hour.parse().unwrap(), minutes.parse().unwrap());
                for slot in 1..=minutes / 10 {
                    self.pace.add(slot_of(self.now) - slot, per_hour / 6, 600);
                }
            }
            _ => panic!("{what}"),
        }
    }

    /// All of it in one parcel, with its courier asked for.
    fn pack(&mut self, id: &str) {
        let desk = Desk { rules: &self.rules, now: self.now, clock_trusted: self.trusted, gone: &self.gone };
        let order = self.orders.get_mut(id).unwrap();
        for (line, done) in order.progress.lines.iter_mut().enumerate() {
            let units = order.terms.lines[line].quantity;
            *done = Done { picked: units, packed: units, short: 0 };
        }
        order.progress.state = State::Packed;
        let sscc = Some(crate::domain::sscc::Sscc(1));
        order.progress.parcels = vec![Parcel { sscc, state: ParcelState::Sealed, ..Parcel::open(1) }];
        if let Some(asked) = desk.request(order, 1, None) {
            order.apply(&asked).unwrap();
        }
    }

    fn parcels(&mut self, id: &str, state: ParcelState) {
        for parcel in &mut self.orders.get_mut(id).unwrap().progress.parcels {
            parcel.state = state;
        }
    }

    fn end(&mut self, collection: &str, ending: Ending) {
        self.endings.insert(collection.into(), ending);
        let (carrier, at) = collection.split_once('@').unwrap();
        self.gone.insert(carrier.into(), self.time(at));
    }

    /// Looks at everything, and stores what follows as the writer does.
    fn look(&mut self) -> Vec<String> {
        if !self.trusted {
            return Vec::new();
        }
        let work: Vec<Work> = self
            .orders
            .iter()
            .map(|(id, order)| {
                let standing = self.standings.get(id).cloned();
                let target = standing.as_ref().map(|standing| &standing.target);
                let of_collection =
                    target.and_then(|target| self.endings.get(&*target.collection.as_ref()?.id)).copied();
                let over = self.day_closed.zip(target).is_some_and(|(closed, target)| target.at <= closed);
                let ending = of_collection.or(over.then_some(Ending::DayClosed));
                Work { order: order.clone(), standing, ending }
            })
            .collect();
        let capacity = self.pace.outlook(self.now, &self.rules.zone, self.rules.pledge.pace_floor);
        let gone = self.gone.clone();
        let rules = self.rules.clone();
        let desk = Desk { rules: &rules, now: self.now, clock_trusted: true, gone: &gone };
        let mut review = Review::new(desk, &capacity);
        work.iter().for_each(|work| review.count(work));
        let findings: Vec<Finding> = work.iter().filter_map(|work| review.find(work)).collect();
        let mut told = Vec::new();
        for Finding { order: id, forecast, ending } in findings {
            let id = id.trim_start_matches("o-").to_owned();
            let order = self.orders.get_mut(&id).unwrap();
            let case = Case { order, standing: self.standings.get(&id), forecast, ending };
            let verdict = judge(desk, &case);
            for event in &verdict.events {
                order.apply(event).unwrap();
                told.push(format!("{id} {}", shown(event)));
            }
            match verdict.standing {
                Some(standing) => drop(self.standings.insert(id, standing)),
                None => drop(self.standings.remove(&id)),
            }
        }
        told
    }
}

fn shown(event: &Event) -> String {
    let collection = |collection: Option<&Collection>| collection.map_or("-".to_owned(), |c| c.id.to_string());
    match event {
        Event::PromiseTurned { outlook, .. } => {
            let revised = outlook.revised.as_ref().map_or("?".to_owned(), |to| collection(to.collection.as_ref()));
            let word = event.kind().word().trim_start_matches("promise.");
            let broken = if outlook.broken { " broken" } else { "" };
            format!("{word} {} {revised}{broken}", outlook.trouble.word())
        }
        Event::PromiseKept { late, .. } => if *late { "kept late" } else { "kept" }.to_owned(),
        Event::NotificationRequested(notice) => {
            let delay = notice.delay.as_ref().unwrap();
            let word = match (delay.first, delay.restored) {
                (_, true) => "restored",
                (true, false) => "first",
                (false, false) => "again",
            };
            let by = delay.revised.as_ref().and_then(|revised| revised.promise.deliver_by.or(revised.promise.ship_by));
            format!("told {word} {}", by.map_or("?".to_owned(), |by| by.strftime("%d %H:%MZ").to_string()))
        }
        Event::DispatchMissed { key, .. } => format!("courier missed {key}"),
        Event::DispatchRequested { key, .. } => format!("courier {key}"),
        other => panic!("{other:?}"),
    }
}

fn check(floor: u32, story: &str) {
    let mut rules = rules();
    rules.pledge.pace_floor = floor;
    let mut site = Site {
        rules,
        now: Timestamp::UNIX_EPOCH,
        orders: BTreeMap::new(),
        standings: BTreeMap::new(),
        endings: BTreeMap::new(),
        gone: Gone::new(),
        day_closed: None,
        pace: Pace::default(),
        trusted: true,
    };
    for row in story.lines().map(str::trim).filter(|row| !row.is_empty()) {
        let [time, what, follows] = row.split('|').map(str::trim).collect::<Vec<_>>()[..] else {
            panic!("{row}");
        };
        if !time.is_empty() {
            site.now = site.time(time);
        }
        site.happens(what);
        assert_eq!(site.look().join("; "), follows, "{row}");
        assert_eq!(site.look(), Vec::<String>::new(), "nothing is said twice: {row}");
    }
}

#[test]
fn an_order_in_time_is_kept_and_nobody_hears_of_it_before() {
    check(
        60,
        "2026-11-23 09:00 | accept 1: 2xA via dhl, ship 2026-11-23 17:00 |
                          | accept 2: 2xA via dhl                        |
         2026-11-23 10:30 | pack 2                                       |
         2026-11-23 11:05 | leave 2                                      | 2 kept
         2026-11-23 16:14 | pack 1                                       |
         2026-11-23 16:20 | load 1                                       |
         2026-11-23 16:35 | leave 1                                      | 1 kept",
    );
}

#[test]
fn what_may_come_too_late_is_said_before_and_again_when_it_recovers() {
    check(
        60,
        "2026-11-23 15:30 | accept 1: 20xA via dhl, ship 2026-11-23 17:00 |
         2026-11-23 15:45 | wait | 1 at_risk backlog dhl@2026-11-24T11:00 broken
         2026-11-23 15:46 | accept 2: 1xA via fjard |
         2026-11-23 15:47 | expedite 2 |
         2026-11-23 15:55 | wait |
         2026-11-23 16:00 | pack 1 | 1 recovered backlog dhl@2026-11-23T16:30
         2026-11-23 16:20 | wait |
         2026-11-23 16:40 | leave 1 | 1 kept",
    );
}

#[test]
fn the_cut_off_makes_it_certain_and_the_customer_hears_it_before_the_courier_is_gone() {
    check(
        60,
        "2026-11-23 15:30 | accept 1: 2xA via dhl, ship 2026-11-23 17:00, by 2026-11-24 12:00 |
         2026-11-23 16:01 | wait | 1 at_risk backlog dhl@2026-11-24T11:00 broken
         2026-11-23 16:15 | wait | 1 will_miss cut_off dhl@2026-11-24T11:00 broken; 1 told first 25 11:00Z
         2026-11-23 16:35 | handover dhl@2026-11-23T16:30 | 1 missed not_packed dhl@2026-11-24T11:00 broken
         2026-11-24 09:00 | pack 1 |
         2026-11-24 11:02 | leave 1 | 1 kept late",
    );
}

#[test]
fn a_late_parcel_that_is_loaded_before_the_hand_over_recovers() {
    check(
        60,
        "2026-11-23 15:00 | accept 1: 2xA via dhl, ship 2026-11-23 17:00 |
         2026-11-23 16:16 | wait | 1 will_miss cut_off dhl@2026-11-24T11:00 broken; 1 told first 24 10:00Z
         2026-11-23 16:20 | pack 1 |
         2026-11-23 16:25 | load 1 | 1 recovered cut_off dhl@2026-11-23T16:30; 1 told restored 23 16:00Z
         2026-11-23 16:40 | leave 1 | 1 kept",
    );
}

#[test]
fn what_is_far_behind_is_told_before_its_cut_off() {
    check(
        60,
        "2026-11-23 14:00 | accept 1: 170xA via dhl, ship 2026-11-23 17:00 | 1 will_miss backlog dhl@2026-11-24T11:00 broken; 1 told first 24 10:00Z
                          | pace 240 for 60 | 1 recovered backlog dhl@2026-11-23T16:30; 1 told restored 23 16:00Z",
    );
}

#[test]
fn weekends_and_holidays_have_no_collection() {
    check(
        60,
        "2026-11-27 16:16 | accept 1: 1xA via dhl, ship 2026-11-30 12:00 |
         2026-11-28 09:46 | wait |
         2026-11-28 10:05 | handover dhl@2026-11-28T10:00 |
         2026-11-29 12:00 | wait |
         2026-11-30 10:46 | wait | 1 will_miss cut_off dhl@2026-11-30T16:30 broken; 1 told first 30 15:30Z
         2026-11-30 11:05 | handover dhl@2026-11-30T11:00 | 1 missed not_packed dhl@2026-11-30T16:30 broken
         2026-11-30 11:06 | cancel 1 |
         2026-12-24 16:20 | accept 2: 1xA via dhl |
         2026-12-26 09:50 | wait | 2 will_miss cut_off dhl@2026-12-28T11:00",
    );
}

#[test]
fn a_carrier_knows_nothing_of_another_ones_collections() {
    check(
        60,
        "2026-11-23 15:00 | accept 1: 1xA via dhl, ship 2026-11-23 18:30   |
                          | accept 2: 1xA via fjard, ship 2026-11-23 18:30 |
         2026-11-23 16:15 | wait | 1 will_miss cut_off dhl@2026-11-24T11:00 broken; 1 told first 24 10:00Z
         2026-11-23 16:40 | handover dhl@2026-11-23T16:30 | 1 missed not_packed dhl@2026-11-24T11:00 broken
         2026-11-23 17:16 | wait | 2 at_risk backlog fjard@2026-11-24T18:00 broken
         2026-11-23 17:25 | pack 2 | 2 recovered backlog fjard@2026-11-23T18:00
         2026-11-23 18:05 | leave 2 | 2 kept",
    );
}

#[test]
fn an_expedited_order_passes_the_others_and_they_hear_what_it_costs_them() {
    check(
        60,
        "2026-11-23 15:00 | accept 1: 30xA via dhl, ship 2026-11-23 17:00   |
                          | accept 2: 20xA via fjard, ship 2026-11-23 19:00 |
                          | expedite 2 |
         2026-11-23 15:10 | expedite 2 |
                          | accept 3: 30xA via fjard |
                          | expedite 3 | 1 at_risk backlog dhl@2026-11-24T11:00 broken
                          | cancel 3   |
         2026-11-23 15:12 | cancel 2   | 1 recovered backlog dhl@2026-11-23T16:30",
    );
}

#[test]
fn a_pace_that_falls_puts_orders_at_risk_and_one_that_recovers_takes_them_back() {
    check(
        60,
        "2026-11-23 13:00 | accept 1: 60xA via dhl, ship 2026-11-23 17:00 |
         2026-11-23 14:00 | pace 6 for 60 | 1 will_miss slow_pace dhl@2026-11-24T11:00 broken; 1 told first 24 10:00Z
         2026-11-23 14:30 | pace 120 for 30 | 1 recovered slow_pace dhl@2026-11-23T16:30; 1 told restored 23 16:00Z",
    );
}

#[test]
fn summer_time_comes_and_goes_in_the_night_of_a_collection() {
    check(
        60,
        // 2:30 is skipped and taken as 3:30 (1:30 UTC); its cut-off is ten minutes before.
        "2027-03-27 22:00 | accept 1: 1xA via night, ship 2027-03-28 06:00 |
         2027-03-28 03:10 | wait | 1 at_risk backlog night@2027-03-29T02:30 broken
         2027-03-28 03:20 | wait | 1 will_miss cut_off night@2027-03-29T02:30 broken; 1 told first 29 00:30Z",
    );
    check(
        60,
        // 2:30 comes twice, and the first one counts (0:30 UTC).
        "2027-10-30 22:00 | accept 1: 1xA via night, ship 2027-10-31 06:00 |
         2027-10-31 02:19 | wait | 1 at_risk backlog night@2027-11-01T02:30 broken
         2027-10-31 02:20 | wait | 1 will_miss cut_off night@2027-11-01T02:30 broken; 1 told first 01 01:30Z",
    );
}

#[test]
fn a_board_that_was_off_over_the_cut_off_says_it_when_it_is_back_and_once() {
    check(
        60,
        "2026-11-23 14:00 | accept 1: 2xA via dhl, ship 2026-11-23 17:00 |
                          | accept 2: 2xA via dhl, ship 2026-11-23 17:00 |
                          | pack 2 |
         2026-11-24 08:00 | day closes | 1 missed not_packed dhl@2026-11-24T11:00 broken; 1 told first 24 10:00Z; \
              2 missed day_closed dhl@2026-11-24T11:00 broken; 2 courier missed o-2/1/dhl@2026-11-23T16:30/1; \
              2 courier o-2/1/dhl@2026-11-24T11:00/2; 2 told first 24 10:00Z
         2026-11-24 08:01 | day closes |",
    );
}

#[test]
fn nothing_is_late_while_the_clock_can_t_be_trusted() {
    check(
        60,
        "1970-01-01 00:10 | clock unknown |
                          | accept 1: 2xA via dhl, ship 2026-11-23 17:00 |
         2026-11-23 10:00 | clock known |
         2026-11-23 16:15 | wait | 1 will_miss cut_off dhl@2026-11-24T11:00 broken; 1 told first 24 10:00Z
         1970-01-01 00:20 | clock unknown |
         2026-11-23 16:20 | clock known |",
    );
}

#[test]
fn a_courier_that_did_not_come_is_nobodys_packing() {
    check(
        60,
        "2026-11-23 14:00 | accept 1: 2xA via dhl, ship 2026-11-23 17:00 |
                          | pack 1 |
                          | load 1 |
         2026-11-23 17:10 | nobody dhl@2026-11-23T16:30 | 1 missed no_courier dhl@2026-11-24T11:00 broken; \
              1 courier missed o-1/1/dhl@2026-11-23T16:30/1; 1 courier o-1/1/dhl@2026-11-24T11:00/2; 1 told first 24 10:00Z",
    );
}

#[test]
fn an_early_courier_takes_the_collection_along() {
    check(
        60,
        "2026-11-23 14:00 | accept 1: 2xA via dhl |
         2026-11-23 15:30 | handover dhl@2026-11-23T16:30 | 1 missed not_packed dhl@2026-11-24T11:00
         2026-11-23 15:31 | accept 2: 2xA via dhl |
         2026-11-23 15:32 | pack 2 |
         2026-11-24 10:50 | pack 1 |",
    );
}

#[test]
fn an_order_that_comes_too_late_is_missed_from_the_start() {
    check(
        60,
        "2026-11-23 16:20 | accept 1: 2xA via dhl, ship 2026-11-23 17:00, by 2026-11-24 12:00 | \
              1 missed accepted_late dhl@2026-11-24T11:00 broken; 1 told first 25 11:00Z
         2026-11-24 10:30 | pack 1 |
         2026-11-24 11:05 | leave 1 | 1 kept late",
    );
}

#[test]
fn a_parcel_that_is_found_after_its_courier_left_goes_with_the_next() {
    check(
        60,
        "2026-11-23 14:00 | accept 1: 2xA via dhl, ship 2026-11-23 17:00 |
                          | pack 1 |
         2026-11-23 16:35 | leave 1 | 1 kept
         2026-11-23 16:50 | found 1 | 1 missed left_behind dhl@2026-11-24T11:00 broken; \
              1 courier missed o-1/1/dhl@2026-11-23T16:30/1; 1 courier o-1/1/dhl@2026-11-24T11:00/2; 1 told first 24 10:00Z
         2026-11-24 11:05 | leave 1 | 1 kept late",
    );
}

#[test]
fn what_is_on_hold_is_not_at_risk_for_its_work_and_misses_with_the_cut_off() {
    check(
        60,
        "2026-11-23 14:00 | accept 1: 30xA via dhl, ship 2026-11-23 17:00 |
                          | hold 1 |
         2026-11-23 15:30 | wait |
         2026-11-23 16:01 | wait | 1 at_risk on_hold dhl@2026-11-24T11:00 broken
         2026-11-23 16:15 | wait | 1 will_miss on_hold dhl@2026-11-24T11:00 broken; 1 told first 24 10:00Z
         2026-11-23 16:35 | handover dhl@2026-11-23T16:30 | 1 missed on_hold dhl@2026-11-24T11:00 broken",
    );
}

#[test]
fn an_order_that_is_fetched_must_lie_ready_when_it_was_promised() {
    check(
        60,
        "2026-11-23 14:00 | accept 1: 2xA via pickup, from 2026-11-23 16:00 |
                          | accept 2: 2xA via pickup, from 2026-11-23 16:00, by 2026-11-23 20:00 |
                          | accept 3: 2xA via pickup |
         2026-11-23 14:30 | pack 1 |
         2026-11-23 14:31 | ready 1 | 1 kept
         2026-11-23 16:00 | wait | 2 will_miss cut_off ? broken; 2 told first ?
         2026-11-23 23:30 | day closes | 2 missed not_packed ? broken
         2026-11-24 09:00 | pack 2 |
                          | ready 2 |
                          | leave 2 |",
    );
}

#[test]
fn a_change_of_the_terms_is_a_new_promise() {
    check(
        60,
        "2026-11-23 15:30 | accept 1: 2xA via dhl, ship 2026-11-23 17:00 |
         2026-11-23 16:05 | wait | 1 at_risk backlog dhl@2026-11-24T11:00 broken
                          | put 1 r2: 2xA via fjard, ship 2026-11-23 19:00 |
         2026-11-23 17:20 | wait | 1 at_risk backlog fjard@2026-11-24T18:00 broken
                          | put 1 r3: 2xA via fjard, ship 2026-11-24 19:00 |
                          | cancel 1 |",
    );
}

#[test]
fn a_second_delay_is_told_only_when_it_is_later_than_the_first() {
    check(
        60,
        "2026-11-23 16:00 | accept 1: 2xA via dhl, ship 2026-11-23 17:00 | 1 at_risk backlog dhl@2026-11-24T11:00 broken
         2026-11-23 16:15 | wait | 1 will_miss cut_off dhl@2026-11-24T11:00 broken; 1 told first 24 10:00Z
         2026-11-23 16:35 | handover dhl@2026-11-23T16:30 | 1 missed not_packed dhl@2026-11-24T11:00 broken
         2026-11-24 10:45 | wait | 1 will_miss cut_off dhl@2026-11-24T16:30 broken; 1 told again 24 15:30Z
         2026-11-24 11:02 | handover dhl@2026-11-24T11:00 | 1 missed not_packed dhl@2026-11-24T16:30 broken",
    );
}

#[test]
fn an_order_with_no_collection_after_it_is_missed_once_and_goes_on_when_one_is_known() {
    check(
        60,
        "2026-11-23 14:00 | accept 1: 2xA via dhl, ship 2026-11-23 17:00 |
                          | holidays 2026-11-24 20 |
         2026-11-23 16:15 | wait | 1 will_miss cut_off ? broken; 1 told first ?
         2026-11-23 16:40 | handover dhl@2026-11-23T16:30 | 1 missed not_packed ? broken
         2026-11-23 16:41 | wait |
         2026-11-23 16:42 | pack 1 |
         2026-11-30 09:00 | wait | 1 told again 14 10:00Z
         2026-11-30 09:01 | wait |
         2026-12-14 11:02 | leave 1 | 1 kept late",
    );
    check(
        60,
        "2026-11-23 14:00 | accept 1: 2xA via dhl, ship 2026-11-23 17:00 |
                          | without dhl |
         2026-11-23 23:30 | day closes | 1 missed not_packed ? broken; 1 told first ?
         2026-11-23 23:31 | wait |
         2026-11-24 23:30 | day closes |",
    );
}

#[test]
fn what_is_promised_instead_is_counted_from_the_day_that_was_promised() {
    check(
        60,
        "2026-11-23 15:30 | accept 1: 2xA via dhl, ship 2026-11-23 17:00, by 2026-11-24 12:00 |
         2026-11-23 16:15 | wait | 1 will_miss cut_off dhl@2026-11-24T11:00 broken; 1 told first 25 11:00Z
         2026-11-23 16:35 | handover dhl@2026-11-23T16:30 | 1 missed not_packed dhl@2026-11-24T11:00 broken
         2026-11-24 10:45 | wait | 1 will_miss cut_off dhl@2026-11-24T16:30 broken; 1 told again 25 11:00Z
         2026-11-24 11:05 | handover dhl@2026-11-24T11:00 | 1 missed not_packed dhl@2026-11-24T16:30 broken
         2026-11-24 16:15 | wait | 1 will_miss cut_off dhl@2026-11-25T11:00 broken; 1 told again 26 11:00Z",
    );
}

#[test]
fn a_hold_makes_nothing_better() {
    check(
        60,
        "2026-11-23 14:00 | accept 1: 170xA via dhl, ship 2026-11-23 17:00 | 1 will_miss backlog dhl@2026-11-24T11:00 broken; 1 told first 24 10:00Z
         2026-11-23 14:05 | hold 1 |
         2026-11-23 14:20 | release 1 |",
    );
}

#[test]
fn a_parcel_found_before_its_promise_is_over_has_missed_nothing() {
    check(
        60,
        "2026-11-23 10:00 | accept 1: 2xA via dhl, ship 2026-11-23 17:00 |
                          | pack 1 |
         2026-11-23 11:02 | leave 1 | 1 kept
         2026-11-23 11:10 | found 1 |
         2026-11-23 16:32 | leave 1 | 1 kept",
    );
}

#[test]
fn a_courier_that_comes_late_for_its_collection_keeps_the_promise() {
    check(
        60,
        "2026-11-23 14:00 | accept 1: 2xA via dhl, ship 2026-11-23 16:30 |
                          | pack 1 |
         2026-11-23 16:45 | leave 1 | 1 kept",
    );
}

#[test]
fn what_left_before_anybody_looked_left_with_no_collection_that_is_known() {
    check(
        60,
        "2026-11-23 15:00 | clock unknown |
                          | accept 1: 2xA via dhl, ship 2026-11-23 17:00 |
                          | pack 1 |
         2026-11-23 15:10 | leave 1 |
                          | gone dhl@2026-11-23T16:30 |
         2026-11-23 15:20 | clock known | 1 kept
         2026-11-23 15:21 | wait |",
    );
}

#[test]
fn an_order_follows_its_carriers_new_timetable() {
    check(
        60,
        "2026-11-23 14:00 | accept 1: 2xA via fjard, ship 2026-11-23 20:00 |
                          | fjard comes 19 |
         2026-11-23 17:40 | wait |
         2026-11-23 18:20 | wait | 1 at_risk backlog fjard@2026-11-24T19:00 broken
         2026-11-23 18:30 | wait | 1 will_miss cut_off fjard@2026-11-24T19:00 broken; 1 told first 24 18:00Z",
    );
}

#[test]
fn a_collection_that_was_closed_under_a_wrong_clock_keeps_nobody_waiting() {
    check(
        60,
        "2026-11-23 14:00 | gone dhl@2046-11-23T16:30 |
                          | accept 1: 2xA via dhl, ship 2026-11-23 17:00 |
                          | pack 1 |
         2026-11-23 16:35 | leave 1 | 1 kept",
    );
}

#[test]
fn nothing_is_restored_for_a_customer_who_heard_of_no_delay() {
    check(
        60,
        "2026-11-23 14:00 | accept 1: 170xA via dhl, ship 2026-11-23 17:00 | 1 will_miss backlog dhl@2026-11-24T11:00 broken; 1 told first 24 10:00Z
                          | cancel 1 |
                          | accept 2: 1xA via dhl |
                          | silent 2 |
                          | put 2 r2: 170xA via dhl, ship 2026-11-23 17:00 | 2 will_miss backlog dhl@2026-11-24T11:00 broken; 2 told first 24 10:00Z",
    );
    let quiet = "2026-11-23 14:00 | accept 1: 2xA via dhl, ship 2026-11-23 17:00 |
                                  | silent 1 |
                 2026-11-23 16:15 | wait | 1 will_miss cut_off dhl@2026-11-24T11:00 broken
                                  | reachable 1 |
                 2026-11-23 16:20 | pack 1 |
                 2026-11-23 16:25 | load 1 | 1 recovered cut_off dhl@2026-11-23T16:30";
    check(60, quiet);
}

#[test]
fn a_delay_is_counted_on_when_an_order_was_without_a_carrier() {
    check(
        60,
        "2026-11-23 16:00 | accept 1: 2xA via dhl, ship 2026-11-23 17:00 | 1 at_risk backlog dhl@2026-11-24T11:00 broken
         2026-11-23 16:15 | wait | 1 will_miss cut_off dhl@2026-11-24T11:00 broken; 1 told first 24 10:00Z
         2026-11-23 16:20 | put 1 r2: 2xA via nobody, ship 2026-11-23 17:00 |
         2026-11-23 16:25 | put 1 r3: 2xA via dhl, ship 2026-11-23 17:00 | 1 missed accepted_late dhl@2026-11-24T11:00 broken; 1 told again 24 10:00Z",
    );
}

#[test]
fn a_carrier_that_can_make_it_restores_what_another_could_not() {
    check(
        60,
        "2026-11-23 16:00 | accept 1: 2xA via dhl, ship 2026-11-23 19:00 | 1 at_risk backlog dhl@2026-11-24T11:00 broken
         2026-11-23 16:15 | wait | 1 will_miss cut_off dhl@2026-11-24T11:00 broken; 1 told first 24 10:00Z
         2026-11-23 16:20 | put 1 r2: 2xA via fjard, ship 2026-11-23 19:00 | 1 recovered cut_off fjard@2026-11-23T18:00; 1 told restored 23 18:00Z",
    );
}
