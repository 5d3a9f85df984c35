-- The user's documents, their passages, keywords and vectors.

CREATE TABLE documents (
  key INTEGER PRIMARY KEY AUTOINCREMENT, -- never used twice: what is in memory may outlive a row
  id TEXT NOT NULL UNIQUE,
  owner TEXT NOT NULL,
  collection TEXT NOT NULL,
  path TEXT NOT NULL,
  title TEXT NOT NULL,
  kind TEXT NOT NULL,
  size INTEGER NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('queued', 'processing', 'searchable', 'ready', 'no_text', 'failed')),
  content_hash TEXT NOT NULL,
  indexed_hash TEXT, -- of the content that the passages were made from
  passages INTEGER NOT NULL DEFAULT 0,
  error_code TEXT,
  error_message TEXT,
  metadata TEXT NOT NULL DEFAULT '{}',
  date REAL,
  created REAL NOT NULL,
  updated REAL NOT NULL,
  queued REAL, -- since when it waits
  UNIQUE (owner, collection, path)
) STRICT;
CREATE INDEX documents_waiting ON documents (queued) WHERE state = 'queued';
CREATE INDEX documents_working ON documents (state) WHERE state IN ('processing', 'searchable');
CREATE INDEX documents_by_content ON documents (content_hash);
CREATE INDEX documents_by_path ON documents (owner, path);

CREATE TABLE passages (
  key INTEGER PRIMARY KEY AUTOINCREMENT,
  id TEXT NOT NULL UNIQUE,
  document INTEGER NOT NULL REFERENCES documents (key) ON DELETE CASCADE,
  position INTEGER NOT NULL,
  text TEXT NOT NULL,
  context TEXT NOT NULL,
  hash BLOB NOT NULL, -- of what is embedded
  place TEXT NOT NULL,
  date REAL
) STRICT;
CREATE INDEX passages_by_document ON passages (document, position, hash, date); -- all that loading the vectors reads
CREATE INDEX passages_by_hash ON passages (hash);

-- Our own tokens; 'ascii' leaves every non-ASCII character in its word. rowid is the passage's key.
CREATE VIRTUAL TABLE keywords USING fts5 (body, content = '', contentless_delete = 1, tokenize = 'ascii');
CREATE VIRTUAL TABLE terms USING fts5vocab (keywords, row);

CREATE TABLE embedders (
  key INTEGER PRIMARY KEY AUTOINCREMENT,
  identity TEXT NOT NULL UNIQUE,
  dimension INTEGER NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('active', 'building'))
) STRICT;
CREATE UNIQUE INDEX embedders_by_state ON embedders (state);

-- Staged as soon as a row is here; published for a document by a row in `published`.
CREATE TABLE vectors (
  key INTEGER PRIMARY KEY,
  embedder INTEGER NOT NULL REFERENCES embedders (key) ON DELETE CASCADE,
  hash BLOB NOT NULL,
  vector BLOB NOT NULL, -- float16
  UNIQUE (embedder, hash)
) STRICT;

CREATE TABLE published (
  embedder INTEGER NOT NULL REFERENCES embedders (key) ON DELETE CASCADE,
  document INTEGER NOT NULL REFERENCES documents (key) ON DELETE CASCADE,
  PRIMARY KEY (embedder, document)
) STRICT, WITHOUT ROWID;
CREATE INDEX published_by_document ON published (document);

-- The last change of each document, for what is derived from the rows in memory.
CREATE TABLE changes (
  document INTEGER PRIMARY KEY,
  seq INTEGER NOT NULL UNIQUE
) STRICT;

CREATE TABLE facts (
  name TEXT PRIMARY KEY,
  value TEXT NOT NULL
) STRICT, WITHOUT ROWID;
