-- Segments belong to departments as campaigns do, and mails that somebody looks at are shown by whichever node is asked.

-- The department that owns a segment; empty: all do.
ALTER TABLE segment_edition ADD COLUMN owner TEXT NOT NULL DEFAULT '';

-- Mails as an officer looks at them while writing; gone after an hour.
CREATE TABLE shown_mail (
    console_user INTEGER NOT NULL,
    name     TEXT   NOT NULL,                          -- of its content
    html     TEXT   NOT NULL,
    pictures TEXT   NOT NULL,                          -- a JSON list of {id, kind, hash}: see edition_bytes
    at       INTEGER NOT NULL,
    PRIMARY KEY (console_user, name)
);
CREATE INDEX shown_mail_at ON shown_mail (at);
