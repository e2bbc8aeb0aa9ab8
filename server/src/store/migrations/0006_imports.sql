-- What the bureau may say beside names, lessons and claims; decisions and whole tables that it brings in; and what of a log
-- is asked for at every run, kept beside it, so that no log is read again for it.

ALTER TABLE class ADD COLUMN kind TEXT;         -- day, evening, boarding or practice
ALTER TABLE lesson ADD COLUMN room TEXT;
ALTER TABLE lesson ADD COLUMN person TEXT;      -- the planned instructor, as roster.person
ALTER TABLE lesson ADD COLUMN changed_ms INTEGER;                   -- when a file last gave it another time
ALTER TABLE lesson ADD COLUMN dropped INTEGER NOT NULL DEFAULT 0;   -- 1 while a file is read that has yet to name it
ALTER TABLE roster ADD COLUMN added_by TEXT;    -- who enrolled the person, by id
ALTER TABLE roster ADD COLUMN phone TEXT;       -- this and the next two: hashes under the server's person key
ALTER TABLE roster ADD COLUMN payee TEXT;
ALTER TABLE roster ADD COLUMN introducer TEXT;
ALTER TABLE claim ADD COLUMN payee TEXT;        -- the same kind of hash

-- What officials decided elsewhere. The same decision again replaces itself; none is ever taken away.
CREATE TABLE decision (
  kind TEXT NOT NULL, subject TEXT NOT NULL, class TEXT, institution TEXT,
  official TEXT NOT NULL, unit TEXT, role TEXT, action TEXT NOT NULL,
  reason TEXT,                  -- hash under the person key
  opened_ms INTEGER, at_ms INTEGER NOT NULL,
  sign_in TEXT,                 -- hash under the person key
  second TEXT, log_size INTEGER,
  PRIMARY KEY (kind, subject, official, action, at_ms)
) STRICT;

-- Rows of evidence tables that are filled by import alone. A file is the whole of its table.
CREATE TABLE imported (
  name TEXT NOT NULL, line INTEGER NOT NULL,
  row TEXT NOT NULL,            -- JSON: column -> value; identities hashed under the person key
  PRIMARY KEY (name, line)
) STRICT, WITHOUT ROWID;

-- The beacons that stand in first records, each once: many sessions share one.
CREATE TABLE beacon (beacon INTEGER PRIMARY KEY, note TEXT NOT NULL UNIQUE) STRICT;
ALTER TABLE session ADD COLUMN beacon INTEGER REFERENCES beacon;
ALTER TABLE session ADD COLUMN open_ms INTEGER;     -- first record, once final
ALTER TABLE session ADD COLUMN close_ms INTEGER;    -- last record, once final
ALTER TABLE session ADD COLUMN came_ms INTEGER;     -- when bytes of it came last, by the server's clock
-- All that a list of sessions asks for, so that the logs themselves stay untouched by it.
CREATE INDEX session_times ON session (final, device, counter, log_index, beacon, open_ms, close_ms, received, class);

-- Between which two times a log was made, under a policy; a row is settled once a quorum stands for a checkpoint over the seal.
CREATE TABLE bracket (
  device TEXT NOT NULL, counter INTEGER NOT NULL,
  policy TEXT NOT NULL,         -- SHA-256 of the policy's text
  covered INTEGER,              -- the size of the covering checkpoint; NULL while there is none
  not_before_ms INTEGER, not_after_ms INTEGER,
  PRIMARY KEY (device, counter)
) STRICT, WITHOUT ROWID;

CREATE INDEX finding_by_id ON finding (finding, run);
