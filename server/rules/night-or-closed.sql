-- id: night-or-closed
-- grade: strong
-- family: rhythm
-- scope: class
-- title_zh: 夜间或停课日
-- title_en: Class at night, or on a day without class
-- basis: 内蒙古自治区人力资源和社会保障厅 2024-01-25 通知，首段（虚构课时、培训纪律）、第四条（一）
-- threshold: open_min = 420 (seen: Chengdu, practice from 7:00; minutes after midnight)
-- threshold: close_min = 1320 (seen: Chengdu, theory until 22:00; minutes after midnight)
-- threshold: grace_min = 10 (customary: a lesson that ends at 22:05 is an evening class)
-- explain_zh: {lessons} 节课在七点前、二十二点后或公布的停课时段内上课，且没有批准的时间安排；涉及 {cells} 个申领学时（夜间 {night}，停课 {closed}）。
-- explain_en: {lessons} lessons were held before 7:00, after 22:00 or while the region was closed, and nobody had approved these hours; {cells} claimed hours are of them ({night} at night, {closed} while closed).
-- explain_night_zh: {lessons} 节课在七点前或二十二点后上课，且没有批准的时间安排；涉及 {cells} 个申领学时。
-- explain_night_en: {lessons} lessons were held before 7:00 or after 22:00, and nobody had approved these hours; {cells} claimed hours are of them.
-- explain_closed_zh: {lessons} 节课在公布的停课时段内上课，且没有批准的时间安排；涉及 {cells} 个申领学时。
-- explain_closed_en: {lessons} lessons were held while the region was published as closed, and nobody had approved these hours; {cells} claimed hours are of them.
-- innocent_zh: 经批准的夜校、调休工作日、风雪停课后的补课。
-- innocent_en: An approved evening school, moved working days, make-up lessons after a storm.
-- next_zh: 询问当时由谁开门。
-- next_en: Ask who opened the room.

-- By the lesson's time, not by the terminal's: a wrong clock attests nothing, and a session left open proves nothing.
WITH held AS (
  SELECT class, trainee, cell, lesson, device, counter, seq_from, seq_to, start, "end",
         -- China has one time zone, eight hours ahead of UTC.
         (start + 28800000) % 86400000 AS since_midnight
  FROM claimed_cells WHERE logged AND device IS NOT NULL AND shape <> 'unproven'
), places AS (
  -- A closure names a region by the beginning of its code: a league closes its banners.
  SELECT class, region AS place FROM classes
  UNION SELECT class, substr(region, 1, 4) AS place FROM classes
  UNION SELECT class, substr(region, 1, 2) AS place FROM classes
), shut AS (
  -- Weather is often published the morning after: who came before that did nothing odd.
  SELECT DISTINCT p.class, k."from", k."to"
  FROM places p JOIN calendar k ON k.region = p.place AND k.closed AND k.why = 'closed'
), odd AS (
  SELECT h.class, h.trainee, h.cell, h.lesson, h.device, h.counter, h.seq_from, h.seq_to, h.start, h."end",
         CAST('night' AS VARCHAR) AS kind
  FROM held h
  WHERE h.since_midnight < ($open_min - $grace_min) * 60000
     OR h.since_midnight + h."end" - h.start > ($close_min + $grace_min) * 60000
  UNION
  SELECT h.class, h.trainee, h.cell, h.lesson, h.device, h.counter, h.seq_from, h.seq_to, h.start, h."end",
         CAST('closed' AS VARCHAR) AS kind
  FROM held h JOIN shut s ON s.class = h.class AND s."from" < h."end" AND s."to" > h.start
)
SELECT o.class, CAST('' AS VARCHAR) AS subject, o.trainee, o.cell, o.kind, o.lesson,
       FALSE AS suspect, o.device, o.counter, o.seq_from, o.seq_to
FROM odd o
WHERE NOT EXISTS (SELECT 1 FROM permits p
                  WHERE p.class = o.class AND p.what IN ('hours', 'move')
                    AND (p.lesson IS NULL OR p.lesson = o.lesson)
                    AND (p."from" IS NULL OR p."from" < o."end") AND (p."to" IS NULL OR p."to" > o.start))
