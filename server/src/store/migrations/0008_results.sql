-- What runs found, by how long it stood: a run that finds the same again writes nothing. What a run said is what had begun
-- (`since`) by it and had not ended (`until`, the first run that no longer said it).
ALTER TABLE run ADD COLUMN untestable TEXT NOT NULL DEFAULT '{}'; -- JSON: rule -> tables that are empty
ALTER TABLE run ADD COLUMN whole INTEGER NOT NULL DEFAULT 1;      -- 0: it looked again at some classes alone

ALTER TABLE finding RENAME TO old_finding;
DROP INDEX finding_of_class;
DROP INDEX finding_of_rule;
CREATE TABLE finding (
  finding TEXT NOT NULL,        -- <rule>/<class>/<subject>, with - for none
  since INTEGER NOT NULL REFERENCES run, until INTEGER REFERENCES run,
  rule TEXT NOT NULL, class TEXT NOT NULL, institution TEXT NOT NULL, region TEXT NOT NULL,
  subject TEXT NOT NULL,        -- '' when it is about the class
  desk TEXT NOT NULL,           -- claims, or conduct: what is about officials goes to another desk than theirs
  gravest INTEGER NOT NULL, suspect INTEGER NOT NULL,
  grade INTEGER NOT NULL,       -- 0 weak, 1 strong, 2 certain
  fen INTEGER NOT NULL, exposure INTEGER NOT NULL,
  document TEXT NOT NULL,       -- JSON of rules::run::Finding
  hits TEXT NOT NULL,           -- JSON: the rows that made it
  PRIMARY KEY (finding, since)
) STRICT;
INSERT INTO finding
  SELECT finding, run, (SELECT min(r.run) FROM run r WHERE r.run > f.run), rule, class, institution, region,
         coalesce(nullif(trainee, ''), json_extract(document, '$.device'), ''), 'claims',
         coalesce(json_extract(document, '$.gravest'), 0), json_extract(document, '$.suspect'),
         CASE json_extract(document, '$.grade') WHEN 'certain' THEN 2 WHEN 'strong' THEN 1 ELSE 0 END,
         json_extract(document, '$.at_risk_fen'), json_extract(document, '$.exposure_fen'), document, '[]'
  FROM old_finding f;
DROP TABLE old_finding;
CREATE INDEX finding_by_weight ON finding (until, desk, gravest DESC, suspect DESC, fen DESC, grade DESC, finding);
CREATE INDEX finding_of_class ON finding (class, until);
CREATE INDEX finding_of_rule ON finding (rule, until);

ALTER TABLE claim_result RENAME TO old_claim_result;
CREATE TABLE claim_result (     -- what runs say of one class's claims
  class TEXT NOT NULL, since INTEGER NOT NULL REFERENCES run, until INTEGER REFERENCES run,
  institution TEXT NOT NULL, region TEXT NOT NULL,
  band TEXT NOT NULL,           -- red, amber or green
  amount INTEGER NOT NULL, certain INTEGER NOT NULL, strong INTEGER NOT NULL, unproven INTEGER NOT NULL, -- fen
  unproven_hours INTEGER NOT NULL,
  document TEXT NOT NULL,       -- JSON of rules::run::ClassResult
  PRIMARY KEY (class, since)
) STRICT;
INSERT INTO claim_result
  SELECT class, run, (SELECT min(r.run) FROM run r WHERE r.run > o.run),
         json_extract(document, '$.institution'), json_extract(document, '$.region'), json_extract(document, '$.band'),
         json_extract(document, '$.amount_fen'), json_extract(document, '$.certain_fen'),
         json_extract(document, '$.strong_fen'), coalesce(json_extract(document, '$.unproven_fen'), 0),
         json_extract(document, '$.unproven'), document
  FROM old_claim_result o;
DROP TABLE old_claim_result;

ALTER TABLE trainee_result RENAME TO old_trainee_result;
CREATE TABLE trainee_result (   -- what runs say of one claim
  class TEXT NOT NULL, trainee TEXT NOT NULL, since INTEGER NOT NULL REFERENCES run, until INTEGER REFERENCES run,
  document TEXT NOT NULL,       -- JSON of rules::run::TraineeResult
  PRIMARY KEY (class, trainee, since)
) STRICT;
INSERT INTO trainee_result
  SELECT class, trainee, run, (SELECT min(r.run) FROM run r WHERE r.run > o.run), document FROM old_trainee_result o;
DROP TABLE old_trainee_result;

-- The other classes of a class's people.
CREATE INDEX roster_of_person ON roster (person);
