-- Times are unix milliseconds; addresses are sealed bytes with a keyed 64-bit hash beside them; money is đồng.
-- State, reason and channel numbers are those of src/delivery.rs and providers/src/lib.rs.

CREATE TABLE meta (
    key   TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
);

-- One import of a list. Restartable: `done_rows` of the file's rows are dealt with; of these, some were rejected, some
-- people were new (`added`), and some rows named somebody whom this file had named before (`repeated`).
CREATE TABLE import (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    source      TEXT   NOT NULL,
    file_hash   TEXT   NOT NULL,
    replaces    BOOLEAN NOT NULL,
    done_rows   INTEGER NOT NULL,
    rejected    INTEGER NOT NULL,
    added       INTEGER NOT NULL,
    repeated    INTEGER NOT NULL,
    started_at  INTEGER NOT NULL,
    finished_at INTEGER
);

CREATE TABLE recipient (
    id             INTEGER PRIMARY KEY AUTOINCREMENT CHECK (id BETWEEN 1 AND 4294967295),  -- 32 bits of a delivery's id
    ref            TEXT     NOT NULL UNIQUE,
    source         TEXT     NOT NULL,
    import         INTEGER   NOT NULL,
    state          INTEGER NOT NULL,               -- 0 active, 1 retired from its list, 2 erased
    name           TEXT,
    lang           TEXT,
    area           TEXT,                            -- a ward's five digits or a province's two
    born           TEXT,                            -- YYYY-MM-DD; a year alone is its first of July
    carrier        INTEGER NOT NULL,               -- carrier group of the phone; 0: not known
    attributes     TEXT     NOT NULL,               -- a JSON object of strings
    phone          BLOB,
    phone_hash     INTEGER,
    email          BLOB,
    email_hash     INTEGER,
    chat           BLOB,
    chat_hash      INTEGER,
    chat_service   INTEGER NOT NULL,               -- 0 none, 1 zalo, 2 telegram
    consent_basis  TEXT,
    consent_source TEXT,
    consent_at     INTEGER,
    updated_at     INTEGER   NOT NULL
);
CREATE INDEX recipient_phone ON recipient (phone_hash) WHERE phone_hash IS NOT NULL;
CREATE INDEX recipient_email ON recipient (email_hash) WHERE email_hash IS NOT NULL;
CREATE INDEX recipient_chat ON recipient (chat_hash) WHERE chat_hash IS NOT NULL;
CREATE INDEX recipient_source ON recipient (source, import);

CREATE TABLE membership (
    recipient INTEGER NOT NULL,
    grp       TEXT   NOT NULL,
    PRIMARY KEY (recipient, grp)
);

-- Who refuses what, by channel and address, so that a refusal outlives the list it came from.
CREATE TABLE opt_out (
    channel INTEGER NOT NULL,
    address INTEGER   NOT NULL,
    scope   INTEGER NOT NULL,                      -- 1 awareness, 2 all
    at      INTEGER   NOT NULL,
    PRIMARY KEY (channel, address)
);

-- Every refusal and every taking back, with its wording: the record behind `opt_out`.
CREATE TABLE consent_event (
    id      INTEGER PRIMARY KEY AUTOINCREMENT,
    channel INTEGER NOT NULL,
    address INTEGER   NOT NULL,
    action  INTEGER NOT NULL,                      -- 1 refused awareness, 2 refused all, 0 took it back
    at      INTEGER   NOT NULL,
    source  TEXT     NOT NULL,
    wording TEXT     NOT NULL
);

-- An immutable copy, by content hash, of what a run sends.
CREATE TABLE definition (
    hash       TEXT   NOT NULL PRIMARY KEY,
    campaign   TEXT   NOT NULL,
    body       TEXT   NOT NULL,                     -- the campaign's TOML
    segments   TEXT   NOT NULL,                     -- segments.toml
    created_at INTEGER NOT NULL
);
CREATE TABLE attachment (
    definition TEXT  NOT NULL,
    name       TEXT  NOT NULL,
    bytes      BLOB NOT NULL,
    PRIMARY KEY (definition, name)
);
CREATE TABLE approval (
    hash     TEXT   NOT NULL,
    campaign TEXT   NOT NULL,
    by_whom  TEXT   NOT NULL,
    at       INTEGER NOT NULL,
    PRIMARY KEY (hash, by_whom)
);

CREATE TABLE run (
    id          INTEGER PRIMARY KEY AUTOINCREMENT CHECK (id BETWEEN 1 AND 134217727),  -- 27 bits of a delivery's id
    campaign    TEXT     NOT NULL,
    occurrence  TEXT     NOT NULL,                  -- a local date for a cadence, an instant for cron and `loa send`
    origin      INTEGER NOT NULL,                  -- 0 schedule, 1 manual, 2 test
    kind        INTEGER NOT NULL,                  -- 0 awareness, 1 warning
    definition  TEXT     NOT NULL,
    date        TEXT     NOT NULL,                  -- the local day it is for: phases go by it
    turn        INTEGER  NOT NULL,                  -- scheduled runs of the campaign before it: the rotation goes by it
    message     TEXT     NOT NULL,                  -- the rotation's choice
    recipients  TEXT     NOT NULL,                  -- a JSON list of refs for a test; [] for the segments
    state       INTEGER NOT NULL,                  -- 0 fanning out, 1 sending, 2 settled, 3 aborted, 4 missed
    paused      BOOLEAN  NOT NULL,
    held        TEXT,                               -- why it stands still by itself
    due_at      INTEGER   NOT NULL,
    expires_at  INTEGER   NOT NULL,
    finish_at   INTEGER,
    fan_cursor  INTEGER   NOT NULL,                  -- the last recipient id that was fanned out
    fan_top     INTEGER   NOT NULL,                  -- the last one that will be
    budget      INTEGER,
    created_at  INTEGER   NOT NULL,
    settled_at  INTEGER,
    UNIQUE (campaign, occurrence)
);
CREATE INDEX run_active ON run (kind, id) WHERE settled_at IS NULL;
CREATE INDEX run_campaign ON run (campaign, origin);

CREATE TABLE account (
    id        INTEGER PRIMARY KEY AUTOINCREMENT,
    name      TEXT     NOT NULL UNIQUE,
    channel   INTEGER NOT NULL,
    receipts  BOOLEAN  NOT NULL,
    tat       INTEGER   NOT NULL,                    -- theoretical arrival time of the next slot, microseconds of the database's clock
    day       TEXT     NOT NULL,                    -- the local day that `used` counts
    used      INTEGER   NOT NULL,                    -- of the daily quota
    paused    TEXT,                                 -- why a person must act
    paused_at INTEGER
);

-- A process that sends. It owns what it claimed until it lapses.
CREATE TABLE epoch (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    node       TEXT    NOT NULL,
    started_at INTEGER  NOT NULL,
    lease_until INTEGER NOT NULL,
    ended      BOOLEAN NOT NULL
);

-- id = run << 36 | recipient << 4 | channel. The widest columns first: no padding.
CREATE TABLE delivery (
    id         INTEGER   NOT NULL PRIMARY KEY,
    run        INTEGER   NOT NULL,
    address    INTEGER,                              -- keyed hash; null where it may not be used (shared, missing)
    segments   INTEGER   NOT NULL,                   -- bit i: the run's i-th segment
    owner      INTEGER   NOT NULL,                   -- epoch; 0: nobody
    account    INTEGER   NOT NULL,                   -- 0: not chosen; set while pending: only this one may repeat the attempt
    price      INTEGER   NOT NULL,                   -- đồng, of all attempts that are or may be billed
    next_at    INTEGER,                              -- pending: not before; in doubt: settle at; accepted: silent from
    updated_at INTEGER   NOT NULL,
    route      INTEGER NOT NULL,                   -- channel << 4 | carrier group
    message    INTEGER NOT NULL,                   -- index in the definition
    state      INTEGER NOT NULL,
    reason     INTEGER NOT NULL,
    attempt    INTEGER NOT NULL,                   -- the present or the next one, from 1
    tries      INTEGER NOT NULL,                   -- of the message; account failures do not count
    doubts     INTEGER  NOT NULL,                  -- how often it was in doubt: what was once never ends as rejected, lapsed or cancelled
    parts      INTEGER NOT NULL,
    area       TEXT
);
CREATE INDEX delivery_pending ON delivery (run, route, next_at) WHERE state = 0;
CREATE INDEX delivery_owned ON delivery (owner) WHERE state = 1;
CREATE INDEX delivery_doubt ON delivery (next_at) WHERE state = 2;
CREATE INDEX delivery_silent ON delivery (run, next_at) WHERE state IN (3, 4) AND next_at IS NOT NULL;
CREATE UNIQUE INDEX delivery_address ON delivery (run, address) WHERE address IS NOT NULL;

-- Written for every attempt of a delivery that has more than one.
CREATE TABLE attempt (
    delivery INTEGER   NOT NULL,
    attempt  INTEGER NOT NULL,
    account  INTEGER   NOT NULL,
    state    INTEGER NOT NULL,
    reason   INTEGER NOT NULL,
    parts    INTEGER NOT NULL,
    price    INTEGER   NOT NULL,
    at       INTEGER   NOT NULL,
    PRIMARY KEY (delivery, attempt)
);

-- What the gateway said in its own words, where a delivery failed.
CREATE TABLE remark (
    delivery INTEGER NOT NULL PRIMARY KEY,
    detail   TEXT   NOT NULL,
    at       INTEGER NOT NULL
);

-- A gateway's id for an attempt, or for one part of it.
CREATE TABLE handle (
    account  INTEGER   NOT NULL,
    id       TEXT     NOT NULL,
    delivery INTEGER   NOT NULL,
    attempt  INTEGER NOT NULL,
    part     INTEGER NOT NULL,
    parts    INTEGER NOT NULL,
    state    INTEGER NOT NULL,
    reason   INTEGER NOT NULL,
    at       INTEGER   NOT NULL,
    PRIMARY KEY (account, id)
);
CREATE INDEX handle_delivery ON handle (delivery);

CREATE TABLE receipt (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    account     INTEGER   NOT NULL,
    reference   TEXT,                               -- ours, if echoed
    handle      TEXT,                               -- the gateway's
    state       INTEGER NOT NULL,
    reason      INTEGER NOT NULL,
    detail      TEXT     NOT NULL,
    received_at INTEGER   NOT NULL,
    status      INTEGER NOT NULL                   -- 0 to match, 1 applied, 2 forged or for nothing of ours, 3 given up after 72 h
);
CREATE INDEX receipt_open ON receipt (id) WHERE status = 0;
CREATE INDEX receipt_handle ON receipt (account, handle) WHERE status = 0 AND handle IS NOT NULL;

-- At most one a person and run, whatever the channels: what caps and spacing count.
CREATE TABLE contact (
    recipient INTEGER NOT NULL,
    run       INTEGER NOT NULL,
    at        INTEGER NOT NULL,
    PRIMARY KEY (recipient, run)
);

CREATE TABLE tally (
    run     INTEGER   NOT NULL,
    channel INTEGER NOT NULL,
    account INTEGER   NOT NULL,
    state   INTEGER NOT NULL,
    node    INTEGER   NOT NULL,
    n       INTEGER   NOT NULL,
    parts   INTEGER   NOT NULL,
    price   INTEGER   NOT NULL,
    PRIMARY KEY (run, channel, account, state, node)
);
