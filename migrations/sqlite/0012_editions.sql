-- Campaigns and segments that are written in the console, what is asked to be approved, and what was decided.
-- Times are unix milliseconds; `_by` is the console's user, null for a command; `_name` is the name as it was then.

-- A campaign as it was saved: each save is a new version, and none is ever changed.
CREATE TABLE edition (
    slug    TEXT    NOT NULL,
    version INTEGER NOT NULL,
    text    TEXT    NOT NULL,                          -- the same TOML as a file
    title   TEXT    NOT NULL,                          -- what the text says of itself, as far as it can be read
    owner   TEXT    NOT NULL,
    kind    INTEGER NOT NULL,                          -- 0 awareness, 1 warning
    made_by INTEGER,
    made_name TEXT  NOT NULL,
    comment TEXT    NOT NULL,
    at      INTEGER NOT NULL,
    PRIMARY KEY (slug, version)
);

-- What goes with a version; the bytes stand once, however many versions have them.
CREATE TABLE edition_file (
    slug    TEXT    NOT NULL,
    version INTEGER NOT NULL,
    name    TEXT    NOT NULL,
    hash    TEXT    NOT NULL,                          -- SHA-256 in hexadecimal
    PRIMARY KEY (slug, version, name)
);
CREATE TABLE edition_bytes (
    hash  TEXT NOT NULL PRIMARY KEY,
    bytes BLOB NOT NULL
);

-- Campaigns of the console that run no more.
CREATE TABLE archived (
    slug TEXT    NOT NULL PRIMARY KEY,
    at   INTEGER NOT NULL
);

-- A segment as it was saved. A null text takes it away.
CREATE TABLE segment_edition (
    slug      TEXT    NOT NULL,
    version   INTEGER NOT NULL,
    text      TEXT,
    made_by   INTEGER,
    made_name TEXT    NOT NULL,
    at        INTEGER NOT NULL,
    PRIMARY KEY (slug, version)
);

-- One more with each change of the above: whoever keeps a copy asks for this number.
CREATE TABLE edition_mark (
    one  INTEGER NOT NULL PRIMARY KEY,
    mark INTEGER NOT NULL
);
INSERT INTO edition_mark (one, mark) VALUES (1, 0);

-- A content that is to be approved, and what was decided. What it is of is kept in `definition` by its hash.
CREATE TABLE submission (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    slug         TEXT    NOT NULL,
    hash         TEXT    NOT NULL,
    version      INTEGER,                              -- of the console; null: a file
    title        TEXT    NOT NULL,
    owner        TEXT    NOT NULL,
    kind         INTEGER NOT NULL,
    writers      TEXT    NOT NULL,                     -- a JSON list of {user, name}: whoever wrote since the last approval
    sent_by      INTEGER,
    sent_name    TEXT    NOT NULL,                     -- empty: a file that was changed
    sent_at      INTEGER NOT NULL,
    note         TEXT    NOT NULL,
    state        INTEGER NOT NULL,                     -- 0 waiting, 1 approved, 2 returned, 3 withdrawn, 4 superseded
    decided_by   INTEGER,
    decided_name TEXT,
    decided_at   INTEGER,
    instead_of   TEXT,                                 -- whom the one who decided stood in for
    comment      TEXT    NOT NULL,
    emergency    BOOLEAN NOT NULL,                     -- approved by one person alone
    reviewed_by  INTEGER,
    reviewed_name TEXT,
    reviewed_at  INTEGER,
    was_right    BOOLEAN,
    review       TEXT    NOT NULL,
    estimate     TEXT                                  -- JSON: whom it would go to and what that costs, counted in the background
);
CREATE UNIQUE INDEX submission_waiting ON submission (slug) WHERE state = 0;
CREATE INDEX submission_slug ON submission (slug, id);
CREATE INDEX submission_decided ON submission (decided_at);

-- Who may decide for an approver who is away, on which local days, both included.
CREATE TABLE delegation (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    approver      INTEGER NOT NULL,
    approver_name TEXT    NOT NULL,
    delegate      INTEGER NOT NULL,
    delegate_name TEXT    NOT NULL,
    from_day      TEXT    NOT NULL,
    through_day   TEXT    NOT NULL,
    reason        TEXT    NOT NULL,
    made_by       INTEGER,
    made_name     TEXT    NOT NULL,
    made_at       INTEGER NOT NULL,
    ended_at      INTEGER,
    ended_name    TEXT
);
CREATE INDEX delegation_delegate ON delegation (delegate);

-- An approval that was found wrong afterwards releases nothing any more.
ALTER TABLE approval ADD COLUMN revoked_at INTEGER;
CREATE INDEX approval_campaign ON approval (campaign, at);
