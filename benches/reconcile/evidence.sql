-- What `muster-server` makes of verified logs once, made of raw events at each run: the evidence tables that rules need, by
-- window functions and joins, for DuckDB, SQLite and PostgreSQL. A block makes the table or view that its first line names;
-- `index:` lines are for engines that use them, and `drop:` says what is needed no more. GREATEST and LEAST are MAX and MIN to SQLite.
--
-- It starts from `events` (a row for each record), `policies` (of each class, as imported), `filed_claims` (claims as they were
-- filed) and the imported tables, which all engines are given alike.
--
-- Known differences from Muster's evidence, which the report puts figures to:
-- - who was on a session's roster is told by the times of the roster files, and when its lessons were by the newest schedule; the
--   assignment that the log names is no event, so a lesson whose time was changed later is counted by the later time;
-- - a log says when a boot began, and when it was put right: where two boots in a row overlap, times may differ;
-- - `clocks.gain` is 0: to count a log a second time by its wall clock is left out;
-- - `instructors.by` and `sessions.log_index` are in no event, and `faults.name` is taken for the part's only one;
-- - hours of one person in two classes at once: one that falls to an earlier one still stands against a third;
-- - a class whose own schedule overlaps itself is not settled against itself.

-- table: odd
-- Sessions in which the clock was set or the machine was started again: in all others times are what events say.
SELECT device, counter FROM events WHERE kind IN ('restart', 'clock') GROUP BY device, counter
-- index: device, counter

-- table: boots
-- A boot's times go on from its first record by boot time, put right by what the clock was set within ten minutes of that.
WITH numbered AS (
  SELECT e.device, e.counter, e.seq, e."at", e.up_ms, e.step_ms,
         SUM(CASE WHEN e.kind = 'restart' THEN 1 ELSE 0 END) OVER (PARTITION BY e.device, e.counter ORDER BY e.seq) AS boot
  FROM events e JOIN odd o ON o.device = e.device AND o.counter = e.counter
), spans AS (
  SELECT device, counter, boot, MIN(seq) AS seq_from, MAX(seq) AS seq_to, MAX(up_ms) AS up_to
  FROM numbered GROUP BY device, counter, boot
), begun AS (
  SELECT s.device, s.counter, s.boot, s.seq_from, s.seq_to, s.up_to, MAX(f.up_ms) AS up,
         MAX(f."at") AS wall, COALESCE(SUM(n.step_ms), 0) AS step
  FROM spans s
  JOIN numbered f ON f.device = s.device AND f.counter = s.counter AND f.seq = s.seq_from
  LEFT JOIN numbered n ON n.device = s.device AND n.counter = s.counter AND n.boot = s.boot
    AND n.up_ms <= f.up_ms + 600000 AND n.step_ms IS NOT NULL
  GROUP BY s.device, s.counter, s.boot, s.seq_from, s.seq_to, s.up_to
), reaching AS (
  SELECT device, counter, seq_from, seq_to, up, wall + step AS since, ABS(step) AS rebased,
         MAX(wall + step - up + up_to)
           OVER (PARTITION BY device, counter ORDER BY boot ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS reached
  FROM begun
)
SELECT device, counter, seq_from, seq_to, rebased, GREATEST(since, COALESCE(reached, since)) - up AS base FROM reaching
-- index: device, counter

-- view: timed
SELECT e.device, e.counter, e.seq, e.kind, COALESCE(b.base + e.up_ms, e."at") AS t, e.up_ms, e.trainee, e.instructor, e.way,
       e.level, e.tap, e.reader, e.outcome, e.score, e.other, e.other_score, e.live, e.quality, e.frame, e.face_group, e.phase,
       e.reason, e.part, e.state, e.step_ms
FROM events e
LEFT JOIN boots b ON b.device = e.device AND b.counter = e.counter AND e.seq BETWEEN b.seq_from AND b.seq_to

-- table: logs
-- A log that was sealed begins with `open` and ends with `close`.
SELECT o.device, o.counter, o.class, o.session, o.site, o.institution, t.t AS open, c.t AS close, c.seq AS last_seq,
       c.reason AS closed
FROM events o
JOIN timed t ON t.device = o.device AND t.counter = o.counter AND t.kind = 'open'
JOIN timed c ON c.device = o.device AND c.counter = o.counter AND c.kind = 'close'
WHERE o.kind = 'open'
-- index: device, counter
-- index: class, session

-- table: seats
SELECT s.device, s.counter, s.class, s.session, r.trainee
FROM logs s
JOIN roster r ON r.class = s.class AND (r.added IS NULL OR r.added <= s.open) AND (r.removed IS NULL OR r.removed > s.open)
-- index: device, counter, trainee

-- table: faults
WITH said AS (
  SELECT device, counter, seq, part, state, reason, t,
         LAG(state) OVER (PARTITION BY device, counter, part ORDER BY seq) AS before
  FROM timed WHERE kind = 'fault'
), turned AS (
  -- Down twice is down since the first time.
  SELECT device, counter, seq, part, state, reason, t, LEAD(t) OVER (PARTITION BY device, counter, part ORDER BY seq) AS back
  FROM said WHERE before IS NULL OR before <> state
), restarts AS (
  SELECT device, counter, seq, kind, t, LAG(t) OVER (PARTITION BY device, counter ORDER BY seq) AS before
  FROM (SELECT e.device, e.counter, e.seq, e.kind, e.t
        FROM odd o JOIN timed e ON e.device = o.device AND e.counter = o.counter) x
), spans AS (
  SELECT d.device, d.counter, d.seq, d.part, CASE WHEN d.part = 'reader' THEN 'door' ELSE 'webcam' END AS name, d.reason,
         d.t AS since, COALESCE(d.back, s.close) AS until
  FROM turned d JOIN logs s ON s.device = d.device AND s.counter = d.counter
  WHERE d.state = 'down'
  UNION ALL
  SELECT device, counter, seq, 'power' AS part, 'agent' AS name, 'restart' AS reason, before AS since, t AS until
  FROM restarts WHERE kind = 'restart' AND before IS NOT NULL
), spent AS (
  -- All cuts of the power of a session together excuse no more than the policy says.
  SELECT device, counter, seq, part, name, reason, since, until,
         COALESCE(SUM(until - since) OVER (PARTITION BY device, counter, part ORDER BY seq
                                           ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0) AS before
  FROM spans
), cut AS (
  SELECT f.device, f.counter, f.seq, f.part, f.name, f.reason, f.since, f.until, s.class, s.session,
         CASE WHEN f.part = 'power' THEN GREATEST(0, LEAST(f.until - f.since, p.power_gap_ms - f.before))
              ELSE f.until - f.since END AS ms
  FROM spent f
  JOIN logs s ON s.device = f.device AND s.counter = f.counter
  JOIN policies p ON p.class = s.class
)
SELECT class, session, device, counter, seq, part, name, reason,
       CASE WHEN reason = 'restart' THEN until - ms ELSE since END AS "from",
       CASE WHEN reason = 'restart' THEN until ELSE since + ms END AS "to"
FROM cut
-- index: device, counter

-- table: clocks
SELECT s.class, s.session, e.device, e.counter, e.seq, e.t AS "at", e.step_ms, 0 AS gain
FROM timed e JOIN logs s ON s.device = e.device AND s.counter = e.counter
WHERE e.kind = 'clock'

-- table: sessions
WITH downs AS (
  SELECT device, counter,
         SUM(CASE WHEN part = 'reader' THEN "to" - "from" + 999 - ("to" - "from" + 999) % 1000 ELSE 0 END) AS reader_ms,
         SUM(CASE WHEN part = 'camera' THEN "to" - "from" + 999 - ("to" - "from" + 999) % 1000 ELSE 0 END) AS camera_ms
  FROM faults GROUP BY device, counter
), steps AS (
  SELECT device, counter, MAX(ABS(step_ms)) AS ms FROM clocks GROUP BY device, counter
), right_put AS (
  SELECT device, counter, SUM(rebased) AS ms FROM boots GROUP BY device, counter
), counted AS (
  SELECT device, counter, SUM(CASE WHEN kind = 'restart' THEN 1 ELSE 0 END) AS restarts,
         SUM(CASE WHEN kind = 'manual' THEN 1 ELSE 0 END) AS manuals,
         SUM(CASE WHEN kind = 'stranger' THEN 1 ELSE 0 END) AS strangers
  FROM events WHERE kind IN ('restart', 'manual', 'stranger') GROUP BY device, counter
), rosters AS (
  SELECT device, counter, COUNT(*) AS trainees FROM seats GROUP BY device, counter
), came AS (
  SELECT device, counter, MAX("at") AS "at" FROM contacts GROUP BY device, counter
), cameras AS (
  -- No event says what a terminal is made of; one that ever saw somebody has a camera.
  SELECT device FROM events WHERE kind = 'face' AND outcome <> 'no-camera' GROUP BY device
)
SELECT s.class, s.session, s.device, s.counter, s.site, s.institution,
       CAST((s.open + 28800000 - (s.open + 28800000) % 86400000) / 86400000 AS BIGINT) AS day, s.open, s.close,
       a."at" AS received,
       COALESCE(CAST((t.ms - t.ms % 1000) / 1000 AS BIGINT), 0) AS clock_step_s,
       COALESCE(CAST((b.ms - b.ms % 1000) / 1000 AS BIGINT), 0) AS clock_rebased_s,
       COALESCE(n.restarts, 0) AS restarts, COALESCE(CAST(d.reader_ms / 1000 AS BIGINT), 0) AS fault_reader_s,
       COALESCE(CAST(d.camera_ms / 1000 AS BIGINT), 0) AS fault_camera_s, COALESCE(n.manuals, 0) AS manual_n,
       COALESCE(n.strangers, 0) AS stranger_n, COALESCE(r.trainees, 0) AS roster_n, s.closed,
       CAST(NULL AS BIGINT) AS log_index, c.device IS NOT NULL AS has_camera
FROM logs s
LEFT JOIN downs d ON d.device = s.device AND d.counter = s.counter
LEFT JOIN steps t ON t.device = s.device AND t.counter = s.counter
LEFT JOIN right_put b ON b.device = s.device AND b.counter = s.counter
LEFT JOIN counted n ON n.device = s.device AND n.counter = s.counter
LEFT JOIN rosters r ON r.device = s.device AND r.counter = s.counter
LEFT JOIN came a ON a.device = s.device AND a.counter = s.counter
LEFT JOIN cameras c ON c.device = s.device
-- index: device, counter
-- index: class, session

-- table: taps
SELECT s.class, s.session, e.device, e.counter, e.seq, e.t AS "at", e.up_ms, e.reader, e.trainee, p.way AS purpose, p.level
FROM timed e
JOIN logs s ON s.device = e.device AND s.counter = e.counter
LEFT JOIN events p ON p.kind = 'present' AND p.device = e.device AND p.counter = e.counter AND p.tap = e.seq
WHERE e.kind IN ('card', 'stranger')
-- index: device, counter, seq
-- index: class, trainee

-- table: faces
SELECT s.class, s.session, e.device, e.counter, e.seq, e.t AS "at", e.tap AS tap_seq, e.trainee, e.outcome, e.score,
       e.other AS other_trainee, e.other_score, e.live, e.quality, e.frame AS frame_hash, e.face_group,
       e.outcome = 'declined' AS declined
FROM timed e JOIN logs s ON s.device = e.device AND s.counter = e.counter
WHERE e.kind = 'face'
-- index: device, counter, tap_seq
-- index: class, trainee

-- table: manuals
WITH matched AS (
  SELECT device, counter, trainee FROM faces WHERE outcome = 'match' GROUP BY device, counter, trainee
)
SELECT s.class, s.session, e.device, e.counter, e.seq, e.t AS "at", e.trainee, e.way, e.instructor AS "by", e.reason, e.level,
       m.trainee IS NOT NULL OR EXISTS (SELECT 1 FROM faults f WHERE f.device = e.device AND f.counter = e.counter
                                        AND f.part = 'reader' AND e.t BETWEEN f."from" AND f."to") AS excused
FROM timed e
JOIN logs s ON s.device = e.device AND s.counter = e.counter
LEFT JOIN matched m ON m.device = e.device AND m.counter = e.counter AND m.trainee = e.trainee
WHERE e.kind = 'manual'
-- index: class, trainee

-- table: instructors
SELECT s.class, s.session, e.device, e.counter, e.seq, e.t AS "at", e.instructor, e.way, CAST(NULL AS VARCHAR) AS "by"
FROM timed e JOIN logs s ON s.device = e.device AND s.counter = e.counter
WHERE e.kind = 'instructor'
-- index: class, session

-- table: marks
-- Verifications and missed calls, and whether the policy takes them for sure.
SELECT e.device, e.counter, e.trainee, e.seq, e.t, e.kind, e.way, COALESCE(e.level, 0) AS level,
       CASE WHEN e.kind = 'manual' THEN 1 ELSE 0 END AS by_hand,
       CASE WHEN e.kind = 'manual' AND NOT p.manual THEN 0 ELSE 1 END AS counts,
       CASE WHEN e.kind = 'present' AND e.level < p.level OR e.kind = 'manual' AND NOT p.manual THEN 0 ELSE 1 END AS sure,
       CASE WHEN e.kind = 'present' AND EXISTS (SELECT 1 FROM faults f WHERE f.device = e.device AND f.counter = e.counter
                                                AND f.part = 'camera' AND e.t BETWEEN f."from" AND f."to") THEN 1 ELSE 0 END
         AS in_dark
FROM timed e
JOIN logs s ON s.device = e.device AND s.counter = e.counter
JOIN policies p ON p.class = s.class
WHERE e.kind IN ('present', 'manual') OR e.kind = 'spot' AND e.phase = 'missed'

-- table: stays
-- From a check-in to the check-out, or to the last verification where there is none: of any assurance (`any`), of what the
-- policy asks for (`good`), of that as if the camera had not been dark (`blind`), of any but by hand where that does not count
-- (`card`), and of any had no call been missed (`unvoided`).
WITH dark AS (
  SELECT device, counter FROM faults WHERE part = 'camera' GROUP BY device, counter
), misses AS (
  SELECT device, counter, trainee FROM marks WHERE kind = 'spot' GROUP BY device, counter, trainee
), told AS (
  SELECT 'any' AS which, device, counter, trainee, seq, t, kind, way, level, by_hand, 1 AS sure FROM marks
  UNION ALL
  SELECT 'good' AS which, device, counter, trainee, seq, t, kind, way, level, by_hand, sure FROM marks
  UNION ALL
  SELECT 'blind' AS which, m.device, m.counter, m.trainee, m.seq, m.t, m.kind, m.way, m.level, m.by_hand,
         GREATEST(m.sure, m.in_dark) AS sure
  FROM marks m JOIN dark d ON d.device = m.device AND d.counter = m.counter
  UNION ALL
  SELECT 'card' AS which, m.device, m.counter, m.trainee, m.seq, m.t, m.kind, m.way, m.level, m.by_hand, m.counts AS sure
  FROM marks m JOIN dark d ON d.device = m.device AND d.counter = m.counter
  UNION ALL
  SELECT 'unvoided' AS which, m.device, m.counter, m.trainee, m.seq, m.t, m.kind, m.way, m.level, m.by_hand, 1 AS sure
  FROM marks m JOIN misses x ON x.device = m.device AND x.counter = m.counter AND x.trainee = m.trainee
  WHERE m.kind <> 'spot'
), said AS (
  SELECT which, device, counter, trainee, seq, t, level, by_hand,
         CASE WHEN kind = 'spot' THEN 'missed' WHEN way = 'out' AND sure = 1 THEN 'out' WHEN way = 'out' THEN 'gone'
              ELSE 'seen' END AS mark
  FROM told WHERE kind = 'spot' OR way = 'out' OR sure = 1
), numbered AS (
  SELECT which, device, counter, trainee, seq, t, level, by_hand, mark,
         COALESCE(SUM(CASE WHEN mark = 'seen' THEN 0 ELSE 1 END)
                    OVER (PARTITION BY which, device, counter, trainee ORDER BY seq
                          ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0) AS stay
  FROM said
)
SELECT which, device, counter, trainee, MIN(CASE WHEN mark = 'seen' THEN t END) AS since,
       MAX(CASE WHEN mark IN ('seen', 'out') THEN t END) AS until,
       MIN(CASE WHEN mark IN ('seen', 'out') THEN level END) AS level,
       MAX(CASE WHEN mark IN ('seen', 'out') THEN by_hand END) AS by_hand,
       MIN(CASE WHEN mark = 'seen' THEN seq END) AS seq_from, MAX(CASE WHEN mark IN ('seen', 'out') THEN seq END) AS seq_to,
       MAX(CASE WHEN mark = 'out' THEN 'out' WHEN mark = 'missed' THEN 'missed-spot' END) AS closed_by
FROM numbered
GROUP BY which, device, counter, trainee, stay
HAVING MIN(CASE WHEN mark = 'seen' THEN seq END) IS NOT NULL
-- index: device, counter, trainee

-- table: presence
WITH calls AS (
  SELECT device, counter, trainee, SUM(CASE WHEN phase = 'call' THEN 1 ELSE 0 END) AS due,
         SUM(CASE WHEN phase = 'met' THEN 1 ELSE 0 END) AS met
  FROM events WHERE kind = 'spot' GROUP BY device, counter, trainee
)
SELECT s.class, s.session, i.device, i.counter, i.trainee, i.since AS "from", i.until AS "to",
       COALESCE(i.closed_by, 'last-seen') AS closed_by, i.level AS assurance, i.by_hand = 1 AS manual, i.seq_from, i.seq_to,
       COALESCE(c.due, 0) AS spots_due, COALESCE(c.met, 0) AS spots_met
FROM stays i
JOIN logs s ON s.device = i.device AND s.counter = i.counter
LEFT JOIN calls c ON c.device = i.device AND c.counter = i.counter AND c.trainee = i.trainee
WHERE i.which = 'any'
-- index: class, trainee

-- table: covered
SELECT i.which, i.device, i.counter, i.trainee, p.lesson, MIN(i.seq_from) AS seq_from, MAX(i.seq_to) AS seq_to,
       SUM(LEAST(i.until, p."end") - GREATEST(i.since, p.start)) AS ms, MIN(i.level) AS level, MAX(i.by_hand) AS by_hand
FROM stays i
JOIN logs s ON s.device = i.device AND s.counter = i.counter
JOIN schedule p ON p.class = s.class AND p.session = s.session AND i.since < p."end" AND i.until > p.start
GROUP BY i.which, i.device, i.counter, i.trainee, p.lesson
-- index: device, counter, trainee, lesson

-- table: excused
-- Time of a lesson that was taken or seen, where something was down: nobody could have come, or not have been seen.
WITH troubled AS (
  SELECT device, counter FROM faults WHERE part IN ('reader', 'power', 'camera') GROUP BY device, counter
), cells AS (
  SELECT t.device, t.counter, s.trainee, p.lesson, p.start, p."end"
  FROM troubled t
  JOIN seats s ON s.device = t.device AND s.counter = t.counter
  JOIN schedule p ON p.class = s.class AND p.session = s.session
), spans AS (
  SELECT c.device, c.counter, c.trainee, c.lesson, GREATEST(f."from", c.start) AS since, LEAST(f."to", c."end") AS until
  FROM cells c
  JOIN faults f ON f.device = c.device AND f.counter = c.counter AND f.part IN ('reader', 'power')
  UNION ALL
  SELECT c.device, c.counter, c.trainee, c.lesson, GREATEST(f."from", GREATEST(i.since, c.start)) AS since,
         LEAST(f."to", LEAST(i.until, c."end")) AS until
  FROM cells c
  JOIN stays i ON i.device = c.device AND i.counter = c.counter AND i.trainee = c.trainee AND i.which = 'card'
  JOIN faults f ON f.device = c.device AND f.counter = c.counter AND f.part = 'camera'
  UNION ALL
  SELECT c.device, c.counter, c.trainee, c.lesson, GREATEST(i.since, c.start) AS since, LEAST(i.until, c."end") AS until
  FROM cells c
  JOIN stays i ON i.device = c.device AND i.counter = c.counter AND i.trainee = c.trainee AND i.which IN ('good', 'blind')
), reaching AS (
  SELECT device, counter, trainee, lesson, since, until,
         MAX(until) OVER (PARTITION BY device, counter, trainee, lesson ORDER BY since, until
                          ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS reached
  FROM spans WHERE since < until
), taken AS (
  SELECT device, counter, trainee, lesson, SUM(GREATEST(0, until - GREATEST(since, COALESCE(reached, since)))) AS ms
  FROM reaching GROUP BY device, counter, trainee, lesson
), proofs AS (
  -- The record that says so: of what was dead first, else of the camera.
  SELECT c.device, c.counter, c.trainee, c.lesson,
         MIN(CASE WHEN f.part <> 'camera' AND f."from" < c."end" AND f."to" > c.start THEN f.seq END) AS dead,
         MIN(CASE WHEN f.part = 'camera' AND (f."from" < c."end" AND f."to" > c.start OR i.trainee IS NOT NULL)
                  THEN f.seq END) AS camera
  FROM cells c
  JOIN faults f ON f.device = c.device AND f.counter = c.counter AND f.part IN ('reader', 'power', 'camera')
  LEFT JOIN stays i ON i.device = c.device AND i.counter = c.counter AND i.trainee = c.trainee AND i.which = 'blind'
    AND i.since < c."end" AND i.until > c.start AND i.since <= f."to" AND i.until >= f."from"
  GROUP BY c.device, c.counter, c.trainee, c.lesson
)
SELECT t.device, t.counter, t.trainee, t.lesson, t.ms, COALESCE(p.dead, p.camera) AS seq
FROM taken t
JOIN proofs p ON p.device = t.device AND p.counter = t.counter AND p.trainee = t.trainee AND p.lesson = t.lesson
WHERE COALESCE(p.dead, p.camera) IS NOT NULL
-- index: device, counter, trainee, lesson

-- table: voided
-- A missed call takes the lesson it was called in, or the stretch that would carry the lesson.
SELECT m.device, m.counter, m.trainee, p.lesson, p.start, p."end", MAX(u.ms) AS ms,
       MIN(CASE WHEN m.t BETWEEN p.start AND p."end" THEN m.seq END) AS called, MIN(CASE WHEN i.trainee IS NOT NULL THEN m.seq END)
         AS carrying
FROM marks m
JOIN logs s ON s.device = m.device AND s.counter = m.counter
JOIN schedule p ON p.class = s.class AND p.session = s.session
LEFT JOIN stays i ON i.device = m.device AND i.counter = m.counter AND i.trainee = m.trainee AND i.which = 'unvoided'
  AND i.since < p."end" AND i.until > p.start AND m.t BETWEEN i.since AND i.until
LEFT JOIN covered u ON u.device = m.device AND u.counter = m.counter AND u.trainee = m.trainee AND u.lesson = p.lesson
  AND u.which = 'unvoided'
WHERE m.kind = 'spot'
GROUP BY m.device, m.counter, m.trainee, p.lesson, p.start, p."end"
-- index: device, counter, trainee, lesson

-- table: lessons
WITH ever AS (
  SELECT device, counter, trainee, MIN(seq_from) AS seq_from, MAX(seq_to) AS seq_to
  FROM stays WHERE which = 'any' GROUP BY device, counter, trainee
), looked AS (
  SELECT s.class, s.session, s.device, s.counter, s.trainee, l.lesson, l.day, l.start, l."end",
         (l."end" - l.start) * p.share_permille AS need,
         g.ms AS good_ms, g.level AS good_level, g.by_hand AS good_hand, g.seq_from AS good_from, g.seq_to AS good_to,
         a.ms AS any_ms, a.level AS any_level, a.by_hand AS any_hand, a.seq_from AS any_from, a.seq_to AS any_to,
         e.seq_from AS ever_from, e.seq_to AS ever_to, x.ms AS excused_ms, x.seq AS excused_seq, v.ms AS unvoided_ms,
         v.called, v.carrying
  FROM seats s
  JOIN policies p ON p.class = s.class
  JOIN schedule l ON l.class = s.class AND l.session = s.session
  LEFT JOIN ever e ON e.device = s.device AND e.counter = s.counter AND e.trainee = s.trainee
  LEFT JOIN covered g ON g.device = s.device AND g.counter = s.counter AND g.trainee = s.trainee AND g.lesson = l.lesson
    AND g.which = 'good'
  LEFT JOIN covered a ON a.device = s.device AND a.counter = s.counter AND a.trainee = s.trainee AND a.lesson = l.lesson
    AND a.which = 'any'
  LEFT JOIN excused x ON x.device = s.device AND x.counter = s.counter AND x.trainee = s.trainee AND x.lesson = l.lesson
  LEFT JOIN voided v ON v.device = s.device AND v.counter = s.counter AND v.trainee = s.trainee AND v.lesson = l.lesson
), told AS (
  SELECT class, session, device, counter, trainee, lesson, day, start, "end", good_ms, good_level, good_hand, good_from, good_to,
         any_level, any_hand, any_from, any_to, ever_from, ever_to, excused_seq,
         COALESCE(called, CASE WHEN unvoided_ms * 1000 >= need THEN carrying END) AS missed_seq,
         CASE WHEN good_ms * 1000 >= need THEN 'attested'
              WHEN excused_ms * 1000 >= need THEN 'unproven'
              WHEN ever_from IS NULL THEN 'not-seen'
              WHEN any_ms * 1000 >= need THEN 'low-assurance'
              WHEN called IS NOT NULL OR unvoided_ms * 1000 >= need AND carrying IS NOT NULL THEN 'missed-spot'
              ELSE 'too-short' END AS word
  FROM looked
)
SELECT class, session, device, counter, trainee, lesson, day, start, "end",
       COALESCE(CAST((good_ms - good_ms % 1000) / 1000 AS BIGINT), 0) AS covered_s, word = 'attested' AS attested,
       CASE WHEN word = 'attested' THEN good_level WHEN word IN ('low-assurance', 'too-short') THEN COALESCE(any_level, 0)
            ELSE 0 END AS assurance,
       CASE WHEN word = 'attested' THEN good_hand = 1 WHEN word IN ('low-assurance', 'too-short') THEN COALESCE(any_hand, 0) = 1
            ELSE FALSE END AS manual,
       CASE WHEN word IN ('attested', 'unproven') THEN word WHEN word = 'not-seen' THEN 'blank' ELSE 'tail' END AS shape,
       CASE WHEN word <> 'attested' THEN word END AS reason,
       CASE word WHEN 'attested' THEN good_from WHEN 'unproven' THEN excused_seq WHEN 'missed-spot' THEN missed_seq
                 WHEN 'not-seen' THEN NULL ELSE COALESCE(any_from, ever_from) END AS seq_from,
       CASE word WHEN 'attested' THEN good_to WHEN 'unproven' THEN excused_seq WHEN 'missed-spot' THEN missed_seq
                 WHEN 'not-seen' THEN NULL ELSE COALESCE(any_to, ever_to) END AS seq_to
FROM told
-- index: class, trainee, lesson
-- index: device, counter
-- drop: marks, stays, covered, excused, voided, seats

-- table: asked
-- Each claim by each lesson of its class, with the best word that a log has on it.
WITH logged AS (
  SELECT class, trainee, lesson, shape, reason, assurance, manual, device, counter, seq_from, seq_to,
         CASE shape WHEN 'attested' THEN 1 WHEN 'unproven' THEN 2 WHEN 'tail' THEN 3 ELSE 4 END AS place,
         ROW_NUMBER() OVER (PARTITION BY class, trainee, lesson
           ORDER BY CASE shape WHEN 'attested' THEN 1 WHEN 'unproven' THEN 2 WHEN 'tail' THEN 3 ELSE 4 END, device, counter) AS n
  FROM lessons
), held AS (
  SELECT class, lesson FROM lessons GROUP BY class, lesson
), absent AS (
  -- What whoever is in no log of it gets.
  SELECT p.class, p.session, p.lesson, p.region, p.day, p.start, p."end",
         CASE WHEN h.lesson IS NOT NULL THEN 'not-on-roster'
              WHEN EXISTS (SELECT 1 FROM sessions s WHERE s.class = p.class AND s.open < p."end" AND s.close > p.start) THEN 'moved'
              ELSE 'not-logged' END AS reason
  FROM schedule p LEFT JOIN held h ON h.class = p.class AND h.lesson = p.lesson
), shut AS (
  SELECT a.class, a.lesson,
         MIN(CASE WHEN k.why = 'network' THEN NULL WHEN k.why = 'power' THEN 'outage' ELSE 'closed' END) AS closed,
         MIN(CASE WHEN k.why = 'network' THEN 'outage' END) AS network
  FROM absent a
  JOIN calendar k ON k."from" < a."end" AND k."to" > a.start AND SUBSTR(a.region, 1, LENGTH(k.region)) = k.region
  GROUP BY a.class, a.lesson
), allowed AS (
  SELECT p.class, q.trainee, p.lesson, MAX(CASE WHEN q.what = 'swap' THEN 1 ELSE 0 END) AS swap
  FROM schedule p
  JOIN permits q ON q.class = p.class AND q.what IN ('swap', 'move')
    AND (q.lesson = p.lesson OR q.lesson IS NULL AND q."from" < p."end" AND q."to" > p.start)
  GROUP BY p.class, q.trainee, p.lesson
), base AS (
  SELECT c.class, c.trainee, c.hours, a.session, a.lesson, a.day, a.start, a."end",
         COALESCE(r.person, c.class || '/' || c.trainee) AS person,
         COALESCE(l.place, CASE WHEN a.reason = 'not-logged' THEN 5 ELSE 4 END) AS place,
         CASE WHEN l.class IS NULL THEN a.reason ELSE l.reason END AS reason,
         l.assurance AS level, l.manual, l.device, l.counter, l.seq_from, l.seq_to, s.closed, s.network,
         CASE WHEN x.swap = 1 OR y.swap = 1 THEN 'swapped' WHEN x.class IS NOT NULL OR y.class IS NOT NULL THEN 'moved' END AS permit
  FROM filed_claims c
  JOIN absent a ON a.class = c.class
  LEFT JOIN roster r ON r.class = c.class AND r.trainee = c.trainee
  LEFT JOIN logged l ON l.class = c.class AND l.trainee = c.trainee AND l.lesson = a.lesson AND l.n = 1
  LEFT JOIN shut s ON s.class = a.class AND s.lesson = a.lesson
  LEFT JOIN allowed x ON x.class = c.class AND x.lesson = a.lesson AND x.trainee = c.trainee
  LEFT JOIN allowed y ON y.class = c.class AND y.lesson = a.lesson AND y.trainee IS NULL
), excuses AS (
  SELECT class, trainee, lesson,
         CASE WHEN place <= 2 THEN NULL
              ELSE COALESCE(closed, CASE WHEN place = 5 THEN network END,
                            CASE WHEN permit = 'swapped' OR place = 5 THEN permit END) END AS excuse
  FROM base WHERE closed IS NOT NULL OR network IS NOT NULL OR permit IS NOT NULL
)
SELECT b.class, b.trainee, b.person, b.hours, b.session, b.lesson, b.day, b.start, b."end",
       CASE WHEN e.excuse IS NOT NULL THEN 2 ELSE b.place END AS place, COALESCE(e.excuse, b.reason) AS reason,
       b.device IS NOT NULL OR COALESCE(e.excuse, b.reason) IN ('not-on-roster', 'moved') AS logged,
       b.level, b.manual, b.device, b.counter, b.seq_from, b.seq_to
FROM base b LEFT JOIN excuses e ON e.class = b.class AND e.trainee = b.trainee AND e.lesson = b.lesson
-- index: class, trainee

-- table: doubled
-- Hours of one person that overlap, in whichever of their classes: it counts where the session was opened first.
WITH several AS (
  SELECT person FROM roster GROUP BY person HAVING COUNT(DISTINCT class) > 1
), mine AS (
  SELECT a.person, a.class, a.trainee, a.lesson, a.day, a.start, a."end", a.device, a.counter, s.open
  FROM asked a
  JOIN several m ON m.person = a.person
  JOIN sessions s ON s.device = a.device AND s.counter = a.counter
  WHERE a.place = 1
)
SELECT a.class, a.trainee, a.lesson
FROM mine a
JOIN mine b ON b.person = a.person AND b.day = a.day AND b.start < a."end" AND b."end" > a.start
  AND (b.class <> a.class OR b.lesson <> a.lesson)
WHERE b.open < a.open OR b.open = a.open AND (b.device < a.device OR b.device = a.device AND (b.counter < a.counter
      OR b.counter = a.counter AND (b.start < a.start OR b.start = a.start AND b.class < a.class)))
GROUP BY a.class, a.trainee, a.lesson

-- table: capped
-- And those above the day's cap: the latest of a person's day.
WITH standing AS (
  SELECT a.person, a.class, a.trainee, a.lesson, a.day, a.start, COALESCE(k.daily_cap, 8) AS cap
  FROM asked a
  JOIN classes k ON k.class = a.class
  LEFT JOIN doubled d ON d.class = a.class AND d.trainee = a.trainee AND d.lesson = a.lesson
  WHERE a.place = 1 AND d.class IS NULL
), full_days AS (
  SELECT person, day FROM standing GROUP BY person, day HAVING COUNT(*) > MIN(cap)
), ranked AS (
  SELECT s.class, s.trainee, s.lesson, s.cap, ROW_NUMBER() OVER (PARTITION BY s.person, s.day ORDER BY s.start, s.lesson, s.cap) AS n
  FROM standing s JOIN full_days f ON f.person = s.person AND f.day = s.day
)
SELECT class, trainee, lesson FROM ranked WHERE n > cap

-- table: claims
WITH stands AS (
  SELECT a.class, a.trainee, COUNT(*) AS planned,
         SUM(CASE WHEN a.place = 1 AND d.class IS NULL AND c.class IS NULL THEN 1 ELSE 0 END) AS attested,
         SUM(CASE WHEN a.place = 2 THEN 1 ELSE 0 END) AS unproven
  FROM asked a
  LEFT JOIN doubled d ON d.class = a.class AND d.trainee = a.trainee AND d.lesson = a.lesson
  LEFT JOIN capped c ON c.class = a.class AND c.trainee = a.trainee AND c.lesson = a.lesson
  GROUP BY a.class, a.trainee
)
SELECT f.class, f.trainee, f.institution, f.region, f.hours, f.amount, f.occupation, f.level, f.filed, f.filed_at, f.file_hash,
       f.policy_level, f.pay_mode, f.rate_permille, f.payee, COALESCE(s.planned, 0) AS planned,
       COALESCE(s.attested, 0) AS attested, COALESCE(s.unproven, 0) AS unproven
FROM filed_claims f LEFT JOIN stands s ON s.class = f.class AND s.trainee = f.trainee
-- index: class, trainee

-- table: claimed_cells
-- A claim says how many hours, not which: the better ones first, and what is above the schedule has no lesson.
WITH settled AS (
  SELECT a.class, a.trainee, a.person, a.hours, a.session, a.lesson, a.day, a.start, a."end", a.logged, a.level, a.manual,
         a.device, a.counter, a.seq_from, a.seq_to,
         CASE WHEN d.class IS NOT NULL OR c.class IS NOT NULL THEN 3 ELSE a.place END AS place,
         CASE WHEN d.class IS NOT NULL THEN 'overlap' WHEN c.class IS NOT NULL THEN 'daily-cap' ELSE a.reason END AS reason
  FROM asked a
  LEFT JOIN doubled d ON d.class = a.class AND d.trainee = a.trainee AND d.lesson = a.lesson
  LEFT JOIN capped c ON c.class = a.class AND c.trainee = a.trainee AND c.lesson = a.lesson
), ordered AS (
  SELECT class, trainee, person, hours, session, lesson, day, start, "end", logged, level, manual, device, counter, seq_from,
         seq_to, place, reason, ROW_NUMBER() OVER (PARTITION BY class, trainee ORDER BY place, start, lesson) AS cell
  FROM settled
), numbers AS (
  SELECT ROW_NUMBER() OVER (ORDER BY class, lesson) AS n FROM schedule
), most AS (
  SELECT MAX(hours) AS hours FROM filed_claims
), above AS (
  SELECT f.class, f.trainee, f.hours, f.planned, COALESCE(r.person, f.class || '/' || f.trainee) AS person
  FROM claims f LEFT JOIN roster r ON r.class = f.class AND r.trainee = f.trainee
  WHERE f.hours > f.planned
)
SELECT class, trainee, cell, hours, lesson, session, day, start, "end", logged,
       CASE place WHEN 1 THEN 'attested' WHEN 2 THEN 'unproven' WHEN 3 THEN 'tail' WHEN 4 THEN 'blank' ELSE 'not-held' END AS shape,
       reason, level, device, counter, seq_from, seq_to, person, manual
FROM ordered WHERE cell <= hours
UNION ALL
SELECT a.class, a.trainee, n.n AS cell, a.hours, NULL AS lesson, NULL AS session, NULL AS day, NULL AS start, NULL AS "end",
       FALSE AS logged, 'beyond' AS shape, 'beyond-schedule' AS reason, NULL AS level, NULL AS device, NULL AS counter,
       NULL AS seq_from, NULL AS seq_to, a.person, NULL AS manual
FROM above a
JOIN most m ON m.hours > 0
JOIN numbers n ON n.n <= m.hours AND n.n > a.planned AND n.n <= a.hours
-- index: class, trainee, cell
-- index: class, lesson
-- index: class, session
-- index: device, counter
-- index: person, day
-- drop: asked, doubled, capped

-- table: journeys
WITH several AS (
  SELECT person FROM roster GROUP BY person HAVING COUNT(DISTINCT class) > 1
), come AS (
  SELECT r.person, t.class, t.trainee, s.site, t.device, t.counter, t.seq, t."at" AS moment, t.level,
         s.clock_step_s + s.clock_rebased_s AS slack
  FROM taps t
  JOIN roster r ON r.class = t.class AND r.trainee = t.trainee
  JOIN several m ON m.person = r.person
  JOIN sessions s ON s.device = t.device AND s.counter = t.counter
  WHERE t.purpose = 'in'
), pairs AS (
  SELECT person, LAG(class) OVER w AS class_a, LAG(trainee) OVER w AS trainee_a, LAG(site) OVER w AS site_a,
         LAG(device) OVER w AS device_a, LAG(counter) OVER w AS counter_a, LAG(seq) OVER w AS seq_a,
         LAG(moment) OVER w AS at_a, class AS class_b, trainee AS trainee_b, site AS site_b, device AS device_b,
         counter AS counter_b, seq AS seq_b, moment AS at_b, level AS level_b, slack + LAG(slack) OVER w AS slack_s
  FROM come WINDOW w AS (PARTITION BY person ORDER BY moment, device, counter, seq)
)
SELECT p.person, p.class_a, p.trainee_a, p.site_a, p.device_a, p.counter_a, p.seq_a, p.at_a, p.class_b, p.trainee_b, p.site_b,
       p.device_b, p.counter_b, p.seq_b, p.at_b, p.level_b,
       CAST(ROUND(12742018.0 * ASIN(LEAST(1.0, SQRT(
         POWER(SIN(RADIANS((b.lat_e6 - a.lat_e6) / 1e6) / 2), 2)
         + COS(RADIANS(a.lat_e6 / 1e6)) * COS(RADIANS(b.lat_e6 / 1e6))
           * POWER(SIN(RADIANS((b.lon_e6 - a.lon_e6) / 1e6) / 2), 2))))) AS BIGINT) AS metres, p.slack_s
FROM pairs p
LEFT JOIN sites a ON a.site = p.site_a
LEFT JOIN sites b ON b.site = p.site_b
WHERE p.class_a IS NOT NULL AND p.class_a <> p.class_b
