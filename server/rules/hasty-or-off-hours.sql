-- id: hasty-or-off-hours
-- grade: weak
-- family: conduct
-- needs: dispositions
-- title_zh: 非工作时间或秒批
-- title_en: Decided out of hours, or within seconds
-- basis: 内蒙古自治区人力资源和社会保障厅 2024-01-25 通知，第八条
-- threshold: min_decisions = 30 (catalogue: fewer say too little)
-- threshold: off_permille = 300 (customary: three in ten out of hours)
-- threshold: times_peers = 2 (customary: twice the share of the office's other officials)
-- threshold: min_pool = 3 (catalogue: officials of the office; with fewer nothing can be said)
-- threshold: fast_s = 20 (customary: from opening to deciding)
-- threshold: in_a_row = 20 (customary: one after the other)
-- explain_zh: 该审核人的决定既有大量在本单位工作时间以外作出，也有连续多次在打开后几秒内作出。
-- explain_en: Many of this official's decisions were made outside the office's hours, and many, one after the other, within seconds of opening.
-- explain_off-hours_zh: 该审核人的 {of} 次决定中有 {n} 次在本单位工作时间以外作出，比例达同单位其他人的两倍以上。
-- explain_off-hours_en: Of this official's {of} decisions {n} were made outside the office's hours, at least twice the share of colleagues.
-- explain_hasty_zh: 该审核人连续 {n} 次在打开后 20 秒内作出决定（共 {of} 次决定）。
-- explain_hasty_en: This official decided {n} times in a row within 20 seconds of opening, of {of} decisions.
-- innocent_zh: 季末统一加班、批量签署无疑点的申领。
-- innocent_en: Overtime that was ordered at the quarter's end, claims without a finding signed in a batch.
-- next_zh: 抽查这些申领。
-- next_en: Sample these claims.
WITH decided AS (
  SELECT d.official, COALESCE(d.unit, '') AS office, d.subject, d.opened, d."at",
         (d."at" + 28800000) % 86400000 AS since_midnight,
         (d."at" + 28800000) - (d."at" + 28800000) % 86400000 AS midnight
  FROM dispositions d
  WHERE d.official IS NOT NULL AND d."at" IS NOT NULL
), dated AS (
  -- 1970 began on a Thursday; the week's first day is Monday.
  SELECT d.official, d.office, d.since_midnight, CAST(d.midnight / 86400000 + 3 AS BIGINT) % 7 + 1 AS weekday,
         COUNT(*) AS decisions
  FROM decided d
  -- An office whose hours nobody knows has none to be out of.
  WHERE EXISTS (SELECT 1 FROM hours_of_work h WHERE h.unit = d.office)
  GROUP BY d.official, d.office, d.since_midnight, d.midnight
), timed AS (
  SELECT t.official, t.office, t.weekday, t.since_midnight, MAX(t.decisions) AS decisions,
         MAX(CASE WHEN h.unit IS NULL THEN 0 ELSE 1 END) AS at_work
  FROM (SELECT official, office, weekday, since_midnight, SUM(decisions) AS decisions
        FROM dated GROUP BY official, office, weekday, since_midnight) t
  LEFT JOIN hours_of_work h ON h.unit = t.office AND h.weekday = t.weekday
    AND h.from_s * 1000 <= t.since_midnight AND h.to_s * 1000 > t.since_midnight
  GROUP BY t.official, t.office, t.weekday, t.since_midnight
), own AS (
  SELECT official, office, SUM(decisions) AS decisions, SUM(decisions * (1 - at_work)) AS off
  FROM timed GROUP BY official, office
), pools AS (
  SELECT office, COUNT(*) AS officials, SUM(decisions) AS decisions, SUM(off) AS off FROM own GROUP BY office
), ordered AS (
  -- A run of quick ones is what stands between two that were not.
  SELECT official, "at", subject, CASE WHEN "at" - opened < $fast_s * 1000 THEN 1 ELSE 0 END AS fast,
         ROW_NUMBER() OVER (PARTITION BY official ORDER BY "at", subject) AS place
  FROM decided
), runs AS (
  SELECT official, fast, place - ROW_NUMBER() OVER (PARTITION BY official, fast ORDER BY "at", subject) AS run
  FROM ordered
), longest AS (
  SELECT official, MAX(length) AS length
  FROM (SELECT official, run, COUNT(*) AS length FROM runs WHERE fast = 1 GROUP BY official, run) r
  GROUP BY official
), totals AS (
  SELECT official, COUNT(*) AS decisions FROM decided GROUP BY official
)
SELECT CAST('' AS VARCHAR) AS class, o.official AS subject, CAST('' AS VARCHAR) AS trainee, 0 AS cell,
       CAST('off-hours' AS VARCHAR) AS kind, CAST('' AS VARCHAR) AS lesson, FALSE AS suspect,
       CAST('' AS VARCHAR) AS device, 0 AS counter, 0 AS seq_from, 0 AS seq_to,
       CAST('official' AS VARCHAR) AS about, CAST(o.off AS BIGINT) AS n, CAST(o.decisions AS BIGINT) AS "of"
FROM own o
JOIN pools p ON p.office = o.office
WHERE p.officials >= $min_pool AND o.decisions >= $min_decisions AND o.off * 1000 >= $off_permille * o.decisions
  -- Overtime for the whole office is everybody's.
  AND o.off * (p.decisions - o.decisions) >= $times_peers * (p.off - o.off) * o.decisions
UNION ALL
SELECT CAST('' AS VARCHAR) AS class, l.official AS subject, CAST('' AS VARCHAR) AS trainee, 0 AS cell,
       CAST('hasty' AS VARCHAR) AS kind, CAST('' AS VARCHAR) AS lesson, FALSE AS suspect,
       CAST('' AS VARCHAR) AS device, 0 AS counter, 0 AS seq_from, 0 AS seq_to,
       CAST('official' AS VARCHAR) AS about, l.length AS n, t.decisions AS "of"
FROM longest l JOIN totals t ON t.official = l.official
WHERE l.length >= $in_a_row
