-- id: two-places
-- grade: strong
-- family: identity
-- scope: person
-- title_zh: 一人两地同时
-- title_en: One person in two places at once
-- basis: 内蒙古自治区人力资源和社会保障厅 2024-01-25 通知，首段（虚构课时、虚报人数）、第四条（一）（虚假培训）
-- threshold: hand_over_s = 300 (customary: changing rooms, and a check-out at the door of the next)
-- threshold: face_level = 3 (design: from here on the face matched the enrolled one)
-- threshold: min_calls = 2 (customary: one missed call is a toilet)
-- explain_zh: 同一人有 {n} 次同时在两台终端上处于到课状态，重叠时间超出两台终端的时钟误差和五分钟换场时间；该学员在本班重叠时间内的申领学时有 {cells} 个。两处以核验等级较低者为准核减，人脸均未相符的，双方都暂不作数。一处课中抽查有应答、另一处从未应答的，或一处人脸相符、另一处摄像头正常而无人或另有其人的，后者须说明；无法分辨的只暂缓，不指认任何一方。
-- explain_en: {n} times one person is present on two terminals at once, for longer than both clocks may be wrong and five minutes to change rooms. {cells} claimed hours of this trainee in this class lie within. The less assured side gives way; where neither face matched, both are held. A side has to be explained that answered no spot check where the other did, or where a working camera saw nobody, or somebody else, and the other side matched the face; what cannot be told apart is only held, and accuses neither.
-- innocent_zh: 双胞胎误刷对方证件、未登记的调班、时钟误差大于记录所示。
-- innocent_en: A twin with the other's card, a swap that nobody wrote down, a clock that was further off than its log says.
-- next_zh: 由主管部门比对两处的人脸核验记录；询问本人当时在何处。
-- next_en: Compare the two face checks at the bureau; ask the person where they were.

-- How far a log's clock may be off: its steps and corrections, and by how much it leaves its bracket.
WITH clock AS (
  SELECT s.device, s.counter, s.site, s.day,
         COALESCE(s.has_camera, TRUE) AND COALESCE(s.fault_camera_s, 0) = 0 AS camera,
         (COALESCE(s.clock_step_s, 0) + COALESCE(s.clock_rebased_s, 0)) * 1000
           + CASE WHEN b.not_before > s.open THEN b.not_before - s.open ELSE 0 END
           + CASE WHEN b.not_after < s.close THEN s.close - b.not_after ELSE 0 END AS slack_ms
  FROM sessions s LEFT JOIN brackets b ON b.device = s.device AND b.counter = s.counter
),
-- Only persons who are on two rosters, or twice on one.
several AS (SELECT person FROM roster WHERE person IS NOT NULL GROUP BY person HAVING COUNT(*) > 1),
stays AS MATERIALIZED (
  SELECT r.person, c.day, c.site, c.camera, c.slack_ms, p.class, p.trainee, p.device, p.counter, p."from", p."to",
         p.assurance, p.spots_due, p.spots_met, p.seq_from, p.seq_to
  FROM presence p
  JOIN roster r ON r.class = p.class AND r.trainee = p.trainee
  JOIN several v ON v.person = r.person
  JOIN clock c ON c.device = p.device AND c.counter = p.counter
),
-- And of these the days on which two terminals saw them: a handful of intervals each.
twice AS (SELECT person, day FROM stays GROUP BY person, day HAVING COUNT(DISTINCT device) > 1),
pairs AS MATERIALIZED (
  SELECT a.class AS class_a, a.trainee AS trainee_a, a.device AS device_a, a.counter AS counter_a, a."from" AS from_a,
         a."to" AS to_a, a.assurance AS level_a, a.camera AS camera_a, a.seq_from AS seq_from_a, a.seq_to AS seq_to_a,
         b.class AS class_b, b.trainee AS trainee_b, b.device AS device_b, b.counter AS counter_b, b."from" AS from_b,
         b."to" AS to_b, b.assurance AS level_b, b.camera AS camera_b, b.seq_from AS seq_from_b, b.seq_to AS seq_to_b,
         CASE WHEN a."from" > b."from" THEN a."from" ELSE b."from" END AS both_from,
         CASE WHEN a."to" < b."to" THEN a."to" ELSE b."to" END AS both_to,
         a.slack_ms + b.slack_ms + $hand_over_s * 1000 AS allowed_ms
  FROM twice t
  JOIN stays a ON a.person = t.person AND a.day = t.day
  JOIN stays b ON b.person = t.person AND b.day = t.day AND b.device > a.device
  -- Two terminals of one class in one place are one place.
  WHERE a.class <> b.class OR a.site <> b.site
),
-- Each overlap from both of its sides: `class` is the side that is judged, `other_` the one it contradicts.
sides AS (
  SELECT class_a AS class, trainee_a AS trainee, device_a AS device, counter_a AS counter, from_a AS since,
         level_a AS level, camera_a AS camera, seq_from_a AS seq_from, seq_to_a AS seq_to,
         class_b AS other_class, trainee_b AS other_trainee, device_b AS other_device, counter_b AS other_counter,
         from_b AS other_since, level_b AS other_level,
         seq_from_b AS other_seq_from, seq_to_b AS other_seq_to, both_from, both_to, allowed_ms
  FROM pairs WHERE both_to - both_from > allowed_ms
  UNION ALL
  SELECT class_b, trainee_b, device_b, counter_b, from_b, level_b, camera_b, seq_from_b, seq_to_b, class_a, trainee_a,
         device_a, counter_a, from_a, level_a, seq_from_a, seq_to_a, both_from, both_to, allowed_ms
  FROM pairs WHERE both_to - both_from > allowed_ms
),
-- Who answered a call in that class, or was called and never did: this says more of who sat there than how sure a stay is.
known AS (
  SELECT c.class, c.trainee, SUM(c.due) AS due, SUM(c.met) AS met
  FROM (SELECT class, trainee, device, counter, MAX(spots_due) AS due, MAX(spots_met) AS met
        FROM stays GROUP BY class, trainee, device, counter) c
  GROUP BY c.class, c.trainee
),
-- Where somebody's face was seen on this side at least once, be it that it was not compared, or too poor to be.
seen AS (
  SELECT s.class, s.trainee, s.device, s.counter
  FROM sides s
  JOIN faces f ON f.class = s.class AND f.trainee = s.trainee AND f.device = s.device AND f.counter = s.counter
  WHERE f.outcome IN ('match', 'again', 'face', 'poor')
  GROUP BY s.class, s.trainee, s.device, s.counter
),
twins AS (SELECT class, trainee FROM permits WHERE what = 'twins' GROUP BY class, trainee),
lost AS (
  SELECT s.class, s.trainee, s.device, s.counter, s.seq_from, s.seq_to, s.other_device, s.other_counter,
         s.other_seq_from, s.other_seq_to, s.both_from, s.both_to,
         -- Two matched faces cannot be one person, unless there are two who look alike.
         CASE WHEN s.level >= $face_level AND s.other_level >= $face_level AND t.class IS NULL AND u.class IS NULL
              THEN 'certain' ELSE 'strong' END AS grade,
         -- What cannot be told apart accuses neither side. Who answered was there; else whose face matched was, and a card
         -- with nobody or somebody else before a working camera is accused. How alive a picture looked tells nothing.
         CASE WHEN k.met > 0 AND o.met = 0 AND o.due > 0 THEN FALSE
              WHEN o.met > 0 AND k.met = 0 AND k.due >= $min_calls THEN TRUE
              ELSE s.level < $face_level AND s.other_level >= $face_level AND s.camera AND e.class IS NULL
                   AND NOT COALESCE(r.declined_face, FALSE) END AS suspect
  FROM sides s
  JOIN known k ON k.class = s.class AND k.trainee = s.trainee
  JOIN known o ON o.class = s.other_class AND o.trainee = s.other_trainee
  JOIN roster r ON r.class = s.class AND r.trainee = s.trainee
  LEFT JOIN seen e ON e.class = s.class AND e.trainee = s.trainee AND e.device = s.device AND e.counter = s.counter
  LEFT JOIN twins t ON t.class = s.class AND t.trainee = s.trainee
  LEFT JOIN twins u ON u.class = s.other_class AND u.trainee = s.other_trainee
  WHERE (s.level < s.other_level
         OR (s.level < $face_level AND s.other_level < $face_level)
         -- Equally sure on both sides: the one that came later gives way.
         OR (s.level = s.other_level AND (s.since > s.other_since
              OR (s.since = s.other_since AND s.device > s.other_device))))
    AND NOT EXISTS (SELECT 1 FROM permits p
                    WHERE p.what IN ('swap', 'joint') AND p.class = s.class AND p.to_class = s.other_class
                      AND (p.trainee IS NULL OR p.trainee = s.trainee)
                      AND (p."from" IS NULL OR p."from" < s.both_to) AND (p."to" IS NULL OR p."to" > s.both_from))
    AND NOT EXISTS (SELECT 1 FROM permits p
                    WHERE p.what IN ('swap', 'joint') AND p.class = s.other_class AND p.to_class = s.class
                      AND (p.trainee IS NULL OR p.trainee = s.other_trainee)
                      AND (p."from" IS NULL OR p."from" < s.both_to) AND (p."to" IS NULL OR p."to" > s.both_from))
),
cells AS MATERIALIZED (
  SELECT l.class, l.trainee, c.cell, c.lesson, l.grade, l.suspect, l.device, l.counter, l.seq_from, l.seq_to,
         l.other_device, l.other_counter, l.other_seq_from, l.other_seq_to, l.both_from
  FROM lost l
  JOIN claimed_cells c ON c.class = l.class AND c.trainee = l.trainee AND c.start < l.both_to AND c."end" > l.both_from
  WHERE c.shape <> 'unproven'
),
-- One overlap that is certain and accuses nobody does not make certain what another accuses of.
times AS (
  SELECT class, trainee, COUNT(DISTINCT both_from) AS n,
         MAX(CASE WHEN suspect AND grade = 'strong' THEN 1 ELSE 0 END) AS held
  FROM cells GROUP BY class, trainee
)
SELECT x.class, x.trainee AS subject, x.trainee, x.cell, CAST('overlap' AS VARCHAR) AS kind, x.lesson, x.suspect,
       x.device, x.counter, x.seq_from, x.seq_to,
       CASE WHEN t.held = 1 THEN 'strong' ELSE x.grade END AS grade, t.n
FROM cells x JOIN times t ON t.class = x.class AND t.trainee = x.trainee
UNION ALL
-- The record that contradicts it, as a proof without an hour.
SELECT x.class, x.trainee AS subject, x.trainee, 0 AS cell, CAST('overlap' AS VARCHAR) AS kind, x.lesson, x.suspect,
       x.other_device, x.other_counter, x.other_seq_from, x.other_seq_to,
       CASE WHEN t.held = 1 THEN 'strong' ELSE x.grade END, t.n
FROM cells x JOIN times t ON t.class = x.class AND t.trainee = x.trainee
