-- Consent by person and channel, refusals for a time, and what people ask of whoever keeps data on them.

-- A refusal for a time stands beside the lasting one; `scope` 0: there is none but that.
ALTER TABLE opt_out ADD COLUMN passing INTEGER NOT NULL DEFAULT 0;   -- its scope; 0: none
ALTER TABLE opt_out ADD COLUMN until INTEGER NOT NULL DEFAULT 0;     -- when it ends
CREATE INDEX opt_out_over ON opt_out (until) WHERE scope = 0;
ALTER TABLE consent_event ADD COLUMN until INTEGER;                  -- of a refusal for a time

-- A person's restriction or objection: until then nothing is sent, whatever the address.
ALTER TABLE recipient ADD COLUMN silent_until INTEGER NOT NULL DEFAULT 0;

-- Every word about whether somebody agreed to messages, never changed. Of a channel the last one holds; channel 0 is what
-- the list says of all channels, which stands on the recipient and holds where a channel has no word of its own.
CREATE TABLE consent (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    recipient   INTEGER NOT NULL,
    channel     INTEGER NOT NULL,
    given       BOOLEAN NOT NULL,                    -- false: withdrawn, or no longer in the list
    basis       TEXT    NOT NULL,
    source      TEXT    NOT NULL,
    wording     TEXT    NOT NULL,
    address     INTEGER,                              -- keyed hash of the address it was said for: what proves it after an erasure
    at          INTEGER NOT NULL,                     -- when the person said so
    recorded_at INTEGER NOT NULL,
    by_whom     TEXT    NOT NULL                     -- who wrote it down
);
CREATE INDEX consent_standing ON consent (recipient, channel, id);
INSERT INTO consent (recipient, channel, given, basis, source, wording, at, recorded_at, by_whom)
SELECT id, 0, true, consent_basis, coalesce(consent_source, ''), '', coalesce(consent_at, updated_at), updated_at, source
FROM recipient WHERE consent_basis IS NOT NULL;

-- What people ask: to see, correct or delete what is kept, to withdraw, restrict or object.
CREATE TABLE request (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    kind        INTEGER NOT NULL,                    -- see src/request.rs
    recipient   INTEGER,                             -- null: nobody in the list
    channel     INTEGER,                             -- with `address`: by which address the person is known
    address     INTEGER,                             -- keyed hash
    state       INTEGER NOT NULL,                    -- 0 open, 1 done, 2 refused with a reason
    received_at INTEGER NOT NULL,
    answer_by   INTEGER NOT NULL,
    due_at      INTEGER NOT NULL,
    answered_at INTEGER,
    closed_at   INTEGER,
    until       INTEGER,                             -- an objection's or restriction's end
    note        BLOB                                -- sealed
);
CREATE INDEX request_open ON request (due_at) WHERE state = 0;
CREATE INDEX request_recipient ON request (recipient);
CREATE INDEX request_address ON request (channel, address);

-- What became of them, step by step.
CREATE TABLE request_event (
    id      INTEGER PRIMARY KEY AUTOINCREMENT,
    request INTEGER NOT NULL,
    action  INTEGER NOT NULL,                        -- see src/request.rs
    at      INTEGER NOT NULL,
    by_whom TEXT    NOT NULL,
    note    BLOB                                    -- sealed
);
CREATE INDEX request_event_request ON request_event (request);

-- Erased people whom a run under way still knows by the hash of their address: forgotten there once it is over.
CREATE TABLE erasure (
    recipient INTEGER NOT NULL PRIMARY KEY,
    at        INTEGER NOT NULL
);
