-- From when on the next round of status questions may begin (unix milliseconds): one node at a time asks.
ALTER TABLE account ADD COLUMN poll_at BIGINT NOT NULL DEFAULT 0;
