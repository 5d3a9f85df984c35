-- Whether a container still waits for a part is asked once for each part that is published.

DROP INDEX documents_by_parent;
CREATE INDEX documents_by_parent ON documents (parent, state) WHERE parent IS NOT NULL;
