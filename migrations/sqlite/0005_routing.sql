-- Routing: an account's pace, what ails it, and how prompt its receipts are. All nodes read these rows and agree.

-- The throttled rate: slots are `1000 / pace` times as long. Times are unix milliseconds by the nodes' clocks.
ALTER TABLE account ADD COLUMN pace INTEGER NOT NULL DEFAULT 1000;        -- thousandths of the configured rate
ALTER TABLE account ADD COLUMN pace_at INTEGER NOT NULL DEFAULT 0;        -- when it last changed
ALTER TABLE account ADD COLUMN rests_until INTEGER NOT NULL DEFAULT 0;    -- nothing is claimed before
ALTER TABLE account ADD COLUMN rests INTEGER NOT NULL DEFAULT 0;          -- pauses in a row: each is twice as long
ALTER TABLE account ADD COLUMN balance INTEGER;                           -- đồng, as the gateway last said
ALTER TABLE account ADD COLUMN balance_at INTEGER;

-- What ails an account, from when to when: present while `ended_at` is null, and its history afterwards.
CREATE TABLE trouble (
    id       INTEGER PRIMARY KEY AUTOINCREMENT,
    account  INTEGER NOT NULL,
    cause    INTEGER NOT NULL,                      -- see src/account/trouble.rs
    began_at INTEGER NOT NULL,
    why      TEXT    NOT NULL,
    takers   TEXT    NOT NULL,                      -- the accounts that messages went to instead, at that moment
    ended_at INTEGER,
    how      TEXT    NOT NULL                       -- why it ended
);
CREATE UNIQUE INDEX trouble_present ON trouble (account, cause) WHERE ended_at IS NULL;

-- Of the messages that an account took in a minute: how many had their first receipt in time. One row a node, as tallies have.
CREATE TABLE account_minute (
    account INTEGER NOT NULL,
    minute  INTEGER NOT NULL,                       -- unix time / 60 s
    node    INTEGER NOT NULL,
    sent    INTEGER NOT NULL,
    prompt  INTEGER NOT NULL,
    PRIMARY KEY (account, minute, node)
);

-- When an account was last moved away from or back to for its slowness: locked by whichever node judges.
INSERT INTO meta (key, value) VALUES ('moved_at', '0');
