//! What comes next by the clock, and when it last ran.

use crate::domain::carrier::Carrier;
use crate::domain::rules::Rules;
use jiff::{Timestamp, ToSpan};
use serde::{Deserialize, Serialize};

/// Scheduled work, by the site's clock.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Jobs {
    /// The collection that parcels must be sealed for next; none where no carrier comes within two weeks.
    pub next_cut_off: Option<NextCollection>,
    /// The next one of each carrier, the earliest first.
    pub collections: Vec<NextCollection>,
    /// When the day is closed next.
    pub day_closes_at: Option<Timestamp>,
    /// When the last day was closed; none where its summary is no longer stored.
    pub day_closed_at: Option<Timestamp>,
    /// When promises were last judged.
    pub promises_judged_at: Option<Timestamp>,
}

/// A collection that is to come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NextCollection {
    pub carrier: String,
    /// For people.
    pub name: String,
    /// When the courier comes.
    pub at: Timestamp,
    /// When the last parcel must be sealed.
    pub cut_off_at: Timestamp,
}

/// What comes after `now`.
#[must_use]
pub fn ahead(rules: &Rules, now: Timestamp) -> Jobs {
    let of = |carrier: &Carrier| {
        let collections = carrier.upcoming(now, &rules.zone).into_iter();
        collections
            .map(|collection| NextCollection {
                carrier: carrier.id.to_string(),
                name: carrier.name.to_string(),
                at: collection.at,
                cut_off_at: collection.cut_off,
            })
            .collect::<Vec<_>>()
    };
    let upcoming: Vec<Vec<NextCollection>> = rules.carriers.iter().map(of).collect();
    let mut collections: Vec<NextCollection> =
        upcoming.iter().filter_map(|of_carrier| of_carrier.first().cloned()).collect();
    collections.sort_by(|one, other| (one.at, &one.carrier).cmp(&(other.at, &other.carrier)));
    let open = upcoming.into_iter().flatten().filter(|collection| now < collection.cut_off_at);
    Jobs {
        next_cut_off: open.min_by_key(|collection| collection.cut_off_at),
        collections,
        day_closes_at: day_closes_at(rules, now),
        ..Jobs::default()
    }
}

fn day_closes_at(rules: &Rules, now: Timestamp) -> Option<Timestamp> {
    let today = now.to_zoned(rules.zone.clone()).date();
    let close = |days: i64| {
        let close = today.checked_add(days.days()).ok()?.to_datetime(rules.pledge.day_closes);
        Some(rules.zone.to_ambiguous_zoned(close).compatible().ok()?.timestamp())
    };
    (0..=1).filter_map(close).find(|close| now < *close)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::carrier::Schedule;
    use crate::report::tests::rules;
    use jiff::civil::time;
    use jiff::tz::TimeZone;
    use std::time::Duration;

    fn carrier(id: &str, at: &[(i8, i8, u64)]) -> Carrier {
        let schedule = |(hour, minute, cut_off_min): &(i8, i8, u64)| Schedule {
            days: [true; 7],
            at: time(*hour, *minute, 0, 0),
            cut_off: Duration::from_secs(60 * cut_off_min),
        };
        Carrier {
            id: id.into(),
            name: id.to_uppercase().into(),
            collections: at.iter().map(schedule).collect(),
            holidays: Vec::new(),
            grace: Duration::ZERO,
            tracking_required: false,
            tracking_pattern: None,
            tracking_url: None,
        }
    }

    #[test]
    fn tells_what_comes_next() {
        let mut rules = rules();
        rules.zone = TimeZone::get("Europe/Stockholm").unwrap();
        rules.carriers =
            vec![carrier("dhl", &[(18, 0, 240), (16, 30, 15)]), carrier("bud", &[(16, 0, 30)]), carrier("never", &[])];
        for (now, cut_off, collections, day_closes) in [
            ("09:00", "dhl 14:00", "bud 16:00, dhl 16:30", "23:30"),
            ("14:00", "bud 15:30", "bud 16:00, dhl 16:30", "23:30"),
            ("15:30", "dhl 16:15", "bud 16:00, dhl 16:30", "23:30"),
            ("16:30", "dhl 14:00", "dhl 18:00, bud 16:00", "23:30"),
            ("23:30", "dhl 14:00", "bud 16:00, dhl 16:30", "23:30"),
        ] {
            let now_at = format!("2026-11-23T{now}[Europe/Stockholm]").parse::<jiff::Zoned>().unwrap().timestamp();
            let jobs = ahead(&rules, now_at);
            let clock = |at: Timestamp| at.to_zoned(rules.zone.clone()).strftime("%H:%M").to_string();
            let next = jobs.next_cut_off.map(|next| format!("{} {}", next.carrier, clock(next.cut_off_at)));
            assert_eq!(next.as_deref(), Some(cut_off), "{now}");
            let said: Vec<_> =
                jobs.collections.iter().map(|next| format!("{} {}", next.carrier, clock(next.at))).collect();
            assert_eq!(said.join(", "), collections, "{now}");
            let close = jobs.day_closes_at.unwrap();
            assert!(now_at < close && close.duration_since(now_at).as_hours() <= 24, "{now}");
            assert_eq!(clock(close), day_closes, "{now}");
        }
    }

    #[test]
    fn a_site_without_carriers_still_closes_its_day() {
        let jobs = ahead(&rules(), "2026-11-23T09:00:00Z".parse().unwrap());
        assert_eq!((jobs.next_cut_off, jobs.collections.len()), (None, 0));
        assert!(jobs.day_closes_at.is_some());
    }
}
