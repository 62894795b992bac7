-- Who may sign in, what they may do, and the chained record of who did what. Times are unix milliseconds; secrets stand here as
-- hashes alone, or sealed.

CREATE TABLE console_user (
    id               INTEGER PRIMARY KEY AUTOINCREMENT,
    email            TEXT    NOT NULL UNIQUE,          -- in lower case: what one signs in with
    name             TEXT    NOT NULL,                 -- as it is shown and recorded
    roles            INTEGER NOT NULL,                 -- bits, see src/user/role.rs
    every_department BOOLEAN NOT NULL,
    lang             TEXT,                             -- vi, en; null: the browser's
    theme            TEXT    NOT NULL,                 -- auto, light, dark
    password         TEXT,                             -- PHC string (argon2id); null: none yet, or only by OpenID Connect
    password_at      INTEGER,
    subject          TEXT,                             -- issuer and subject at the OpenID provider
    totp             BLOB,                             -- sealed; null: no second factor
    totp_step        INTEGER NOT NULL,                 -- the last time step that was used: each counts once
    created_at       INTEGER NOT NULL,
    signed_in_at     INTEGER,
    disabled_at      INTEGER
);
CREATE UNIQUE INDEX console_user_subject ON console_user (subject) WHERE subject IS NOT NULL;

CREATE TABLE department (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    name       TEXT    NOT NULL,
    folded     TEXT    NOT NULL UNIQUE,                -- the name as it is compared
    created_at INTEGER NOT NULL
);

CREATE TABLE department_member (
    console_user INTEGER NOT NULL,
    department   INTEGER NOT NULL,
    PRIMARY KEY (console_user, department)
);
CREATE INDEX department_member_department ON department_member (department);

CREATE TABLE session (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    hash         BLOB    NOT NULL UNIQUE,              -- SHA-256 of what the cookie holds
    console_user INTEGER NOT NULL,
    complete     BOOLEAN NOT NULL,                     -- false: the second factor is still asked for
    created_at   INTEGER NOT NULL,
    seen_at      INTEGER NOT NULL,
    ends_at      INTEGER NOT NULL,
    address      TEXT    NOT NULL,
    agent        TEXT    NOT NULL,
    flash        TEXT                                  -- what the next page says, once
);
CREATE INDEX session_of_user ON session (console_user);
CREATE INDEX session_end ON session (ends_at);

-- Links that let somebody set a password: for a new user, or one who forgot it.
CREATE TABLE invitation (
    hash         BLOB    NOT NULL PRIMARY KEY,         -- SHA-256 of what the link holds
    console_user INTEGER NOT NULL,
    reset        BOOLEAN NOT NULL,
    created_at   INTEGER NOT NULL,
    ends_at      INTEGER NOT NULL,
    by_whom      TEXT    NOT NULL
);
CREATE INDEX invitation_user ON invitation (console_user);

CREATE TABLE recovery_code (
    console_user INTEGER NOT NULL,
    hash         BLOB    NOT NULL,
    used_at      INTEGER,
    PRIMARY KEY (console_user, hash)
);

CREATE TABLE api_token (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    hash         BLOB    NOT NULL UNIQUE,
    console_user INTEGER NOT NULL,
    name         TEXT    NOT NULL,
    rights       INTEGER NOT NULL,                     -- bits, see src/user/role.rs
    created_at   INTEGER NOT NULL,
    ends_at      INTEGER NOT NULL,
    used_at      INTEGER,
    revoked_at   INTEGER
);
CREATE INDEX api_token_user ON api_token (console_user);

-- Failed attempts to sign in, by account and by address (keyed hashes of them).
CREATE TABLE sign_in_failure (
    subject  BLOB    NOT NULL PRIMARY KEY,
    failures INTEGER NOT NULL,
    last_at  INTEGER NOT NULL
);
CREATE INDEX sign_in_failure_last ON sign_in_failure (last_at);

-- Who did what, never changed. Each row's hash covers the one before it.
CREATE TABLE audit (
    seq          INTEGER NOT NULL PRIMARY KEY,
    at           INTEGER NOT NULL,
    console_user INTEGER,
    who          TEXT    NOT NULL,
    via          INTEGER NOT NULL,                     -- 0 console, 1 API, 2 command
    address      TEXT    NOT NULL,
    action       TEXT    NOT NULL,
    subject      TEXT    NOT NULL,
    before_json  TEXT,
    after_json   TEXT,
    hash         BLOB    NOT NULL
);
CREATE INDEX audit_at ON audit (at);
CREATE INDEX audit_who ON audit (who, seq);
CREATE INDEX audit_action ON audit (action, seq);
CREATE INDEX audit_subject ON audit (subject, seq);

-- The end of the chain: one row, which whoever records locks. A record that lost its last entries no longer fits it.
CREATE TABLE audit_head (
    one  INTEGER NOT NULL PRIMARY KEY,
    seq  INTEGER NOT NULL,
    hash BLOB    NOT NULL
);
INSERT INTO audit_head (one, seq, hash) VALUES (1, 0, x'0000000000000000000000000000000000000000000000000000000000000000');
