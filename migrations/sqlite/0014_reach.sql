-- Figures for managers: counted in the background and kept, closed for a period, and held against carriers' invoices.

-- How often a tally changed: what tells kept figures from rows that have moved on.
ALTER TABLE tally ADD COLUMN changes INTEGER NOT NULL DEFAULT 0;

-- The figures of one selection of runs, as they were counted over one snapshot; see src/report/kept.rs.
CREATE TABLE figure (
    scope          TEXT    NOT NULL PRIMARY KEY,      -- hash of the selection
    selection      TEXT    NOT NULL,                  -- JSON
    run            INTEGER,                            -- the run that it is of alone
    mark           TEXT    NOT NULL,                  -- what its runs were like when they were counted; '': not counted yet
    turns_at       INTEGER,                            -- when a mail becomes presumed to have arrived
    body           TEXT    NOT NULL,                  -- JSON
    counted_at     INTEGER  NOT NULL,
    took           INTEGER  NOT NULL,                  -- milliseconds
    asked_at       INTEGER  NOT NULL,                  -- when somebody last looked
    counting_until INTEGER  NOT NULL                   -- somebody counts it now
);
CREATE UNIQUE INDEX figure_run ON figure (run) WHERE run IS NOT NULL;
CREATE INDEX figure_asked ON figure (asked_at);

-- A period whose figures are final (chốt số liệu). Never changed: a correction is a later closing that says why.
CREATE TABLE closing (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    period     TEXT    NOT NULL,                      -- 2026-Q4
    day_from   TEXT    NOT NULL,
    day_to     TEXT    NOT NULL,
    department TEXT    NOT NULL,                      -- '': the whole office
    body       TEXT    NOT NULL,                      -- JSON, as it was counted
    hash       TEXT    NOT NULL,                      -- SHA-256 of all that is signed, the closing before it included
    counted_at INTEGER  NOT NULL,
    closed_at  INTEGER  NOT NULL,
    by_whom    TEXT    NOT NULL,
    supersedes INTEGER,
    reason     TEXT    NOT NULL                       -- why it corrects another; '': it is the first
);
CREATE UNIQUE INDEX closing_first ON closing (period, department) WHERE supersedes IS NULL;
CREATE UNIQUE INDEX closing_supersedes ON closing (supersedes) WHERE supersedes IS NOT NULL;

-- What was submitted, by account, route and the local day of its claim; changes with the rows.
CREATE TABLE billed (
    account INTEGER  NOT NULL,
    route   INTEGER NOT NULL,
    day     TEXT    NOT NULL,
    node    INTEGER  NOT NULL,
    n       INTEGER  NOT NULL,
    parts   INTEGER  NOT NULL,
    price   INTEGER  NOT NULL,
    PRIMARY KEY (account, route, day, node)
);
CREATE INDEX billed_day ON billed (day);
-- What was sent before days were counted: on the day of its run.
INSERT INTO billed (account, route, day, node, n, parts, price)
SELECT d.account, d.route, r.date, 0, count(*), sum(d.parts), sum(d.price)
FROM delivery d JOIN run r ON r.id = d.run WHERE d.parts <> 0 OR d.price <> 0 GROUP BY d.account, d.route, r.date;

-- A carrier's bill, and its lines.
CREATE TABLE invoice (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    name        TEXT    NOT NULL,
    file_hash   TEXT    NOT NULL UNIQUE,
    day_from    TEXT    NOT NULL,
    day_to      TEXT    NOT NULL,
    accounts    TEXT    NOT NULL,                     -- JSON list of the accounts that it bills
    tolerance   INTEGER  NOT NULL,                     -- per mille of the invoiced parts and đồng
    state       INTEGER NOT NULL,                     -- 0 open, 1 agreed, 2 disputed
    comment     TEXT    NOT NULL,
    imported_at INTEGER  NOT NULL,
    by_whom     TEXT    NOT NULL,
    decided_at  INTEGER,
    decided_by  TEXT
);
CREATE TABLE invoice_line (
    invoice INTEGER  NOT NULL,
    account TEXT    NOT NULL,
    carrier TEXT    NOT NULL,
    day     TEXT    NOT NULL,
    parts   INTEGER  NOT NULL,
    amount  INTEGER  NOT NULL,                         -- đồng
    state   INTEGER NOT NULL,                         -- 0 open, 1 agreed, 2 disputed
    comment TEXT    NOT NULL,
    by_whom TEXT    NOT NULL,
    PRIMARY KEY (invoice, account, carrier, day)
);
