-- Who was signed in at the station.
ALTER TABLE events ADD COLUMN operator TEXT;

-- What orders are put in order by, beside their promise.
ALTER TABLE progress ADD COLUMN carrier TEXT;
ALTER TABLE progress ADD COLUMN expedited INTEGER NOT NULL DEFAULT 0;
UPDATE progress SET carrier = (SELECT terms ->> 'carrier' FROM orders WHERE orders.key = progress.key);

-- Carriers' numbers that a parcel has or had.
CREATE TABLE labels (
    code      TEXT PRIMARY KEY,
    order_key INTEGER NOT NULL,
    n         INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX labels_order ON labels (order_key);

CREATE TABLE totes (
    id        TEXT PRIMARY KEY,
    order_key INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Every serial number that is in a parcel, here or gone.
CREATE TABLE serials (
    key    INTEGER PRIMARY KEY,
    sku    TEXT NOT NULL,
    serial TEXT NOT NULL,
    UNIQUE (sku, serial)
) STRICT;

CREATE TABLE returns (
    id       TEXT PRIMARY KEY,
    order_id TEXT,
    state    INTEGER NOT NULL,
    closed_s INTEGER, -- uptime_s at which it was completed
    terms    TEXT NOT NULL,
    found    TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX returns_order ON returns (order_id, state);
