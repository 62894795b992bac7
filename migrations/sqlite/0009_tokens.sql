-- Tokens of gateways that renew them (Zalo): the current pair of an account, for all nodes. Each refresh token is good once,
-- so one node renews at a time: whoever moves `lease_until` while the version is still the one it read. Times are unix
-- milliseconds.
CREATE TABLE token (
    account     TEXT   NOT NULL PRIMARY KEY,         -- its name in loa.toml
    version     INTEGER NOT NULL,                     -- one more with each pair
    access      BLOB,                               -- sealed; null: only a refresh token was given so far
    refresh     BLOB NOT NULL,                      -- sealed
    begins_at   INTEGER NOT NULL,                     -- when the access token was asked for
    ends_at     INTEGER NOT NULL,
    lease_until INTEGER NOT NULL                      -- somebody is renewing it until then; 0: nobody
);
