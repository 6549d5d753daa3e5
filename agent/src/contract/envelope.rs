//! The CloudEvents 1.0 envelope, structured JSON.

use crate::domain::event::Kind;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::value::RawValue;
use uuid::Uuid;

/// A stored event with what publishing adds: `head` and `historical`.
#[derive(Debug)]
pub struct Envelope<'a> {
    pub site: &'a str,
    pub id: Uuid,
    pub kind: Kind,
    /// What the event is about: `orders/{id}`, where it is about an order.
    pub subject: Option<&'a str>,
    pub time: Timestamp,
    pub epoch: Uuid,
    pub sequence: u64,
    pub head: u64,
    pub clock: &'a str,
    pub station: Option<&'a str>,
    /// Who was signed in there: a pseudonym.
    pub operator: Option<&'a str>,
    pub historical: bool,
    /// As stored: a JSON object.
    pub data: &'a str,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(in crate::contract) struct Wire<'a> {
    specversion: &'a str,
    /// UUIDv7, minted in the transaction of the scan: the same however often the event is sent.
    id: Uuid,
    /// `/sites/` and the site's id. Duplicates have the same `source` and `id`.
    source: String,
    r#type: String,
    /// What it is about: `orders/{id}` or `returns/{id}`.
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<&'a str>,
    /// When it happened, by the site's clock: see `clock`. Order and duplicates never depend on it.
    #[cfg_attr(test, schemars(with = "Timestamp"))]
    time: String,
    datacontenttype: &'a str,
    /// Names the `data` of this schema.
    dataschema: String,
    /// Names one life of the site's database.
    epoch: Uuid,
    /// The event's place in its epoch: from 1, without gaps.
    sequence: u64,
    /// The epoch's newest sequence when this was sent.
    head: u64,
    /// `synced`; `unsynced` where the site had not learned the time: `time` is then only a label; `corrected` where it
    /// has learned it since, and `time` is set right: `site.clock_corrected` tells by how much.
    clock: &'a str,
    /// Where it happened.
    #[serde(skip_serializing_if = "Option::is_none")]
    station: Option<&'a str>,
    /// The id on the badge of whoever was signed in there.
    #[serde(skip_serializing_if = "Option::is_none")]
    operator: Option<&'a str>,
    /// Sent long after it happened: state follows it, no live alarm does.
    historical: bool,
    data: &'a RawValue,
}

impl Envelope<'_> {
    /// The message as published.
    ///
    /// # Errors
    /// The stored data is not JSON: the row is damaged.
    pub fn render(&self) -> Result<String, serde_json::Error> {
        let word = self.kind.word();
        serde_json::to_string(&Wire {
            specversion: "1.0",
            id: self.id,
            source: source(self.site),
            r#type: format!("parceld.{word}.{}", super::VERSION),
            subject: self.subject,
            time: format!("{:.3}", self.time),
            datacontenttype: "application/json",
            dataschema: format!("urn:parceld:{}:{word}", super::VERSION),
            epoch: self.epoch,
            sequence: self.sequence,
            head: self.head,
            clock: self.clock,
            station: self.station,
            operator: self.operator,
            historical: self.historical,
            data: serde_json::from_str(self.data)?,
        })
    }
}

/// The CloudEvents source of a site.
#[must_use]
pub fn source(site: &str) -> String {
    format!("/sites/{site}")
}
