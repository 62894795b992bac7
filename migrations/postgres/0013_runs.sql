-- Runs that are made from another one, who stopped a run, how a run went minute by minute, and warnings on their way.

ALTER TABLE run ADD COLUMN parent BIGINT;                          -- the run that this one was made from
ALTER TABLE run ADD COLUMN kin SMALLINT NOT NULL DEFAULT 0;          -- see src/delivery/kin.rs: 1 again to whom it failed, 2 a correction
ALTER TABLE run ADD COLUMN kin_states BIGINT NOT NULL DEFAULT 0;   -- bit i: whose delivery there stands in state i
ALTER TABLE run ADD COLUMN follow_until BIGINT;                    -- a correction: whoever turns out until then to have got the other text gets it, too
ALTER TABLE run ADD COLUMN followed TEXT NOT NULL DEFAULT '';       -- the other run's tallies when its people were last looked through
ALTER TABLE run ADD COLUMN followed_at BIGINT NOT NULL DEFAULT 0;
ALTER TABLE run ADD COLUMN stopped_by TEXT;                         -- who paused or aborted it last
ALTER TABLE run ADD COLUMN stopped_at BIGINT;
CREATE INDEX run_parent ON run (parent) WHERE parent IS NOT NULL;
CREATE INDEX run_settled ON run (settled_at) WHERE settled_at IS NOT NULL;

-- A run's tallies at the end of each minute of its time.
CREATE TABLE pulse (
    run     BIGINT NOT NULL,
    minute  BIGINT NOT NULL,                        -- unix time / 60 s
    sent    BIGINT NOT NULL,                        -- that a gateway took, or may have
    reached BIGINT NOT NULL,                        -- delivered or seen
    failed  BIGINT NOT NULL,
    waiting BIGINT NOT NULL,                        -- not sent yet, on its way to the gateway, or in doubt
    price   BIGINT NOT NULL,
    PRIMARY KEY (run, minute)
);

-- Failures of a run by their reasons, with examples.
CREATE INDEX delivery_failed ON delivery (run, reason) WHERE state IN (7, 8, 9, 10);

-- What goes out as soon as it is approved: warnings, and corrections of runs.
CREATE TABLE warning (
    slug         TEXT    NOT NULL PRIMARY KEY,       -- of its campaign
    pattern      TEXT,                               -- that it was begun from
    parent       BIGINT,                            -- a correction: of which run
    requested_by TEXT    NOT NULL,
    requested_at BIGINT NOT NULL,
    run          BIGINT,                            -- once it was sent
    sent_at      BIGINT
);
CREATE INDEX warning_open ON warning (requested_at) WHERE run IS NULL;
CREATE INDEX warning_run ON warning (run) WHERE run IS NOT NULL;
