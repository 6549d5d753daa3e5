//! What a customer has been told of an order: why nothing is said twice, and what a newer notice makes old.

use super::{Milestone, Notice, contents};
use crate::domain::order::{Order, ParcelState, State};
use std::sync::Arc;

/// The last notice of a milestone, for the order or for one of its parcels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    pub milestone: Milestone,
    pub parcel: Option<u32>,
    pub revision: u32,
    /// A fingerprint of what it said.
    pub said: u32,
}

impl Order {
    /// The last notice of this milestone, and its place among all that the customer was told.
    pub(super) fn told(&self, milestone: Milestone, parcel: Option<u32>) -> Option<(usize, &Told)> {
        let is = |(_, told): &(usize, &Told)| told.milestone == milestone && told.parcel == parcel;
        self.progress.told.iter().enumerate().find(is)
    }

    /// The last notice about the order or this parcel that a step of `milestone` makes old: of the same step, or else of
    /// the nearest one before it.
    pub(super) fn step_before(&self, milestone: Milestone, parcel: Option<u32>) -> Option<&Told> {
        if let Some((_, told)) = self.told(milestone, parcel) {
            return Some(told);
        }
        let about = |told: &&Told| told.parcel.is_none() || told.parcel == parcel;
        let earlier = |told: &&Told| told.milestone.is_step() && told.milestone.rank() < milestone.rank();
        self.progress.told.iter().filter(about).filter(earlier).max_by_key(|told| told.milestone.rank())
    }

    pub(in crate::domain) fn remember_told(&mut self, notice: &Notice) {
        let (milestone, parcel) = (notice.milestone, notice.parcel.map(|(n, _)| n));
        self.progress.told.retain(|told| told.milestone != milestone || told.parcel != parcel);
        let (revision, said) = (notice.revision(), notice.said());
        self.progress.told.push(Told { milestone, parcel, revision, said });
    }

    /// Takes for told what must have been by now, where nobody has kept account: before this database, or by a version
    /// that didn't. A key too many among what a newer notice replaces does no harm.
    pub fn presume_told(&mut self) {
        if self.terms.notify.channels.is_empty() {
            return;
        }
        let mut told = vec![(Milestone::OrderAccepted, None)];
        if matches!(self.progress.state, State::Packed | State::PartlyDispatched | State::Completed) {
            told.push((Milestone::Packed, None));
        }
        let parcels = &self.progress.parcels;
        let placed = |state: ParcelState| state == ParcelState::Ready || state == ParcelState::Collected;
        if !parcels.is_empty() && parcels.iter().all(|parcel| placed(parcel.state)) {
            told.push((Milestone::ReadyForPickup, None));
        }
        if parcels.iter().any(|parcel| parcel.state == ParcelState::Collected) {
            told.push((Milestone::Collected, None));
        }
        let gone = parcels.iter().filter(|parcel| parcel.state == ParcelState::HandedOver);
        told.extend(gone.map(|parcel| (Milestone::HandedOver, Some(parcel.n))));
        for (milestone, parcel) in told {
            if self.told(milestone, parcel).is_none() {
                let tracking = parcel.and_then(|n| self.parcel(n)?.tracking.as_deref());
                let said = fingerprint(&contents(self, parcel), &[], tracking);
                self.progress.told.push(Told { milestone, parcel, revision: 1, said });
            }
        }
    }
}

impl Notice {
    /// How often the same has been asked for, counted by the last part of the key.
    #[must_use]
    pub fn revision(&self) -> u32 {
        self.key.rsplit('/').next().and_then(|revision| revision.parse().ok()).unwrap_or(1)
    }

    /// The same for two notices that say the same.
    pub(super) fn said(&self) -> u32 {
        fingerprint(&self.items, &self.short, self.tracking.as_deref())
    }
}

/// FNV-1a: stays the same from version to version, since it is kept.
fn fingerprint(items: &[(Arc<str>, u32)], short: &[(Arc<str>, u32)], tracking: Option<&str>) -> u32 {
    let mut hash = 0x811c_9dc5_u32;
    let mut add = |bytes: &[u8]| {
        for byte in bytes.iter().chain(&[0xff]) {
            hash = (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193);
        }
    };
    for (name, units) in items {
        add(name.as_bytes());
        add(&units.to_le_bytes());
    }
    add(b"short");
    for (name, units) in short {
        add(name.as_bytes());
        add(&units.to_le_bytes());
    }
    add(tracking.unwrap_or_default().as_bytes());
    hash
}
