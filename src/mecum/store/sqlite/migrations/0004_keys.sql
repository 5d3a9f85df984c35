-- API keys, and the log of who did what. Neither holds a key's text.

CREATE TABLE keys (
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  id TEXT NOT NULL UNIQUE,
  name TEXT NOT NULL,
  owner TEXT NOT NULL,
  hash BLOB NOT NULL UNIQUE, -- SHA-256 of the key's text
  hint TEXT NOT NULL,
  scopes TEXT NOT NULL, -- separated by spaces
  expires REAL,
  rate INTEGER, -- requests in a minute
  concurrency INTEGER, -- requests at once
  created REAL NOT NULL,
  revoked REAL,
  last_used REAL
) STRICT;
CREATE INDEX keys_by_name ON keys (name) WHERE revoked IS NULL;

CREATE TABLE audit (
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  time REAL NOT NULL,
  what TEXT NOT NULL,
  owner TEXT NOT NULL,
  key TEXT, -- the key's id; it outlives the key
  targets TEXT NOT NULL, -- a JSON list of ids
  count INTEGER NOT NULL,
  outcome TEXT NOT NULL
) STRICT;
CREATE INDEX audit_by_time ON audit (time);
