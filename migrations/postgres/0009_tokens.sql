-- Tokens of gateways that renew them (Zalo): the current pair of an account, for all nodes. Each refresh token is good once,
-- so one node renews at a time: whoever moves `lease_until` while the version is still the one it read. Times are unix
-- milliseconds.
CREATE TABLE token (
    account     TEXT   NOT NULL PRIMARY KEY,         -- its name in loa.toml
    version     BIGINT NOT NULL,                     -- one more with each pair
    access      BYTEA,                               -- sealed; null: only a refresh token was given so far
    refresh     BYTEA NOT NULL,                      -- sealed
    begins_at   BIGINT NOT NULL,                     -- when the access token was asked for
    ends_at     BIGINT NOT NULL,
    lease_until BIGINT NOT NULL                      -- somebody is renewing it until then; 0: nobody
);
