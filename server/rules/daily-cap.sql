-- id: daily-cap
-- grade: certain
-- family: hours
-- scope: person
-- title_zh: 单日超课时上限
-- title_en: More hours than a day may hold
-- basis: 内蒙古自治区人力资源和社会保障厅 2024-01-25 通知，首段（虚构课时）、第四条（一）
-- threshold: cap = 8 (design: class hours of 45 minutes a day, where the class's policy says nothing)
-- explain_zh: 同一人一天内在各班合计申领最多达 {n} 学时，政策规定每天至多 {of} 学时；按时间先后，超出的 {cells} 学时落在本申领中。
-- explain_en: Over all classes, up to {n} class hours were claimed for this person on one day, and the policy lets {of} count. In order of time, {cells} hours of this claim are above it.
-- innocent_zh: 经批准的加长课日（如农忙前集中授课）；课表导入有误。
-- innocent_en: Longer days that were approved (before the farm season, say); a schedule imported wrongly.
-- next_zh: 核减超出部分；今后在开班审批时核对课表。
-- next_en: Cut what is above; check the schedule when the class is approved.

-- Only days that are too full are looked into. Where classes differ, the widest of their caps holds.
WITH busy AS (
  SELECT h.who, h.day, COUNT(*) AS hours, MAX(h.cap) AS cap
  FROM (SELECT COALESCE(c.person, c.class || '/' || c.trainee) AS who, c.day, COALESCE(k.daily_cap, $cap) AS cap
        FROM claimed_cells c LEFT JOIN classes k ON k.class = c.class
        WHERE c.day IS NOT NULL) h
  GROUP BY h.who, h.day
  HAVING COUNT(*) > MAX(h.cap)
),
placed AS (
  SELECT c.class, c.trainee, c.cell, c.lesson, c.start, c."end", c.device, c.counter, c.seq_from, c.seq_to,
         b.hours, b.cap,
         -- What logs support takes the day first: an hour nobody sat must not push out one that was sat.
         ROW_NUMBER() OVER (PARTITION BY b.who, b.day ORDER BY
           CASE WHEN c.shape = 'attested' OR c.reason = 'daily-cap' THEN 0 WHEN c.shape = 'unproven' THEN 1 ELSE 2 END,
           c.start, c.lesson, c.class, c.trainee, c.cell) AS place
  FROM claimed_cells c
  JOIN busy b ON b.who = COALESCE(c.person, c.class || '/' || c.trainee) AND b.day = c.day
)
SELECT x.class, x.trainee AS subject, x.trainee, x.cell, CAST('above-cap' AS VARCHAR) AS kind, x.lesson,
       FALSE AS suspect, x.device, x.counter, x.seq_from, x.seq_to, x.hours AS n, x.cap AS "of"
FROM placed x
WHERE x.place > x.cap
  -- An hour of a day that was approved longer takes its place in the day, and is not cut.
  AND NOT EXISTS (SELECT 1 FROM permits p
                  WHERE p.what = 'hours' AND p.class = x.class AND (p.trainee IS NULL OR p.trainee = x.trainee)
                    AND (p.lesson = x.lesson OR (p.lesson IS NULL AND p."from" < x."end" AND p."to" > x.start)))
