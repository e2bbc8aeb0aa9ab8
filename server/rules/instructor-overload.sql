-- id: instructor-overload
-- grade: weak
-- family: teaching
-- title_zh: 教师超负荷
-- title_en: An instructor on paper
-- basis: 内蒙古自治区人力资源和社会保障厅 2024-01-25 通知，首段（虚构课时、培训纪律）、第四条（一）
-- threshold: day_hours = 8 (customary: class hours of one person on one day, over all institutions)
-- threshold: min_days = 5 (customary: days with more than that)
-- threshold: month_hours = 160 (customary: class hours in any thirty days)
-- explain_zh: 该教师在各机构合计，有 {of} 天授课超过 8 学时，任意三十天内最多 {n} 学时；其授课的 {cells} 个申领学时供查看。
-- explain_en: Over all institutions this instructor taught more than 8 class hours on {of} days, and up to {n} in thirty days; {cells} claimed hours of these lessons are for a look.
-- innocent_zh: 经批准的集中授课。
-- innocent_en: An intensive block with approval.
-- next_zh: 核对聘用合同与工资单。
-- next_en: Compare contracts and pay slips.
WITH taught AS (
  -- Two classes at one time are one hour of work: a joint lesson, or the affair of another rule.
  SELECT p.person, p.day, p.start, MIN(p.class) AS class
  FROM schedule p
  WHERE p.person IS NOT NULL
    AND EXISTS (SELECT 1 FROM claimed_cells c WHERE c.class = p.class AND c.lesson = p.lesson AND c.logged)
    AND NOT EXISTS (SELECT 1 FROM permits m
                    WHERE m.class = p.class AND m.what = 'hours' AND (m.lesson IS NULL OR m.lesson = p.lesson)
                      AND (m."from" IS NULL OR m."from" < p."end") AND (m."to" IS NULL OR m."to" > p.start))
  GROUP BY p.person, p.day, p.start
), days AS (
  SELECT person, day, COUNT(*) AS hours FROM taught GROUP BY person, day
), summed AS (
  SELECT person, day, hours,
         SUM(hours) OVER (PARTITION BY person ORDER BY day RANGE BETWEEN 29 PRECEDING AND CURRENT ROW) AS month
  FROM days
), marked AS (
  -- A day belongs to the fullest month that it lies in.
  SELECT person, day, hours,
         MAX(month) OVER (PARTITION BY person ORDER BY day RANGE BETWEEN CURRENT ROW AND 29 FOLLOWING) AS month
  FROM summed
), persons AS (
  SELECT person, SUM(CASE WHEN hours > $day_hours THEN 1 ELSE 0 END) AS long_days, MAX(month) AS month
  FROM marked GROUP BY person
  HAVING SUM(CASE WHEN hours > $day_hours THEN 1 ELSE 0 END) >= $min_days OR MAX(month) > $month_hours
), heavy AS (
  SELECT m.person, m.day, n.long_days, n.month
  FROM marked m JOIN persons n ON n.person = m.person
  WHERE m.month > $month_hours OR m.hours > $day_hours AND n.long_days >= $min_days
)
SELECT c.class, COALESCE(t.instructor, h.person) AS subject, c.trainee, c.cell, CAST('overload' AS VARCHAR) AS kind,
       c.lesson, TRUE AS suspect, c.device, c.counter, c.seq_from, c.seq_to, CAST('instructor' AS VARCHAR) AS about,
       CAST(h.month AS BIGINT) AS n, CAST(h.long_days AS BIGINT) AS "of"
FROM heavy h
JOIN schedule p ON p.person = h.person AND p.day = h.day
JOIN claimed_cells c ON c.class = p.class AND c.lesson = p.lesson
LEFT JOIN teachers t ON t.class = p.class AND t.person = p.person
WHERE c.logged AND c.shape <> 'unproven'
