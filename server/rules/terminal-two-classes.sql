-- id: terminal-two-classes
-- grade: strong
-- family: place
-- title_zh: 一机两班
-- title_en: Two classes on one terminal
-- basis: 内蒙古自治区人力资源和社会保障厅 2024-01-25 通知，首段（虚构课时、培训纪律）、第三条
-- threshold: max_overlap_min = 15 (customary: one class leaves while the next comes)
-- explain_zh: 同一终端上两个班的课次重叠超过一刻钟，且没有批准合班；核验学时较少的一班在重叠时间内有 {cells} 个申领学时。
-- explain_en: On one terminal the sessions of two classes overlap by more than a quarter of an hour, and no joint lesson was approved; {cells} claimed hours of the class with fewer attested hours lie in that time.
-- explain_foreign_zh: 该终端登记在另一机构名下，却在 {sessions} 个课次中为本班考勤，且没有批准共用；涉及 {cells} 个申领学时。
-- explain_foreign_en: The terminal is another institution's, and in {sessions} sessions it logged for this class without leave to share it; {cells} claimed hours hang on them.
-- innocent_zh: 经批准的合班、按合同共用终端。
-- innocent_en: An approved joint lesson, a terminal shared by contract.
-- next_zh: 索要教室安排表。
-- next_en: Ask for the room plan.
WITH counted AS (
  SELECT device, counter, SUM(CASE WHEN attested AND assurance >= 2 THEN 1 ELSE 0 END) AS assured,
         SUM(CASE WHEN attested THEN 1 ELSE 0 END) AS attested
  FROM lessons GROUP BY device, counter
), own AS MATERIALIZED (
  SELECT s.class, s.institution, s.device, s.counter, s.open, s.close,
         COALESCE(n.assured, 0) AS assured, COALESCE(n.attested, 0) AS attested
  FROM sessions s LEFT JOIN counted n ON n.device = s.device AND n.counter = s.counter
), beside AS (
  -- A terminal keeps one log at a time, so the one before is the only one that can reach into this one.
  SELECT class, device, counter, open, close, assured, attested,
         LAG(class) OVER w AS class_b, LAG(counter) OVER w AS counter_b, LAG(open) OVER w AS open_b,
         LAG(close) OVER w AS close_b, LAG(assured) OVER w AS assured_b, LAG(attested) OVER w AS attested_b
  FROM own
  WINDOW w AS (PARTITION BY device ORDER BY open, counter)
), pairs AS (
  SELECT device, class, counter, class_b, counter_b, open AS since,
         CASE WHEN close_b < close THEN close_b ELSE close END AS until,
         -- The later one gives way where both are as sure.
         assured < assured_b OR assured = assured_b AND attested <= attested_b AS later_loses
  FROM beside
  WHERE class_b IS NOT NULL AND class_b <> class
    AND CASE WHEN close_b < close THEN close_b ELSE close END - open > $max_overlap_min * 60000
), losers AS (
  SELECT device, CASE WHEN later_loses THEN class ELSE class_b END AS class,
         CASE WHEN later_loses THEN class_b ELSE class END AS other,
         CASE WHEN later_loses THEN counter ELSE counter_b END AS counter, since, until
  FROM pairs
), foreigners AS (
  SELECT s.class, s.device, s.counter, s.open, s.close
  FROM own s JOIN devices d ON d.device = s.device AND d.institution <> s.institution
)
SELECT c.class, l.device AS subject, c.trainee, c.cell, CAST('overlap' AS VARCHAR) AS kind, c.lesson,
       FALSE AS suspect, l.device, l.counter, c.seq_from, c.seq_to, CAST('device' AS VARCHAR) AS about
FROM losers l
JOIN claimed_cells c ON c.class = l.class AND c.device = l.device AND c.counter = l.counter
  AND c.start < l.until AND c."end" > l.since
WHERE c.shape IN ('attested', 'tail')
  AND NOT EXISTS (SELECT 1 FROM permits p WHERE p.class = l.class AND p.what IN ('joint', 'shared-terminal')
                    AND (p.to_class IS NULL OR p.to_class = l.other)
                    AND (p."from" IS NULL OR p."from" <= l.until) AND (p."to" IS NULL OR p."to" >= l.since))
  AND NOT EXISTS (SELECT 1 FROM permits p WHERE p.class = l.other AND p.what IN ('joint', 'shared-terminal')
                    AND (p.to_class IS NULL OR p.to_class = l.class)
                    AND (p."from" IS NULL OR p."from" <= l.until) AND (p."to" IS NULL OR p."to" >= l.since))
UNION ALL
SELECT c.class, f.device AS subject, c.trainee, c.cell, CAST('foreign' AS VARCHAR) AS kind, c.lesson,
       FALSE AS suspect, f.device, f.counter, c.seq_from, c.seq_to, CAST('device' AS VARCHAR) AS about
FROM foreigners f
JOIN claimed_cells c ON c.class = f.class AND c.device = f.device AND c.counter = f.counter
WHERE c.shape IN ('attested', 'tail')
  AND NOT EXISTS (SELECT 1 FROM permits p WHERE p.class = f.class AND p.what = 'shared-terminal'
                    AND (p."from" IS NULL OR p."from" <= f.close) AND (p."to" IS NULL OR p."to" >= f.open))
