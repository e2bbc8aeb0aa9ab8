-- id: repeat-after-fix
-- grade: strong
-- family: institution
-- needs: dispositions
-- title_zh: 整改后再犯
-- title_en: Upheld before, and again in a class that opened afterwards
-- basis: 内蒙古自治区人力资源和社会保障厅 2024-01-25 通知，第四条（二）、第八条
-- threshold: within_d = 365 (notice: twelve months)
-- threshold: min_again = 1 (catalogue: once more is enough)
-- explain_zh: 该机构一年内同一规则的疑点曾被认定属实，之后开班的本班又有 {n} 条同类疑点被认定属实；涉及 {cells} 个申领学时。
-- explain_en: A finding of one rule was upheld against this institution, and within a year {n} more of the same rule were, in this class, which opened only afterwards; {cells} claimed hours are concerned.
-- innocent_zh: 另一培训点、管理人员已更换。
-- innocent_en: Another site, under new management.
-- next_zh: 列入红黑名单程序。
-- next_en: Red and black list.

-- No table says when a rectification was closed. A class that opened after the decision is what it should have changed.
WITH upheld AS (
  SELECT f.finding, f.rule, f.institution, f.class, f.subject, MIN(d."at") AS "at"
  FROM dispositions d JOIN found f ON f.finding = d.subject
  WHERE d.kind = 'finding' AND d.action = 'uphold' AND f.suspect AND f.institution IS NOT NULL AND f.class <> ''
    AND f.rule NOT IN ('repeat-after-fix', 'reviewer-affinity', 'hasty-or-off-hours', 'override-cluster',
                       'paid-over-finding', 'directed-enrolment', 'self-run-institution', 'inspection-blind',
                       'one-person-release')
  GROUP BY f.finding, f.rule, f.institution, f.class, f.subject
), again AS (
  SELECT b.finding, b.institution, b.class, b.subject
  FROM upheld a
  JOIN upheld b ON b.institution = a.institution AND b.rule = a.rule
  JOIN classes k ON k.class = b.class
  WHERE k.opens > a."at" AND b."at" - a."at" <= $within_d * 86400000
  GROUP BY b.finding, b.institution, b.class, b.subject
), counted AS (
  SELECT institution, class, COUNT(*) AS times FROM again GROUP BY institution, class HAVING COUNT(*) >= $min_again
), concerned AS (
  -- A finding on a trainee concerns that claim, any other the whole class.
  SELECT o.class, k.trainee FROM again o JOIN claims k ON k.class = o.class AND k.trainee = o.subject
  UNION
  SELECT o.class, k.trainee
  FROM again o JOIN claims k ON k.class = o.class
  WHERE NOT EXISTS (SELECT 1 FROM claims t WHERE t.class = o.class AND t.trainee = o.subject)
)
SELECT c.class, n.institution AS subject, c.trainee, c.cell, CAST('again' AS VARCHAR) AS kind, c.lesson, TRUE AS suspect,
       c.device, c.counter, c.seq_from, c.seq_to, CAST('institution' AS VARCHAR) AS about, n.times AS n
FROM counted n
JOIN concerned t ON t.class = n.class
JOIN claimed_cells c ON c.class = t.class AND c.trainee = t.trainee
WHERE c.shape <> 'unproven'
