//! How the picture is told: one row of JSON for each thing of a site.

/// An order's fields, without its parcels.
macro_rules! order {
    () => {
        "json_object('id', id, 'number', number, 'revision', revision, 'state', state,
             'held', json(iif(held, 'true', 'false')), 'expedited', json(iif(expedited, 'true', 'false')),
             'tote', tote, 'packed', json(iif(parcels IS NULL, 'false', 'true')), 'parcels', parcels,
             'put_back', json(put_back), 'updated', updated,
             'lines', json((SELECT json_group_array(json_object('line', line, 'sku', sku, 'name', name,
                 'wanted', wanted, 'picked', picked, 'packed', packed, 'short', short) ORDER BY position)
                 FROM lines WHERE lines.site = orders.site AND order_id = orders.id)))"
    };
}

macro_rules! parcel {
    () => {
        "json_object('order', order_id, 'number', number, 'n', n, 'sscc', sscc, 'state', state,
             'carrier', carrier, 'manifest', manifest, 'tracking', tracking, 'place', place, 'weight_g', weight_g,
             'label', label, 'label_revision', label_revision, 'void', json(iif(void, 'true', 'false')),
             'updated', updated, 'contents', json(contents))"
    };
}

/// One order, `?2`, with the parcels themselves in place of their number.
pub const ORDER: &str = concat!(
    "SELECT json_set(",
    order!(),
    ", '$.parcels', json((SELECT json_group_array(json(row)) FROM (SELECT ",
    parcel!(),
    " AS row FROM parcels WHERE parcels.site = orders.site AND order_id = orders.id ORDER BY n))))
     FROM orders WHERE site = ?1 AND id = ?2"
);

/// What can be listed of a site. `?1` is the site, `?2` how many, `?3` now in milliseconds.
pub const LISTS: [(&str, &str); 10] = [
    ("orders", concat!("SELECT ", order!(), " FROM orders WHERE site = ?1 ORDER BY id LIMIT ?2")),
    ("parcels", concat!("SELECT ", parcel!(), " FROM parcels WHERE site = ?1 ORDER BY order_id, n LIMIT ?2")),
    (
        "dispatches",
        "SELECT json_object('key', key, 'order', order_id, 'number', number, 'parcel', parcel, 'sscc', sscc,
             'state', state, 'reason', reason, 'requested', requested, 'data', json(data))
         FROM dispatches WHERE site = ?1 ORDER BY requested, key LIMIT ?2",
    ),
    (
        "notifications",
        "SELECT json_object('key', key, 'milestone', milestone, 'rank', rank, 'order', order_id, 'number', number,
             'parcel', parcel, 'replaces', replaces,
             'state', iif(state = 'to_send' AND expires_ms <= ?3, 'expired', state),
             'requested', requested, 'data', json(data))
         FROM notifications WHERE site = ?1 ORDER BY requested, key LIMIT ?2",
    ),
    (
        "returns",
        "SELECT json_object('id', id, 'order', order_id, 'number', number,
             'authorized', json(iif(authorized, 'true', 'false')), 'state', state,
             'resolution', terms ->> 'resolution', 'lines', json(coalesce(terms -> 'lines', '[]')),
             'found', json(found), 'outstanding', json(outstanding), 'updated', updated)
         FROM returns WHERE site = ?1 ORDER BY id LIMIT ?2",
    ),
    (
        "stock",
        "SELECT json_object('sku', sku, 'on_hand', on_hand, 'reserved', reserved, 'available', on_hand - reserved)
         FROM shelf WHERE site = ?1 ORDER BY sku LIMIT ?2",
    ),
    (
        "refused",
        "SELECT json_patch(data, json_object('sequence', sequence, 'time', time))
         FROM refused WHERE site = ?1 ORDER BY epoch, sequence LIMIT ?2",
    ),
    (
        "scanners",
        "SELECT json_object('scanner', scanner, 'state', state, 'reason', reason, 'since', since)
         FROM scanners WHERE site = ?1 ORDER BY scanner LIMIT ?2",
    ),
    (
        "commands",
        "SELECT json_object('id', command, 'type', kind, 'order', order_id, 'revision', revision, 'created', created,
             'status', status, 'reason', reason, 'detail', detail, 'answered', answered)
         FROM commands WHERE site = ?1 ORDER BY id LIMIT ?2",
    ),
    ("replies", "SELECT payload FROM replies WHERE site = ?1 ORDER BY id LIMIT ?2"),
];
