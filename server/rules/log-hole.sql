-- id: log-hole
-- grade: certain
-- family: log
-- title_zh: 缺号缺封
-- title_en: A session is missing from the terminal's chain
-- basis: 内蒙古自治区人力资源和社会保障厅 2024-01-25 通知，首段（虚构课时、培训纪律）、第四条（一）
-- threshold: wait_h = 72 (catalogue: the late limit; until then the log may be under way)
-- explain_zh: 该终端有 {sessions} 个计数没有任何记录送达，而之后的记录已到；缺口期间有 {cells} 个申领学时的课没有记录，不能计入。
-- explain_en: Nothing has come for {sessions} of this terminal's counters, although later ones are there; {cells} claimed hours are of lessons in the gap that no log has, and cannot count.
-- innocent_zh: 记录仍在途中、断网期间的联络未送达、终端更换并有交接记录。
-- innocent_en: A log still on its way, a sign of life that was lost while the network was down, a terminal replaced with a hand-over record.
-- next_zh: 到培训点取出终端中的记录；找不到则不计学时。
-- next_en: Find the log on the terminal; else no hours.
WITH holes AS (
  SELECT g.device, d.site, g."after", g."before", g.counter_to - g.counter_from + 1 AS missing
  FROM gaps g
  JOIN devices d ON d.device = g.device
  JOIN run q ON q."at" - g.noticed > $wait_h * 3600000
  WHERE NOT EXISTS (SELECT 1 FROM permits m
                    WHERE m.site = d.site AND m.what = 'replacement'
                      AND (m."from" IS NULL OR m."from" <= g."before")
                      AND (m."to" IS NULL OR g."after" IS NULL OR m."to" >= g."after"))
), counted AS (
  SELECT device, SUM(missing) AS missing FROM holes GROUP BY device
), lost AS (
  -- A hole before the first log of all has no beginning, so no lesson can be said to lie in it.
  SELECT h.device, c.class, c.trainee, c.cell, c.lesson
  FROM holes h
  JOIN classes k ON k.site = h.site
  JOIN claimed_cells c ON c.class = k.class
  WHERE c.shape = 'not-held' AND c.start < h."before" AND c."end" > h."after"
)
SELECT l.class, l.device AS subject, l.trainee, l.cell, CAST('hole' AS VARCHAR) AS kind, l.lesson, FALSE AS suspect,
       CAST('' AS VARCHAR) AS device, 0 AS counter, 0 AS seq_from, 0 AS seq_to,
       CAST('device' AS VARCHAR) AS about, CAST(k.missing AS BIGINT) AS sessions
FROM lost l JOIN counted k ON k.device = l.device
UNION ALL
-- A hole that no claim hangs on is shown all the same.
SELECT CAST('' AS VARCHAR) AS class, k.device AS subject, CAST('' AS VARCHAR) AS trainee, 0 AS cell,
       CAST('hole' AS VARCHAR) AS kind, CAST('' AS VARCHAR) AS lesson, FALSE AS suspect,
       CAST('' AS VARCHAR) AS device, 0 AS counter, 0 AS seq_from, 0 AS seq_to,
       CAST('device' AS VARCHAR) AS about, CAST(k.missing AS BIGINT) AS sessions
FROM counted k
WHERE NOT EXISTS (SELECT 1 FROM lost l WHERE l.device = k.device)
