-- id: same-order
-- grade: weak
-- family: rhythm
-- scope: class
-- title_zh: 刷卡次序雷同
-- title_en: The same order, day after day
-- basis: 内蒙古自治区人力资源和社会保障厅 2024-01-25 通知，首段（虚构课时、虚报人数）、第四条（一）
-- threshold: min_trainees = 10 (customary: in a small class neighbours recur by chance)
-- threshold: min_sessions = 5 (customary: fewer say too little)
-- threshold: min_permille = 500 (customary: half of the neighbours; chance gives one in the class size, friends 100 to 200)
-- threshold: strong_below = 2 (catalogue 3; a class without templates has level 2, and may answer a roll-call honestly)
-- threshold: silent_from = 4 (catalogue: each with the own live face is a roll-call, and no stack of cards)
-- explain_zh: {sessions} 个课次中，学员签到刷卡的先后次序大半与前一课次相同：{of} 对相邻刷卡中有 {n} 对重复；涉及 {cells} 个申领学时。
-- explain_en: In {sessions} sessions the trainees' cards came mostly in the order of the session before: of {of} pairs of neighbours {n} recur; {cells} claimed hours are of these sessions.
-- explain_no-face_zh: {sessions} 个课次中，学员签到刷卡的先后次序大半与前一课次相同：{of} 对相邻刷卡中有 {n} 对重复，而摄像头工作正常、镜头前没有本人；涉及 {cells} 个申领学时。
-- explain_no-face_en: In {sessions} sessions the trainees' cards came mostly in the order of the session before: of {of} pairs of neighbours {n} recur, while the camera worked and saw none of their owners; {cells} claimed hours hang on them.
-- innocent_zh: 按名册点名刷卡、同一宿舍、班车座次。
-- innocent_en: A roll-call in roster order, a dormitory, rows of a bus.
-- next_zh: 用一次抽查打乱次序后再比较。
-- next_en: Mix the order once by a spot check.
WITH firsts AS MATERIALIZED (
  -- The first check-in of each trainee. A card tried twice is one arrival.
  SELECT t.class, t.device, t.counter, t.trainee, MIN(t.seq) AS seq, MAX(t.level) AS level
  FROM taps t WHERE t.purpose = 'in' AND t.trainee IS NOT NULL
  GROUP BY t.class, t.device, t.counter, t.trainee
), sittings AS MATERIALIZED (
  SELECT f.class, f.device, f.counter, CAST(ROW_NUMBER() OVER (ORDER BY f.class, f.device, s.open, f.counter) AS BIGINT) AS n,
         -- A site without a camera, or one that was down, cannot show whose hand it was: then the order alone stays weak.
         COALESCE(s.has_camera AND s.fault_camera_s = 0, FALSE) AS sighted,
         ROW_NUMBER() OVER (PARTITION BY f.class, f.device ORDER BY s.open, f.counter) AS place
  FROM (SELECT class, device, counter FROM firsts
        GROUP BY class, device, counter HAVING COUNT(*) >= $min_trainees) f
  JOIN sessions s ON s.device = f.device AND s.counter = f.counter
), pairs AS MATERIALIZED (
  SELECT s.class, s.n, s.sighted, s.place, f.trainee AS a, f.level AS level_a,
         LEAD(f.trainee) OVER (PARTITION BY s.n ORDER BY f.seq) AS b,
         LEAD(f.level) OVER (PARTITION BY s.n ORDER BY f.seq) AS level_b
  FROM firsts f JOIN sittings s ON s.class = f.class AND s.device = f.device AND s.counter = f.counter
), compared AS (
  SELECT p.class,
         CASE WHEN q.a IS NULL OR p.level_a >= $silent_from AND p.level_b >= $silent_from THEN 0 ELSE 1 END AS same,
         CASE WHEN q.a IS NOT NULL AND p.sighted AND p.level_a < $strong_below AND p.level_b < $strong_below
              THEN 1 ELSE 0 END AS bare
  FROM pairs p
  LEFT JOIN pairs q ON q.n = p.n - 1 AND q.a = p.a AND q.b = p.b
  -- The first session has none before it.
  WHERE p.b IS NOT NULL AND p.place > 1
), judged AS (
  SELECT c.class, SUM(c.same) AS same, SUM(c.bare) AS bare, COUNT(*) AS pairs, MAX(n.sessions) AS sessions
  FROM compared c
  JOIN (SELECT class, COUNT(*) AS sessions FROM sittings GROUP BY class) n ON n.class = c.class
  WHERE n.sessions >= $min_sessions
  GROUP BY c.class HAVING SUM(c.same) * 1000 >= $min_permille * COUNT(*)
)
SELECT c.class, CAST('' AS VARCHAR) AS subject, c.trainee, c.cell,
       CAST(CASE WHEN j.bare * 1000 >= $min_permille * j.pairs THEN 'no-face' ELSE 'order' END AS VARCHAR) AS kind, c.lesson,
       TRUE AS suspect, c.device, c.counter, c.seq_from, c.seq_to,
       CAST(CASE WHEN j.bare * 1000 >= $min_permille * j.pairs THEN 'strong' ELSE 'weak' END AS VARCHAR) AS grade,
       j.sessions, CASE WHEN j.bare * 1000 >= $min_permille * j.pairs THEN j.bare ELSE j.same END AS n, j.pairs AS "of"
FROM judged j
JOIN sittings s ON s.class = j.class
JOIN claimed_cells c ON c.class = s.class AND c.device = s.device AND c.counter = s.counter
WHERE c.shape IN ('attested', 'tail')
  -- Strong, it holds only what no face carries.
  AND (j.bare * 1000 < $min_permille * j.pairs OR c.level >= 1 AND c.level < $strong_below AND s.sighted)
