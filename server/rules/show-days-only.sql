-- id: show-days-only
-- grade: strong
-- family: presence
-- scope: class
-- title_zh: 只到检查日
-- title_en: There when somebody looks
-- basis: 内蒙古自治区人力资源和社会保障厅 2024-01-25 通知，首段（虚报人数）、第四条（一）（虚假培训）
-- threshold: share_permille = 800 (customary: four attested hours in five lie on days when somebody looks)
-- threshold: days_permille = 300 (customary: while these are three days in ten; in a short course they are more)
-- threshold: min_trainees = 5 (customary: one or two had their own reasons)
-- threshold: min_hours = 18 (catalogue: p ≤ 1e-4; from 18 hours on, 0.8 where 0.3 is expected stays under it by Chernoff's bound)
-- explain_zh: 本班 {of} 名有到课记录的学员中，有 {n} 名的核验学时八成以上集中在开班日、结业日和检查日，而这些日子不足上课天数的三成。涉及 {cells} 个申领学时；因故障未能核验的学时已按到课计，不在此列。
-- explain_en: Of the {of} trainees of this class who came at all, {n} have four in five of their attested hours or more on the first day, the last day and days of inspection, which are three in ten of the days taught at most. {cells} claimed hours are theirs; hours that are unproven were counted as if they had come, and are not among them.
-- innocent_zh: 短期班、只上了几天课的班、中途生病或农忙。
-- innocent_en: A short course, a class that met on a few days only, an illness or farm work in between.
-- next_zh: 分别询问这些学员；不打招呼上门检查。
-- next_en: Ask these trainees apart; visit unannounced.

-- Days on which the class met, by its logs. Its last day is the day of the examination.
WITH held AS MATERIALIZED (SELECT class, day FROM sessions GROUP BY class, day),
span AS MATERIALIZED (SELECT class, MIN(day) AS first_day, MAX(day) AS last_day, COUNT(*) AS days FROM held GROUP BY class),
looked AS (
  SELECT class, first_day AS day FROM span
  UNION
  SELECT class, last_day AS day FROM span
  UNION
  -- A day in China begins eight hours before that of the clock the times are counted by.
  SELECT h.class, h.day FROM held h JOIN inspections i ON i.class = h.class
    AND i."at" + 28800000 >= h.day * 86400000 AND i."at" + 28800000 < (h.day + 1) * 86400000
  UNION
  SELECT h.class, h.day FROM held h JOIN classes k ON k.class = h.class JOIN inspections i ON i.site = k.site
    AND i."at" + 28800000 >= h.day * 86400000 AND i."at" + 28800000 < (h.day + 1) * 86400000
  WHERE i.class IS NULL
),
looks AS (SELECT class, COUNT(*) AS days FROM looked GROUP BY class),
came AS (
  SELECT l.class, l.trainee, COUNT(*) AS hours, SUM(CASE WHEN w.day IS NOT NULL THEN 1 ELSE 0 END) AS shown
  -- Two terminals may have logged one lesson.
  FROM (SELECT class, trainee, lesson, day FROM lessons WHERE attested GROUP BY class, trainee, lesson, day) l
  LEFT JOIN looked w ON w.class = l.class AND w.day = l.day
  GROUP BY l.class, l.trainee
),
judged AS MATERIALIZED (
  SELECT m.class, m.trainee,
         m.hours >= $min_hours AND o.days * 1000 <= $days_permille * s.days
           -- What is unproven may have been attended on any other day.
           AND m.shown * 1000 >= $share_permille * (m.hours + COALESCE(k.unproven, 0)) AS such
  FROM came m
  JOIN claims k ON k.class = m.class AND k.trainee = m.trainee
  JOIN span s ON s.class = m.class
  JOIN looks o ON o.class = m.class
),
crowd AS (
  SELECT class, SUM(CASE WHEN such THEN 1 ELSE 0 END) AS n, COUNT(*) AS trainees FROM judged GROUP BY class
)
SELECT c.class, CAST('' AS VARCHAR) AS subject, c.trainee, c.cell, CAST('show-day' AS VARCHAR) AS kind, c.lesson,
       TRUE AS suspect, c.device, c.counter, c.seq_from, c.seq_to, w.n, w.trainees AS "of"
FROM claimed_cells c
JOIN judged j ON j.class = c.class AND j.trainee = c.trainee AND j.such
JOIN crowd w ON w.class = c.class AND w.n >= $min_trainees
WHERE c.shape <> 'unproven'
