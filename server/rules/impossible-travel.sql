-- id: impossible-travel
-- grade: strong
-- family: identity
-- scope: person
-- needs: sites
-- title_zh: 行程不可能
-- title_en: A journey nobody can make
-- basis: 内蒙古自治区人力资源和社会保障厅 2024-01-25 通知，首段（虚构课时、虚报人数）、第四条（一）（虚假培训）
-- threshold: limit_km_h = 120 (customary: the motorway limit, as the crow flies)
-- threshold: min_metres = 20000 (catalogue: nearer sites say more about coordinates than about people)
-- explain_zh: 该学员先在相距 {n} 米的另一培训点刷卡，随后在本班刷卡，间隔时间即使加上两台终端的时钟误差，以每小时 120 公里也到不了。其后一次到课涉及 {cells} 个申领学时。
-- explain_en: This person's card was read at another site {n} metres away, and then here, sooner than 120 kilometres an hour would allow even if both clocks were as wrong as their logs say. {cells} claimed hours are of the second stay.
-- innocent_zh: 培训点坐标有误、终端经批准移位、时钟不准。
-- innocent_en: Wrong coordinates of a site, a terminal that was moved with permission, a clock that is off.
-- next_zh: 先核对终端位置和培训点坐标，再看人脸核验分数。
-- next_en: Check where the terminal was and the site's coordinates first, then the face scores.

-- A terminal that was seen away from its site may have been that much nearer.
WITH away AS (SELECT device, counter, MAX(metres) AS metres FROM positions GROUP BY device, counter),
trips AS (
  SELECT j.class_a, j.trainee_a, j.class_b, j.trainee_b, j.device_a, j.counter_a, j.seq_a, j.device_b, j.counter_b, j.seq_b,
         j.at_a, j.at_b, j.metres - COALESCE(p.metres, 0) - COALESCE(q.metres, 0) AS metres,
         j.at_b - j.at_a + COALESCE(j.slack_s, 0) * 1000 AS ms
  FROM journeys j
  LEFT JOIN away p ON p.device = j.device_a AND p.counter = j.counter_a
  LEFT JOIN away q ON q.device = j.device_b AND q.counter = j.counter_b
  WHERE j.metres > $min_metres
),
-- Who is early checks in within the hour before the lesson.
moved AS (
  SELECT class, "from" AS since, "to" AS until FROM permits WHERE what = 'move' AND lesson IS NULL
  UNION ALL
  SELECT s.class, s.start - 3600000 AS since, s."end" AS until
  FROM permits p JOIN schedule s ON s.class = p.class AND s.lesson = p.lesson
  WHERE p.what = 'move'
),
-- While the first session still runs, who has not checked out of it may be in two places at once: that is the other rule's
-- (two-places), which weighs both sides.
still_there AS (
  SELECT t.device_a, t.counter_a, t.seq_a, t.device_b, t.counter_b, t.seq_b
  FROM trips t
  JOIN sessions s ON s.device = t.device_a AND s.counter = t.counter_a AND s.close > t.at_b
  LEFT JOIN presence p ON p.class = t.class_a AND p.trainee = t.trainee_a AND p.device = t.device_a
    AND p.counter = t.counter_a AND p.closed_by = 'out' AND p."to" >= t.at_a AND p."to" <= t.at_b
  WHERE p.class IS NULL
  GROUP BY t.device_a, t.counter_a, t.seq_a, t.device_b, t.counter_b, t.seq_b
),
quick AS MATERIALIZED (
  SELECT t.class_b, t.trainee_b, t.device_a, t.counter_a, t.seq_a, t.device_b, t.counter_b, t.seq_b, t.metres
  FROM trips t
  LEFT JOIN still_there o ON o.device_a = t.device_a AND o.counter_a = t.counter_a AND o.seq_a = t.seq_a
    AND o.device_b = t.device_b AND o.counter_b = t.counter_b AND o.seq_b = t.seq_b
  -- Metres in milliseconds against kilometres in an hour: 3,600 of the one are one of the other.
  WHERE t.metres > $min_metres AND t.metres * 3600 > $limit_km_h * t.ms
    AND NOT EXISTS (SELECT 1 FROM moved m WHERE m.class = t.class_a AND m.since <= t.at_a AND m.until >= t.at_a)
    AND NOT EXISTS (SELECT 1 FROM moved m WHERE m.class = t.class_b AND m.since <= t.at_b AND m.until >= t.at_b)
    AND o.device_a IS NULL
),
-- The second stay: what is claimed of the session that the second check-in opened.
stay AS (
  SELECT c.class, c.trainee, c.cell, c.lesson, q.device_b, q.counter_b, q.seq_b, q.device_a, q.counter_a, q.seq_a,
         q.metres
  FROM quick q
  JOIN claimed_cells c ON c.class = q.class_b AND c.trainee = q.trainee_b
    AND c.device = q.device_b AND c.counter = q.counter_b
  WHERE c.shape <> 'unproven'
)
SELECT class, trainee AS subject, trainee, cell, CAST('too-fast' AS VARCHAR) AS kind, lesson, TRUE AS suspect,
       device_b AS device, counter_b AS counter, seq_b AS seq_from, seq_b AS seq_to, metres AS n
FROM stay
UNION ALL
-- The check-in before, as a proof without an hour.
SELECT class, trainee AS subject, trainee, 0 AS cell, CAST('too-fast' AS VARCHAR) AS kind, lesson, TRUE AS suspect,
       device_a, counter_a, seq_a AS seq_from, seq_a AS seq_to, metres
FROM stay
