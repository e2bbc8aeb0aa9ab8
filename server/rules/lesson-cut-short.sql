-- id: lesson-cut-short
-- grade: strong
-- family: hours
-- scope: class
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
  SELECT class, session, trainee, MIN("from") AS came, MAX("to") AS went,
         -- Who forgot to check out is there until last seen, which says nothing of when the class ended.
         CASE WHEN MAX(CASE WHEN closed_by = 'out' THEN "to" END) = MAX("to") THEN 1 ELSE 0 END AS left_by_card
  FROM presence GROUP BY class, session, trainee
), ranked AS (
  SELECT class, session, came, went, left_by_card, COUNT(*) OVER (PARTITION BY class, session) AS people,
         SUM(left_by_card) OVER (PARTITION BY class, session) AS leavers,
         ROW_NUMBER() OVER (PARTITION BY class, session, left_by_card ORDER BY came, trainee) AS nth_in,
         ROW_NUMBER() OVER (PARTITION BY class, session, left_by_card ORDER BY went DESC, trainee) AS nth_last
  FROM stays
), held AS (
  -- From when half had come until fewer than half were left. A break between counts as class: that harms nobody.
  SELECT class, session, MIN(CASE WHEN 2 * nth_in >= leavers THEN came END) AS began,
         MAX(CASE WHEN 2 * nth_last >= leavers THEN went END) AS ended
  FROM ranked WHERE left_by_card = 1 AND leavers * 2 >= people
  GROUP BY class, session
), judged AS MATERIALIZED (
  SELECT h.class, h.session,
         CASE WHEN (n.ms - CASE WHEN h.ended < n.last THEN h.ended ELSE n.last END
                    + CASE WHEN h.began > n.first THEN h.began ELSE n.first END) * 1000 >= $min_permille * n.ms
              THEN 1 ELSE 0 END AS cut
  FROM held h JOIN planned n ON n.class = h.class AND n.session = h.session
  -- What was down may have cut it short; what was agreed with the bureau is no fault.
  WHERE NOT EXISTS (SELECT 1 FROM faults f WHERE f.class = h.class AND f.session = h.session AND f.part IN ('reader', 'power'))
    AND NOT EXISTS (SELECT 1 FROM permits p WHERE p.class = h.class AND p.what = 'hours'
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
