-- A file that holds several documents (a mailbox, lines of JSON) is a document without passages of its own: each of its
-- parts is a document that names it as its parent.

ALTER TABLE documents ADD COLUMN container INTEGER NOT NULL DEFAULT 0;
ALTER TABLE documents ADD COLUMN parent INTEGER REFERENCES documents (key) ON DELETE CASCADE;
ALTER TABLE documents ADD COLUMN named INTEGER NOT NULL DEFAULT 0; -- whether whoever added it gave the title
CREATE INDEX documents_by_parent ON documents (parent) WHERE parent IS NOT NULL;
