//! A station's context as a row.

use super::{Damaged, ValuesRow};
use crate::domain::code::Condition;
use crate::domain::name::{LineId, OrderId, StationId};
use crate::domain::returns::Returned;
use crate::domain::station::{Counted, Mode, Pending, Station, Step, Tally, Unit, Work};
use serde::{Deserialize, Serialize};
use std::ops::Not;

#[derive(Serialize, Deserialize)]
struct StationRow {
    mode: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    order: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    manifest: Option<String>,
    #[serde(default, skip_serializing_if = "Not::not")]
    hand_over_asked: bool,
    /// Any work but an order or a manifest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    work: Option<WorkRow>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pending: Option<PendingRow>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    bin: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    put_down: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    last: Option<CountedRow>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sealed: Option<(String, u32)>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    operator: Option<String>,
    #[serde(default, skip_serializing_if = "is_zero")]
    active_s: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum WorkRow {
    Round(Vec<(String, String)>),
    Collect(String),
    Return(String),
    PutBack(String),
    Tally(Vec<TallyRow>),
}

#[derive(Serialize, Deserialize)]
struct TallyRow {
    sku: String,
    name: String,
    units: u32,
    expected: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    bin: Option<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum PendingRow {
    Tote(String),
    Take,
    Unit(UnitRow),
    Short { of: Option<(String, String)>, found: Option<u32> },
    Remove(Option<(String, String)>),
    Condition(ReturnedRow),
    Place(String, u32),
    Found(String, u32),
}

#[derive(Serialize, Deserialize)]
struct UnitRow {
    order: String,
    line: String,
    code: String,
    units: u32,
    values: ValuesRow,
    by_hand: bool,
    tote: Option<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum CountedRow {
    /// Order, line, units, step, closed.
    Units(String, String, u32, u8, bool),
    Sealed(String, u32),
    /// Order, line, units, delta, closed, and the order's revision; 0 where that was not kept.
    Short(String, String, u32, i64, bool, #[serde(default)] u32),
    Removed(String, String),
    Loaded(String, u32),
    Inspected(String, FoundRow),
    Tallied(String, u32),
}

/// An item of a return and its condition.
#[derive(Serialize, Deserialize)]
pub struct FoundRow(ReturnedRow, String);

#[derive(Serialize, Deserialize)]
struct ReturnedRow {
    sku: Option<String>,
    name: String,
    code: String,
    values: ValuesRow,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

const STEPS: [Step; 3] = [Step::Pick, Step::Pack, Step::Both];

pub fn station(station: &Station) -> Result<String, serde_json::Error> {
    let (order, manifest, hand_over_asked) = match &station.work {
        Work::Order(order) => (Some(order.to_string()), None, false),
        Work::Manifest { id, hand_over_asked } => (None, Some(id.to_string()), *hand_over_asked),
        _ => (None, None, false),
    };
    serde_json::to_string(&StationRow {
        mode: station.mode.word().into(),
        order,
        manifest,
        hand_over_asked,
        work: WorkRow::of(&station.work),
        pending: station.pending.as_ref().map(PendingRow::of),
        bin: station.bin.as_deref().map(str::to_owned),
        put_down: station.put_down.as_deref().map(str::to_owned),
        last: station.last.as_ref().map(CountedRow::of),
        sealed: station.sealed.as_ref().map(|(order, parcel)| (order.to_string(), *parcel)),
        operator: station.operator.as_deref().map(str::to_owned),
        active_s: station.active_s,
    })
}

pub fn read_station(id: StationId, text: &str) -> Result<Station, Damaged> {
    let damaged = |why: String| Damaged { table: "slate", why };
    let row: StationRow = serde_json::from_str(text).map_err(|error| damaged(error.to_string()))?;
    let mode = Mode::named(&row.mode).ok_or_else(|| damaged(format!("mode {}", row.mode)))?;
    let work = match (row.order, row.manifest, row.work) {
        (Some(order), ..) => Work::Order(order.as_str().into()),
        (None, Some(id), _) => Work::Manifest { id: id.as_str().into(), hand_over_asked: row.hand_over_asked },
        (None, None, Some(work)) => work.into_domain(),
        (None, None, None) => Work::Idle,
    };
    let last = row.last.map(|last| last.into_domain().ok_or_else(|| damaged("what was counted last".into())));
    Ok(Station {
        id,
        mode,
        work,
        pending: row.pending.map(PendingRow::into_domain),
        bin: row.bin.map(|bin| bin.as_str().into()),
        put_down: row.put_down.map(|id| id.as_str().into()),
        last: last.transpose()?,
        sealed: row.sealed.map(|(order, parcel)| (order.as_str().into(), parcel)),
        operator: row.operator.map(|id| id.as_str().into()),
        active_s: row.active_s,
    })
}

impl WorkRow {
    fn of(work: &Work) -> Option<Self> {
        match work {
            Work::Idle | Work::Order(_) | Work::Manifest { .. } => None,
            Work::Round(totes) => {
                Some(Self::Round(totes.iter().map(|(tote, order)| (tote.to_string(), order.to_string())).collect()))
            }
            Work::Collect(order) => Some(Self::Collect(order.to_string())),
            Work::Return(id) => Some(Self::Return(id.to_string())),
            Work::PutBack(order) => Some(Self::PutBack(order.to_string())),
            Work::Tally(lines) => Some(Self::Tally(lines.iter().map(TallyRow::of).collect())),
        }
    }

    fn into_domain(self) -> Work {
        match self {
            Self::Round(totes) => {
                Work::Round(totes.iter().map(|(tote, order)| (tote.as_str().into(), order.as_str().into())).collect())
            }
            Self::Collect(order) => Work::Collect(order.as_str().into()),
            Self::Return(id) => Work::Return(id.as_str().into()),
            Self::PutBack(order) => Work::PutBack(order.as_str().into()),
            Self::Tally(lines) => Work::Tally(lines.into_iter().map(TallyRow::into_domain).collect()),
        }
    }
}

impl TallyRow {
    fn of(line: &Tally) -> Self {
        Self {
            sku: line.sku.to_string(),
            name: line.name.as_ref().to_owned(),
            units: line.units,
            expected: line.expected,
            bin: line.bin.as_deref().map(str::to_owned),
        }
    }

    fn into_domain(self) -> Tally {
        Tally {
            sku: self.sku.as_str().into(),
            name: self.name.into(),
            units: self.units,
            expected: self.expected,
            bin: self.bin.map(|bin| bin.as_str().into()),
        }
    }
}

fn place_row(of: &Option<(OrderId, LineId)>) -> Option<(String, String)> {
    of.as_ref().map(|(order, line)| (order.to_string(), line.to_string()))
}

fn read_place(of: Option<(String, String)>) -> Option<(OrderId, LineId)> {
    of.map(|(order, line)| (order.as_str().into(), line.as_str().into()))
}

impl PendingRow {
    fn of(pending: &Pending) -> Self {
        match pending {
            Pending::Tote(tote) => Self::Tote(tote.to_string()),
            Pending::Take => Self::Take,
            Pending::Unit(unit) => Self::Unit(UnitRow {
                order: unit.order.to_string(),
                line: unit.line.to_string(),
                code: unit.code.to_string(),
                units: unit.units,
                values: (&unit.values).into(),
                by_hand: unit.by_hand,
                tote: unit.tote.as_deref().map(str::to_owned),
            }),
            Pending::Short { of, found } => Self::Short { of: place_row(of), found: *found },
            Pending::Remove(of) => Self::Remove(place_row(of)),
            Pending::Condition(item) => Self::Condition(ReturnedRow::of(item)),
            Pending::Place { order, parcel } => Self::Place(order.to_string(), *parcel),
            Pending::Found { order, parcel } => Self::Found(order.to_string(), *parcel),
        }
    }

    fn into_domain(self) -> Pending {
        match self {
            Self::Tote(tote) => Pending::Tote(tote.as_str().into()),
            Self::Take => Pending::Take,
            Self::Unit(row) => Pending::Unit(Unit {
                order: row.order.as_str().into(),
                line: row.line.as_str().into(),
                code: row.code.as_str().into(),
                units: row.units,
                values: row.values.into(),
                by_hand: row.by_hand,
                tote: row.tote.map(|tote| tote.as_str().into()),
            }),
            Self::Short { of, found } => Pending::Short { of: read_place(of), found },
            Self::Remove(of) => Pending::Remove(read_place(of)),
            Self::Condition(item) => Pending::Condition(item.into_domain()),
            Self::Place(order, parcel) => Pending::Place { order: order.as_str().into(), parcel },
            Self::Found(order, parcel) => Pending::Found { order: order.as_str().into(), parcel },
        }
    }
}

impl CountedRow {
    fn of(last: &Counted) -> Self {
        match last {
            Counted::Units { order, line, units, step, closed } => {
                Self::Units(order.to_string(), line.to_string(), *units, *step as u8, *closed)
            }
            Counted::Sealed { order, parcel } => Self::Sealed(order.to_string(), *parcel),
            Counted::Short { order, line, units, delta, closed, revision } => {
                Self::Short(order.to_string(), line.to_string(), *units, *delta, *closed, *revision)
            }
            Counted::Removed { order, sku } => Self::Removed(order.to_string(), sku.to_string()),
            Counted::Loaded { order, parcel } => Self::Loaded(order.to_string(), *parcel),
            Counted::Inspected { id, item, condition } => {
                Self::Inspected(id.to_string(), FoundRow::new(item, *condition))
            }
            Counted::Tallied { sku, units } => Self::Tallied(sku.to_string(), *units),
        }
    }

    fn into_domain(self) -> Option<Counted> {
        Some(match self {
            Self::Units(order, line, units, step, closed) => Counted::Units {
                order: order.as_str().into(),
                line: line.as_str().into(),
                units,
                step: *STEPS.get(usize::from(step))?,
                closed,
            },
            Self::Sealed(order, parcel) => Counted::Sealed { order: order.as_str().into(), parcel },
            Self::Short(order, line, units, delta, closed, revision) => Counted::Short {
                order: order.as_str().into(),
                line: line.as_str().into(),
                units,
                delta,
                closed,
                revision,
            },
            Self::Removed(order, sku) => Counted::Removed { order: order.as_str().into(), sku: sku.as_str().into() },
            Self::Loaded(order, parcel) => Counted::Loaded { order: order.as_str().into(), parcel },
            Self::Inspected(id, found) => {
                let (item, condition) = found.into_domain()?;
                Counted::Inspected { id: id.as_str().into(), item, condition }
            }
            Self::Tallied(sku, units) => Counted::Tallied { sku: sku.as_str().into(), units },
        })
    }
}

impl FoundRow {
    pub fn new(item: &Returned, condition: Condition) -> Self {
        Self(ReturnedRow::of(item), condition.word().into())
    }

    pub fn into_domain(self) -> Option<(Returned, Condition)> {
        let condition = Condition::WORDS.iter().find(|(_, known)| known.word() == self.1)?.1;
        Some((self.0.into_domain(), condition))
    }
}

impl ReturnedRow {
    fn of(item: &Returned) -> Self {
        Self {
            sku: item.sku.as_deref().map(str::to_owned),
            name: item.name.as_ref().to_owned(),
            code: item.code.to_string(),
            values: (&item.values).into(),
        }
    }

    fn into_domain(self) -> Returned {
        Returned {
            sku: self.sku.map(|sku| sku.as_str().into()),
            name: self.name.into(),
            code: self.code.as_str().into(),
            values: self.values.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::code::Values;

    #[test]
    fn whatever_a_station_does_survives_a_restart() {
        let item = Returned {
            sku: Some("sku-A".into()),
            name: "Mug".into(),
            code: "A".into(),
            values: Values { serial: Some("S1".into()), expiry: "2027-01-31".parse().ok(), ..Values::default() },
        };
        let idle = Station::idle("bench".into(), Mode::Pick);
        let place = || Some((OrderId::from("o-1"), LineId::from("1")));
        let works = [
            Work::Idle,
            Work::Order("o-1".into()),
            Work::Round(vec![("t1".into(), "o-1".into())]),
            Work::Manifest { id: "m".into(), hand_over_asked: true },
            Work::Collect("o-1".into()),
            Work::Return("r".into()),
            Work::PutBack("o-1".into()),
            Work::Tally(vec![Tally {
                sku: "A".into(),
                name: "A".into(),
                units: 3,
                expected: -1,
                bin: Some("B1".into()),
            }]),
        ];
        let unit = Unit { tote: Some("t1".into()), ..Unit::read("o-1".into(), "1".into(), "A".into()) };
        let pendings = [
            Pending::Tote("t1".into()),
            Pending::Take,
            Pending::Unit(unit),
            Pending::Short { of: place(), found: Some(2) },
            Pending::Short { of: None, found: None },
            Pending::Remove(None),
            Pending::Remove(place()),
            Pending::Condition(item.clone()),
            Pending::Place { order: "o-1".into(), parcel: 1 },
            Pending::Found { order: "o-1".into(), parcel: 1 },
        ];
        let counted = [
            Counted::Units { order: "o-1".into(), line: "1".into(), units: 2, step: Step::Both, closed: true },
            Counted::Sealed { order: "o-1".into(), parcel: 1 },
            Counted::Short { order: "o-1".into(), line: "1".into(), units: 2, delta: -3, closed: false, revision: 7 },
            Counted::Removed { order: "o-1".into(), sku: "A".into() },
            Counted::Loaded { order: "o-1".into(), parcel: 1 },
            Counted::Inspected { id: "r".into(), item, condition: Condition::Discard },
            Counted::Tallied { sku: "A".into(), units: 1 },
        ];
        let mut contexts = Vec::new();
        contexts.extend(works.into_iter().map(|work| Station { work, ..idle.clone() }));
        contexts.extend(pendings.into_iter().map(|pending| Station { pending: Some(pending), ..idle.clone() }));
        contexts.extend(counted.into_iter().map(|last| Station { last: Some(last), ..idle.clone() }));
        contexts.push(Station {
            bin: Some("B1".into()),
            put_down: Some("o-2".into()),
            sealed: Some(("o-3".into(), 2)),
            operator: Some("op-7".into()),
            active_s: 90,
            ..idle
        });
        for context in contexts {
            let row = station(&context).unwrap();
            assert_eq!(read_station("bench".into(), &row).unwrap(), context, "{row}");
        }
    }

    #[test]
    fn a_row_of_the_first_version_is_read() {
        let row = r#"{"mode":"pack","order":"o-1","put_down":"o-2"}"#;
        let context = read_station("bench".into(), row).unwrap();
        assert_eq!(context.work, Work::Order("o-1".into()));
        assert_eq!(context.put_down, Some("o-2".into()));
    }

    #[test]
    fn a_short_whose_order_s_revision_was_not_kept_is_read() {
        let row = r#"{"mode":"pack","last":{"short":["o-1","1",2,-3,false]}}"#;
        let last = read_station("bench".into(), row).unwrap().last;
        let short =
            Counted::Short { order: "o-1".into(), line: "1".into(), units: 2, delta: -3, closed: false, revision: 0 };
        assert_eq!(last, Some(short));
    }
}
