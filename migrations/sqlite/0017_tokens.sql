-- Which token made a token: it ends with it. Null: its user made it, signed in.
ALTER TABLE api_token ADD COLUMN made_by INTEGER;
