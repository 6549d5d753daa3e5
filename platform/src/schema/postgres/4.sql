-- The same as SQLite's fourth version brings.
CREATE TABLE pages (
    token TEXT COLLATE "C" PRIMARY KEY,
    site BIGINT NOT NULL,
    order_id TEXT COLLATE "C" NOT NULL,
    UNIQUE (site, order_id)
);
INSERT INTO pages (token, site, order_id)
    SELECT substr(replace(CAST(gen_random_uuid() AS TEXT), '-', ''), 13), site, id FROM orders;

CREATE TABLE customers (
    reference TEXT COLLATE "C" PRIMARY KEY,
    data TEXT NOT NULL,
    updated TEXT NOT NULL
);

CREATE TABLE choices (
    site BIGINT NOT NULL,
    order_id TEXT COLLATE "C" NOT NULL,
    key TEXT NOT NULL,
    choice TEXT NOT NULL,
    at TEXT COLLATE "C" NOT NULL,
    revision BIGINT,
    PRIMARY KEY (site, order_id, at, choice)
);

CREATE TABLE feedback (
    site BIGINT NOT NULL,
    order_id TEXT COLLATE "C" NOT NULL,
    at TEXT COLLATE "C" NOT NULL,
    arrived TEXT NOT NULL,
    comment TEXT NOT NULL,
    PRIMARY KEY (site, order_id, at)
);

ALTER TABLE returns ADD COLUMN resolved TEXT;
CREATE INDEX returns_of_order ON returns (site, order_id);
CREATE INDEX notifications_of_order ON notifications (site, order_id);
CREATE INDEX dispatches_of_order ON dispatches (site, order_id);
CREATE INDEX orders_by_number ON orders (number);
CREATE INDEX orders_by_id ON orders (id);
