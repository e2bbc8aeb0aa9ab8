-- id: lesson-cut-short
-- grade: strong
-- family: hours
-- title_zh: 迟开早散
-- title_en: Begun late, ended early
-- basis: 内蒙古自治区人力资源和社会保障厅 2024-01-25 通知，首段（培训纪律）、第四条（一）
-- threshold: min_permille = 250 (customary: one class hour in four)
-- threshold: min_sessions = 6 (customary: a storm day or two say nothing)
-- explain_zh: 在可以判断的 {of} 个课次中，有 {n} 个课次半数以上学员在场的时间比课表少四分之一以上；其中未足时的有 {cells} 个申领学时。
-- explain_en: In {n} of {of} sessions that can be judged, half of the trainees were there together for less than three quarters of the planned time; {cells} claimed hours of these sessions fall short.
-- innocent_zh: 班车、冬季道路，或与主管部门商定的农牧时节作息。
-- innocent_en: A bus, winter roads, herding or farm hours agreed with the bureau.
-- next_zh: 就培训纪律提出警示；调整课表或核减学时。
-- next_en: Warn; move the schedule or cut hours.
WITH planned AS (
  SELECT class, session, MIN(start) AS first, MAX("end") AS last, SUM("end" - start) AS ms
  FROM schedule GROUP BY class, session
), stays AS (
  SELECT p.class, p.session, p.trainee, p.closed_by,
         CASE WHEN p."from" < n.first THEN n.first ELSE p."from" END AS came,
         CASE WHEN p."to" > n.last THEN n.last ELSE p."to" END AS went
  FROM presence p JOIN planned n ON n.class = p.class AND n.session = p.session
  WHERE p."from" < n.last AND p."to" > n.first
    -- What was down may have cut it short.
    AND NOT EXISTS (SELECT 1 FROM faults f WHERE f.device = p.device AND f.counter = p.counter
                    AND f.part IN ('reader', 'power'))
), people AS (
  -- Who forgot to check out is there until last seen, which says nothing of when the class ended.
  SELECT class, session, COUNT(DISTINCT CASE WHEN closed_by = 'out' THEN trainee END) AS out, COUNT(DISTINCT trainee) AS n
  FROM stays GROUP BY class, session
), steps AS (
  SELECT s.class, s.session, s.came AS "at", 1 AS step FROM stays s WHERE s.closed_by = 'out'
  UNION ALL
  SELECT s.class, s.session, s.went AS "at", -1 AS step FROM stays s WHERE s.closed_by = 'out'
), rooms_at AS (
  SELECT class, session, "at",
         SUM(step) OVER (PARTITION BY class, session ORDER BY "at", step ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS here,
         LEAD("at") OVER (PARTITION BY class, session ORDER BY "at", step) AS next
  FROM steps
), held AS (
  SELECT r.class, r.session, SUM(CASE WHEN r.here * 2 >= p.out AND r.next IS NOT NULL THEN r.next - r."at" ELSE 0 END) AS ms
  FROM rooms_at r
  JOIN people p ON p.class = r.class AND p.session = r.session AND p.out * 2 >= p.n
  GROUP BY r.class, r.session
), judged AS (
  SELECT h.class, h.session, CASE WHEN (n.ms - h.ms) * 1000 >= $min_permille * n.ms THEN 1 ELSE 0 END AS cut
  FROM held h JOIN planned n ON n.class = h.class AND n.session = h.session
  WHERE NOT EXISTS (SELECT 1 FROM permits p WHERE p.class = h.class AND p.what = 'hours'
                    AND (p."from" IS NULL OR p."from" < n.last) AND (p."to" IS NULL OR p."to" > n.first))
), short AS (
  -- The median: more than half of the sessions.
  SELECT class, COUNT(*) AS sessions, SUM(cut) AS cut FROM judged
  GROUP BY class HAVING COUNT(*) >= $min_sessions AND SUM(cut) * 2 > COUNT(*)
)
SELECT c.class, CAST('' AS VARCHAR) AS subject, c.trainee, c.cell, CAST('short' AS VARCHAR) AS kind, c.lesson,
       FALSE AS suspect, c.device, c.counter, c.seq_from, c.seq_to, s.cut AS n, s.sessions AS "of"
FROM short s
JOIN judged j ON j.class = s.class AND j.cut = 1
JOIN claimed_cells c ON c.class = j.class AND c.session = j.session
WHERE c.logged AND c.shape = 'tail' AND c.reason = 'too-short'
UNION ALL
-- It is said of the class even where no claimed hour fell short of its share.
SELECT s.class, CAST('' AS VARCHAR) AS subject, CAST('' AS VARCHAR) AS trainee, 0 AS cell, CAST('short' AS VARCHAR) AS kind,
       CAST('' AS VARCHAR) AS lesson, FALSE AS suspect, CAST('' AS VARCHAR) AS device, 0 AS counter, 0 AS seq_from, 0 AS seq_to,
       s.cut AS n, s.sessions AS "of"
FROM short s
