//! What each of the staff scans, and what they expect to hear.

use serde_json::Value;

use super::books::{Parcel, State};
use super::{COUNTED, Day, Fate, NOBODYS};
use crate::goods::gtin;
use crate::picture;
use crate::site::Site;

/// Beeps in the first group of the answer.
const GOOD: u8 = 0;
const DONE: u8 = 1;
const LOOK: u8 = 2;
const STOP: u8 = 3;

/// A code, and the beeps in the first group of its answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scan {
    pub code: String,
    pub beeps: u8,
}

fn scan(code: impl Into<String>, beeps: u8) -> Scan {
    Scan { code: code.into(), beeps }
}

fn word(day: &Day, word: &str) -> String {
    day.words[word].as_str().unwrap_or_else(|| panic!("no barcode for {word}")).to_owned()
}

fn tote(wave: usize, place: usize) -> String {
    format!("PD:TOTE:T{}-{place}", wave % 3)
}

/// Each badge at its station.
#[must_use]
pub fn sign_in(day: &Day) -> Vec<Vec<Scan>> {
    let badge = |who: &str| vec![scan(day.badges[format!("OP:{who}")].as_str().expect("a badge"), GOOD)];
    ["ann", "bo", "cy", "di"].map(badge).into()
}

/// A round with a tote for each order, from shelf to shelf: its first and its second half. What can't be had is found
/// out at the end.
#[must_use]
pub fn pick(day: &mut Day, wave: usize, round: &[usize]) -> (Vec<Scan>, Vec<Scan>) {
    let mut first = Vec::new();
    for (place, order) in round.iter().enumerate() {
        first.push(scan(tote(wave, place), GOOD));
        first.push(scan(day.books.orders[*order].number(), GOOD));
    }
    let mut units = Vec::new();
    let mut shelves: Vec<char> = super::PRODUCTS.chars().collect();
    let from = day.random(shelves.len());
    shelves.rotate_left(from);
    for product in shelves {
        while let Some((place, line)) = wanted(day, round, product, true) {
            let wrong = is_wrong(day).then(|| day.random(3));
            match wrong {
                Some(0) => units.push(scan(gtin(NOBODYS), STOP)),
                Some(1) => units.push(scan("https://example.com/a-poster", LOOK)),
                _ => {}
            }
            units.push(scan(gtin(product), GOOD));
            if wrong == Some(2) {
                units.push(scan(tote(wave + 1, place), STOP));
            }
            day.books.pick(round[place], line);
            let done = day.books.orders[round[place]].is_picked();
            units.push(scan(tote(wave, place), if done { DONE } else { GOOD }));
        }
    }
    let mut second = units.split_off(units.len() / 2);
    first.append(&mut units);
    for place in 0..round.len() {
        if day.fates[round[place]] == Fate::Short && day.books.orders[round[place]].state == State::Open {
            second.extend(short(day, round, place));
        }
    }
    (first, second)
}

/// The first order of the round that wants the product, as the agent should see it too. A unit that can't be had is
/// left for the end.
fn wanted(day: &Day, round: &[usize], product: char, leaves_short: bool) -> Option<(usize, usize)> {
    round.iter().enumerate().find_map(|(place, order)| {
        let lines = &day.books.orders[*order].lines;
        let is_short = |line: usize| leaves_short && day.fates[*order] == Fate::Short && line + 1 == lines.len();
        let left = |line: usize| lines[line].missing() - u32::from(is_short(line) && 0 < lines[line].missing());
        (0..lines.len()).find(|line| lines[*line].product == product && 0 < left(*line)).map(|line| (place, line))
    })
}

/// The last unit of an order is not there, damaged, or can't be had for another reason.
fn short(day: &mut Day, round: &[usize], place: usize) -> Vec<Scan> {
    let order = round[place];
    let line = day.books.orders[order].lines.len() - 1;
    let product = day.books.orders[order].lines[line].product;
    let cause = ["R-NOT-THERE", "R-DAMAGED", "R-OTHER"][order % 3];
    day.books.orders[order].lines[line].short += 1;
    match cause {
        "R-NOT-THERE" => drop(day.books.stock.insert(product, 0)),
        "R-DAMAGED" => day.books.lose(product),
        _ => {}
    }
    vec![scan(word(day, "SHORT"), GOOD), scan(gtin(product), GOOD), scan(word(day, cause), DONE)]
}

/// Whether something else is scanned first.
fn is_wrong(day: &mut Day) -> bool {
    day.units_tried += 1;
    day.wrong_at.contains(&day.units_tried)
}

/// What was picked last is packed. Beside the scans, the orders that have to be picked again.
#[must_use]
pub fn pack(day: &mut Day, picked: &[usize]) -> (Vec<Scan>, Vec<usize>) {
    let mut scans = Vec::new();
    let mut again = Vec::new();
    for order in picked {
        let number = day.books.orders[*order].number();
        if day.books.orders[*order].state == State::Cancelled {
            scans.push(scan(number, STOP));
            continue;
        }
        scans.push(scan(number, GOOD));
        if day.fates[*order] == Fate::Damaged {
            day.fates[*order] = Fate::Plain;
            scans.extend(find_damaged(day, *order));
            again.push(*order);
            continue;
        }
        scans.extend(pack_all(day, *order));
    }
    (scans, again)
}

fn pack_all(day: &mut Day, order: usize) -> Vec<Scan> {
    let mut scans = Vec::new();
    let splits = day.fates[order] == Fate::Split;
    for line in 0..day.books.orders[order].lines.len() {
        while 0 < day.books.orders[order].lines[line].unpacked() {
            day.books.orders[order].lines[line].packed += 1;
            let done = day.books.orders[order].lines.iter().all(|line| line.unpacked() == 0);
            scans.push(scan(gtin(day.books.orders[order].lines[line].product), if done { DONE } else { GOOD }));
            if done {
                day.books.orders[order].parcels.push(Parcel::Sealed);
                day.books.orders[order].state = State::Packed;
            } else if splits && day.books.orders[order].parcels.is_empty() {
                scans.push(scan(word(day, "SEAL"), DONE));
                day.books.orders[order].parcels.push(Parcel::Sealed);
            }
        }
    }
    scans
}

/// The first unit is packed, found damaged, and taken out: the order goes back to picking.
fn find_damaged(day: &mut Day, order: usize) -> Vec<Scan> {
    let line = &mut day.books.orders[order].lines[0];
    line.picked -= 1;
    let item = gtin(line.product);
    let product = line.product;
    day.books.put_back(product);
    day.books.lose(product);
    vec![scan(&item, GOOD), scan(word(day, "REMOVE"), GOOD), scan(item, GOOD), scan(word(day, "R-DAMAGED"), GOOD)]
}

/// Goods of cancelled orders and of customers, a delivery, and a count.
#[must_use]
pub fn desk(day: &mut Day, wave: usize, cancelled: &[usize], returned: &[(String, char)]) -> Vec<Scan> {
    let mut scans = Vec::new();
    for order in cancelled {
        scans.push(scan(day.books.orders[*order].number(), GOOD));
        let lines = day.books.orders[*order].lines.clone();
        let units: Vec<char> =
            lines.iter().flat_map(|line| std::iter::repeat_n(line.product, line.picked as usize)).collect();
        for (left, product) in (0..units.len()).rev().zip(units) {
            day.books.put_back(product);
            scans.push(scan(gtin(product), if left == 0 { DONE } else { GOOD }));
        }
    }
    for (id, product) in returned {
        scans.extend(receive(day, id, id, *product));
    }
    let (mode, quantity) = match wave {
        9 => ("RECEIVE", 24),
        19 => ("COUNT", 100),
        _ => return scans,
    };
    let units = word(day, &format!("Q-{quantity}"));
    scans.extend([scan(word(day, mode), GOOD), scan(gtin(COUNTED), GOOD), scan(units, GOOD)]);
    scans.extend([scan(word(day, "DONE"), DONE), scan(word(day, "RETURN"), GOOD)]);
    let on_hand = day.books.stock.entry(COUNTED).or_default();
    *on_hand = if mode == "COUNT" { quantity } else { *on_hand + quantity };
    scans
}

/// One unit comes back under `code`, which stands for the return `id`.
#[must_use]
pub fn receive(day: &mut Day, code: &str, id: &str, product: char) -> Vec<Scan> {
    let condition = ["restock", "discard", "inspect"][day.books.returns.len() % 3];
    let word_of_it = word(day, &format!("C-{}", condition.to_uppercase()));
    if condition == "restock" {
        day.books.put_back(product);
    }
    day.books.returns.push((id.to_owned(), product, condition));
    vec![scan(code, GOOD), scan(gtin(product), GOOD), scan(word_of_it, GOOD), scan(word(day, "DONE"), DONE)]
}

/// Parcels that go with another carrier get another label.
#[must_use]
pub fn relabel(day: &Day, void: &[String]) -> Vec<Scan> {
    void.iter().flat_map(|sscc| [scan(format!("]C100{sscc}"), STOP), scan(word(day, "REPRINT"), GOOD)]).collect()
}

/// The carrier's labels are on their parcels.
#[must_use]
pub fn confirm(day: &mut Day, site: &Site) -> Vec<Scan> {
    let mut scans = Vec::new();
    let labels = labels_here(site);
    for (order, n) in waiting(day, "postnord", Parcel::Sealed) {
        scans.push(scan(field_of(&labels, &day.books.orders[order].id, n, "tracking"), GOOD));
        day.books.orders[order].parcels[n - 1] = Parcel::Labelled;
    }
    scans
}

/// A courier takes everything that waits for the carrier. A void label is scanned first; a late courier was given up.
#[must_use]
pub fn load(day: &mut Day, site: &Site, carrier: &str, void: &[String], late: bool) -> Vec<Scan> {
    let mut scans: Vec<Scan> = void.iter().map(|sscc| scan(format!("]C100{sscc}"), STOP)).collect();
    let parcels: Vec<_> =
        [Parcel::Sealed, Parcel::Labelled].into_iter().flat_map(|state| waiting(day, carrier, state)).collect();
    if parcels.is_empty() {
        return scans;
    }
    let labels = labels(day, site, &parcels);
    if late {
        scans.extend(labels.clone());
        scans.push(scan(word(day, "R-NO-COURIER"), GOOD));
    }
    scans.extend(labels);
    scans.push(scan(word(day, "HANDOVER"), DONE));
    for (order, n) in parcels {
        day.books.orders[order].parcels[n - 1] = Parcel::HandedOver;
    }
    scans
}

/// Everything is loaded, and nobody comes: it is taken out again.
#[must_use]
pub fn nobody_comes(day: &mut Day, site: &Site, carrier: &str) -> Vec<Scan> {
    let parcels = waiting(day, carrier, Parcel::Labelled);
    if parcels.is_empty() {
        return Vec::new();
    }
    let mut scans = labels(day, site, &parcels);
    scans.push(scan(word(day, "R-NO-COURIER"), GOOD));
    scans
}

fn labels(day: &Day, site: &Site, parcels: &[(usize, usize)]) -> Vec<Scan> {
    let labels = labels_here(site);
    let label = |(order, n): &(usize, usize)| {
        scan(format!("]C100{}", field_of(&labels, &day.books.orders[*order].id, *n, "sscc")), GOOD)
    };
    parcels.iter().map(label).collect()
}

/// Orders and parcels, the latter from 1.
fn waiting(day: &Day, carrier: &str, state: Parcel) -> Vec<(usize, usize)> {
    let of_carrier = day.books.orders.iter().enumerate().filter(|(_, order)| order.carrier == carrier);
    let parcels = of_carrier.flat_map(|(at, order)| (1..).zip(&order.parcels).map(move |(n, parcel)| (at, n, *parcel)));
    parcels.filter(|(_, _, parcel)| *parcel == state).map(|(order, n, _)| (order, n)).collect()
}

/// What stands on the label of a parcel: its `sscc`, or the carrier's `tracking` number.
///
/// # Panics
/// Where it has none.
#[must_use]
pub fn parcel_field(site: &Site, order: &str, n: usize, field: &str) -> String {
    field_of(&labels_here(site), order, n, field)
}

/// All labels of a site, as its own file has them: staff read them off the parcels.
fn labels_here(site: &Site) -> Value {
    picture::of_site(&site.agent.database())["orders"].take()
}

fn field_of(labels: &Value, order: &str, n: usize, field: &str) -> String {
    let value = labels[order]["parcels"][n - 1][field].as_str();
    value.unwrap_or_else(|| panic!("{order}/{n} has no {field}")).to_owned()
}
