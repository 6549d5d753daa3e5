//! The course of the day: who works when, what customers and carriers do meanwhile, and what dies.

use crate::tape::{Tape, Turn};
use parceld_tests::day::books::{Parcel, State};
use parceld_tests::day::staff::{self, Scan};
use parceld_tests::day::{Day, Fate, ROUND, Size, terms};
use parceld_tests::goods::return_of;
use parceld_tests::site::Site;
use std::collections::VecDeque;
use std::sync::Mutex;

pub const SIZE: Size = Size { orders: 300, items: 1_000, wrong_scans: 30 };

/// How many of each: 1 % short and 5 % returned, as people have it.
pub const FATES: [(Fate, usize); 9] = [
    (Fate::CancelledAtOnce, 4),
    (Fate::CancelledWhenPicked, 5),
    (Fate::Held, 5),
    (Fate::HeldForGood, 2),
    (Fate::Short, 10),
    (Fate::Damaged, 5),
    (Fate::Split, 15),
    (Fate::Rerouted, 8),
    (Fate::Returned, 15),
];

/// When who comes, in rounds.
const HELD_UNTIL: usize = 6;
const DHL_LATE: usize = 12;
const POSTNORD_COMES_EVERY: usize = 4;
const POSTNORD_ABSENT: usize = 15;

/// From the first badge to the last courier.
pub fn work(day: &mut Day, site: &mut Site, tape: &mut Tape) {
    let of_fate = |fate: Fate| -> Vec<usize> { (0..SIZE.orders).filter(|order| day.fates[*order] == fate).collect() };
    let (held, for_good) = (of_fate(Fate::Held), of_fate(Fate::HeldForGood));
    let at_once = of_fate(Fate::CancelledAtOnce);
    let mut to_announce = of_fate(Fate::Returned);
    for order in held.iter().chain(&for_good) {
        tape.turn(Turn::Hold(day.books.orders[*order].id.clone()), site);
        day.books.orders[*order].held = true;
    }
    for order in &at_once {
        tape.turn(Turn::Cancel(day.books.orders[*order].id.clone()), site);
        day.books.orders[*order].state = State::Cancelled;
    }
    tape.all_heard(site);
    let signed_in = staff::sign_in(day);
    together(day, signed_in, site, tape);

    let is_here = |order: &usize| !held.contains(order) && !for_good.contains(order) && !at_once.contains(order);
    let mut waiting: VecDeque<usize> = (0..SIZE.orders).filter(is_here).collect();
    let mut picked: Vec<usize> = Vec::new();
    for wave in 0.. {
        if wave == HELD_UNTIL {
            for order in &held {
                tape.turn(Turn::Release(day.books.orders[*order].id.clone()), site);
                day.books.orders[*order].held = false;
                waiting.push_front(*order);
            }
        }
        let mut round: Vec<usize> = waiting.drain(..waiting.len().min(ROUND)).collect();
        // A unit is for the first order of the round that wants it: who gets none stands last.
        round.sort_by_key(|order| day.fates[*order] == Fate::Short);
        if round.is_empty() && picked.is_empty() {
            break;
        }
        let cancelled = cancel_picked(day, &picked, site, tape);
        let returned = announce(day, &mut to_announce, site, tape);
        tape.all_heard(site);

        let (first, second) = staff::pick(day, wave, &round);
        let (packed, again) = staff::pack(day, &picked);
        again.into_iter().for_each(|order| waiting.push_front(order));
        let desk = staff::desk(day, wave, &cancelled, &returned);
        together(day, vec![first, packed, Vec::new(), desk], site, tape);
        disturb(wave, site, tape);
        tape.all_heard(site);
        let void = reroute(day, &picked, site, tape);
        tape.all_heard(site);
        let relabelled = staff::relabel(day, &void);
        together(day, vec![Vec::new(), relabelled], site, tape);
        tape.all_heard(site);

        let confirmed = staff::confirm(day, site);
        let door = staff::load(day, site, "dhl", &void, wave == DHL_LATE);
        together(day, vec![second, confirmed, door], site, tape);
        let last = waiting.is_empty() && round.is_empty();
        if wave % POSTNORD_COMES_EVERY == POSTNORD_COMES_EVERY - 1 || last {
            tape.all_heard(site);
            let door = match wave == POSTNORD_ABSENT || last {
                true => staff::nobody_comes(day, site, "postnord"),
                false => staff::load(day, site, "postnord", &[], false),
            };
            together(day, vec![Vec::new(), Vec::new(), door], site, tape);
        }
        picked = round.into_iter().filter(|order| day.books.orders[*order].is_picked()).collect();
    }
}

fn disturb(wave: usize, site: &mut Site, tape: &mut Tape) {
    let turn = match wave % 10 {
        1 => Turn::Kill,
        4 => Turn::Restart,
        6 => Turn::KillBroker,
        8 => Turn::KillPlatform,
        _ => return,
    };
    tape.turn(turn, site);
}

fn cancel_picked(day: &mut Day, picked: &[usize], site: &mut Site, tape: &mut Tape) -> Vec<usize> {
    let is_it = |order: &&usize| day.fates[**order] == Fate::CancelledWhenPicked;
    let cancelled: Vec<usize> = picked.iter().filter(is_it).copied().collect();
    for order in &cancelled {
        tape.turn(Turn::Cancel(day.books.orders[*order].id.clone()), site);
        day.books.orders[*order].state = State::Cancelled;
    }
    cancelled
}

/// Customers announce what they send back of what has left. The returns and their products.
fn announce(day: &Day, waiting: &mut Vec<usize>, site: &mut Site, tape: &mut Tape) -> Vec<(String, char)> {
    let has_left = |order: &usize| day.books.orders[*order].parcels.first() == Some(&Parcel::HandedOver);
    let (now, later): (Vec<usize>, Vec<usize>) = waiting.iter().partition(|order| has_left(order));
    *waiting = later;
    let announced = now.into_iter().map(|order| {
        let order = &day.books.orders[order];
        (format!("back-{}", order.id), order.id.clone(), order.lines[0].product)
    });
    let announced: Vec<_> = announced.collect();
    for (id, order, product) in &announced {
        let announced = return_of(id, Some(order), &format!("1x{product}"));
        tape.turn(Turn::Return(announced), site);
    }
    announced.into_iter().map(|(id, _, product)| (id, product)).collect()
}

/// Sealed orders go with the other carrier. The numbers on their labels, which are void now.
fn reroute(day: &mut Day, packed: &[usize], site: &mut Site, tape: &mut Tape) -> Vec<String> {
    let is_it = |order: &&usize| day.fates[**order] == Fate::Rerouted;
    let rerouted: Vec<usize> = packed.iter().filter(is_it).copied().collect();
    let mut void = Vec::new();
    for order in rerouted {
        void.push(staff::parcel_field(site, &day.books.orders[order].id, 1, "sscc"));
        let planned = &mut day.books.orders[order];
        planned.carrier = if planned.carrier == "dhl" { "postnord" } else { "dhl" };
        let terms = terms(planned);
        tape.turn(Turn::Put(terms), site);
    }
    void
}

#[track_caller]
fn together(day: &mut Day, scans: Vec<Vec<Scan>>, site: &mut Site, tape: &mut Tape) {
    let tape = Mutex::new(tape);
    day.together(scans, &mut site.scanners, &|number, code| {
        tape.lock().expect("nobody fails").scan(&format!("scanner-{number}"), code);
    });
}
