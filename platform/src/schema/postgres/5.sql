-- The same as SQLite's fifth version brings.
DROP INDEX notifications_of_order;
DROP INDEX dispatches_of_order;
DROP INDEX returns_of_order;
CREATE INDEX notifications_of_order ON notifications (site, order_id, requested, key);
CREATE INDEX dispatches_of_order ON dispatches (site, order_id, requested, key);
CREATE INDEX returns_of_order ON returns (site, order_id, updated, id);
CREATE INDEX dispatches_of_parcel ON dispatches (site, order_id, state, parcel);
