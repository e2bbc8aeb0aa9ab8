-- id: paid-over-finding
-- grade: certain
-- family: conduct
-- needs: dispositions
-- title_zh: 带疑点放款
-- title_en: Paid while a finding was open
-- basis: 内蒙古自治区人力资源和社会保障厅 2024-01-25 通知，第八条
-- threshold: max_open = 0 (design: none may be open)
-- explain_zh: 放款决定所依据的核查版本中，该班有 {of} 条确定或强疑点仍未作出决定；涉及 {cells} 个申领学时。
-- explain_en: In the version of the evidence that the release names, {of} certain or strong findings on the class were open and nobody had decided them; {cells} claimed hours are concerned.
-- innocent_zh: 疑点在放款后才产生（记录晚到）；放款时填错版本。
-- innocent_en: A finding that came of a log after the release; a release that named the wrong version.
-- next_zh: 停止支付并追回；书面说明。
-- next_en: Stop, recover, explain in writing.

-- Findings that only cut hours need no decision: who pays the hours that are left pays rightly. So those that accuse alone.
WITH open_then AS (
  SELECT d.official, d.class, f.finding, f.subject
  FROM dispositions d
  JOIN found f ON f.class = d.class
  WHERE d.kind = 'release' AND d.action = 'release' AND d.class <> ''
    AND f.suspect AND f.grade IN ('certain', 'strong')
    AND f.since_size <= d.log_size AND (f.gone_size IS NULL OR f.gone_size > d.log_size)
    -- What is found about officials is decided at another desk, and stops no payment to trainees.
    AND f.rule NOT IN ('reviewer-affinity', 'hasty-or-off-hours', 'override-cluster', 'paid-over-finding',
                       'directed-enrolment', 'self-run-institution', 'inspection-blind', 'one-person-release')
    AND NOT EXISTS (SELECT 1 FROM dispositions x
                    WHERE x.kind = 'finding' AND x.subject = f.finding AND x."at" <= d."at"
                      AND x.action IN ('uphold', 'dismiss', 'release', 'refuse'))
  GROUP BY d.official, d.class, f.finding, f.subject
), counted AS (
  SELECT official, class, COUNT(DISTINCT finding) AS findings FROM open_then GROUP BY official, class
), concerned AS (
  -- A finding on a trainee concerns that claim, any other the whole class.
  SELECT o.official, o.class, k.trainee
  FROM open_then o JOIN claims k ON k.class = o.class AND k.trainee = o.subject
  UNION
  SELECT o.official, o.class, k.trainee
  FROM open_then o JOIN claims k ON k.class = o.class
  WHERE NOT EXISTS (SELECT 1 FROM claims t WHERE t.class = o.class AND t.trainee = o.subject)
)
SELECT c.class, n.official AS subject, c.trainee, c.cell, CAST('open' AS VARCHAR) AS kind, c.lesson, FALSE AS suspect,
       c.device, c.counter, c.seq_from, c.seq_to, CAST('official' AS VARCHAR) AS about, n.findings AS "of"
FROM counted n
JOIN concerned t ON t.class = n.class AND t.official = n.official
JOIN claimed_cells c ON c.class = t.class AND c.trainee = t.trainee
WHERE n.findings > $max_open
