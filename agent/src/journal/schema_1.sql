-- The log. A place is given once and has no gaps; an epoch's sequence is its place less the epoch's base.
CREATE TABLE events (
    place    INTEGER PRIMARY KEY,
    id       BLOB NOT NULL,
    at       INTEGER NOT NULL, -- wall clock, microseconds
    uptime_s INTEGER NOT NULL, -- the site's time that passed while the agent ran: never steps
    synced   INTEGER NOT NULL,
    kind     TEXT NOT NULL,
    station  TEXT,
    subject  TEXT,
    data     TEXT NOT NULL
) STRICT;

CREATE TABLE epochs (
    id   BLOB PRIMARY KEY,
    base INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- What is rewritten all the time, on one page: cursors, serials, stations, scanners.
CREATE TABLE slate (
    name  TEXT PRIMARY KEY,
    value ANY NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE orders (
    key    INTEGER PRIMARY KEY,
    id     TEXT NOT NULL UNIQUE,
    number TEXT NOT NULL,
    terms  TEXT NOT NULL
) STRICT;
CREATE INDEX orders_number ON orders (number);

-- What scans change of an order, apart from what the platform asked for: small rows, few pages.
CREATE TABLE progress (
    key      INTEGER PRIMARY KEY,
    state    INTEGER NOT NULL,
    urgency  INTEGER NOT NULL, -- the promise's ship_by, microseconds
    closed_s INTEGER,          -- uptime_s at which it was closed
    body     TEXT NOT NULL
) STRICT;
CREATE INDEX progress_urgency ON progress (state, urgency);

CREATE TABLE tombstones (
    id       TEXT PRIMARY KEY,
    revision INTEGER NOT NULL,
    uptime_s INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE parcels (
    sscc     INTEGER PRIMARY KEY,
    order_key INTEGER NOT NULL,
    n        INTEGER NOT NULL,
    carrier  TEXT,
    state    INTEGER NOT NULL
) STRICT;
CREATE INDEX parcels_carrier ON parcels (carrier, state);
CREATE INDEX parcels_order ON parcels (order_key);

CREATE TABLE manifests (
    id      TEXT PRIMARY KEY,
    carrier TEXT NOT NULL,
    closed  INTEGER NOT NULL,
    body    TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX manifests_open ON manifests (closed, carrier);

CREATE TABLE products (
    sku  TEXT PRIMARY KEY,
    name TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE barcodes (
    code TEXT PRIMARY KEY,
    sku  TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX barcodes_sku ON barcodes (sku);

CREATE TABLE stock (
    sku      TEXT PRIMARY KEY,
    on_hand  INTEGER NOT NULL,
    reserved INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Replies, so that a repeated command gets the same one.
CREATE TABLE commands (
    id       TEXT PRIMARY KEY,
    uptime_s INTEGER NOT NULL,
    reply    TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE quarantine (
    key      INTEGER PRIMARY KEY,
    at       INTEGER NOT NULL,
    uptime_s INTEGER NOT NULL,
    reason   TEXT NOT NULL,
    why      TEXT NOT NULL,
    payload  BLOB NOT NULL
) STRICT;
