-- The device's store. A log line is committed with its leaf hash and the tree's right edge before anybody sees success.

CREATE TABLE fact (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT; -- device, domain, log_key, site, institution, beacon, refused

CREATE TABLE assignment (        -- what may be held here, as the bureau sent it
  class TEXT NOT NULL, session TEXT NOT NULL, first_ms INTEGER NOT NULL, last_ms INTEGER NOT NULL,
  document TEXT NOT NULL,        -- JSON of muster_wire::assignment::Assigned; holds templates: erased when it is over
  PRIMARY KEY (class, session)
) STRICT;

CREATE TABLE session (
  counter INTEGER PRIMARY KEY,   -- from 1, never used twice
  class TEXT NOT NULL, session TEXT NOT NULL, assigned TEXT NOT NULL, -- as in assignment.document, kept while it runs
  size INTEGER NOT NULL, edge BLOB NOT NULL, -- the tree's right edge
  closed INTEGER NOT NULL,
  seal TEXT NOT NULL, sealed INTEGER NOT NULL, -- the newest seal, and how many records it covers
  sent INTEGER NOT NULL,         -- bytes that the bureau holds
  witnessed INTEGER NOT NULL,    -- records that the bureau has witnessed a seal over
  receipt TEXT,                  -- the tlog-proof, once the bureau took the final seal
  refused TEXT                   -- why the bureau will not take it: a person must look
) STRICT;

CREATE TABLE line (
  counter INTEGER NOT NULL REFERENCES session, seq INTEGER NOT NULL, line BLOB NOT NULL, hash BLOB NOT NULL,
  PRIMARY KEY (counter, seq)
) STRICT, WITHOUT ROWID;
