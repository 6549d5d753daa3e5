-- `due_ms`: when the first of its unanswered commands is to be published, on the platform's own clock.
-- `promise` is the newest `state/promise`.
ALTER TABLE sites ADD COLUMN due_ms INTEGER;
ALTER TABLE sites ADD COLUMN promise TEXT;
UPDATE sites SET due_ms = 0 WHERE EXISTS (SELECT 1 FROM commands WHERE commands.site = sites.id AND status IS NULL);

-- `told` is what the newest receipt said, and `told_ms` when; -1: none was sent.
ALTER TABLE epochs ADD COLUMN told INTEGER NOT NULL DEFAULT -1;
ALTER TABLE epochs ADD COLUMN told_ms INTEGER NOT NULL DEFAULT 0;

ALTER TABLE commands ADD COLUMN due_ms INTEGER NOT NULL DEFAULT 0;
-- How often it was published since the agent last came online.
ALTER TABLE commands ADD COLUMN sent INTEGER NOT NULL DEFAULT 0;
CREATE INDEX commands_unanswered ON commands (site, id) WHERE status IS NULL;

ALTER TABLE events ADD COLUMN subject TEXT;
UPDATE events SET subject = payload ->> 'subject' WHERE length(payload ->> 'subject') <= 200;
CREATE INDEX events_subject ON events (site, subject) WHERE subject IS NOT NULL;

-- `held` until the site's `epoch` is applied up to `head`.
ALTER TABLE notifications ADD COLUMN epoch INTEGER;
ALTER TABLE notifications ADD COLUMN head INTEGER;
CREATE INDEX notifications_held ON notifications (epoch, head) WHERE state = 'held';

-- A notification on one channel. `claimed_by` sends it until `claimed_until_ms`.
CREATE TABLE letters (
    id INTEGER PRIMARY KEY,
    site INTEGER NOT NULL,
    key TEXT NOT NULL,
    channel TEXT NOT NULL,
    state TEXT NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    due_ms INTEGER NOT NULL,
    claimed_by TEXT,
    claimed_until_ms INTEGER,
    why TEXT,
    updated TEXT NOT NULL,
    UNIQUE (site, key, channel)
) STRICT;
CREATE INDEX letters_due ON letters (due_ms) WHERE state = 'to_send';
INSERT INTO letters (site, key, channel, state, due_ms, updated)
    SELECT DISTINCT site, notifications.key, channels.value, 'to_send', 0, requested
    FROM notifications, json_each(data, '$.channels') AS channels WHERE state = 'to_send' AND channels.type = 'text';

-- What was promised for an order, and whether it can be kept. `data` is the newest event's.
CREATE TABLE promises (
    site INTEGER NOT NULL,
    order_id TEXT NOT NULL,
    number TEXT NOT NULL,
    state TEXT NOT NULL,
    cause TEXT,
    broken INTEGER NOT NULL DEFAULT 0,
    late INTEGER NOT NULL DEFAULT 0,
    collection TEXT,
    promise TEXT,
    revised TEXT,
    data TEXT NOT NULL,
    updated TEXT NOT NULL,
    PRIMARY KEY (site, order_id)
) STRICT, WITHOUT ROWID;

-- Couriers that did not come in time.
CREATE TABLE late_couriers (
    site INTEGER NOT NULL,
    carrier TEXT NOT NULL,
    collection TEXT NOT NULL,
    since TEXT NOT NULL,
    data TEXT NOT NULL,
    PRIMARY KEY (site, carrier, collection)
) STRICT, WITHOUT ROWID;

CREATE TABLE days (
    site INTEGER NOT NULL,
    date TEXT NOT NULL,
    data TEXT NOT NULL,
    PRIMARY KEY (site, date)
) STRICT, WITHOUT ROWID;
