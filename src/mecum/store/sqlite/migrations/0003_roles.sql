-- Roles: personas that a chat speaks as.

CREATE TABLE roles (
  key INTEGER PRIMARY KEY AUTOINCREMENT,
  owner TEXT NOT NULL,
  uuid TEXT NOT NULL, -- one of Second Me's is guessable, and may come to more than one owner: it is never looked up alone
  number INTEGER NOT NULL, -- among the owner's own: a number across owners would tell how many roles others have
  name TEXT NOT NULL,
  description TEXT NOT NULL,
  system_prompt TEXT NOT NULL,
  icon TEXT NOT NULL,
  is_active INTEGER NOT NULL CHECK (is_active IN (0, 1)),
  enable_l0_retrieval INTEGER NOT NULL CHECK (enable_l0_retrieval IN (0, 1)),
  enable_l1_retrieval INTEGER NOT NULL CHECK (enable_l1_retrieval IN (0, 1)),
  collections TEXT NOT NULL, -- a JSON list of names; empty: all
  model TEXT,
  temperature REAL,
  created REAL NOT NULL,
  updated REAL NOT NULL,
  UNIQUE (owner, uuid),
  UNIQUE (owner, name),
  UNIQUE (owner, number)
) STRICT;
