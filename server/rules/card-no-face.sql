-- id: card-no-face
-- grade: weak
-- family: identity
-- title_zh: 有卡无脸
-- title_en: A card, and nobody in front of the camera
-- basis: 内蒙古自治区人力资源和社会保障厅 2024-01-25 通知，首段（虚报人数）、第四条（一）
-- threshold: min_sessions = 3 (customary: once or twice is a scarf or a backlit door)
-- threshold: min_permille = 500 (customary: half of the check-ins)
-- threshold: peers_permille = 500 (customary: the camera saw the rest of the class, half of their check-ins at least)
-- threshold: class_taps = 30 (customary: fewer say too little)
-- threshold: class_permille = 200 (customary: one read in five; and far from what is usual there, by `nulls`)
-- threshold: class_trainees = 3 (customary: one or two in a corner seat are no empty room)
-- explain_zh: 该学员在 {sessions} 个课次中刷卡，摄像头工作正常且看到了其他学员，但其半数以上刷卡时镜头前无人；{cells} 个申领学时仅凭卡支持。
-- explain_en: In {sessions} sessions this trainee's card was read while the camera worked and saw the others, and at half of these reads or more nobody was in front of it; {cells} claimed hours rest on the card alone.
-- explain_class-card-only_zh: 全班 {sessions} 个课次共刷卡 {of} 次，摄像头工作正常、画面可用，而其中 {n} 次镜头前无人，远多于当地同类班级；{cells} 个申领学时仅凭卡支持。
-- explain_class-card-only_en: In {sessions} sessions of the class cards were read {of} times while the camera worked and its pictures were good, and at {n} of these reads nobody was in front of it, far more than in classes like it nearby; {cells} claimed hours rest on cards alone.
-- innocent_zh: 教室逆光、口罩围巾、身高低于镜头、坐在角落。
-- innocent_en: A backlit room, a mask or winter scarf, somebody shorter than the lens, a seat in the corner.
-- next_zh: 调整摄像头；下一节课由检查人员到场。
-- next_en: Re-aim the camera; have an inspector attend the next lesson.
WITH sighted AS MATERIALIZED (
  SELECT device, counter FROM sessions WHERE has_camera AND fault_camera_s = 0
), own AS MATERIALIZED (
  SELECT class, trainee, COUNT(*) AS sessions, SUM(taps) AS taps, SUM(bare) AS bare, SUM(faced) AS faced
  FROM (SELECT t.class, t.trainee, t.session, COUNT(*) AS taps, SUM(CASE WHEN t.level = 1 THEN 1 ELSE 0 END) AS bare,
               SUM(CASE WHEN t.level >= 2 THEN 1 ELSE 0 END) AS faced
        FROM taps t JOIN sighted s ON s.device = t.device AND s.counter = t.counter
        WHERE t.level IS NOT NULL
        GROUP BY t.class, t.trainee, t.session) d
  GROUP BY class, trainee
), everybody AS (
  SELECT class, SUM(taps) AS taps, SUM(faced) AS faced FROM own GROUP BY class
)
SELECT c.class, c.trainee AS subject, c.trainee, c.cell, CAST('card-only' AS VARCHAR) AS kind, c.lesson,
       TRUE AS suspect, c.device, c.counter, c.seq_from, c.seq_to, CAST('weak' AS VARCHAR) AS grade, own.sessions,
       own.bare AS n, own.taps AS "of", CAST(NULL AS BIGINT) AS score
FROM claimed_cells c
JOIN claims k ON k.class = c.class AND k.trainee = c.trainee AND k.policy_level >= 2
JOIN roster r ON r.class = c.class AND r.trainee = c.trainee AND NOT r.declined_face
JOIN own ON own.class = c.class AND own.trainee = c.trainee
JOIN everybody ON everybody.class = c.class
WHERE own.sessions >= $min_sessions
  AND own.bare * 1000 >= $min_permille * own.taps
  AND everybody.taps > own.taps
  AND (everybody.faced - (own.taps - own.bare)) * 1000 >= $peers_permille * (everybody.taps - own.taps)
  AND c.shape = 'tail' AND c.reason = 'low-assurance'
UNION ALL
-- The class: cards come, people do not. Only reads at which the picture was good and showed nobody; a backlit room gives
-- poor ones. How many of these are usual differs from place to place, so a class is held against its own kind.
SELECT c.class, CAST('' AS VARCHAR) AS subject, c.trainee, c.cell, CAST('class-card-only' AS VARCHAR) AS kind, c.lesson,
       TRUE AS suspect, c.device, c.counter, c.seq_from, c.seq_to, CAST('strong' AS VARCHAR) AS grade, e.sessions,
       e.bare AS n, e.taps AS "of", u.score
FROM (SELECT t.class, COUNT(DISTINCT t.session) AS sessions, COUNT(*) AS taps,
             SUM(CASE WHEN t.level = 1 AND f.outcome = 'none' THEN 1 ELSE 0 END) AS bare,
             COUNT(DISTINCT CASE WHEN t.level = 1 AND f.outcome = 'none' THEN t.trainee END) AS alone
      FROM taps t
      JOIN nulls w ON w.rule = 'card-no-face' AND w.unit = t.class AND w.passes
      JOIN sighted s ON s.device = t.device AND s.counter = t.counter
      JOIN roster o ON o.class = t.class AND o.trainee = t.trainee AND NOT o.declined_face
      LEFT JOIN faces f ON f.device = t.device AND f.counter = t.counter AND f.tap_seq = t.seq
      WHERE t.level IS NOT NULL
      GROUP BY t.class) e
JOIN nulls u ON u.rule = 'card-no-face' AND u.unit = e.class
JOIN claimed_cells c ON c.class = e.class
JOIN claims k ON k.class = c.class AND k.trainee = c.trainee AND k.policy_level >= 2
JOIN roster r ON r.class = c.class AND r.trainee = c.trainee AND NOT r.declined_face
WHERE e.taps >= $class_taps AND e.bare * 1000 >= $class_permille * e.taps AND e.alone >= $class_trainees
  AND c.shape = 'tail' AND c.reason = 'low-assurance'
-- counts:
SELECT e.class AS unit, k.institution, k.region, k.day_to AS day, k.kind, k.trainees AS size, e.n, e.k
FROM (SELECT t.class, COUNT(*) AS n, SUM(CASE WHEN t.level = 1 AND f.outcome = 'none' THEN 1 ELSE 0 END) AS k
      FROM sessions s
      JOIN taps t ON t.device = s.device AND t.counter = s.counter
      JOIN roster o ON o.class = t.class AND o.trainee = t.trainee AND NOT o.declined_face
      LEFT JOIN faces f ON f.device = t.device AND f.counter = t.counter AND f.tap_seq = t.seq
      WHERE s.has_camera AND s.fault_camera_s = 0 AND t.level IS NOT NULL
      GROUP BY t.class) e
JOIN classes k ON k.class = e.class AND k.policy_level >= 2
JOIN run q ON k.ends <= q."at"
