-- id: peer-outlier
-- grade: weak
-- family: institution
-- title_zh: 同类机构离群
-- title_en: Unlike all other institutions
-- basis: 内蒙古自治区人力资源和社会保障厅 2024-01-25 通知，首段（虚构课时、虚报人数、培训纪律）、第四条（一）
-- threshold: min_rates = 2 (customary: of six; one alone is a broken reader)
-- threshold: min_classes = 5 (catalogue: fewer say too little)
-- threshold: min_trainees = 100 (catalogue: fewer say too little)
-- threshold: late_h = 72 (customary; from the last record to its receipt)
-- threshold: late_pastoral_h = 480 (customary: twenty days, where logs go by disk)
-- explain_zh: 该机构的六项比率（未核验、人工补录、仅凭卡、抽查未应答、迟传、名册外证件）中有 {n} 项明显高于当地同类机构；本班 {cells} 个申领学时供查看。
-- explain_en: Of six rates (not attested, entered by hand, card alone, spot checks missed, logs late, cards on no roster) {n} are far above those of comparable institutions nearby; {cells} claimed hours of this class are for a look.
-- innocent_zh: 主要服务老人或牧民、个别培训点设备不良。
-- innocent_en: An institution that serves elders or herders above all, one bad site.
-- next_zh: 优先安排对该机构的检查。
-- next_en: Plan inspections there first.
WITH ended AS MATERIALIZED (
  SELECT k.institution, COUNT(*) AS classes, SUM(k.trainees) AS trainees
  FROM classes k JOIN run q ON k.ends <= q."at"
  GROUP BY k.institution
), units AS (
  SELECT e.institution, e.institution || '/' || r.rate AS unit
  FROM ended e
  CROSS JOIN (SELECT 'unattested' AS rate UNION ALL SELECT 'by-hand' UNION ALL SELECT 'card-only'
              UNION ALL SELECT 'missed-spots' UNION ALL SELECT 'late' UNION ALL SELECT 'strangers') r
  WHERE e.classes >= $min_classes AND e.trainees >= $min_trainees
), outliers AS (
  SELECT u.institution, COUNT(*) AS rates, MAX(x.score) AS score
  FROM units u JOIN nulls x ON x.unit = u.unit
  WHERE x.rule = 'peer-outlier' AND x.passes
  GROUP BY u.institution
  HAVING COUNT(*) >= $min_rates
)
SELECT c.class, o.institution AS subject, c.trainee, c.cell, CAST('outlier' AS VARCHAR) AS kind, c.lesson,
       TRUE AS suspect, c.device, c.counter, c.seq_from, c.seq_to, CAST('institution' AS VARCHAR) AS about,
       o.rates AS n, CAST(6 AS BIGINT) AS "of", o.score
FROM outliers o
JOIN classes k ON k.institution = o.institution
JOIN claimed_cells c ON c.class = k.class
WHERE c.shape <> 'unproven'
  -- What was paid is past; what is open can still be looked at.
  AND NOT EXISTS (SELECT 1 FROM dispositions d
                  WHERE d.class = k.class AND d.kind = 'release' AND d.action = 'release')
-- counts:
WITH ended AS MATERIALIZED (
  SELECT k.class, k.institution, k.region, k.day_to, k.kind, k.trainees
  FROM classes k JOIN run q ON k.ends <= q."at"
), logs AS MATERIALIZED (
  SELECT class, device, counter, site, close, received, has_camera AND fault_camera_s = 0 AS sighted
  FROM sessions
), reads AS MATERIALIZED (
  -- Reads of cards by class: all, those of strangers, and those at which a camera at work could have seen a face, and saw none.
  SELECT t.class, COUNT(*) AS taps, SUM(CASE WHEN t.trainee IS NULL THEN 1 ELSE 0 END) AS strangers,
         SUM(CASE WHEN s.device IS NOT NULL AND r.class IS NOT NULL AND t.level IS NOT NULL THEN 1 ELSE 0 END) AS seen,
         SUM(CASE WHEN s.device IS NOT NULL AND r.class IS NOT NULL AND t.level = 1 THEN 1 ELSE 0 END) AS bare
  FROM taps t
  LEFT JOIN logs s ON s.device = t.device AND s.counter = t.counter AND s.sighted
  LEFT JOIN roster r ON r.class = t.class AND r.trainee = t.trainee AND NOT COALESCE(r.declined_face, FALSE)
  GROUP BY t.class
), rates AS (
  SELECT class, CAST('unattested' AS VARCHAR) AS rate, COUNT(*) AS n,
         SUM(CASE WHEN shape = 'attested' THEN 0 ELSE 1 END) AS k
  FROM claimed_cells WHERE shape <> 'unproven' GROUP BY class
  UNION ALL
  SELECT class, CAST('by-hand' AS VARCHAR) AS rate, COUNT(*) AS n, SUM(CASE WHEN "manual" THEN 1 ELSE 0 END) AS k
  FROM lessons WHERE attested GROUP BY class
  UNION ALL
  SELECT class, CAST('card-only' AS VARCHAR) AS rate, seen AS n, bare AS k FROM reads WHERE seen > 0
  UNION ALL
  -- Each interval repeats what was called for and answered in the whole session.
  SELECT p.class, CAST('missed-spots' AS VARCHAR) AS rate, SUM(p.due) AS n, SUM(p.due - p.met) AS k
  FROM (SELECT class, device, counter, trainee, MAX(spots_due) AS due, MAX(spots_met) AS met
        FROM presence GROUP BY class, device, counter, trainee) p
  GROUP BY p.class HAVING SUM(p.due) > 0
  UNION ALL
  SELECT s.class, CAST('late' AS VARCHAR) AS rate, COUNT(*) AS n,
         SUM(CASE WHEN s.received - s.close > CASE WHEN w.network = 'pastoral' THEN $late_pastoral_h ELSE $late_h END * 3600000
                  THEN 1 ELSE 0 END) AS k
  FROM logs s LEFT JOIN sites w ON w.site = s.site
  WHERE s.received IS NOT NULL
  GROUP BY s.class
  UNION ALL
  SELECT class, CAST('strangers' AS VARCHAR) AS rate, taps AS n, strangers AS k FROM reads
), sizes AS (
  SELECT institution, SUM(trainees) AS trainees FROM ended GROUP BY institution
)
SELECT e.institution || '/' || r.rate AS unit, e.institution, MIN(e.region) AS region, MAX(e.day_to) AS day,
       MIN(e.kind) AS kind, CAST(MAX(z.trainees) AS BIGINT) AS size, CAST(SUM(r.n) AS BIGINT) AS n,
       CAST(SUM(r.k) AS BIGINT) AS k
FROM rates r
JOIN ended e ON e.class = r.class
JOIN sizes z ON z.institution = e.institution
GROUP BY e.institution, r.rate
