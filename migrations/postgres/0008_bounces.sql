-- Bounces: what failed at an address, and the addresses at which mail ends. By keyed hash, so that it outlives lists and people.

-- Failures and complaints, each delivery once: what an address's end is decided by, and shown with.
CREATE TABLE bounce (
    channel  SMALLINT NOT NULL,
    address  BIGINT NOT NULL,
    delivery BIGINT NOT NULL,
    reason   SMALLINT NOT NULL,                      -- the gateways' list: providers/src/lib.rs
    detail   TEXT    NOT NULL,                      -- the server's words, addresses masked
    at       BIGINT NOT NULL,
    PRIMARY KEY (channel, address, delivery)
);

-- Addresses that nothing is sent to any more.
CREATE TABLE suppression (
    channel SMALLINT NOT NULL,
    address BIGINT NOT NULL,
    cause   SMALLINT NOT NULL,                       -- 1 failed again and again, 2 there is no such address, 3 a complaint
    reason  SMALLINT NOT NULL,
    detail  TEXT    NOT NULL,
    at      BIGINT NOT NULL,
    PRIMARY KEY (channel, address)
);
CREATE INDEX suppression_at ON suppression (at);

-- What else came to an account's mailbox for bounces: counted, nothing more.
CREATE TABLE leftover (
    account BIGINT NOT NULL,
    kind    SMALLINT NOT NULL,                       -- providers/src/event.rs
    n       BIGINT NOT NULL,
    last_at BIGINT NOT NULL,
    PRIMARY KEY (account, kind)
);
