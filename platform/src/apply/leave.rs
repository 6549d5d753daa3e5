//! Parcels on their way out: couriers asked for, labels, manifests, the door, pick-up places.

use super::{ApplyError, Desk, OrderRef, Text, promise, read};
use crate::store::params;
use serde::Deserialize;

#[derive(Deserialize)]
struct Requested<'a> {
    #[serde(borrow)]
    order: OrderRef<'a>,
    #[serde(borrow)]
    key: Text<'a>,
    parcel: i64,
    #[serde(borrow)]
    sscc: Text<'a>,
}

#[derive(Deserialize)]
struct Ended<'a> {
    #[serde(borrow)]
    key: Text<'a>,
    #[serde(default, borrow)]
    reason: Option<Text<'a>>,
}

#[derive(Deserialize)]
struct OfParcel<'a> {
    #[serde(borrow)]
    order: OrderRef<'a>,
    parcel: i64,
}

#[derive(Deserialize)]
struct LabelReceived<'a> {
    #[serde(borrow)]
    order: OrderRef<'a>,
    parcel: i64,
    #[serde(default)]
    tracking: Option<String>,
    revision: i64,
}

#[derive(Deserialize)]
struct LabelVoided<'a> {
    #[serde(borrow)]
    order: OrderRef<'a>,
    parcel: i64,
    sscc: String,
}

#[derive(Deserialize)]
struct Ready<'a> {
    #[serde(borrow)]
    order: OrderRef<'a>,
    parcel: i64,
    place: String,
}

#[derive(Deserialize)]
struct Loaded<'a> {
    #[serde(borrow)]
    order: OrderRef<'a>,
    parcel: i64,
    carrier: String,
    manifest: String,
    #[serde(default)]
    tracking: Option<String>,
    #[serde(default, borrow)]
    key: Option<Text<'a>>,
}

/// `dispatch.*`
pub fn leave(desk: &Desk<'_>, kind: &str, data: &str) -> Result<(), ApplyError> {
    match kind {
        "requested" => desk.requested(&read(data)?, data),
        "withdrawn" => desk.ended(&read(data)?, "withdrawn"),
        "missed" => desk.ended(&read(data)?, "missed"),
        "label_requested" => {
            let OfParcel { order, parcel } = read(data)?;
            desk.order(&order, |order| {
                if let Some(parcel) = order.parcel(parcel) {
                    parcel.label = Some("requested".into());
                }
            })
        }
        "label_received" => {
            let LabelReceived { order, parcel, tracking, revision } = read(data)?;
            desk.order(&order, |order| order.label_received(parcel, tracking, revision))
        }
        "label_voided" => {
            let LabelVoided { order, parcel, sscc } = read(data)?;
            desk.claim(&sscc, &order, parcel)?;
            desk.nobody_comes(&order, Some(parcel), "relabelled")?;
            desk.order(&order, |order| order.label_voided(parcel, sscc))
        }
        "parcel_ready" => {
            let Ready { order, parcel, place } = read(data)?;
            desk.order(&order, |order| order.ready(parcel, place))
        }
        "parcel_loaded" => {
            let Loaded { order, parcel, carrier, manifest, .. } = read(data)?;
            desk.order(&order, |order| order.loaded(parcel, carrier, manifest))
        }
        "parcel_unloaded" => {
            let OfParcel { order, parcel } = read(data)?;
            desk.order(&order, |order| order.unloaded(parcel))
        }
        "handed_over" => {
            let Loaded { order, parcel, carrier, manifest, tracking, key } = read(data)?;
            desk.fulfilled(&order, parcel, key.as_deref())?;
            promise::courier_came(desk, &carrier)?;
            desk.order(&order, |order| order.handed_over(parcel, carrier, manifest, tracking))
        }
        "left_behind" => {
            let OfParcel { order, parcel } = read(data)?;
            desk.not_fulfilled(&order, parcel)?;
            desk.order(&order, |order| order.left_behind(parcel))
        }
        _ => Ok(()),
    }
}

/// Keys of an order are looked up first: an index has all that this takes, and SQLite would rather read all of the site's
/// than go from an index to each row.
impl Desk<'_> {
    /// A site that has forgotten a key, with an older copy of its database, may ask for it again, or for another one.
    fn requested(&self, data: &Requested<'_>, text: &str) -> Result<(), ApplyError> {
        let OrderRef { id, number, .. } = &data.order;
        self.run(
            "UPDATE dispatches SET state = 'withdrawn', reason = 'forgotten'
             WHERE site = ?1 AND key <> ?4 AND key IN (SELECT key FROM dispatches
                 WHERE site = ?1 AND order_id = ?2 AND parcel = ?3 AND state = 'open')",
            &params![self.about.site, id, data.parcel, data.key],
        )?;
        self.run(
            "INSERT INTO dispatches (site, key, order_id, number, parcel, sscc, state, requested, data)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, 'open', ?7, ?8)
             ON CONFLICT (site, key) DO UPDATE SET state = 'open', reason = NULL, sscc = excluded.sscc,
                 requested = excluded.requested, data = excluded.data
             WHERE dispatches.state IN ('withdrawn', 'missed')",
            &params![self.about.site, data.key, id, number, data.parcel, data.sscc, self.time, text],
        )
    }

    fn ended(&self, data: &Ended<'_>, state: &str) -> Result<(), ApplyError> {
        self.run(
            "UPDATE dispatches SET state = ?3, reason = ?4 WHERE site = ?1 AND key = ?2 AND state = 'open'",
            &params![self.about.site, data.key, state, data.reason],
        )
    }

    /// Gives up what the site would have withdrawn, had it not forgotten it.
    pub fn nobody_comes(&self, order: &OrderRef<'_>, parcel: Option<i64>, reason: &str) -> Result<(), ApplyError> {
        self.run(
            "UPDATE dispatches SET state = 'withdrawn', reason = ?4
             WHERE site = ?1 AND key IN (SELECT key FROM dispatches
                 WHERE site = ?1 AND order_id = ?2 AND (parcel = ?3 OR CAST(?3 AS BIGINT) IS NULL) AND state = 'open')",
            &params![self.about.site, order.id, parcel, reason],
        )
    }

    /// Without a key the site knows of the parcel only from here, since its database turned out to be an older copy.
    fn fulfilled(&self, order: &OrderRef<'_>, parcel: i64, key: Option<&str>) -> Result<(), ApplyError> {
        self.run(
            "UPDATE dispatches SET state = 'fulfilled'
             WHERE site = ?1 AND (key = ?4 OR CAST(?4 AS TEXT) IS NULL) AND key IN (SELECT key FROM dispatches
                 WHERE site = ?1 AND order_id = ?2 AND parcel = ?3 AND state = 'open')",
            &params![self.about.site, order.id, parcel, key],
        )
    }

    fn not_fulfilled(&self, order: &OrderRef<'_>, parcel: i64) -> Result<(), ApplyError> {
        self.run(
            "UPDATE dispatches SET state = 'missed', reason = 'left_behind'
             WHERE site = ?1 AND key IN (SELECT key FROM dispatches
                 WHERE site = ?1 AND order_id = ?2 AND parcel = ?3 AND state = 'fulfilled')",
            &params![self.about.site, order.id, parcel],
        )
    }

    /// The courier finds the parcel by the label that is on it.
    pub fn dispatch_goes_by(&self, order: &OrderRef<'_>, parcel: i64, sscc: &str) -> Result<(), ApplyError> {
        self.run(
            "UPDATE dispatches SET sscc = ?4
             WHERE site = ?1 AND key IN (SELECT key FROM dispatches
                 WHERE site = ?1 AND order_id = ?2 AND parcel = ?3 AND state = 'open')",
            &params![self.about.site, order.id, parcel, sscc],
        )
    }
}
