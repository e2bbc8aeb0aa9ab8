-- Witnesses: those that this bureau does not run, and this bureau as the witness of its devices. And a device's whole life.

ALTER TABLE enrol_code ADD COLUMN name TEXT NOT NULL DEFAULT '';    -- what the device is called, at that site
ALTER TABLE enrol_code ADD COLUMN replaces TEXT;                    -- the device whose place it takes
ALTER TABLE enrol_code ADD COLUMN replaces_counter INTEGER;         -- the last counter of that one that counts
ALTER TABLE device ADD COLUMN name TEXT NOT NULL DEFAULT '';

-- Which leaves of the central log are about a device's life: enrol, rotate, revoke, replace. The leaves are the truth.
CREATE TABLE device_leaf (device TEXT NOT NULL, log_index INTEGER NOT NULL, PRIMARY KEY (device, log_index)) STRICT;
INSERT INTO device_leaf
  SELECT json_extract(CAST(line AS TEXT), '$.device'), idx FROM leaf
  WHERE json_extract(CAST(line AS TEXT), '$.kind') IN ('enrol', 'revoke');
ALTER TABLE device DROP COLUMN revoked_at_counter;

-- What devices signed between two sessions.
CREATE TABLE contact (
  device TEXT NOT NULL REFERENCES device, counter INTEGER NOT NULL,
  note TEXT NOT NULL,           -- the signed note
  beacon_size INTEGER NOT NULL,
  log_index INTEGER NOT NULL,   -- the contact leaf's
  PRIMARY KEY (device, counter)
) STRICT;

-- This server as a witness: the newest checkpoint it cosigned of each session log, swapped in one step.
CREATE TABLE witnessed (
  origin TEXT PRIMARY KEY, size INTEGER NOT NULL, root BLOB NOT NULL,
  note TEXT NOT NULL            -- as the device signed it
) STRICT, WITHOUT ROWID;

-- The central log's checkpoints that a quorum of witnesses stood for; without a policy, each that was published.
CREATE TABLE cosigned (size INTEGER PRIMARY KEY, note TEXT NOT NULL) STRICT;
INSERT INTO cosigned SELECT size, note FROM checkpoint;
-- How far each outside witness has come, as it said itself.
CREATE TABLE witness (name TEXT PRIMARY KEY, size INTEGER NOT NULL, at TEXT NOT NULL, trouble TEXT NOT NULL) STRICT;

-- What officials decided on findings; the leaf binds the salted reason by its hash.
CREATE TABLE disposition (
  finding TEXT NOT NULL, decision TEXT NOT NULL, by TEXT NOT NULL, reason TEXT NOT NULL, salt TEXT NOT NULL,
  at TEXT NOT NULL, log_index INTEGER PRIMARY KEY
) STRICT;
