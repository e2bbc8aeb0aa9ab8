-- id: instructor-two-rooms
-- grade: certain
-- family: teaching
-- title_zh: 教师同时两处
-- title_en: One instructor, two sites, one hour
-- basis: 内蒙古自治区人力资源和社会保障厅 2024-01-25 通知，首段（虚构课时、培训纪律）、第四条（一）
-- threshold: min_overlap_s = 900 (customary: a quarter of an hour is a hand-over, or a clock)
-- threshold: suspect_days = 3 (catalogue: three times; counted in days, as one wrong entry in a schedule makes a morning of lessons)
-- explain_zh: 该教师在 {lessons} 节课的时间里同时列为另一培训点的授课教师（{of} 天）；没有其签到的课，或两处都有签到时较晚开始的课，不能计入，涉及 {cells} 个申领学时。
-- explain_en: During {lessons} lessons, on {of} days, this instructor was teaching at another site as well. The lesson without a check-in cannot count, or where there are two check-ins the one that began later; {cells} claimed hours are of these lessons.
-- innocent_zh: 经批准的合班课、同名教师登记错误、教师互换未改课表。
-- innocent_en: A joint class with approval, namesakes that were mixed up, instructors who swapped and left the schedule as it was.
-- next_zh: 更正师资库；索要合班或代课批件。
-- next_en: Correct the teacher library; ask for the joint class's or the substitution's approval.

-- Whoever tapped taught. Only where nobody did, the schedule's word stands for it: instructors who swapped are no conflict.
WITH logs AS MATERIALIZED (
  SELECT class, session, device, counter, close, clock_step_s + clock_rebased_s AS slack_s FROM sessions
), events AS (
  SELECT t.person, e.class, e.session, e.device, e.counter, e."at", e.way,
         LEAD(e.way) OVER here AS next_way, LEAD(e."at") OVER here AS next_here, LEAD(e."at") OVER anywhere AS next_any
  FROM instructors e JOIN teachers t ON t.class = e.class AND t.instructor = e.instructor
  WHERE t.person IS NOT NULL
  WINDOW here AS (PARTITION BY t.person, e.class, e.session ORDER BY e."at", e.device, e.counter, e.seq),
         anywhere AS (PARTITION BY t.person ORDER BY e."at", e.device, e.counter, e.seq)
), stays AS (
  -- Who forgot to tap out was there until seen again anywhere, and never after the log closed.
  SELECT v.person, v.class, v.session, v."at" AS since,
         CASE WHEN v.next_way = 'out' THEN v.next_here ELSE COALESCE(v.next_any, s.close) END AS until
  FROM events v JOIN logs s ON s.device = v.device AND s.counter = v.counter
  WHERE v.way = 'in'
), clocks_of AS (
  SELECT class, session, MAX(slack_s) AS slack_s FROM logs GROUP BY class, session
), held AS MATERIALIZED (
  SELECT p.class, p.session, p.lesson, p.site, p.day, p.start, p."end", p.person, k.slack_s
  FROM schedule p
  JOIN clocks_of k ON k.class = p.class AND k.session = p.session
  WHERE EXISTS (SELECT 1 FROM claimed_cells c WHERE c.class = p.class AND c.lesson = p.lesson AND c.shape = 'attested')
), tapped AS MATERIALIZED (
  SELECT h.class, h.lesson, s.person
  FROM held h JOIN stays s ON s.class = h.class AND s.session = h.session AND s.since < h."end" AND s.until > h.start
  GROUP BY h.class, h.lesson, s.person
), teaches AS MATERIALIZED (
  SELECT h.class, h.lesson, h.site, h.day, h.start, h."end", h.slack_s, t.person, 1 AS tapped
  FROM held h JOIN tapped t ON t.class = h.class AND t.lesson = h.lesson
  UNION ALL
  SELECT h.class, h.lesson, h.site, h.day, h.start, h."end", h.slack_s, h.person, 0 AS tapped
  FROM held h
  WHERE h.person IS NOT NULL
    AND NOT EXISTS (SELECT 1 FROM tapped t WHERE t.class = h.class AND t.lesson = h.lesson)
    AND NOT EXISTS (SELECT 1 FROM permits m
                    WHERE m.class = h.class AND m.what = 'substitute' AND (m.lesson IS NULL OR m.lesson = h.lesson)
                      AND (m."from" IS NULL OR m."from" < h."end") AND (m."to" IS NULL OR m."to" > h.start))
), lost AS (
  -- `b` gives way to `a`.
  SELECT b.person, b.class, b.lesson, b.day
  FROM teaches a JOIN teaches b ON a.person = b.person AND a.day = b.day
  WHERE a.site <> b.site AND a.class <> b.class
    AND CASE WHEN a."end" < b."end" THEN a."end" ELSE b."end" END - CASE WHEN a.start > b.start THEN a.start ELSE b.start END
        > ($min_overlap_s + a.slack_s + b.slack_s) * 1000
    AND (a.tapped > b.tapped OR a.tapped = b.tapped
         AND (a.start < b.start OR a.start = b.start AND (a.class < b.class OR a.class = b.class AND a.lesson < b.lesson)))
    AND NOT EXISTS (SELECT 1 FROM permits m
                    WHERE m.class = a.class AND m.what = 'joint' AND (m.to_class IS NULL OR m.to_class = b.class)
                      AND (m."from" IS NULL OR m."from" < a."end") AND (m."to" IS NULL OR m."to" > a.start))
    AND NOT EXISTS (SELECT 1 FROM permits m
                    WHERE m.class = b.class AND m.what = 'joint' AND (m.to_class IS NULL OR m.to_class = a.class)
                      AND (m."from" IS NULL OR m."from" < b."end") AND (m."to" IS NULL OR m."to" > b.start))
  GROUP BY b.person, b.class, b.lesson, b.day
), often AS (
  SELECT person, COUNT(DISTINCT day) AS days FROM lost GROUP BY person
)
SELECT c.class, COALESCE(t.instructor, l.person) AS subject, c.trainee, c.cell, CAST('elsewhere' AS VARCHAR) AS kind,
       c.lesson, o.days >= $suspect_days AS suspect, c.device, c.counter, c.seq_from, c.seq_to,
       CAST('instructor' AS VARCHAR) AS about, o.days AS "of"
FROM lost l
JOIN often o ON o.person = l.person
JOIN claimed_cells c ON c.class = l.class AND c.lesson = l.lesson
LEFT JOIN teachers t ON t.class = l.class AND t.person = l.person
WHERE c.shape <> 'unproven'
