-- What belongs to an order is found by an index in the order in which it is read: without that SQLite reads all of the
-- site's instead, which the key begins with too.
DROP INDEX notifications_of_order;
DROP INDEX dispatches_of_order;
DROP INDEX returns_of_order;
CREATE INDEX notifications_of_order ON notifications (site, order_id, requested, key);
CREATE INDEX dispatches_of_order ON dispatches (site, order_id, requested, key);
CREATE INDEX returns_of_order ON returns (site, order_id, updated, id);
CREATE INDEX dispatches_of_parcel ON dispatches (site, order_id, state, parcel);
