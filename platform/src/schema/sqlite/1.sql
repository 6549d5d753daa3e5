CREATE TABLE sites (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    duplicates INTEGER NOT NULL DEFAULT 0,
    dropped INTEGER NOT NULL DEFAULT 0,
    agent TEXT
) STRICT;

-- `began` counts the epochs whose first event was applied, in that order: the newest has the highest.
CREATE TABLE epochs (
    id INTEGER PRIMARY KEY,
    site INTEGER NOT NULL REFERENCES sites,
    epoch BLOB NOT NULL,
    applied INTEGER NOT NULL DEFAULT 0,
    began INTEGER,
    UNIQUE (site, epoch)
) STRICT;

CREATE TABLE events (
    epoch INTEGER NOT NULL,
    sequence INTEGER NOT NULL,
    site INTEGER NOT NULL,
    id BLOB NOT NULL,
    payload TEXT NOT NULL,
    PRIMARY KEY (epoch, sequence)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX events_id ON events (site, id);

-- Places of a newer epoch whose event had been applied under an older one.
CREATE TABLE repeats (
    epoch INTEGER NOT NULL,
    sequence INTEGER NOT NULL,
    id BLOB NOT NULL,
    PRIMARY KEY (epoch, sequence),
    UNIQUE (epoch, id)
) STRICT, WITHOUT ROWID;

-- Events beyond a gap.
CREATE TABLE aside (
    epoch INTEGER NOT NULL,
    sequence INTEGER NOT NULL,
    id BLOB NOT NULL,
    payload TEXT NOT NULL,
    PRIMARY KEY (epoch, sequence)
) STRICT, WITHOUT ROWID;

CREATE TABLE conflicts (
    id INTEGER PRIMARY KEY,
    site INTEGER NOT NULL,
    kind TEXT NOT NULL,
    epoch TEXT NOT NULL,
    sequence INTEGER NOT NULL,
    event TEXT NOT NULL,
    detail TEXT NOT NULL,
    seen TEXT NOT NULL,
    UNIQUE (site, kind, epoch, sequence, event)
) STRICT;

-- Messages that could not be read, with the reason.
CREATE TABLE quarantine (
    id INTEGER PRIMARY KEY,
    topic TEXT NOT NULL,
    reason TEXT NOT NULL,
    payload BLOB NOT NULL,
    seen TEXT NOT NULL
) STRICT;

CREATE TABLE commands (
    id INTEGER PRIMARY KEY,
    site INTEGER NOT NULL REFERENCES sites,
    command TEXT NOT NULL UNIQUE,
    kind TEXT NOT NULL,
    order_id TEXT,
    revision INTEGER,
    payload TEXT NOT NULL,
    created TEXT NOT NULL,
    status TEXT,
    reason TEXT,
    detail TEXT,
    answered TEXT
) STRICT;
CREATE INDEX commands_of_site ON commands (site, status);

CREATE TABLE replies (
    id INTEGER PRIMARY KEY,
    site INTEGER NOT NULL,
    payload TEXT NOT NULL
) STRICT;

-- `terms` is the data of the newest order.put, or of the event that told of it.
CREATE TABLE orders (
    site INTEGER NOT NULL,
    id TEXT NOT NULL,
    number TEXT NOT NULL,
    revision INTEGER NOT NULL,
    state TEXT NOT NULL,
    packed INTEGER NOT NULL DEFAULT 0,
    parcels INTEGER,
    terms TEXT NOT NULL,
    updated TEXT NOT NULL,
    PRIMARY KEY (site, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE lines (
    site INTEGER NOT NULL,
    order_id TEXT NOT NULL,
    line TEXT NOT NULL,
    position INTEGER NOT NULL,
    sku TEXT NOT NULL,
    name TEXT NOT NULL,
    wanted INTEGER NOT NULL,
    picked INTEGER NOT NULL DEFAULT 0,
    packed INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (site, order_id, line)
) STRICT, WITHOUT ROWID;

CREATE TABLE parcels (
    site INTEGER NOT NULL,
    order_id TEXT NOT NULL,
    n INTEGER NOT NULL,
    number TEXT NOT NULL,
    sscc TEXT NOT NULL,
    state TEXT NOT NULL,
    carrier TEXT,
    manifest TEXT,
    contents TEXT NOT NULL,
    updated TEXT NOT NULL,
    PRIMARY KEY (site, order_id, n)
) STRICT, WITHOUT ROWID;

-- The first parcel that each SSCC was given to, of any site and for ever.
CREATE TABLE ssccs (
    sscc TEXT PRIMARY KEY,
    site INTEGER NOT NULL,
    order_id TEXT NOT NULL,
    n INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE dispatches (
    site INTEGER NOT NULL,
    key TEXT NOT NULL,
    order_id TEXT NOT NULL,
    number TEXT NOT NULL,
    parcel INTEGER NOT NULL,
    sscc TEXT NOT NULL,
    state TEXT NOT NULL,
    reason TEXT,
    requested TEXT NOT NULL,
    data TEXT NOT NULL,
    PRIMARY KEY (site, key)
) STRICT, WITHOUT ROWID;

CREATE TABLE notifications (
    site INTEGER NOT NULL,
    key TEXT NOT NULL,
    milestone TEXT NOT NULL,
    rank INTEGER NOT NULL,
    order_id TEXT NOT NULL,
    number TEXT NOT NULL,
    parcel INTEGER,
    replaces TEXT,
    state TEXT NOT NULL,
    expires_ms INTEGER NOT NULL,
    requested TEXT NOT NULL,
    data TEXT NOT NULL,
    PRIMARY KEY (site, key)
) STRICT, WITHOUT ROWID;

CREATE TABLE stock (
    site INTEGER NOT NULL,
    sku TEXT NOT NULL,
    on_hand INTEGER NOT NULL,
    reserved INTEGER NOT NULL,
    available INTEGER NOT NULL,
    PRIMARY KEY (site, sku)
) STRICT, WITHOUT ROWID;

CREATE TABLE products (
    site INTEGER NOT NULL,
    sku TEXT NOT NULL,
    data TEXT NOT NULL,
    PRIMARY KEY (site, sku)
) STRICT, WITHOUT ROWID;

CREATE TABLE refused (
    site INTEGER NOT NULL,
    epoch INTEGER NOT NULL,
    sequence INTEGER NOT NULL,
    time TEXT NOT NULL,
    data TEXT NOT NULL,
    PRIMARY KEY (site, epoch, sequence)
) STRICT, WITHOUT ROWID;

CREATE TABLE scanners (
    site INTEGER NOT NULL,
    scanner TEXT NOT NULL,
    state TEXT NOT NULL,
    reason TEXT,
    since TEXT NOT NULL,
    PRIMARY KEY (site, scanner)
) STRICT, WITHOUT ROWID;
