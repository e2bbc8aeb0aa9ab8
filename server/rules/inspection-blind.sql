-- id: inspection-blind
-- grade: strong
-- family: conduct
-- needs: inspections
-- title_zh: 抽查不足或走漏
-- title_en: Checks that cannot find
-- basis: 内蒙古自治区人力资源和社会保障厅 2024-01-25 通知，第四条（一）、第八条
-- threshold: quarter_d = 91 (design: days counted back from the run)
-- threshold: min_classes = 5 (customary: fewer classes of a banner say too little)
-- threshold: covered_permille = 600 (seen: notice, section 4(1))
-- threshold: min_visits = 10 (customary: unannounced, of one inspector)
-- threshold: more_permille = 150 (customary: fifteen points more on inspected days)
-- threshold: z_squared = 10 (customary: a sign test at p about 1e-3; ten of ten, eighteen of twenty)
-- threshold: min_blind = 20 (customary: visits without any finding)
-- threshold: peers_permille = 200 (customary: what others find at the same institutions)
-- threshold: min_peers = 2 (catalogue: a pool of three inspectors with this one)
-- explain_zh: 对检查工作的比对显示：覆盖不足、检查日到课异常偏高或从未发现问题，其中不止一项成立。
-- explain_en: Of coverage, attendance on inspected days and what inspections find, more than one is out of line.
-- explain_uncovered_zh: 本旗县最近一季结束的 {of} 个班中仅 {n} 个接受过检查，低于通知要求的 60%。
-- explain_uncovered_en: Of {of} classes of this banner that ended in the last quarter only {n} were ever inspected, less than the notice's 60 %.
-- explain_leaked_zh: 该检查人员 {of} 次未预先通知的检查中，有 {n} 次当日到课率高于同班其他日子，合计高出 15 个百分点以上。
-- explain_leaked_en: Of this inspector's {of} unannounced visits {n} fell on days with more attendance than the class's other days, together by 15 points or more.
-- explain_blind_zh: 该检查人员 {of} 次检查从未发现问题，而其他检查人员在同样机构每五次至少发现一次。
-- explain_blind_en: This inspector's {of} visits found nothing, where others at the same institutions find something in at least one of five.
-- innocent_zh: 按计划并预先通知的检查。
-- innocent_en: Visits by plan, announced beforehand.
-- next_zh: 当日早晨抽签决定检查对象。
-- next_en: Draw visits by lot on the morning.
WITH ended AS (
  SELECT k.region, k.class
  FROM classes k JOIN run q ON k.ends <= q."at" AND q."at" - k.ends < $quarter_d * 86400000
), seen AS (
  SELECT class FROM inspections WHERE class IS NOT NULL GROUP BY class
), covered AS (
  SELECT e.region, COUNT(*) AS classes, SUM(CASE WHEN s.class IS NULL THEN 0 ELSE 1 END) AS inspected
  FROM ended e LEFT JOIN seen s ON s.class = e.class
  GROUP BY e.region
), visits AS (
  SELECT DISTINCT i.inspector, i.class,
         CAST((i."at" + 28800000 - (i."at" + 28800000) % 86400000) / 86400000 AS BIGINT) AS day
  FROM inspections i
  WHERE i.announced IS NULL AND i.class IS NOT NULL AND i.inspector IS NOT NULL
), days AS MATERIALIZED (
  SELECT l.class, l.day, COUNT(*) AS hours, SUM(CASE WHEN l.attested THEN 1 ELSE 0 END) AS attested
  FROM lessons l
  WHERE l.shape <> 'unproven' AND EXISTS (SELECT 1 FROM visits v WHERE v.class = l.class)
  GROUP BY l.class, l.day
), whole AS (
  SELECT class, SUM(hours) AS hours, SUM(attested) AS attested FROM days GROUP BY class
), paired AS (
  SELECT v.inspector, d.hours, d.attested, w.hours - d.hours AS other_hours, w.attested - d.attested AS other_attested
  FROM visits v
  JOIN days d ON d.class = v.class AND d.day = v.day
  JOIN whole w ON w.class = v.class
  WHERE w.hours > d.hours
), leaks AS (
  -- A visit is one look, however many sat there: their hours hang together.
  SELECT inspector, COUNT(*) AS visits,
         SUM(CASE WHEN attested * other_hours > other_attested * hours THEN 1 ELSE 0 END) AS higher,
         SUM(hours) AS hours, SUM(attested) AS attested, SUM(other_hours) AS other_hours,
         SUM(other_attested) AS other_attested
  FROM paired GROUP BY inspector
), looked AS (
  SELECT k.institution, i.inspector, COUNT(*) AS visits, SUM(CASE WHEN i.upheld THEN 1 ELSE 0 END) AS upheld
  FROM inspections i JOIN classes k ON k.class = i.class
  WHERE i.inspector IS NOT NULL
  GROUP BY k.institution, i.inspector
), own AS (
  SELECT inspector, SUM(visits) AS visits FROM looked GROUP BY inspector
  HAVING SUM(upheld) = 0 AND SUM(visits) >= $min_blind
), peers AS (
  SELECT o.inspector, MAX(o.visits) AS visits, SUM(p.visits) AS peer_visits, SUM(p.upheld) AS peer_upheld,
         COUNT(DISTINCT p.inspector) AS peers
  FROM own o
  JOIN looked l ON l.inspector = o.inspector
  JOIN looked p ON p.institution = l.institution AND p.inspector <> o.inspector
  GROUP BY o.inspector
), facts AS (
  SELECT region AS subject, CAST('uncovered' AS VARCHAR) AS kind, CAST(inspected AS BIGINT) AS n, classes AS "of"
  FROM covered WHERE classes >= $min_classes AND inspected * 1000 < $covered_permille * classes
  UNION ALL
  SELECT inspector AS subject, CAST('leaked' AS VARCHAR) AS kind, CAST(higher AS BIGINT) AS n, visits AS "of"
  FROM leaks
  WHERE visits >= $min_visits
    AND 2 * higher > visits AND (2 * higher - visits) * (2 * higher - visits) >= $z_squared * visits
    AND (attested * other_hours - other_attested * hours) * 1000 >= $more_permille * hours * other_hours
  UNION ALL
  SELECT inspector AS subject, CAST('blind' AS VARCHAR) AS kind, CAST(0 AS BIGINT) AS n, CAST(visits AS BIGINT) AS "of"
  FROM peers
  WHERE peers >= $min_peers AND peer_visits >= $min_blind AND peer_upheld * 1000 >= $peers_permille * peer_visits
)
-- A banner's coverage is the affair of its office.
SELECT CAST('' AS VARCHAR) AS class, f.subject, CAST('' AS VARCHAR) AS trainee, 0 AS cell, f.kind,
       CAST('' AS VARCHAR) AS lesson, FALSE AS suspect, CAST('' AS VARCHAR) AS device, 0 AS counter, 0 AS seq_from,
       0 AS seq_to, CAST('official' AS VARCHAR) AS about, f.n, f."of"
FROM facts f
