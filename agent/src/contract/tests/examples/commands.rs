//! Commands, as a platform sends them.

use super::first::{EPOCH, at};
use crate::contract::command::{Status, reply};
use crate::contract::report::{OpenManifest, SiteReport, StationReport};

/// A command of every kind, as a platform sends it.
pub const COMMANDS: [(&str, &str); 15] = [
    (
        "order.put",
        r#"{"specversion":"1.0","id":"cmd-1","source":"/platform","type":"parceld.order.put.v1","time":"2026-11-22T13:00:00Z","datacontenttype":"application/json","data":{"id":"o-10042","number":"10042","revision":1,"lines":[{"line":"1","sku":"MUG-BLUE","name":"Mug, blue","quantity":2,"barcodes":["7350053850019"]},{"line":"2","sku":"TEA-100","name":"Tee, grün — 100 g","quantity":1,"barcodes":["TEA-100"]}],"delivery":"carrier","carrier":"dhl","service":"express","promise":{"ship_by":"2026-11-22T15:30:00Z","deliver_from":"2026-11-23T08:00:00Z","deliver_by":"2026-11-23T20:00:00Z"},"notify":{"customer":"c-77","channels":["email","sms"],"language":"sv"},"on_short":"ship_rest"}}"#,
    ),
    (
        "order.put-known",
        r#"{"specversion":"1.0","id":"cmd-2","source":"/platform","type":"parceld.order.put.v1","data":{"id":"o-10042","number":"10042","revision":1,"lines":[{"line":"1","sku":"MUG-BLUE","name":"Mug, blue","quantity":2}],"delivery":"carrier","carrier":"dhl","known":{"lines":[{"line":"1","picked":2,"packed":2}],"parcels":[{"parcel":1,"sscc":"073500530000000018","handed_over":true,"contents":[{"line":"1","quantity":2}]}],"packed":true}}}"#,
    ),
    (
        "order.put-pickup",
        r#"{"specversion":"1.0","id":"cmd-3","source":"/platform","type":"parceld.order.put.v1","data":{"id":"o-10043","number":"10043","revision":1,"lines":[{"line":"1","sku":"MUG-BLUE","name":"Mug, blue","quantity":1}],"delivery":"pickup"}}"#,
    ),
    (
        "order.cancel",
        r#"{"specversion":"1.0","id":"cmd-4","source":"/platform","type":"parceld.order.cancel.v1","data":{"id":"o-10042","revision":1,"reason":"customer","notify":true}}"#,
    ),
    (
        "catalog.put",
        r#"{"specversion":"1.0","id":"cmd-5","source":"/platform","type":"parceld.catalog.put.v1","data":{"products":[{"sku":"MUG-BLUE","name":"Mug, blue","barcodes":["7350053850019"]}]}}"#,
    ),
    (
        "stock.set",
        r#"{"specversion":"1.0","id":"cmd-6","source":"/platform","type":"parceld.stock.set.v1","expirytime":"2026-11-23T13:00:00Z","data":{"items":[{"sku":"MUG-BLUE","quantity":12}],"as_of":{"epoch":"01935d00-0000-7000-8000-000000000001","sequence":1204}}}"#,
    ),
    (
        "events.resend",
        r#"{"specversion":"1.0","id":"cmd-7","source":"/platform","type":"parceld.events.resend.v1","data":{"epoch":"01935d00-0000-7000-8000-000000000001","from":1100}}"#,
    ),
    (
        "order.put-known-short",
        r#"{"specversion":"1.0","id":"cmd-8","source":"/platform","type":"parceld.order.put.v1","data":{"id":"o-10042","number":"10042","revision":1,"lines":[{"line":"1","sku":"MUG-BLUE","name":"Mug, blue","quantity":3}],"delivery":"carrier","carrier":"dhl","known":{"lines":[{"line":"1","picked":2,"packed":2,"short":1}],"parcels":[{"parcel":1,"sscc":"073500530000000018","handed_over":false,"contents":[{"line":"1","quantity":2}]}],"packed":true}}}"#,
    ),
    (
        "order.put-recorded",
        r#"{"specversion":"1.0","id":"cmd-9","source":"/platform","type":"parceld.order.put.v1","data":{"id":"o-10044","number":"10044","revision":1,"lines":[{"line":"1","sku":"DRILL-18V","name":"Drill, 18 V","quantity":1,"barcodes":["7350053850033"],"bin":"A-12.3","weight_g":1850,"capture":{"serial":true,"pattern":"SN-####*"}},{"line":"2","sku":"YEAST-50","name":"Yeast, 50 g","quantity":2,"weight_g":50,"capture":{"lot":true,"expiry":true}}],"delivery":"carrier","carrier":"dhl","on_short":"hold"}}"#,
    ),
    (
        "order.hold",
        r#"{"specversion":"1.0","id":"cmd-10","source":"/platform","type":"parceld.order.hold.v1","data":{"id":"o-10042","revision":1,"reason":"payment"}}"#,
    ),
    (
        "order.release",
        r#"{"specversion":"1.0","id":"cmd-11","source":"/platform","type":"parceld.order.release.v1","data":{"id":"o-10042","revision":1}}"#,
    ),
    (
        "order.expedite",
        r#"{"specversion":"1.0","id":"cmd-12","source":"/platform","type":"parceld.order.expedite.v1","data":{"id":"o-10042","revision":1}}"#,
    ),
    (
        "parcel.label",
        r#"{"specversion":"1.0","id":"cmd-13","source":"/platform","type":"parceld.parcel.label.v1","data":{"order":"o-10042","parcel":1,"tracking":"JD014600001234567890","revision":1,"zpl":"^XA^FO40,40^BY3^BCN,200,Y,N,N^FDJD014600001234567890^FS^XZ"}}"#,
    ),
    (
        "return.put",
        r#"{"specversion":"1.0","id":"cmd-14","source":"/platform","type":"parceld.return.put.v1","data":{"id":"r-501","order":{"id":"o-10042","number":"10042","revision":1},"lines":[{"sku":"MUG-BLUE","name":"Mug, blue","quantity":1,"barcodes":["7350053850019"]}],"resolution":"refund"}}"#,
    ),
    (
        "site.report",
        r#"{"specversion":"1.0","id":"cmd-15","source":"/platform","type":"parceld.site.report.v1","data":{}}"#,
    ),
];

/// The reply to `site.report`.
pub fn report_reply() -> String {
    let counts = |counts: &[(&str, u64)]| counts.iter().map(|(word, count)| ((*word).to_owned(), *count)).collect();
    let station = |id: &str, mode, work, open| StationReport { station: id.into(), mode, work, open };
    let report = SiteReport {
        version: "0.1.0".into(),
        epoch: EPOCH,
        head: 1_204,
        sent: 1_204,
        received: 1_190,
        orders: counts(&[("accepted", 3), ("held", 1), ("packing", 1)]),
        manifests: vec![OpenManifest { manifest: "dhl@2026-11-22T16:30#1".into(), carrier: "dhl".into(), loaded: 2 }],
        returns: counts(&[("authorized", 2)]),
        stations: vec![station("bay", "load", "manifest", 2), station("bench-1", "pack", "order", 1)],
    };
    let now = at("2026-11-22T14:03:11.482731Z");
    reply("sthlm-03", "cmd-15", "parceld.site.report.v1", Status::Accepted, None, Some(&report), now)
}
