-- What people wrote back, each message once. What is no refusal is kept sealed for a while, for an officer to read.
CREATE TABLE inbound (
    id      INTEGER PRIMARY KEY AUTOINCREMENT,
    account INTEGER NOT NULL,                        -- by which it came
    key     TEXT    NOT NULL,                        -- the gateway's id, else a keyed hash of who wrote what
    channel INTEGER NOT NULL,
    address INTEGER,                                 -- keyed hash; null: the sender is no person's address
    sender  BLOB    NOT NULL,                        -- sealed
    text    BLOB,                                    -- sealed; null: nothing but the words of a refusal
    meaning INTEGER NOT NULL,                        -- 0 something else, 1 refuses, 2 takes a refusal back
    at      INTEGER NOT NULL
);
CREATE INDEX inbound_key ON inbound (account, key);
CREATE INDEX inbound_address ON inbound (channel, address);
CREATE INDEX inbound_at ON inbound (at);

-- Answers that are owed to refusals: each is sent at most once.
CREATE TABLE confirmation (
    id      INTEGER PRIMARY KEY AUTOINCREMENT,
    account INTEGER NOT NULL,                        -- by which the message came; once claimed, by which the answer goes
    channel INTEGER NOT NULL,
    address INTEGER NOT NULL,
    sender  BLOB,                                    -- sealed; null once nothing more is to be sent
    meaning INTEGER NOT NULL,                        -- what it answers: 1 a refusal, 2 its taking back
    state   INTEGER NOT NULL,                        -- 0 owed, 1 with its gateway, 2 accepted, 3 not sent, 4 unknown
    owner   INTEGER NOT NULL,                        -- epoch; 0: nobody
    tries   INTEGER NOT NULL,
    next_at INTEGER NOT NULL,
    at      INTEGER NOT NULL,                        -- when the message came
    done_at INTEGER,
    detail  TEXT                                     -- why it was not sent
);
CREATE INDEX confirmation_open ON confirmation (next_at) WHERE state = 0;
CREATE INDEX confirmation_owned ON confirmation (owner) WHERE state = 1;
CREATE INDEX confirmation_address ON confirmation (channel, address);

-- Lists of addresses that are never written to: the do-not-call register, the office's own.
CREATE TABLE block_list (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    name       TEXT    NOT NULL UNIQUE,
    binds      INTEGER NOT NULL,                     -- 1 advertising, 2 everything
    edition    INTEGER NOT NULL,                     -- of the last import; entries of earlier ones are on their way out
    file_hash  TEXT    NOT NULL,
    entries    INTEGER NOT NULL,
    started_at INTEGER NOT NULL,
    finished_at INTEGER
);
CREATE TABLE block (
    channel INTEGER NOT NULL,
    address INTEGER NOT NULL,
    list    INTEGER NOT NULL,
    binds   INTEGER NOT NULL,
    edition INTEGER NOT NULL,
    PRIMARY KEY (channel, address, list)
);

-- Advertising on its way to an address or taken by a gateway: what the day's most counts.
CREATE TABLE advert (
    channel  INTEGER NOT NULL,
    address  INTEGER NOT NULL,
    delivery INTEGER NOT NULL,
    at       INTEGER NOT NULL,
    PRIMARY KEY (channel, address, delivery)
);
CREATE INDEX advert_delivery ON advert (delivery);
CREATE INDEX advert_at ON advert (at);
