-- Which evidence files are in force, and where a run has come to.

-- A part is a group of sessions whose evidence was written together: one file for each table that has rows. A file that no
-- part names is not read by anybody.
CREATE TABLE part (
  part TEXT PRIMARY KEY,        -- a hash of which sessions it holds
  region TEXT NOT NULL, month TEXT NOT NULL, sessions INTEGER NOT NULL,
  tables TEXT NOT NULL          -- JSON: table -> bytes of its file
) STRICT, WITHOUT ROWID;
ALTER TABLE session ADD COLUMN part TEXT REFERENCES part; -- NULL: no evidence, or it attests nothing
UPDATE session SET evidence = 0;
-- All that a list of sessions asks for, so that the logs themselves stay untouched by it.
CREATE INDEX session_state ON session (final, evidence, class, session, device, counter, site, part, received, log_index);
CREATE INDEX session_of_part ON session (part);
