-- What reconciliation found. A run replaces nothing: each is kept, and names what it was made from.
CREATE TABLE run (
  run INTEGER PRIMARY KEY, at TEXT NOT NULL,
  rules_sha256 TEXT NOT NULL,   -- the rule set: every file's and the thresholds' bytes
  log_size INTEGER NOT NULL,    -- the central log's size it was made at
  refused TEXT NOT NULL         -- JSON list of rules that were refused, with why
) STRICT;
CREATE TABLE finding (
  run INTEGER NOT NULL REFERENCES run, finding TEXT NOT NULL, -- <rule>/<class>/<trainee or ->
  rule TEXT NOT NULL, class TEXT NOT NULL, institution TEXT NOT NULL, region TEXT NOT NULL,
  trainee TEXT NOT NULL,        -- '' when it is about the class
  document TEXT NOT NULL,       -- JSON of rules::run::Finding
  PRIMARY KEY (run, finding)
) STRICT;
CREATE TABLE claim_result (     -- what a run says of one class's claims
  run INTEGER NOT NULL REFERENCES run, class TEXT NOT NULL, document TEXT NOT NULL, -- JSON of rules::run::ClassResult
  PRIMARY KEY (run, class)
) STRICT;
