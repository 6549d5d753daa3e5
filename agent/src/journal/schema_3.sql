-- How orders stand with what was promised.
CREATE TABLE promises (
    order_key INTEGER PRIMARY KEY,
    course    INTEGER NOT NULL,
    body      TEXT NOT NULL
) STRICT;
CREATE INDEX promises_course ON promises (course);

-- What was packed, in slots of ten minutes since 1970, and for how long work waited in each.
CREATE TABLE pace (
    slot   INTEGER PRIMARY KEY,
    units  INTEGER NOT NULL,
    work_s INTEGER NOT NULL
) STRICT;

-- Scheduled work that was done, so that it is done once.
CREATE TABLE duties (
    name     TEXT PRIMARY KEY,
    uptime_s INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
