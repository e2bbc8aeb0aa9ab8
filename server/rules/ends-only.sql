-- id: ends-only
-- grade: strong
-- family: presence
-- scope: class
-- title_zh: 只签到签退
-- title_en: Signs in, goes, signs out
-- basis: 内蒙古自治区人力资源和社会保障厅 2024-01-25 通知，首段（虚构课时、培训纪律）、第四条（一）（虚假培训）
-- threshold: min_calls = 6 (customary: a call or two is a toilet or a corridor; none of six is nobody)
-- threshold: crowd_calls = 3 (customary: of three in one class who are never there, three calls each are enough)
-- threshold: crowd_least = 2 (customary: whose other hours are pointed at was called twice at least)
-- threshold: crowd_total = 12 (customary: and twelve calls of them together; by chance one call in twenty is missed)
-- threshold: min_trainees = 3 (customary: some people always miss, one or two of a class)
-- threshold: class_calls = 20 (customary: fewer calls of a class say too little)
-- threshold: class_permille = 500 (customary: half, where one in twenty is expected)
-- explain_zh: 该学员课中抽查被点 {of} 次，一次也未应答，当时设备没有故障；其签到与签退之间因此未计的申领学时有 {cells} 个。
-- explain_en: This trainee was called {of} times for a spot check and answered none, with nothing recorded as down. {cells} claimed hours between sign-in and sign-out do not count for it.
-- explain_class-no-answer_zh: 本班课中抽查共点名 {of} 次，{n} 次无人应答，当时设备没有故障：学员到场签到、签退，课中却不在。从未应答者的申领学时、以及因此未计的学时共 {cells} 个。
-- explain_class-no-answer_en: In this class {of} spot checks were called with nothing recorded as down, and {n} were not answered: people sign in and out and are not there between. {cells} claimed hours are of those who never answered, or do not count for it.
-- innocent_zh: 在其他场地上实操课；听力不好或行动迟缓的学员；点名时设备故障未记录。
-- innocent_en: A practical lesson in another hall; trainees who hear badly or walk slowly; a fault at the call that nothing recorded.
-- next_zh: 由主管部门远程发起一次课中抽查；不打招呼上门。
-- next_en: Call a spot check from the bureau; visit unannounced.

-- Sessions of which a part was practice elsewhere, in writing.
WITH elsewhere AS (
  SELECT s.class, s.session
  FROM permits p JOIN schedule s ON s.class = p.class
  WHERE p.what = 'practice'
    AND (p.lesson = s.lesson OR (p.lesson IS NULL AND p."from" < s."end" AND p."to" > s.start))
  GROUP BY s.class, s.session
),
-- Calls of a session with something down are nobody's.
fair AS MATERIALIZED (
  SELECT s.class, s.device, s.counter
  FROM sessions s
  LEFT JOIN elsewhere e ON e.class = s.class AND e.session = s.session
  WHERE e.class IS NULL AND COALESCE(s.fault_camera_s, 0) = 0 AND COALESCE(s.fault_reader_s, 0) = 0
    AND NOT EXISTS (SELECT 1 FROM faults f WHERE f.device = s.device AND f.counter = s.counter AND f.part = 'power')
),
-- Those of the others stand with each interval of the session.
calls AS (
  SELECT p.class, p.trainee, p.session, p.device, p.counter, MAX(p.spots_due) AS due, MAX(p.spots_met) AS met
  FROM presence p
  JOIN fair s ON s.class = p.class AND s.device = p.device AND s.counter = p.counter
  GROUP BY p.class, p.trainee, p.session, p.device, p.counter
),
own AS MATERIALIZED (
  SELECT class, trainee, SUM(due) AS due, SUM(met) AS met, COUNT(DISTINCT session) AS sessions
  FROM calls GROUP BY class, trainee
),
everybody AS (
  SELECT class, SUM(due) AS due, SUM(due) - SUM(met) AS missed,
         SUM(CASE WHEN met = 0 AND due >= $crowd_calls THEN 1 ELSE 0 END) AS silent,
         SUM(CASE WHEN met = 0 AND due >= $crowd_calls THEN due ELSE 0 END) AS unheard
  FROM own GROUP BY class
),
-- The class: all who missed half of their calls or more. One trainee alone: weak.
judged AS MATERIALIZED (
  SELECT class, trainee, due, met, sessions, class_due, missed, crowd
  FROM (SELECT o.class, o.trainee, o.due, o.met, o.sessions, e.due AS class_due, e.missed,
               (e.silent >= $min_trainees AND e.unheard >= $crowd_total)
                 OR (e.due >= $class_calls AND e.missed * 1000 >= $class_permille * e.due) AS crowd
        FROM own o JOIN everybody e ON e.class = o.class) x
  WHERE (crowd AND due > 0 AND (due - met) * 1000 >= $class_permille * due)
     OR (NOT crowd AND met = 0 AND due >= $min_calls)
),
-- Hours that the missed calls made void; of a crowd all hours of those who never once answered, which nothing but their
-- sign-in and sign-out carries: but for sessions whose calls are set aside.
held AS (
  SELECT c.class, c.trainee, c.cell, c.lesson, c.device, c.counter, c.seq_from, c.seq_to
  FROM claimed_cells c
  JOIN judged j ON j.class = c.class AND j.trainee = c.trainee
  LEFT JOIN fair q ON q.class = c.class AND q.device = c.device AND q.counter = c.counter
  WHERE c.reason = 'missed-spot'
     OR (j.crowd AND j.met = 0 AND j.due >= $crowd_least AND q.class IS NOT NULL AND c.logged
         AND c.shape IN ('attested', 'tail'))
)
SELECT j.class, CASE WHEN j.crowd THEN '' ELSE j.trainee END AS subject, j.trainee, COALESCE(c.cell, 0) AS cell,
       CASE WHEN j.crowd THEN 'class-no-answer' ELSE 'no-answer' END AS kind, c.lesson,
       TRUE AS suspect, c.device, c.counter, c.seq_from, c.seq_to,
       CASE WHEN j.crowd THEN 'strong' ELSE 'weak' END AS grade, j.sessions,
       CASE WHEN j.crowd THEN j.missed ELSE j.due - j.met END AS n,
       CASE WHEN j.crowd THEN j.class_due ELSE j.due END AS "of"
FROM judged j
JOIN claims k ON k.class = j.class AND k.trainee = j.trainee
-- Where no such hour is claimed, the fact stands without one.
LEFT JOIN held c ON c.class = j.class AND c.trainee = j.trainee
