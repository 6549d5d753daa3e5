//! An order's picture in the file: read as a whole, and of what changed only the rows that did.

use super::picture::{Line, Order, Parcel, ParcelState, State, Units};
use crate::store::{Db, Error, Row, Value, params};

/// Reads one order, if it is known.
///
/// # Errors
/// The storage's.
pub fn read(db: &Db, site: i64, id: &str) -> Result<Option<Order>, Error> {
    let of_order: &[Value<'_>] = &params![site, id];
    let [order, lines, parcels] = db.all_rows([
        (
            "SELECT revision, state, held, expedited, tote, parcels, put_back FROM orders WHERE site = ?1 AND id = ?2",
            of_order,
        ),
        (
            "SELECT line, sku, name, wanted, picked, packed, short FROM lines
             WHERE site = ?1 AND order_id = ?2 ORDER BY position",
            of_order,
        ),
        (
            "SELECT n, state, sscc, carrier, manifest, tracking, place, weight_g, label, label_revision, void, contents
             FROM parcels WHERE site = ?1 AND order_id = ?2 ORDER BY n",
            of_order,
        ),
    ])?;
    let Some(row) = order.first() else { return Ok(None) };
    Ok(Some(Order {
        revision: row.get(0)?,
        state: State::named(row.text(1)?).ok_or(Error::Column(1))?,
        held: row.get(2)?,
        expedited: row.get(3)?,
        tote: row.get(4)?,
        parcels_total: row.get(5)?,
        lines: lines.iter().map(line).collect::<Result<_, _>>()?,
        parcels: parcels.iter().map(parcel).collect::<Result<_, _>>()?,
        put_back: units(row, 6)?,
    }))
}

fn line(row: &Row) -> Result<Line, Error> {
    Ok(Line {
        line: row.get(0)?,
        sku: row.get(1)?,
        name: row.get(2)?,
        wanted: row.get(3)?,
        picked: row.get(4)?,
        packed: row.get(5)?,
        short: row.get(6)?,
    })
}

fn parcel(row: &Row) -> Result<Parcel, Error> {
    Ok(Parcel {
        n: row.get(0)?,
        state: ParcelState::named(row.text(1)?).ok_or(Error::Column(1))?,
        sscc: row.get(2)?,
        carrier: row.get(3)?,
        manifest: row.get(4)?,
        tracking: row.get(5)?,
        place: row.get(6)?,
        weight_g: row.get(7)?,
        label: row.get(8)?,
        label_revision: row.get(9)?,
        void: row.get(10)?,
        contents: units(row, 11)?,
    })
}

/// Writes what `after` has and `before` had not.
///
/// # Errors
/// The storage's.
pub fn write(db: &Db, site: i64, id: &str, before: &Order, after: &Order, time: &str) -> Result<(), Error> {
    let Order { revision, state, held, expedited, tote, parcels_total, put_back, .. } = after;
    db.write(
        "UPDATE orders SET revision = ?3, state = ?4, held = ?5, expedited = ?6, tote = ?7, parcels = ?8, put_back = ?9,
             updated = ?10
         WHERE site = ?1 AND id = ?2",
        &params![site, id, revision, state.word(), held, expedited, tote, parcels_total, json(put_back)?, time],
    )?;
    write_lines(db, site, id, before, after)?;
    for parcel in &before.parcels {
        if after.parcels.iter().all(|kept| kept.n != parcel.n) {
            let delete = "DELETE FROM parcels WHERE site = ?1 AND order_id = ?2 AND n = ?3";
            db.write(delete, &params![site, id, parcel.n])?;
        }
    }
    for parcel in after.parcels.iter().filter(|parcel| !before.parcels.contains(parcel)) {
        write_parcel(db, site, id, parcel, time)?;
    }
    Ok(())
}

fn write_lines(db: &Db, site: i64, id: &str, before: &Order, after: &Order) -> Result<(), Error> {
    for line in &before.lines {
        if after.lines.iter().all(|kept| kept.line != line.line) {
            let delete = "DELETE FROM lines WHERE site = ?1 AND order_id = ?2 AND line = ?3";
            db.write(delete, &params![site, id, line.line])?;
        }
    }
    for (position, line) in after.lines.iter().enumerate() {
        if before.lines.get(position) == Some(line) {
            continue;
        }
        let Line { line, sku, name, wanted, picked, packed, short } = line;
        db.write(
            "INSERT INTO lines (site, order_id, line, position, sku, name, wanted, picked, packed, short)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)
             ON CONFLICT (site, order_id, line) DO UPDATE SET position = excluded.position, sku = excluded.sku,
                 name = excluded.name, wanted = excluded.wanted, picked = excluded.picked, packed = excluded.packed,
                 short = excluded.short",
            &params![site, id, line, position, sku, name, wanted, picked, packed, short],
        )?;
    }
    Ok(())
}

fn write_parcel(db: &Db, site: i64, id: &str, parcel: &Parcel, time: &str) -> Result<(), Error> {
    db.write(
        "INSERT INTO parcels (site, order_id, n, number, sscc, state, carrier, manifest, tracking, place, weight_g,
             label, label_revision, void, contents, updated)
         VALUES (?1, ?2, ?3, (SELECT number FROM orders WHERE site = ?1 AND id = ?2), ?4, ?5, ?6, ?7, ?8, ?9, ?10,
             ?11, ?12, ?13, ?14, ?15)
         ON CONFLICT (site, order_id, n) DO UPDATE SET number = excluded.number, sscc = excluded.sscc,
             state = excluded.state, carrier = excluded.carrier, manifest = excluded.manifest,
             tracking = excluded.tracking, place = excluded.place, weight_g = excluded.weight_g,
             label = excluded.label, label_revision = excluded.label_revision, void = excluded.void,
             contents = excluded.contents, updated = excluded.updated",
        &params![
            site,
            id,
            parcel.n,
            parcel.sscc,
            parcel.state.word(),
            parcel.carrier,
            parcel.manifest,
            parcel.tracking,
            parcel.place,
            parcel.weight_g,
            parcel.label,
            parcel.label_revision,
            parcel.void,
            json(&parcel.contents)?,
            time
        ],
    )?;
    Ok(())
}

fn units(row: &Row, column: usize) -> Result<Vec<Units>, Error> {
    Ok(serde_json::from_str(row.text(column)?)?)
}

fn json(units: &[Units]) -> Result<String, Error> {
    Ok(serde_json::to_string(units)?)
}
