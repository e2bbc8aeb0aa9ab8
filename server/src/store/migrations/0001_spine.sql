-- The operational store: what the bureau imported, which devices and sessions there are, and the central log's commit point.
-- Money is in fen, times are RFC 3339 text with an offset unless a name ends in _ms (since 1970-01-01T00:00Z).
-- No citizen number is stored anywhere: `card` is a hash under the class's key, `person` one under the server's.

CREATE TABLE setting (          -- secrets and facts of this server
  name  TEXT PRIMARY KEY,       -- domain, log_key (PKCS#8), person_key
  value BLOB NOT NULL
) STRICT;

-- Imported by the bureau. A row that is imported again replaces the one before.
CREATE TABLE institution (institution TEXT PRIMARY KEY, name TEXT NOT NULL, region TEXT NOT NULL) STRICT;
CREATE TABLE site (
  site TEXT PRIMARY KEY, institution TEXT NOT NULL REFERENCES institution, region TEXT NOT NULL,
  name TEXT NOT NULL, address TEXT NOT NULL
) STRICT;
CREATE TABLE policy (
  version TEXT PRIMARY KEY,
  document TEXT NOT NULL,       -- JSON of muster_hours::policy::Policy
  sha256 TEXT NOT NULL, at TEXT NOT NULL
) STRICT;
CREATE TABLE class (
  class TEXT PRIMARY KEY, institution TEXT NOT NULL REFERENCES institution, site TEXT NOT NULL REFERENCES site,
  title TEXT NOT NULL, occupation TEXT NOT NULL, level TEXT NOT NULL, policy TEXT NOT NULL REFERENCES policy,
  card_key BLOB NOT NULL        -- 32 random bytes: the key of this class's card hashes
) STRICT;
CREATE TABLE lesson (
  class TEXT NOT NULL REFERENCES class, session TEXT NOT NULL, lesson TEXT NOT NULL,
  start TEXT NOT NULL, "end" TEXT NOT NULL, start_ms INTEGER NOT NULL, end_ms INTEGER NOT NULL,
  PRIMARY KEY (class, lesson)
) STRICT;
CREATE TABLE roster (
  class TEXT NOT NULL REFERENCES class,
  id TEXT NOT NULL,             -- opaque; in logs and evidence
  instructor INTEGER NOT NULL,  -- 1 for those who teach
  person TEXT NOT NULL,         -- keyed hash of the citizen number, the same across classes
  card TEXT NOT NULL,           -- muster_wire::assignment::card_hash under the class's key
  name TEXT NOT NULL,           -- shown to officials alone
  category TEXT NOT NULL, declined INTEGER NOT NULL,
  template TEXT,                -- JSON of muster_wire::assignment::Template
  PRIMARY KEY (class, id), UNIQUE (class, card)
) STRICT;
CREATE TABLE claim_file (
  sha256 TEXT PRIMARY KEY, name TEXT NOT NULL, at TEXT NOT NULL, rows INTEGER NOT NULL, log_index INTEGER NOT NULL
) STRICT;
CREATE TABLE claim (
  class TEXT NOT NULL REFERENCES class, trainee TEXT NOT NULL, hours INTEGER NOT NULL,
  amount_fen INTEGER NOT NULL, filed TEXT NOT NULL, file TEXT NOT NULL REFERENCES claim_file,
  PRIMARY KEY (class, trainee)
) STRICT;

-- Devices.
CREATE TABLE enrol_code (
  code_sha256 TEXT PRIMARY KEY, site TEXT NOT NULL REFERENCES site, expires_ms INTEGER NOT NULL,
  used_by TEXT                  -- the device, once used
) STRICT;
CREATE TABLE device (
  device TEXT PRIMARY KEY, key TEXT NOT NULL UNIQUE, -- raw Ed25519 key in base64
  site TEXT NOT NULL REFERENCES site, enrolled TEXT NOT NULL,
  log_index INTEGER NOT NULL,   -- the enrol leaf's
  revoked_at_counter INTEGER,   -- the last counter that counts, once revoked
  last_contact_ms INTEGER
) STRICT;

-- Every document that a device was given to hold a session under, byte for byte; leaf 0 names it by hash.
CREATE TABLE assignment (sha256 TEXT PRIMARY KEY, document TEXT NOT NULL, at TEXT NOT NULL) STRICT;

-- One row per session log, growing or final.
CREATE TABLE session (
  device TEXT NOT NULL REFERENCES device, counter INTEGER NOT NULL,
  log BLOB NOT NULL,            -- the lines as they came, with their newlines
  seal TEXT NOT NULL,           -- the newest seal witnessed; '' before the first
  sealed INTEGER NOT NULL,      -- how many records it covers
  final INTEGER NOT NULL,       -- 1 once the final seal is in the central log
  class TEXT, session TEXT, site TEXT,      -- from leaf 0, once the first seal was accepted
  assignment TEXT,              -- sha256
  log_index INTEGER,            -- the seal leaf's, once final
  received TEXT,                -- when the final seal was accepted
  beacon_size INTEGER,          -- of the beacon in leaf 0, 0 without one
  evidence INTEGER NOT NULL DEFAULT 0,      -- 1 once evidence rows were written
  PRIMARY KEY (device, counter)
) STRICT;

-- Two signed seals of one session that do not extend each other: proof of a fork, kept.
CREATE TABLE fork (
  device TEXT NOT NULL, counter INTEGER NOT NULL, seal_a TEXT NOT NULL, seal_b TEXT NOT NULL, at TEXT NOT NULL
) STRICT;

-- The central log. `checkpoint` has one row, and swapping it is the commit point.
CREATE TABLE leaf (idx INTEGER PRIMARY KEY, line BLOB NOT NULL) STRICT;
CREATE TABLE node (            -- roots of perfect subtrees, for proofs
  level INTEGER NOT NULL, idx INTEGER NOT NULL, hash BLOB NOT NULL, PRIMARY KEY (level, idx)
) STRICT, WITHOUT ROWID;
CREATE TABLE checkpoint (
  one INTEGER PRIMARY KEY CHECK (one = 1), size INTEGER NOT NULL, edge BLOB NOT NULL, note TEXT NOT NULL,
  published INTEGER NOT NULL   -- up to which size the tiles are on disk
) STRICT;
