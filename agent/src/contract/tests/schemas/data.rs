//! Which type is the `data` of which message: one row each. A kind of event or command without a row doesn't compile.

use super::defined;
use crate::contract::command::{self, Body};
use crate::contract::event::{promise, wire};
use crate::contract::order::WireTerms;
use crate::contract::returns::WireReturn;
use crate::domain::event::Kind;
use schemars::Schema;
use schemars::generate::SchemaGenerator;

pub fn of_event(kind: Kind, to: &mut SchemaGenerator) -> Schema {
    match kind {
        Kind::OrderAccepted => defined::<WireTerms>(to),
        Kind::OrderUpdated => defined::<wire::Updated>(to),
        Kind::OrderHeld => defined::<wire::Held<'_>>(to),
        Kind::OrderReleased | Kind::OrderExpedited => defined::<wire::OfOrder<'_>>(to),
        Kind::OrderCancelled => defined::<wire::Cancelled<'_>>(to),
        Kind::OrderCollected | Kind::OrderCompleted | Kind::PackCompleted => defined::<wire::Parcels<'_>>(to),
        Kind::PickStarted | Kind::PackStarted => defined::<wire::Started<'_>>(to),
        Kind::ItemPicked => defined::<wire::Picked<'_>>(to),
        Kind::ItemUnpicked => defined::<wire::Unpicked<'_>>(to),
        Kind::ItemShort => defined::<wire::Short<'_>>(to),
        Kind::PickCompleted => defined::<wire::PickCompleted<'_>>(to),
        Kind::ItemPacked | Kind::ItemUnpacked => defined::<wire::Packed<'_>>(to),
        Kind::ParcelSealed => defined::<wire::Sealed<'_>>(to),
        Kind::ParcelReopened => defined::<wire::ParcelOf<'_>>(to),
        Kind::LabelRequested => with(defined::<wire::ParcelOf<'_>>(to), &["carrier"]),
        Kind::LeftBehind => with(defined::<wire::ParcelOf<'_>>(to), &["carrier", "manifest"]),
        Kind::ParcelLabelled => defined::<wire::Labelled<'_>>(to),
        Kind::LabelReceived => defined::<wire::LabelReceived<'_>>(to),
        Kind::LabelVoided => defined::<wire::LabelVoided<'_>>(to),
        Kind::ParcelReady => defined::<wire::Ready<'_>>(to),
        Kind::DispatchRequested => defined::<wire::Requested<'_>>(to),
        Kind::DispatchWithdrawn | Kind::DispatchMissed => defined::<wire::Withdrawn<'_>>(to),
        Kind::ParcelLoaded | Kind::ParcelUnloaded => defined::<wire::Loaded<'_>>(to),
        Kind::HandedOver => defined::<wire::Gone<'_>>(to),
        Kind::NotificationRequested => defined::<wire::WireNotice<'_>>(to),
        Kind::PromiseAtRisk | Kind::PromiseWillMiss | Kind::PromiseRecovered | Kind::PromiseMissed => {
            defined::<promise::WireOutlook<'_>>(to)
        }
        Kind::PromiseKept => defined::<promise::Kept<'_>>(to),
        Kind::ReturnAuthorized => defined::<WireReturn>(to),
        Kind::ReturnReceived => defined::<wire::OfReturn<'_>>(to),
        Kind::ItemInspected => defined::<wire::Inspected<'_>>(to),
        Kind::ReturnCompleted => defined::<wire::ReturnDone<'_>>(to),
        Kind::StockAdjusted => defined::<wire::Adjusted<'_>>(to),
        Kind::StockCounted => defined::<wire::Counted<'_>>(to),
        Kind::StockLow => defined::<wire::Low<'_>>(to),
        Kind::SiteStarted => defined::<wire::SiteStarted<'_>>(to),
        Kind::SiteStopped => defined::<wire::Nothing>(to),
        Kind::ScanRefused => defined::<wire::Refused<'_>>(to),
        Kind::ScannerLost => with(defined::<wire::Scanner<'_>>(to), &["reason"]),
        Kind::ScannerBack => defined::<wire::Scanner<'_>>(to),
        Kind::ClockCorrected => defined::<promise::ClockCorrected<'_>>(to),
        Kind::StorageSalvaged => defined::<promise::StorageSalvaged<'_>>(to),
        Kind::ActionTaken => defined::<promise::ActionTaken<'_>>(to),
        Kind::CourierLate => defined::<promise::WireCourierLate<'_>>(to),
        Kind::DayClosed => defined::<promise::WireDay<'_>>(to),
        Kind::OperatorIn => defined::<wire::Operator<'_>>(to),
        Kind::OperatorOut => with(defined::<wire::Operator<'_>>(to), &["reason"]),
    }
}

/// A type that several events share, of which this one always has more than they all have.
fn with(mut schema: Schema, always: &[&str]) -> Schema {
    schema.insert("required".to_owned(), always.into());
    schema
}

/// Every command that is read.
pub const COMMANDS: [&str; 11] = [
    "order.put",
    "order.cancel",
    "order.hold",
    "order.release",
    "order.expedite",
    "parcel.label",
    "return.put",
    "catalog.put",
    "stock.set",
    "events.resend",
    "site.report",
];

pub fn name_of(body: &Body) -> &'static str {
    match body {
        Body::OrderPut { .. } => "order.put",
        Body::OrderCancel { .. } => "order.cancel",
        Body::OrderHold { .. } => "order.hold",
        Body::OrderRelease { .. } => "order.release",
        Body::OrderExpedite { .. } => "order.expedite",
        Body::ParcelLabel { .. } => "parcel.label",
        Body::ReturnPut { .. } => "return.put",
        Body::CatalogPut { .. } => "catalog.put",
        Body::StockSet { .. } => "stock.set",
        Body::EventsResend { .. } => "events.resend",
        Body::SiteReport => "site.report",
    }
}

/// # Panics
/// Where [`COMMANDS`] has a command that isn't here.
pub fn of_command(name: &str, to: &mut SchemaGenerator) -> Schema {
    match name {
        "order.put" => defined::<command::Put>(to),
        "order.cancel" => defined::<command::Cancel>(to),
        "order.hold" => defined::<command::Hold>(to),
        "order.release" | "order.expedite" => defined::<command::OfOrder>(to),
        "parcel.label" => defined::<command::Label>(to),
        "return.put" => defined::<WireReturn>(to),
        "catalog.put" => defined::<command::Catalog>(to),
        "stock.set" => defined::<command::StockSet>(to),
        "events.resend" => defined::<command::Resend>(to),
        "site.report" => defined::<wire::Nothing>(to),
        _ => panic!("{name} has no schema"),
    }
}
