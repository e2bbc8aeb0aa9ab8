-- What reconciliation reads and what it leaves: calendar, rosters over time, results by trainee, pages of findings.

-- When a region had no class, no power or no network. A row that is imported again replaces the one before.
CREATE TABLE calendar (
  region TEXT NOT NULL,         -- GB/T 2260 code; those below it are meant too
  from_ms INTEGER NOT NULL, to_ms INTEGER NOT NULL,
  why TEXT NOT NULL,            -- closed, weather, power or network
  PRIMARY KEY (region, from_ms, to_ms)
) STRICT;

-- A roster file names everybody who is on it now. Who is named no longer stays: the sessions held before are theirs.
ALTER TABLE roster ADD COLUMN added_ms INTEGER;
ALTER TABLE roster ADD COLUMN removed_ms INTEGER;

CREATE TABLE trainee_result (   -- what a run says of one claim
  run INTEGER NOT NULL REFERENCES run, class TEXT NOT NULL, trainee TEXT NOT NULL,
  document TEXT NOT NULL,       -- JSON of rules::run::TraineeResult
  PRIMARY KEY (run, class, trainee)
) STRICT;

CREATE INDEX finding_of_class ON finding (run, class);
CREATE INDEX finding_of_rule ON finding (run, rule);
CREATE INDEX claim_of_file ON claim (file);
CREATE INDEX session_of_class ON session (class, session);
