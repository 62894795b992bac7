-- What one domain takes of an account's mails is shared exactly by all nodes, as the account's own rate is.
CREATE TABLE domain_slot (
    account BIGINT NOT NULL,
    domain  TEXT   NOT NULL,                        -- in ASCII, lower case
    tat     BIGINT NOT NULL,                        -- when the next slot is free, by the database's clock in microseconds
    PRIMARY KEY (account, domain)
);
