-- The token of an order's page; who has it may see and choose.
CREATE TABLE pages (
    token TEXT PRIMARY KEY,
    site INTEGER NOT NULL,
    order_id TEXT NOT NULL,
    UNIQUE (site, order_id)
) STRICT, WITHOUT ROWID;
INSERT INTO pages (token, site, order_id) SELECT lower(hex(randomblob(10))), site, id FROM orders;

-- The address book. `data` names people: nothing of it goes to a site.
CREATE TABLE customers (
    reference TEXT PRIMARY KEY,
    data TEXT NOT NULL,
    updated TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- What customers chose at a delay; `key` is the notification that offered it, `revision` what the site was asked for.
CREATE TABLE choices (
    site INTEGER NOT NULL,
    order_id TEXT NOT NULL,
    key TEXT NOT NULL,
    choice TEXT NOT NULL,
    at TEXT NOT NULL,
    revision INTEGER,
    PRIMARY KEY (site, order_id, at, choice)
) STRICT, WITHOUT ROWID;

CREATE TABLE feedback (
    site INTEGER NOT NULL,
    order_id TEXT NOT NULL,
    at TEXT NOT NULL,
    arrived TEXT NOT NULL,
    comment TEXT NOT NULL,
    PRIMARY KEY (site, order_id, at)
) STRICT, WITHOUT ROWID;

-- What the shop decided about a return.
ALTER TABLE returns ADD COLUMN resolved TEXT;
CREATE INDEX returns_of_order ON returns (site, order_id);
CREATE INDEX notifications_of_order ON notifications (site, order_id);
CREATE INDEX dispatches_of_order ON dispatches (site, order_id);
CREATE INDEX orders_by_number ON orders (number);
CREATE INDEX orders_by_id ON orders (id);
