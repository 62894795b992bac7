-- The list's own columns, and how many people who are not erased have each: kept with the list, since pages name them.

CREATE TABLE list_column (
    name   TEXT   NOT NULL PRIMARY KEY,
    people BIGINT NOT NULL
);

INSERT INTO list_column (name, people)
SELECT k.key, count(*) FROM recipient r CROSS JOIN json_each(CAST(r.attributes AS json)) AS k WHERE r.state < 2 GROUP BY k.key;
