-- id: reviewer-affinity
-- grade: weak
-- family: conduct
-- needs: dispositions
-- title_zh: 审核人固定配对
-- title_en: One reviewer always decides on one institution
-- basis: 内蒙古自治区人力资源和社会保障厅 2024-01-25 通知，第八条
-- threshold: min_decisions = 30 (catalogue: fewer say too little)
-- threshold: times_expected = 2 (customary: twice what assignment by lot would give)
-- threshold: min_pool = 3 (catalogue: officials of the office and role; with fewer nothing can be said)
-- threshold: month_days = 30 (design: assignment is compared within a month)
-- explain_zh: 该审核人在其 {of} 次决定中有 {n} 次是对同一机构作出，达到随机分配应有次数的两倍以上，且通过率不低于其他审核人；该对应关系不在公布的分工中。
-- explain_en: Of this official's {of} decisions {n} were on one institution, at least twice as many as assignment by lot would give, and no fewer of them were approvals than other officials gave it. No published duty list pairs the two.
-- innocent_zh: 按乡镇划分的片区、某一工种的专门审核人、休假顶岗。
-- innocent_en: A duty area by township, a specialist for one occupation, leave cover.
-- next_zh: 改为随机分派；由他人复核十份申领。
-- next_en: Assign by lot; let another person look at ten of the claims again.

-- What a published duty list assigns was not the official's choice, and is left out on both sides.
WITH decided AS (
  SELECT COALESCE(d.unit, '') AS office, COALESCE(d.role, '') AS role, d.official, d.institution,
         d."at" - d."at" % ($month_days * 86400000) AS month,
         CASE WHEN d.action IN ('approve', 'release') THEN 1 ELSE 0 END AS passed
  FROM dispositions d
  WHERE d.kind IN ('class', 'claim', 'release') AND d.official IS NOT NULL AND d.institution IS NOT NULL
    AND NOT EXISTS (SELECT 1 FROM duties y
                    WHERE y.official = d.official AND y.institution = d.institution
                      AND y."from" <= d."at" AND (y."to" IS NULL OR y."to" > d."at"))
), pools AS (
  SELECT office, role, COUNT(DISTINCT official) AS officials FROM decided GROUP BY office, role
), monthly AS (
  SELECT office, role, month, COUNT(*) AS decisions FROM decided GROUP BY office, role, month
), own AS (
  SELECT office, role, month, official, COUNT(*) AS decisions FROM decided GROUP BY office, role, month, official
), theirs AS (
  SELECT office, role, month, institution, COUNT(*) AS decisions FROM decided GROUP BY office, role, month, institution
), shares AS (
  -- In thousandths of a decision: what the pair would have had in that month by lot.
  SELECT o.official, t.institution, o.decisions * t.decisions * 1000 AS product, m.decisions
  FROM own o
  JOIN theirs t ON t.office = o.office AND t.role = o.role AND t.month = o.month
  JOIN monthly m ON m.office = o.office AND m.role = o.role AND m.month = o.month
  JOIN pools p ON p.office = o.office AND p.role = o.role AND p.officials >= $min_pool
), expected AS (
  -- The remainder goes first, so that every engine divides alike.
  SELECT official, institution, SUM(CAST((product - product % decisions) / decisions AS BIGINT)) AS permille
  FROM shares GROUP BY official, institution
), pairs AS (
  SELECT official, institution, COUNT(*) AS decisions, SUM(passed) AS passed FROM decided GROUP BY official, institution
), officials AS (
  SELECT official, COUNT(*) AS decisions FROM decided GROUP BY official
), institutions AS (
  SELECT institution, COUNT(*) AS decisions, SUM(passed) AS passed FROM decided GROUP BY institution
), known AS (
  SELECT p.official
  FROM officials p
  JOIN found f ON f.subject = p.official OR starts_with(f.subject, p.official || '/')
  WHERE f.gone_size IS NULL
    AND f.rule IN ('hasty-or-off-hours', 'override-cluster', 'paid-over-finding', 'directed-enrolment',
                   'self-run-institution', 'inspection-blind', 'one-person-release')
  GROUP BY p.official
)
SELECT CAST('' AS VARCHAR) AS class, p.official || '/' || p.institution AS subject, CAST('' AS VARCHAR) AS trainee,
       0 AS cell, CAST('pair' AS VARCHAR) AS kind, CAST('' AS VARCHAR) AS lesson, FALSE AS suspect,
       CAST('' AS VARCHAR) AS device, 0 AS counter, 0 AS seq_from, 0 AS seq_to,
       CASE WHEN k.official IS NULL THEN 'weak' ELSE 'strong' END AS grade, CAST('official' AS VARCHAR) AS about,
       p.decisions AS n, o.decisions AS "of", u.score
FROM pairs p
JOIN officials o ON o.official = p.official
JOIN institutions i ON i.institution = p.institution
JOIN expected e ON e.official = p.official AND e.institution = p.institution
JOIN nulls u ON u.unit = p.official || '/' || p.institution
LEFT JOIN known k ON k.official = p.official
WHERE u.rule = 'reviewer-affinity' AND u.passes
  AND p.decisions >= $min_decisions
  AND p.decisions * 1000 >= $times_expected * e.permille
  AND p.passed * (i.decisions - p.decisions) >= (i.passed - p.passed) * p.decisions
-- counts:
WITH decided AS (
  SELECT COALESCE(d.unit, '') AS office, d.official, d.institution, d.class, d."at"
  FROM dispositions d
  WHERE d.kind IN ('class', 'claim', 'release') AND d.official IS NOT NULL AND d.institution IS NOT NULL
    AND NOT EXISTS (SELECT 1 FROM duties y
                    WHERE y.official = d.official AND y.institution = d.institution
                      AND y."from" <= d."at" AND (y."to" IS NULL OR y."to" > d."at"))
), own AS (
  SELECT office, official, COUNT(*) AS decisions FROM decided GROUP BY office, official
), theirs AS (
  SELECT x.office, x.institution, COUNT(*) AS decisions, MIN(k.region) AS region,
         MAX(CAST((x."at" - x."at" % 86400000) / 86400000 AS BIGINT)) AS day
  FROM decided x LEFT JOIN classes k ON k.class = x.class
  GROUP BY x.office, x.institution
), pairs AS (
  SELECT office, official, institution, COUNT(*) AS decisions FROM decided GROUP BY office, official, institution
)
-- Pairs that never met are tries too: they are what is usual.
SELECT o.official || '/' || t.institution AS unit, t.institution, MIN(t.region) AS region, MAX(t.day) AS day,
       MIN(o.office) AS kind, CAST(SUM(t.decisions) AS BIGINT) AS size, CAST(SUM(o.decisions) AS BIGINT) AS n,
       CAST(SUM(COALESCE(p.decisions, 0)) AS BIGINT) AS k
FROM own o
JOIN theirs t ON t.office = o.office
LEFT JOIN pairs p ON p.office = o.office AND p.official = o.official AND p.institution = t.institution
GROUP BY o.official, t.institution
