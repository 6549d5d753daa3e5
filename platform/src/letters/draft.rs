//! Claimed letters as their senders want them: what to say, to whom, or why it goes unsaid.

use super::channels::{self, Channel};
use super::{Known, Message, Notice, Parcel, compose, once, write};
use crate::dossier::{self, Dossier};
use crate::post;
use crate::senders::Office;
use crate::shop::{self, Shop};
use crate::store::{Db, Error};
use jiff::Timestamp;

/// A letter that is ready to go.
#[derive(Debug)]
pub struct Draft {
    /// Of the outbox.
    pub id: i64,
    /// Its number of sendings, with this one.
    pub attempt: i64,
    pub once: String,
    pub message: Message,
}

/// Writes what a notice says on one channel. `Err` inside says why it goes unsaid.
///
/// # Errors
/// The storage's.
pub fn draft(
    db: &Db,
    office: &Office,
    letter: &post::Letter,
    channel: Channel,
    now: Timestamp,
) -> Result<Result<(String, Message), &'static str>, Error> {
    let Some(shop) = shop::of_site(&office.shops, &letter.site) else { return Ok(Err("no_shop")) };
    let Ok(notice) = Notice::read(&letter.data) else { return Ok(Err("unreadable")) };
    let Some(dossier) = dossier::read(db, &letter.site, &notice.order.id)? else { return Ok(Err("unknown_order")) };
    let Some(reference) = notice.customer.as_deref() else { return Ok(Err("no_customer")) };
    let customer = dossier::customer(db, reference)?;
    let chosen = match channels::choose(&notice.milestone, &notice.channels, &office.channels, customer.as_ref()) {
        Ok(chosen) => chosen,
        Err(why) => return Ok(Err(why.word())),
    };
    let Some((_, to)) = chosen.iter().find(|(known, _)| *known == channel) else {
        let reached = customer.as_ref().is_some_and(|customer| customer.address(channel).is_some());
        return Ok(Err(if reached { "unwanted" } else { "no_address" }));
    };
    let own = customer.as_ref().and_then(|customer| customer.language.as_deref());
    let words = shop.tongues.speak(own.or(notice.language.as_deref()).unwrap_or_default());
    let letter = compose(&notice, &known(&dossier, &notice, shop), shop, words, now);
    Ok(Ok((once(&notice.key, channel), write(&letter, channel, to, shop, words))))
}

fn known(dossier: &Dossier, notice: &Notice, shop: &Shop) -> Known {
    let at = dossier.notifications.iter().find(|one| one.key == notice.key).map(|one| one.at).unwrap_or_default();
    let parcel = |parcel: &dossier::Parcel| Parcel { n: parcel.n, items: parcel.contents.clone() };
    Known {
        at: happened(dossier, notice).unwrap_or(at),
        token: dossier.token.clone(),
        pickup: dossier.is_pickup(),
        carrier: dossier.carrier().map(|(id, name)| shop.carrier(id, name).to_owned()),
        collection: dossier.collection(),
        parcels: dossier.parcels.iter().map(parcel).collect(),
        partly_gone: 0 < dossier.gone(),
    }
}

/// When the parcel left or was fetched: a notice may wait for its tracking number.
fn happened(dossier: &Dossier, notice: &Notice) -> Option<Timestamp> {
    let kind = match notice.milestone.as_str() {
        "handed_over" => "dispatch.handed_over",
        "collected" => "order.collected",
        _ => return None,
    };
    let mut told = dossier.told.iter().rev().filter(|told| told.kind == kind);
    let of_parcel = |told: &&dossier::Told| notice.parcel.is_none_or(|n| told.data["parcel"].as_i64() == Some(n));
    told.find(of_parcel).map(|told| told.at)
}
