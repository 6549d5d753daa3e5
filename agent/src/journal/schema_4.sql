-- Which boot an event happened in, and how long that had lasted: what its time is reckoned from once the clock is known.
CREATE TABLE boots (
    key INTEGER PRIMARY KEY,
    id  TEXT NOT NULL UNIQUE
) STRICT;
ALTER TABLE events ADD COLUMN boot INTEGER;
ALTER TABLE events ADD COLUMN since_boot_us INTEGER;

-- By how much the times of places from `first` to `last` are to be shifted: those that were not synced.
CREATE TABLE corrections (
    last      INTEGER PRIMARY KEY,
    first     INTEGER NOT NULL,
    offset_ms INTEGER NOT NULL
) STRICT;
