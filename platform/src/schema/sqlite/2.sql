ALTER TABLE orders ADD COLUMN held INTEGER NOT NULL DEFAULT 0;
ALTER TABLE orders ADD COLUMN expedited INTEGER NOT NULL DEFAULT 0;
ALTER TABLE orders ADD COLUMN tote TEXT;
-- Picked goods that the order no longer wants: line, sku, name, quantity.
ALTER TABLE orders ADD COLUMN put_back TEXT NOT NULL DEFAULT '[]';
-- `parcels` says it: how many there are is known exactly while all of them are packed.
ALTER TABLE orders DROP COLUMN packed;

-- `wanted` is what the terms ask for, `short` what the site can't deliver of it.
ALTER TABLE lines ADD COLUMN short INTEGER NOT NULL DEFAULT 0;

-- An open parcel has no SSCC yet. `label`: the site has `requested` the carrier's, or it was `sent`.
-- `label_revision` is what the site has taken, `label_sent` the newest that was ever sent.
ALTER TABLE parcels RENAME TO parcels_1;
CREATE TABLE parcels (
    site INTEGER NOT NULL,
    order_id TEXT NOT NULL,
    n INTEGER NOT NULL,
    number TEXT NOT NULL,
    sscc TEXT,
    state TEXT NOT NULL,
    carrier TEXT,
    manifest TEXT,
    tracking TEXT,
    place TEXT,
    weight_g INTEGER,
    label TEXT,
    label_revision INTEGER NOT NULL DEFAULT 0,
    label_sent INTEGER NOT NULL DEFAULT 0,
    void INTEGER NOT NULL DEFAULT 0,
    contents TEXT NOT NULL,
    updated TEXT NOT NULL,
    PRIMARY KEY (site, order_id, n)
) STRICT, WITHOUT ROWID;
INSERT INTO parcels (site, order_id, n, number, sscc, state, carrier, manifest, contents, updated)
    SELECT site, order_id, n, number, sscc, state, carrier, manifest, contents, updated FROM parcels_1;
DROP TABLE parcels_1;
CREATE INDEX labels_requested ON parcels (site) WHERE label = 'requested';

-- `state` is `put` until the site has taken it. `terms` is what was announced, `found` what was in the box.
CREATE TABLE returns (
    site INTEGER NOT NULL,
    id TEXT NOT NULL,
    order_id TEXT,
    number TEXT,
    authorized INTEGER NOT NULL,
    state TEXT NOT NULL,
    terms TEXT NOT NULL DEFAULT '{}',
    found TEXT NOT NULL DEFAULT '[]',
    outstanding TEXT NOT NULL DEFAULT '[]',
    updated TEXT NOT NULL,
    PRIMARY KEY (site, id)
) STRICT, WITHOUT ROWID;

-- What is reserved changes with every order, and follows from them.
ALTER TABLE stock DROP COLUMN reserved;
ALTER TABLE stock DROP COLUMN available;
CREATE VIEW shelf AS
    SELECT site, sku, sum(on_hand) AS on_hand, sum(reserved) AS reserved FROM (
        SELECT site, sku, on_hand, 0 AS reserved FROM stock
        UNION ALL
        SELECT orders.site, sku, 0, max(wanted - short - picked, 0)
        FROM orders JOIN lines ON lines.site = orders.site AND order_id = id
        WHERE state NOT IN ('put', 'completed', 'cancelled')
    ) GROUP BY site, sku;

CREATE INDEX commands_of_order ON commands (site, order_id, kind);
-- Nothing reads a command after its reply.
UPDATE commands SET payload = '' WHERE status IS NOT NULL;
