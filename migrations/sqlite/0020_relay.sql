-- Relay orders: texts that outlets pass to their own people, and the counts that they report. Times are unix milliseconds.

-- Who passes texts on: carriers, agencies, schools, radio stations, the press.
CREATE TABLE outlet (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    slug        TEXT    NOT NULL UNIQUE,
    title       TEXT    NOT NULL,
    kind        INTEGER NOT NULL,                     -- 0 carrier, 1 agency, 2 school, 3 radio, 4 press
    way         INTEGER NOT NULL,                     -- how orders get there: 0 pushed, 1 pulled, 2 by hand
    url         TEXT,                                 -- where they are pushed to
    certificate TEXT,                                 -- PEM: whose signature its documents bear
    contact     BLOB,                                 -- sealed: the mailbox to write to when a report is overdue
    areas       TEXT    NOT NULL,                     -- a JSON list of {code}; empty: the whole country
    owner       TEXT    NOT NULL,                     -- the department that works with it; '': all do
    sender      TEXT    NOT NULL,                     -- what it calls itself in CAP documents
    active      BOOLEAN NOT NULL,
    created_at  INTEGER NOT NULL,
    changed_at  INTEGER NOT NULL
);
CREATE INDEX outlet_kind ON outlet (kind);

-- A partner's user sees the orders of this outlet, and of no other.
ALTER TABLE console_user ADD COLUMN outlet INTEGER;

-- One CAP message to one outlet: the order, or a later one that updates or cancels it.
CREATE TABLE relay_order (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    run           INTEGER NOT NULL,
    outlet        INTEGER NOT NULL,
    serial        INTEGER NOT NULL,                     -- 0 the order itself, then one more for each that follows
    campaign      TEXT    NOT NULL,
    owner         TEXT    NOT NULL,                     -- the campaign's department
    step          INTEGER NOT NULL,                     -- 0 Alert, 1 Update, 2 Cancel
    earlier       INTEGER,                                  -- which one it updates or cancels
    status        INTEGER NOT NULL,                     -- 0 actual, 1 exercise, 2 test
    identifier    TEXT    NOT NULL UNIQUE,              -- in CAP; the same at every try
    state         INTEGER NOT NULL,                     -- see src/relay/state.rs
    version       INTEGER NOT NULL,                      -- one more at each change
    content       TEXT    NOT NULL,                     -- JSON, frozen
    hash          TEXT    NOT NULL,                     -- SHA-256 of the content
    note          TEXT    NOT NULL,                     -- why it is cancelled; which exercise it is of
    document      BLOB,                                 -- the signed document, frozen at the first handing over
    made_by       TEXT    NOT NULL,
    made_user     INTEGER,                                  -- among the console's users: does not approve it
    made_at       INTEGER NOT NULL,
    sent_at       INTEGER,                                  -- when it was approved: CAP's `sent`, to the second
    expires_at    INTEGER NOT NULL,
    report_by     INTEGER,                                  -- when its final report is due; null: none is
    handed_at     INTEGER,
    answered_at   INTEGER,
    overdue_since INTEGER,
    chased_at     INTEGER,
    closed_at     INTEGER,
    report        INTEGER,                                  -- the report that counts: that of the highest sequence
    UNIQUE (run, outlet, serial)
);
CREATE INDEX relay_order_outlet ON relay_order (outlet, id);
CREATE INDEX relay_order_campaign ON relay_order (campaign, id);
CREATE INDEX relay_order_earlier ON relay_order (earlier) WHERE earlier IS NOT NULL;
CREATE INDEX relay_order_waiting ON relay_order (outlet, expires_at) WHERE state = 1;
CREATE INDEX relay_order_due ON relay_order (report_by) WHERE state IN (2, 3, 5, 6);
CREATE INDEX relay_order_late ON relay_order (outlet, chased_at, run, owner) WHERE overdue_since IS NOT NULL;
CREATE INDEX relay_order_over ON relay_order (state, expires_at);
CREATE INDEX relay_order_mark ON relay_order (run, version);
CREATE INDEX relay_order_state ON relay_order (state, id, owner, overdue_since);
CREATE INDEX relay_order_open ON relay_order (outlet, owner, overdue_since, step, state) WHERE state IN (1, 2, 3, 5, 6);

-- What happened to an order; never changed.
CREATE TABLE relay_event (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    relay_order INTEGER NOT NULL,
    at          INTEGER NOT NULL,
    happening   TEXT    NOT NULL,
    state       INTEGER NOT NULL,                       -- after it
    by_whom     TEXT    NOT NULL,
    via         TEXT    NOT NULL,
    detail      TEXT    NOT NULL
);
CREATE INDEX relay_event_order ON relay_event (relay_order, id);

-- What is to be pushed, and how that went.
CREATE TABLE relay_push (
    relay_order INTEGER NOT NULL PRIMARY KEY,
    next_at     INTEGER NOT NULL,
    tries       INTEGER NOT NULL,
    doubt       BOOLEAN NOT NULL,                       -- a try may have reached the outlet
    doubted     BOOLEAN NOT NULL,                       -- one before the last may have
    rejected    BOOLEAN NOT NULL,                       -- the outlet's server said no, and will until a person mends it
    began_at    INTEGER NOT NULL,                       -- the first try
    last        TEXT    NOT NULL                        -- what the last try came to; '': one is under way
);
CREATE INDEX relay_push_next ON relay_push (next_at);

-- Reports as they came; corrected by later ones, never changed.
CREATE TABLE relay_report (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    relay_order INTEGER NOT NULL,
    sequence    INTEGER NOT NULL,
    as_of       INTEGER NOT NULL,
    final       BOOLEAN NOT NULL,
    reason      TEXT,                                   -- of a correction
    evidence    TEXT,                                   -- the hash of a paper
    body        TEXT    NOT NULL,                       -- JSON, as it was understood
    hash        TEXT    NOT NULL,                       -- SHA-256 of the body
    received_at INTEGER NOT NULL,
    by_whom     TEXT    NOT NULL,
    via         TEXT    NOT NULL,
    UNIQUE (relay_order, sequence)
);

-- A report's counts, in subscribers. Null: the outlet does not count that.
CREATE TABLE relay_count (
    report    INTEGER NOT NULL,
    area      TEXT    NOT NULL,
    round     INTEGER NOT NULL,
    targeted  INTEGER NOT NULL,
    submitted INTEGER NOT NULL,
    delivered INTEGER,
    failed    INTEGER,
    pending   INTEGER,
    parts     INTEGER,                                      -- converted messages
    cost      INTEGER,                                      -- đồng
    starts_at INTEGER,
    ends_at   INTEGER,
    by_cell   BOOLEAN NOT NULL,                          -- who was in the area; else who is registered there
    PRIMARY KEY (report, area, round)
);

-- Scanned documents and evidence.
CREATE TABLE paper (
    hash    TEXT    NOT NULL PRIMARY KEY,               -- SHA-256
    name    TEXT    NOT NULL,
    kind    TEXT    NOT NULL,                           -- media type
    bytes   BLOB    NOT NULL,
    kept_at INTEGER NOT NULL,
    by_whom TEXT    NOT NULL
);
CREATE INDEX paper_by ON paper (by_whom, kept_at);

-- Where warnings of the national authority are taken from (`[[bulletins]]`), and how looking there goes.
CREATE TABLE bulletin_source (
    name     TEXT    NOT NULL PRIMARY KEY,
    url      TEXT    NOT NULL,
    owner    TEXT    NOT NULL,                         -- whose drafts its bulletins become
    etag     TEXT,
    modified TEXT,
    next_at  INTEGER NOT NULL,                         -- when it is looked at again; while a node looks: the end of its lease
    first_at INTEGER,                                  -- when it was first read to its end
    read_at  INTEGER,                                  -- when it last answered
    failures INTEGER NOT NULL,                         -- in a row
    last     TEXT    NOT NULL                          -- what the last look came to: JSON of both languages
);

-- Bulletins of others, and the draft warnings that were made of them. Neither is ever made twice.
CREATE TABLE bulletin (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    owner      TEXT    NOT NULL,                       -- the department that sees it; '': all do
    source     TEXT    NOT NULL,                       -- of `[[bulletins]]`, or as whoever brought it named it
    guid       TEXT    NOT NULL,                       -- what its source names it
    state      INTEGER NOT NULL,                       -- see src/bulletin.rs
    why        INTEGER NOT NULL,                       -- why it is only noted, or refused; 0: it is not
    seen_at    INTEGER NOT NULL,
    seen_by    TEXT    NOT NULL,                       -- who brought it; '': it was found by looking
    publisher  TEXT    NOT NULL,                       -- who says it, as people are told
    title      TEXT    NOT NULL,
    body       TEXT    NOT NULL,                       -- plain text
    link       TEXT,
    at         INTEGER,                                  -- when it was written, as it says itself
    hash       TEXT    NOT NULL,                       -- SHA-256 of what it says
    raw        TEXT    NOT NULL,                       -- as it came
    alert      TEXT,                                   -- `sender,identifier,sent` of its CAP document
    kind       INTEGER NOT NULL,                       -- what that does: 0 no CAP, 1 Alert, 2 Update, 3 Cancel, 4 else
    signature  INTEGER NOT NULL,                       -- 0 none, 1 verified, 2 not looked at, 3 wrong
    remark     TEXT    NOT NULL,                       -- what is to be known of it: JSON of both languages; '': nothing
    earlier    INTEGER,                                  -- the bulletin that it updates, cancels or repeats
    campaign   TEXT,                                   -- the draft that was made of it
    made_title TEXT    NOT NULL,                       -- what it said when the draft was made
    made_body  TEXT    NOT NULL,
    changed_at INTEGER,                                  -- when its source last changed, updated or cancelled it
    looked_at  INTEGER,                                  -- when somebody last said that they saw that
    decided_at INTEGER,
    decided_by TEXT    NOT NULL,
    reason     TEXT    NOT NULL,                       -- why it was dismissed
    UNIQUE (owner, source, guid),
    UNIQUE (owner, alert)
);
CREATE INDEX bulletin_open ON bulletin (id) WHERE state = 1;
CREATE INDEX bulletin_changed ON bulletin (changed_at) WHERE changed_at IS NOT NULL;
CREATE INDEX bulletin_campaign ON bulletin (campaign) WHERE campaign IS NOT NULL;

-- The department's Loa whose orders this one takes in (`[upstream]`), and how looking there goes.
CREATE TABLE upstream_poll (
    url      TEXT    NOT NULL PRIMARY KEY,
    etag     TEXT,
    next_at  INTEGER NOT NULL,
    failures INTEGER NOT NULL,
    seen_at  INTEGER,                                   -- when it last answered
    last     TEXT    NOT NULL                           -- what the last look came to
);

-- Orders that were taken in there: each one draft campaign.
CREATE TABLE upstream_order (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    identifier  TEXT    NOT NULL UNIQUE,                -- in CAP
    sender      TEXT    NOT NULL,
    sent_at     INTEGER NOT NULL,
    step        INTEGER NOT NULL,                       -- 0 Alert, 1 Update, 2 Cancel
    earlier     TEXT,                                   -- the identifier of the one that it updates or cancels
    state       INTEGER NOT NULL,                       -- see src/upstream/order.rs
    content     TEXT    NOT NULL,                       -- JSON, as orders keep it
    document    BLOB    NOT NULL,                       -- as it came
    note        TEXT    NOT NULL,
    campaign    TEXT    NOT NULL,                       -- the draft's name; '': none is made of it
    trouble     TEXT    NOT NULL,                       -- what a person must see to; '': nothing
    taken_at    INTEGER NOT NULL,
    expires_at  INTEGER NOT NULL,
    report_by   INTEGER,
    answered_at INTEGER,                                -- when the department took our acknowledgement
    ended_at    INTEGER,                                -- when it was cancelled or replaced, or its time was over
    next_at     INTEGER NOT NULL,                       -- when it is looked at again
    tries       INTEGER NOT NULL                        -- failures in a row of telling the department
);
CREATE INDEX upstream_order_next ON upstream_order (next_at) WHERE state < 4;

-- Reports of them, as they were or will be sent: each says the same at every try.
CREATE TABLE upstream_report (
    upstream_order INTEGER NOT NULL,
    sequence       INTEGER NOT NULL,
    final          BOOLEAN NOT NULL,
    body           TEXT    NOT NULL,                    -- JSON, as it is sent
    made_at        INTEGER NOT NULL,
    taken_at       INTEGER,                             -- when the department took it
    refused        TEXT,                                -- why it did not
    PRIMARY KEY (upstream_order, sequence)
);

-- What the public is told, as CAP documents: frozen when they are first asked for. Those of one warning are a chain.
CREATE TABLE publication (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    mark       TEXT    NOT NULL UNIQUE,                 -- what it tells of: a run, an Update of its orders, its end
    identifier TEXT    NOT NULL UNIQUE,                 -- in CAP
    chain      INTEGER NOT NULL,                        -- the run that the warning began with
    sender     TEXT    NOT NULL,                        -- in CAP
    sent_at    INTEGER NOT NULL,                        -- CAP's `sent`
    ends_at    INTEGER NOT NULL,                        -- when nothing of it holds any more
    document   BLOB    NOT NULL,                        -- signed, where there is a key
    made_at    INTEGER NOT NULL
);
CREATE INDEX publication_chain ON publication (chain, id);
CREATE INDEX publication_ends ON publication (ends_at);
