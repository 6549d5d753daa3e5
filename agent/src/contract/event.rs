//! An event's `data`: the same text in the log and on the wire.

pub(in crate::contract) mod promise;
pub(in crate::contract) mod wire;
mod words;

use super::object::Object;
use super::order::{self, WireKnown, WirePromise, WireTerms};
use super::returns::WireReturn;
use crate::domain::event::{Event, Kind, Method};
use crate::domain::promise::Turn;
use jiff::{SignedDuration, Timestamp};
use promise::{ActionTaken, ClockCorrected, Kept, StorageSalvaged, WireCourierLate, WireDay, WireOutlook};
use serde::Deserialize;
use std::borrow::Cow;
use std::sync::Arc;
use wire::*;

/// Stored data that is not what its kind's contract says: the row is damaged or from a newer version.
#[derive(Debug, thiserror::Error)]
#[error("{kind} data can't be read: {why}")]
pub struct Unreadable {
    pub kind: &'static str,
    pub why: String,
}

/// The event's `data` as a JSON object.
///
/// # Errors
/// Never for the types above; serde's signature has one.
pub fn encode(event: &Event) -> Result<String, serde_json::Error> {
    match event {
        Event::OrderAccepted { terms } => serde_json::to_string(&WireTerms::from_domain(terms)),
        Event::OrderUpdated { terms, known } => serde_json::to_string(&Updated {
            terms: WireTerms::from_domain(terms),
            known: known.as_ref().map(WireKnown::from_domain),
        }),
        Event::OrderCancelled { order, cause, notify, partial, picked } => serde_json::to_string(&Cancelled {
            order: order.into(),
            reason: cause.as_ref().into(),
            notify: *notify,
            partial: *partial,
            picked: units(picked),
        }),
        Event::OrderCompleted { order, parcels } | Event::PackCompleted { order, parcels } => {
            serde_json::to_string(&Parcels { order: order.into(), parcels: *parcels })
        }
        Event::OrderCollected { order, parcels } => {
            serde_json::to_string(&Parcels { order: order.into(), parcels: *parcels })
        }
        Event::OrderHeld { order, cause } => {
            serde_json::to_string(&Held { order: order.into(), reason: cause.as_ref().into() })
        }
        Event::OrderReleased { order } | Event::OrderExpedited { order } => {
            serde_json::to_string(&OfOrder { order: order.into() })
        }
        Event::PickStarted { order, units, tote } | Event::PackStarted { order, units, tote } => {
            let tote = tote.as_deref().map(Into::into);
            serde_json::to_string(&Started { order: order.into(), units: *units, tote })
        }
        Event::PickCompleted { order, picked, wanted } => {
            serde_json::to_string(&PickCompleted { order: order.into(), picked: *picked, wanted: *wanted })
        }
        Event::ItemUnpicked { order, item, picked, wanted, put_back, restocked, stock } => {
            serde_json::to_string(&Unpicked {
                order: order.into(),
                line: Cow::Borrowed(&item.line),
                sku: Cow::Borrowed(&item.sku),
                name: Cow::Borrowed(&item.name),
                picked: *picked,
                wanted: *wanted,
                put_back: *put_back,
                restocked: *restocked,
                stock: (*stock).into(),
            })
        }
        Event::ItemShort { order, item, quantity, cause, picked, wanted, delta, stock } => {
            serde_json::to_string(&Short {
                order: order.into(),
                line: Cow::Borrowed(&item.line),
                sku: Cow::Borrowed(&item.sku),
                name: Cow::Borrowed(&item.name),
                quantity: *quantity,
                reason: cause.word().into(),
                picked: *picked,
                wanted: *wanted,
                delta: *delta,
                stock: (*stock).into(),
            })
        }
        Event::ItemPicked { order, item, code, method, picked, wanted, stock } => serde_json::to_string(&Picked {
            order: order.into(),
            line: Cow::Borrowed(&item.line),
            sku: Cow::Borrowed(&item.sku),
            name: Cow::Borrowed(&item.name),
            code: Cow::Borrowed(code),
            method: words::method_word(*method).into(),
            picked: *picked,
            wanted: *wanted,
            stock: (*stock).into(),
        }),
        Event::ItemPacked { order, item, parcel, packed, wanted, values }
        | Event::ItemUnpacked { order, item, parcel, packed, wanted, values } => serde_json::to_string(&Packed {
            order: order.into(),
            line: Cow::Borrowed(&item.line),
            sku: Cow::Borrowed(&item.sku),
            name: Cow::Borrowed(&item.name),
            parcel: *parcel,
            packed: *packed,
            wanted: *wanted,
            values: values.into(),
        }),
        Event::ParcelSealed { order, parcel, sscc, contents, weight_g } => serde_json::to_string(&Sealed {
            order: order.into(),
            parcel: *parcel,
            sscc: sscc.to_string().into(),
            contents: units(contents),
            weight_g: *weight_g,
        }),
        Event::ParcelReopened { order, parcel, sscc } => {
            let sscc = sscc.to_string().into();
            serde_json::to_string(&ParcelOf {
                order: order.into(),
                parcel: *parcel,
                sscc,
                carrier: None,
                manifest: None,
            })
        }
        Event::LabelRequested { order, parcel, sscc, carrier } => serde_json::to_string(&ParcelOf {
            order: order.into(),
            parcel: *parcel,
            sscc: sscc.to_string().into(),
            carrier: Some(Cow::Borrowed(carrier)),
            manifest: None,
        }),
        Event::LeftBehind { order, parcel, sscc, carrier, manifest } => serde_json::to_string(&ParcelOf {
            order: order.into(),
            parcel: *parcel,
            sscc: sscc.to_string().into(),
            carrier: Some(Cow::Borrowed(carrier)),
            manifest: Some(Cow::Borrowed(manifest)),
        }),
        Event::ParcelLabelled { order, parcel, of, sscc, tracking } => serde_json::to_string(&Labelled {
            order: order.into(),
            parcel: *parcel,
            of: *of,
            sscc: sscc.to_string().into(),
            tracking: tracking.as_deref().map(Into::into),
        }),
        Event::LabelReceived { order, parcel, sscc, tracking, revision } => serde_json::to_string(&LabelReceived {
            order: order.into(),
            parcel: *parcel,
            sscc: sscc.to_string().into(),
            tracking: tracking.as_deref().map(Into::into),
            revision: *revision,
        }),
        Event::LabelVoided { order, parcel, voided, sscc } => serde_json::to_string(&LabelVoided {
            order: order.into(),
            parcel: *parcel,
            voided: voided.to_string().into(),
            sscc: sscc.to_string().into(),
        }),
        Event::ParcelReady { order, parcel, of, sscc, place } => serde_json::to_string(&Ready {
            order: order.into(),
            parcel: *parcel,
            of: *of,
            sscc: sscc.to_string().into(),
            place: Cow::Borrowed(place),
        }),
        Event::DispatchRequested {
            order,
            key,
            parcel,
            of,
            sscc,
            carrier,
            carrier_name,
            service,
            collection,
            time_left_s,
            revision,
        } => serde_json::to_string(&Requested {
            order: order.into(),
            key: Cow::Borrowed(key),
            parcel: *parcel,
            of: *of,
            r#final: *of == Some(*parcel),
            sscc: sscc.to_string().into(),
            carrier: Cow::Borrowed(carrier),
            carrier_name: carrier_name.as_ref().into(),
            service: service.as_deref().map(Into::into),
            collection: collection.as_ref().map(Into::into),
            time_left_s: *time_left_s,
            revision: *revision,
        }),
        Event::DispatchWithdrawn { order, key, parcel, sscc, cause }
        | Event::DispatchMissed { order, key, parcel, sscc, cause } => serde_json::to_string(&Withdrawn {
            order: order.into(),
            key: Cow::Borrowed(key),
            parcel: *parcel,
            sscc: sscc.to_string().into(),
            reason: cause.as_ref().into(),
        }),
        Event::ParcelLoaded { order, parcel, sscc, carrier, manifest, loaded }
        | Event::ParcelUnloaded { order, parcel, sscc, carrier, manifest, loaded } => serde_json::to_string(&Loaded {
            order: order.into(),
            parcel: *parcel,
            sscc: sscc.to_string().into(),
            carrier: Cow::Borrowed(carrier),
            manifest: Cow::Borrowed(manifest),
            loaded: *loaded,
        }),
        Event::HandedOver { order, parcel, of, sscc, carrier, service, tracking, manifest, key } => {
            serde_json::to_string(&Gone {
                order: order.into(),
                parcel: *parcel,
                of: *of,
                sscc: sscc.to_string().into(),
                carrier: Cow::Borrowed(carrier),
                service: service.as_deref().map(Into::into),
                tracking: tracking.as_deref().map(Into::into),
                manifest: Cow::Borrowed(manifest),
                key: key.as_deref().map(Into::into),
            })
        }
        Event::NotificationRequested(notice) => serde_json::to_string(&WireNotice::from(&**notice)),
        Event::ReturnAuthorized { terms } => serde_json::to_string(&WireReturn::from_domain(terms)),
        Event::ReturnReceived { about } => serde_json::to_string(&OfReturn::from(about)),
        Event::ItemInspected { about, item, condition, negates, stock } => serde_json::to_string(&Inspected {
            about: about.into(),
            item: item.into(),
            condition: condition.word().into(),
            quantity: if *negates { -1 } else { 1 },
            stock: stock.map(Into::into),
        }),
        Event::ReturnCompleted { about, resolution, found, outstanding } => serde_json::to_string(&ReturnDone {
            about: about.into(),
            resolution: resolution.as_deref().map(Into::into),
            items: found
                .iter()
                .map(|(item, condition)| FoundItem { item: item.into(), condition: condition.word().into() })
                .collect(),
            outstanding: outstanding
                .iter()
                .map(|(sku, name, quantity)| Outstanding {
                    sku: Cow::Borrowed(sku),
                    name: name.as_ref().into(),
                    quantity: *quantity,
                })
                .collect(),
        }),
        Event::StockCounted { sku, name, counted, delta, stock, bin } => serde_json::to_string(&Counted {
            sku: Cow::Borrowed(sku),
            name: name.as_ref().into(),
            counted: *counted,
            delta: *delta,
            stock: (*stock).into(),
            bin: bin.as_deref().map(Into::into),
        }),
        Event::OperatorIn { operator } => {
            serde_json::to_string(&Operator { operator: Cow::Borrowed(operator), reason: None })
        }
        Event::OperatorOut { operator, cause } => {
            serde_json::to_string(&Operator { operator: Cow::Borrowed(operator), reason: Some(cause.word().into()) })
        }
        Event::StockAdjusted { sku, delta, stock, cause } => serde_json::to_string(&Adjusted {
            sku: Cow::Borrowed(sku),
            delta: *delta,
            stock: (*stock).into(),
            reason: cause.word().into(),
        }),
        Event::StockLow { sku, name, stock, threshold } => serde_json::to_string(&Low {
            sku: Cow::Borrowed(sku),
            name: Cow::Borrowed(name),
            stock: (*stock).into(),
            threshold: *threshold,
        }),
        Event::SiteStarted { cause, follows, version, boot } => serde_json::to_string(&SiteStarted {
            cause: words::start_word(*cause).into(),
            follows: follows
                .as_ref()
                .map(|(epoch, sequence)| Place { epoch: epoch.as_ref().into(), sequence: *sequence }),
            version: version.as_ref().into(),
            boot: boot.as_ref().into(),
        }),
        Event::SiteStopped => serde_json::to_string(&Nothing {}),
        Event::ScanRefused { scanner, code, signal, reason, order, expected } => serde_json::to_string(&Refused {
            scanner: Cow::Borrowed(scanner),
            code: code.as_ref().into(),
            signal: signal.word().into(),
            reason: reason.word().into(),
            detail: reason.detail().map(Into::into),
            order: order.as_deref().map(Into::into),
            expected: expected.iter().map(|name| name.as_ref().into()).collect(),
        }),
        Event::ScannerLost { scanner, cause } => {
            serde_json::to_string(&Scanner { scanner: Cow::Borrowed(scanner), reason: Some(cause.as_ref().into()) })
        }
        Event::ScannerBack { scanner } => {
            serde_json::to_string(&Scanner { scanner: Cow::Borrowed(scanner), reason: None })
        }
        Event::PromiseTurned { outlook, .. } => serde_json::to_string(&WireOutlook::from(&**outlook)),
        Event::PromiseKept { order, collection, promise, late } => serde_json::to_string(&Kept {
            order: order.into(),
            collection: collection.as_ref().map(Into::into),
            promise: WirePromise::from_domain(promise),
            late: *late,
        }),
        Event::CourierLate(late) => serde_json::to_string(&WireCourierLate::from(&**late)),
        Event::DayClosed(day) => serde_json::to_string(&WireDay::from(&**day)),
        Event::ClockCorrected { boot, from, to, offset_ms } => serde_json::to_string(&ClockCorrected {
            boot: boot.as_ref().into(),
            from: *from,
            to: *to,
            offset_ms: *offset_ms,
        }),
        Event::StorageSalvaged { events, lost, cause } => {
            serde_json::to_string(&StorageSalvaged { events: *events, lost: *lost, cause: cause.as_ref().into() })
        }
        Event::ActionTaken { action, target, outcome, by } => serde_json::to_string(&ActionTaken {
            action: action.as_ref().into(),
            target: target.as_deref().map(Into::into),
            outcome: outcome.as_ref().into(),
            by: by.as_deref().map(Into::into),
        }),
    }
}

/// The event that [`encode`] made `data` of.
///
/// # Errors
/// The text is not what the contract says of this kind.
pub fn decode(kind: Kind, data: &str) -> Result<Event, Unreadable> {
    read(kind, data).map_err(|why| Unreadable { kind: kind.word(), why })
}

/// `data` as it would be had its site's clock been ahead by as much: what was reckoned from the time then. Times that the
/// platform gave, or that only a clock that is believed gives, stay.
#[must_use]
pub fn shifted(kind: Kind, data: String, by: SignedDuration) -> String {
    const RECKONED: &str = "expires_at";
    if kind != Kind::NotificationRequested || by.is_zero() {
        return data;
    }
    let Ok(mut value) = serde_json::from_str::<serde_json::Value>(&data) else { return data };
    let at = value[RECKONED].as_str().and_then(|at| at.parse::<Timestamp>().ok());
    let Some(at) = at.and_then(|at| at.checked_add(by).ok()) else { return data };
    value[RECKONED] = at.to_string().into();
    value.to_string()
}

fn read(kind: Kind, data: &str) -> Result<Event, String> {
    Ok(match kind {
        Kind::OrderAccepted => Event::OrderAccepted { terms: Arc::new(json::<WireTerms>(data)?.into_domain()?) },
        Kind::OrderUpdated => {
            let Updated { terms, known } = json(data)?;
            let known = known.map(WireKnown::into_domain).transpose()?;
            Event::OrderUpdated { terms: Arc::new(terms.into_domain()?), known }
        }
        Kind::OrderCancelled => {
            let Cancelled { order, reason, notify, partial, picked } = json(data)?;
            let picked = picked.into_iter().map(Into::into).collect();
            Event::OrderCancelled { order: order.into(), cause: reason.into(), notify, partial, picked }
        }
        Kind::OrderCompleted => {
            let Parcels { order, parcels } = json(data)?;
            Event::OrderCompleted { order: order.into(), parcels }
        }
        Kind::PackCompleted => {
            let Parcels { order, parcels } = json(data)?;
            Event::PackCompleted { order: order.into(), parcels }
        }
        Kind::OrderCollected => {
            let Parcels { order, parcels } = json(data)?;
            Event::OrderCollected { order: order.into(), parcels }
        }
        Kind::OrderHeld => {
            let Held { order, reason } = json(data)?;
            Event::OrderHeld { order: order.into(), cause: reason.into() }
        }
        Kind::OrderReleased => {
            let OfOrder { order } = json(data)?;
            Event::OrderReleased { order: order.into() }
        }
        Kind::OrderExpedited => {
            let OfOrder { order } = json(data)?;
            Event::OrderExpedited { order: order.into() }
        }
        Kind::PickStarted => {
            let Started { order, units, tote } = json(data)?;
            Event::PickStarted { order: order.into(), units, tote: tote.map(|tote| tote.as_ref().into()) }
        }
        Kind::PickCompleted => {
            let PickCompleted { order, picked, wanted } = json(data)?;
            Event::PickCompleted { order: order.into(), picked, wanted }
        }
        Kind::PackStarted => {
            let Started { order, units, tote } = json(data)?;
            Event::PackStarted { order: order.into(), units, tote: tote.map(|tote| tote.as_ref().into()) }
        }
        Kind::ItemUnpicked => {
            let Unpicked { order, line, sku, name, picked, wanted, put_back, restocked, stock } = json(data)?;
            let (order, item) = (order.into(), WireItem { line, sku, name }.into());
            Event::ItemUnpicked { order, item, picked, wanted, put_back, restocked, stock: stock.into() }
        }
        Kind::ItemShort => {
            let Short { order, line, sku, name, quantity, reason, picked, wanted, delta, stock } = json(data)?;
            let (order, item, cause) =
                (order.into(), WireItem { line, sku, name }.into(), words::cause_named(&reason)?);
            Event::ItemShort { order, item, quantity, cause, picked, wanted, delta, stock: stock.into() }
        }
        Kind::ItemPicked => {
            let Picked { order, line, sku, name, code, method, picked, wanted, stock } = json(data)?;
            Event::ItemPicked {
                order: order.into(),
                item: WireItem { line, sku, name }.into(),
                code: code.as_ref().into(),
                method: if method == "manual" { Method::Manual } else { Method::Scan },
                picked,
                wanted,
                stock: stock.into(),
            }
        }
        Kind::ItemPacked => {
            let Packed { order, line, sku, name, parcel, packed, wanted, values } = json(data)?;
            let (order, item) = (order.into(), WireItem { line, sku, name }.into());
            Event::ItemPacked { order, item, parcel, packed, wanted, values: values.into() }
        }
        Kind::ItemUnpacked => {
            let Packed { order, line, sku, name, parcel, packed, wanted, values } = json(data)?;
            let (order, item) = (order.into(), WireItem { line, sku, name }.into());
            Event::ItemUnpacked { order, item, parcel, packed, wanted, values: values.into() }
        }
        Kind::ParcelSealed => {
            let Sealed { order, parcel, sscc, contents, weight_g } = json(data)?;
            let contents = contents.into_iter().map(Into::into).collect();
            Event::ParcelSealed { order: order.into(), parcel, sscc: order::sscc(&sscc)?, contents, weight_g }
        }
        Kind::ParcelReopened => {
            let ParcelOf { order, parcel, sscc, .. } = json(data)?;
            Event::ParcelReopened { order: order.into(), parcel, sscc: order::sscc(&sscc)? }
        }
        Kind::ParcelLabelled => {
            let Labelled { order, parcel, of, sscc, tracking } = json(data)?;
            let (order, sscc, tracking) = (order.into(), order::sscc(&sscc)?, tracking.map(Into::into));
            Event::ParcelLabelled { order, parcel, of, sscc, tracking }
        }
        Kind::LabelRequested => {
            let ParcelOf { order, parcel, sscc, carrier, .. } = json(data)?;
            let carrier = carrier.ok_or("carrier is missing")?.as_ref().into();
            Event::LabelRequested { order: order.into(), parcel, sscc: order::sscc(&sscc)?, carrier }
        }
        Kind::LabelReceived => {
            let LabelReceived { order, parcel, sscc, tracking, revision } = json(data)?;
            let (order, sscc, tracking) = (order.into(), order::sscc(&sscc)?, tracking.map(Into::into));
            Event::LabelReceived { order, parcel, sscc, tracking, revision }
        }
        Kind::LabelVoided => {
            let LabelVoided { order, parcel, voided, sscc } = json(data)?;
            let (voided, sscc) = (order::sscc(&voided)?, order::sscc(&sscc)?);
            Event::LabelVoided { order: order.into(), parcel, voided, sscc }
        }
        Kind::ParcelReady => {
            let Ready { order, parcel, of, sscc, place } = json(data)?;
            let (sscc, place) = (order::sscc(&sscc)?, place.as_ref().into());
            Event::ParcelReady { order: order.into(), parcel, of, sscc, place }
        }
        Kind::LeftBehind => {
            let ParcelOf { order, parcel, sscc, carrier, manifest } = json(data)?;
            let carrier = carrier.ok_or("carrier is missing")?.as_ref().into();
            let manifest = manifest.ok_or("manifest is missing")?.as_ref().into();
            Event::LeftBehind { order: order.into(), parcel, sscc: order::sscc(&sscc)?, carrier, manifest }
        }
        Kind::DispatchMissed => {
            let Withdrawn { order, key, parcel, sscc, reason } = json(data)?;
            let (key, sscc) = (key.as_ref().into(), order::sscc(&sscc)?);
            Event::DispatchMissed { order: order.into(), key, parcel, sscc, cause: reason.into() }
        }
        Kind::ReturnAuthorized => Event::ReturnAuthorized { terms: Box::new(json::<WireReturn>(data)?.into_domain()?) },
        Kind::ReturnReceived => Event::ReturnReceived { about: json::<OfReturn<'_>>(data)?.into() },
        Kind::ItemInspected => {
            let Inspected { about, item, condition, quantity, stock } = json(data)?;
            Event::ItemInspected {
                about: about.into(),
                item: item.into(),
                condition: words::condition_named(&condition)?,
                negates: quantity < 0,
                stock: stock.map(Into::into),
            }
        }
        Kind::ReturnCompleted => {
            let ReturnDone { about, resolution, items, outstanding } = json(data)?;
            let found = |found: FoundItem<'_>| Ok((found.item.into(), words::condition_named(&found.condition)?));
            let left = |left: Outstanding<'_>| (left.sku.as_ref().into(), left.name.into(), left.quantity);
            Event::ReturnCompleted {
                about: about.into(),
                resolution: resolution.map(Into::into),
                found: items.into_iter().map(found).collect::<Result<_, String>>()?,
                outstanding: outstanding.into_iter().map(left).collect(),
            }
        }
        Kind::StockCounted => {
            let Counted { sku, name, counted, delta, stock, bin } = json(data)?;
            let (sku, bin) = (sku.as_ref().into(), bin.map(|bin| bin.as_ref().into()));
            Event::StockCounted { sku, name: name.into(), counted, delta, stock: stock.into(), bin }
        }
        Kind::OperatorIn => {
            let Operator { operator, .. } = json(data)?;
            Event::OperatorIn { operator: operator.as_ref().into() }
        }
        Kind::OperatorOut => {
            let Operator { operator, reason } = json(data)?;
            let cause = words::sign_out_named(&reason.unwrap_or_default())?;
            Event::OperatorOut { operator: operator.as_ref().into(), cause }
        }
        Kind::DispatchRequested => {
            let wire: Requested<'_> = json(data)?;
            Event::DispatchRequested {
                order: wire.order.into(),
                key: wire.key.as_ref().into(),
                parcel: wire.parcel,
                of: wire.of,
                sscc: order::sscc(&wire.sscc)?,
                carrier: wire.carrier.as_ref().into(),
                carrier_name: wire.carrier_name.into(),
                service: wire.service.map(Into::into),
                collection: wire.collection.map(Into::into),
                time_left_s: wire.time_left_s,
                revision: wire.revision,
            }
        }
        Kind::DispatchWithdrawn => {
            let Withdrawn { order, key, parcel, sscc, reason } = json(data)?;
            let (key, sscc) = (key.as_ref().into(), order::sscc(&sscc)?);
            Event::DispatchWithdrawn { order: order.into(), key, parcel, sscc, cause: reason.into() }
        }
        Kind::ParcelLoaded => {
            let Loaded { order, parcel, sscc, carrier, manifest, loaded } = json(data)?;
            let (carrier, manifest) = (carrier.as_ref().into(), manifest.as_ref().into());
            Event::ParcelLoaded { order: order.into(), parcel, sscc: order::sscc(&sscc)?, carrier, manifest, loaded }
        }
        Kind::ParcelUnloaded => {
            let Loaded { order, parcel, sscc, carrier, manifest, loaded } = json(data)?;
            let (carrier, manifest) = (carrier.as_ref().into(), manifest.as_ref().into());
            Event::ParcelUnloaded { order: order.into(), parcel, sscc: order::sscc(&sscc)?, carrier, manifest, loaded }
        }
        Kind::HandedOver => {
            let Gone { order, parcel, of, sscc, carrier, service, tracking, manifest, key } = json(data)?;
            Event::HandedOver {
                order: order.into(),
                parcel,
                of,
                sscc: order::sscc(&sscc)?,
                carrier: carrier.as_ref().into(),
                service: service.map(Into::into),
                tracking: tracking.map(Into::into),
                manifest: manifest.as_ref().into(),
                key: key.map(|key| key.as_ref().into()),
            }
        }
        Kind::NotificationRequested => {
            Event::NotificationRequested(Box::new(json::<WireNotice<'_>>(data)?.into_domain()?))
        }
        Kind::StockAdjusted => {
            let Adjusted { sku, delta, stock, reason } = json(data)?;
            let cause = words::adjustment_named(&reason)?;
            Event::StockAdjusted { sku: sku.as_ref().into(), delta, stock: stock.into(), cause }
        }
        Kind::StockLow => {
            let Low { sku, name, stock, threshold } = json(data)?;
            Event::StockLow { sku: sku.as_ref().into(), name: name.into(), stock: stock.into(), threshold }
        }
        Kind::SiteStarted => {
            let SiteStarted { cause, follows, version, boot } = json(data)?;
            let known = words::STARTS.iter().find(|(word, _)| *word == cause);
            let cause = known.map(|(_, cause)| *cause).ok_or_else(|| format!("cause {cause:?} is not known"))?;
            let follows = follows.map(|place| (place.epoch.into(), place.sequence));
            Event::SiteStarted { cause, follows, version: version.into(), boot: boot.into() }
        }
        Kind::SiteStopped => Event::SiteStopped,
        Kind::ScanRefused => {
            let Refused { scanner, code, signal, reason, detail, order, expected } = json(data)?;
            Event::ScanRefused {
                scanner: scanner.as_ref().into(),
                code: code.into(),
                signal: words::signal_named(&signal)?,
                reason: words::reason_named(&reason, detail.as_deref())?,
                order: order.map(|order| order.as_ref().into()),
                expected: expected.into_iter().map(Into::into).collect(),
            }
        }
        Kind::ScannerLost => {
            let Scanner { scanner, reason } = json(data)?;
            Event::ScannerLost { scanner: scanner.as_ref().into(), cause: reason.unwrap_or_default().into() }
        }
        Kind::ScannerBack => {
            let Scanner { scanner, .. } = json(data)?;
            Event::ScannerBack { scanner: scanner.as_ref().into() }
        }
        Kind::PromiseAtRisk => json::<WireOutlook<'_>>(data)?.into_event(Turn::AtRisk)?,
        Kind::PromiseWillMiss => json::<WireOutlook<'_>>(data)?.into_event(Turn::WillMiss)?,
        Kind::PromiseRecovered => json::<WireOutlook<'_>>(data)?.into_event(Turn::Recovered)?,
        Kind::PromiseMissed => json::<WireOutlook<'_>>(data)?.into_event(Turn::Missed)?,
        Kind::PromiseKept => {
            let Kept { order, collection, promise, late } = json(data)?;
            let (collection, promise) = (collection.map(Into::into), promise.into_domain());
            Event::PromiseKept { order: order.into(), collection, promise, late }
        }
        Kind::CourierLate => Event::CourierLate(Box::new(json::<WireCourierLate<'_>>(data)?.into())),
        Kind::DayClosed => Event::DayClosed(Box::new(json::<WireDay<'_>>(data)?.into())),
        Kind::ClockCorrected => {
            let ClockCorrected { boot, from, to, offset_ms } = json(data)?;
            Event::ClockCorrected { boot: boot.into(), from, to, offset_ms }
        }
        Kind::StorageSalvaged => {
            let StorageSalvaged { events, lost, cause } = json(data)?;
            Event::StorageSalvaged { events, lost, cause: cause.into() }
        }
        Kind::ActionTaken => {
            let ActionTaken { action, target, outcome, by } = json(data)?;
            let (target, by) = (target.map(Into::into), by.map(Into::into));
            Event::ActionTaken { action: action.into(), target, outcome: outcome.into(), by }
        }
    })
}

/// What the event is about, as the envelope says it.
#[must_use]
pub fn subject(event: &Event) -> Option<String> {
    match event {
        Event::ReturnAuthorized { terms } => Some(format!("returns/{}", terms.id)),
        Event::ReturnReceived { about } | Event::ItemInspected { about, .. } | Event::ReturnCompleted { about, .. } => {
            Some(format!("returns/{}", about.id))
        }
        _ => event.order().map(|order| format!("orders/{order}")),
    }
}

fn json<'a, T: Deserialize<'a>>(data: &'a str) -> Result<T, String> {
    serde_json::from_str(data).map(|Object(data)| data).map_err(|error| error.to_string())
}
