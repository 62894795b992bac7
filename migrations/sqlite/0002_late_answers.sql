-- The gateway's ids in an answer that came after its attempt fell in doubt: a JSON list, a part each. Such a row has our
-- reference and says that the attempt was taken.
ALTER TABLE receipt ADD COLUMN ids TEXT;
