-- The console's audience, accounts and inbox. Times are unix milliseconds.

-- To which department a list belongs: who is on it is shown to that department alone. What stands here nowhere, all see.
CREATE TABLE list_owner (
    source TEXT NOT NULL PRIMARY KEY,
    owner  TEXT NOT NULL
);

-- How many people there are, counted in the background. The edition in force stands in `meta`; others are on their way in or out.
CREATE TABLE audience_figure (
    edition INTEGER NOT NULL,
    cut     INTEGER NOT NULL,                        -- see src/audience/figure.rs
    name    TEXT    NOT NULL,                        -- of the area or group; empty: the list as a whole
    source  TEXT    NOT NULL,
    people  INTEGER NOT NULL,
    phone   INTEGER NOT NULL,
    email   INTEGER NOT NULL,
    chat    INTEGER NOT NULL,
    PRIMARY KEY (edition, cut, name, source)
);
INSERT INTO meta (key, value) VALUES ('audience_figure', '{"edition":0,"at":0}');

-- Lists that were uploaded. The file lies beside the database until the list is taken in or thrown away.
CREATE TABLE upload (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    kind        INTEGER NOT NULL,                    -- see src/intake.rs
    file        TEXT    NOT NULL,                    -- its name among the uploads
    title       TEXT    NOT NULL,                    -- what the officer's machine called it
    by_user     INTEGER,
    by_whom     TEXT    NOT NULL,
    state       INTEGER NOT NULL,                    -- see src/intake.rs
    settings    TEXT    NOT NULL,                    -- JSON: which list it is, and how it is read
    look        TEXT    NOT NULL,                    -- JSON: its columns, their cells masked
    outcome     TEXT,                                -- JSON: what it would change, or did
    failure     TEXT,                                -- JSON: why it cannot be taken in, in both languages
    done        INTEGER NOT NULL,                    -- how much of `length` is dealt with
    length      INTEGER NOT NULL,
    rejected    BOOLEAN NOT NULL,                    -- its refused rows wait to be fetched
    lease_until INTEGER NOT NULL,                    -- a process is at it until then
    created_at  INTEGER NOT NULL,
    finished_at INTEGER
);
CREATE INDEX upload_open ON upload (id) WHERE finished_at IS NULL;

-- What somebody should know of or do something about. A cause stands once while it lasts.
CREATE TABLE notice (
    id       INTEGER PRIMARY KEY AUTOINCREMENT,
    key      TEXT    NOT NULL,                       -- the cause
    kind     INTEGER NOT NULL,                       -- see src/notice.rs
    vi       TEXT    NOT NULL,
    en       TEXT    NOT NULL,
    page     TEXT    NOT NULL,                       -- where in the console it is dealt with
    owner    TEXT    NOT NULL,                       -- the department that it is for; empty: any
    for_user INTEGER,                                -- the one user whom it is for; null: whoever has the right
    urgent   BOOLEAN NOT NULL,
    began_at INTEGER NOT NULL,
    ended_at INTEGER,
    digest   INTEGER                                 -- the mail that told of it; null: none so far
);
CREATE UNIQUE INDEX notice_present ON notice (key) WHERE ended_at IS NULL;
CREATE INDEX notice_ended ON notice (ended_at) WHERE ended_at IS NOT NULL;
CREATE INDEX notice_digest ON notice (digest);

CREATE TABLE notice_read (
    user_id INTEGER NOT NULL,
    notice  INTEGER NOT NULL,
    at      INTEGER NOT NULL,
    PRIMARY KEY (user_id, notice)
);

-- Mails that tell of notices. Of two nodes that make the next one, the number lets one through.
CREATE TABLE digest (
    number   INTEGER NOT NULL PRIMARY KEY,
    state    INTEGER NOT NULL,                       -- 0 to be sent, 1 sent, 2 given up
    made_at  INTEGER NOT NULL,
    next_at  INTEGER NOT NULL,                       -- nobody else sends it before
    tries    INTEGER NOT NULL,
    left_to  TEXT    NOT NULL,                       -- JSON: the places in [notify] email that have not got it
    detail   TEXT    NOT NULL,                       -- what went wrong last
    sent_at  INTEGER
);
CREATE INDEX digest_open ON digest (next_at) WHERE state = 0;

-- How long first receipts took, of those that came in a minute. One row a node, as tallies have.
CREATE TABLE account_delay (
    account INTEGER NOT NULL,
    minute  INTEGER NOT NULL,                        -- unix time / 60 s
    step    INTEGER NOT NULL,                        -- see src/tally/prompt.rs
    node    INTEGER NOT NULL,
    n       INTEGER NOT NULL,
    PRIMARY KEY (account, minute, step, node)
);

-- Tests that people sent from the console: how many is limited.
CREATE TABLE account_test (
    id      INTEGER PRIMARY KEY AUTOINCREMENT,
    account TEXT    NOT NULL,                        -- its name
    by_whom TEXT    NOT NULL,
    at      INTEGER NOT NULL,
    kind    INTEGER NOT NULL,                        -- 1 the connection, 2 a message
    ok      BOOLEAN NOT NULL,
    said    TEXT    NOT NULL                         -- the gateway's words
);
CREATE INDEX account_test_of ON account_test (account, id);

-- An officer finds somebody by their exact name.
CREATE INDEX recipient_name ON recipient (name) WHERE name IS NOT NULL;
-- Refusals are listed by their time, a page at a time.
CREATE INDEX opt_out_latest ON opt_out (at, address);
