-- Refusals are looked up by whose they are (a person's page, taking one back), and by when they came (after a run).
CREATE INDEX consent_event_address ON consent_event (channel, address);
CREATE INDEX consent_event_at ON consent_event (at);
