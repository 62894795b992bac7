-- Bounces: what failed at an address, and the addresses at which mail ends. By keyed hash, so that it outlives lists and people.

-- Failures and complaints, each delivery once: what an address's end is decided by, and shown with.
CREATE TABLE bounce (
    channel  INTEGER NOT NULL,
    address  INTEGER NOT NULL,
    delivery INTEGER NOT NULL,
    reason   INTEGER NOT NULL,                      -- the gateways' list: providers/src/lib.rs
    detail   TEXT    NOT NULL,                      -- the server's words, addresses masked
    at       INTEGER NOT NULL,
    PRIMARY KEY (channel, address, delivery)
);

-- Addresses that nothing is sent to any more.
CREATE TABLE suppression (
    channel INTEGER NOT NULL,
    address INTEGER NOT NULL,
    cause   INTEGER NOT NULL,                       -- 1 failed again and again, 2 there is no such address, 3 a complaint
    reason  INTEGER NOT NULL,
    detail  TEXT    NOT NULL,
    at      INTEGER NOT NULL,
    PRIMARY KEY (channel, address)
);
CREATE INDEX suppression_at ON suppression (at);

-- What else came to an account's mailbox for bounces: counted, nothing more.
CREATE TABLE leftover (
    account INTEGER NOT NULL,
    kind    INTEGER NOT NULL,                       -- providers/src/event.rs
    n       INTEGER NOT NULL,
    last_at INTEGER NOT NULL,
    PRIMARY KEY (account, kind)
);
