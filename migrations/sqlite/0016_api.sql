-- What other programs are told, and requests of theirs that are answered once.

-- Where they are told. Secrets are sealed; `former` is being replaced and signs beside the present one until `former_until`.
CREATE TABLE webhook (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    title         TEXT    NOT NULL,
    url           TEXT    NOT NULL,
    events        TEXT    NOT NULL,                 -- a JSON list of types
    allow_private BOOLEAN NOT NULL,
    secret        BLOB    NOT NULL,
    former        BLOB,
    former_until  INTEGER,
    created_at    INTEGER NOT NULL,
    created_by    TEXT    NOT NULL,
    failing_since INTEGER,                           -- nothing was taken since
    disabled_at   INTEGER,
    disabled_why  TEXT
);

-- What happened. Rows come from the triggers below, in the transaction of the change itself, whichever statement made it.
CREATE TABLE webhook_event (
    id      INTEGER PRIMARY KEY AUTOINCREMENT,
    type    TEXT    NOT NULL,
    subject TEXT    NOT NULL,                       -- a run's number, an account's name, a campaign's slug, a period
    detail  TEXT    NOT NULL,                       -- '' or JSON of its own
    at      INTEGER,                                -- null: the moment it is found
    body    TEXT                                    -- what is posted; null: not put into words yet
);
CREATE INDEX webhook_event_new ON webhook_event (id) WHERE body IS NULL;

CREATE TABLE webhook_delivery (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    webhook     INTEGER NOT NULL,
    event       INTEGER NOT NULL,
    state       INTEGER NOT NULL,                   -- 0 to be sent, 1 taken, 2 given up
    tries       INTEGER NOT NULL,
    next_at     INTEGER NOT NULL,
    status      INTEGER,                            -- of the last answer
    detail      TEXT    NOT NULL,
    created_at  INTEGER NOT NULL,
    answered_at INTEGER
);
CREATE INDEX webhook_delivery_due ON webhook_delivery (next_at) WHERE state = 0;
CREATE INDEX webhook_delivery_webhook ON webhook_delivery (webhook, id);
CREATE INDEX webhook_delivery_event ON webhook_delivery (event);

-- Requests with an Idempotency-Key: the answer is repeated for a day.
CREATE TABLE idempotency (
    actor      TEXT    NOT NULL,
    key        TEXT    NOT NULL,
    request    BLOB    NOT NULL,                    -- hash of method, path and body
    status     INTEGER,                             -- null: still being worked on
    headers    TEXT    NOT NULL,                    -- a JSON object
    body       BLOB,                                -- sealed
    created_at INTEGER NOT NULL,
    PRIMARY KEY (actor, key)
);
CREATE INDEX idempotency_old ON idempotency (created_at);

CREATE TRIGGER run_started AFTER INSERT ON run
WHEN NEW.state < 2 AND EXISTS (SELECT 1 FROM webhook WHERE disabled_at IS NULL)
BEGIN
    INSERT INTO webhook_event (type, subject, detail, at) VALUES ('run.started', CAST(NEW.id AS TEXT), '', NEW.created_at);
END;
CREATE TRIGGER run_settled AFTER UPDATE OF settled_at ON run
WHEN OLD.settled_at IS NULL AND NEW.settled_at IS NOT NULL AND EXISTS (SELECT 1 FROM webhook WHERE disabled_at IS NULL)
BEGIN
    INSERT INTO webhook_event (type, subject, detail, at) VALUES ('run.settled', CAST(NEW.id AS TEXT), '', NEW.settled_at);
END;
CREATE TRIGGER run_held AFTER UPDATE OF held ON run
WHEN OLD.held IS NULL AND NEW.held IS NOT NULL AND EXISTS (SELECT 1 FROM webhook WHERE disabled_at IS NULL)
BEGIN
    INSERT INTO webhook_event (type, subject, detail) VALUES ('run.held', CAST(NEW.id AS TEXT), '');
END;
CREATE TRIGGER run_paused AFTER UPDATE OF paused ON run
WHEN NEW.paused AND NOT OLD.paused AND EXISTS (SELECT 1 FROM webhook WHERE disabled_at IS NULL)
BEGIN
    INSERT INTO webhook_event (type, subject, detail) VALUES ('run.stopped', CAST(NEW.id AS TEXT), '{"how":"paused"}');
END;
CREATE TRIGGER run_aborted AFTER UPDATE OF state ON run
WHEN NEW.state = 3 AND OLD.state <> 3 AND EXISTS (SELECT 1 FROM webhook WHERE disabled_at IS NULL)
BEGIN
    INSERT INTO webhook_event (type, subject, detail) VALUES ('run.stopped', CAST(NEW.id AS TEXT), '{"how":"aborted"}');
END;
CREATE TRIGGER account_paused AFTER UPDATE OF paused ON account
WHEN OLD.paused IS NULL AND NEW.paused IS NOT NULL AND EXISTS (SELECT 1 FROM webhook WHERE disabled_at IS NULL)
BEGIN
    INSERT INTO webhook_event (type, subject, detail, at) VALUES ('account.paused', NEW.name, '', NEW.paused_at);
END;
CREATE TRIGGER account_resumed AFTER UPDATE OF paused ON account
WHEN OLD.paused IS NOT NULL AND NEW.paused IS NULL AND EXISTS (SELECT 1 FROM webhook WHERE disabled_at IS NULL)
BEGIN
    INSERT INTO webhook_event (type, subject, detail) VALUES ('account.resumed', NEW.name, '');
END;
-- What people decided stands in the audit: the words there are what is told.
CREATE TRIGGER audit_told AFTER INSERT ON audit
WHEN NEW.action IN ('campaign.submit', 'campaign.approve', 'campaign.approve_in_emergency', 'campaign.return', 'period.close')
 AND EXISTS (SELECT 1 FROM webhook WHERE disabled_at IS NULL)
BEGIN
    INSERT INTO webhook_event (type, subject, detail, at) VALUES (
        CASE NEW.action WHEN 'campaign.submit' THEN 'campaign.submitted'
            WHEN 'campaign.return' THEN 'campaign.returned' WHEN 'period.close' THEN 'period.closed' ELSE 'campaign.approved' END,
        NEW.subject, '', NEW.at);
END;
