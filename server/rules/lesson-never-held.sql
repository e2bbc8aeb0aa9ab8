-- id: lesson-never-held
-- grade: certain
-- family: hours
-- scope: class
-- title_zh: 未开课申领
-- title_en: Claimed lessons that were never held
-- basis: 内蒙古自治区人力资源和社会保障厅 2024-01-25 通知，首段（虚构课时）、第四条（一）
-- threshold: min_days = 3 (customary: a dead terminal or a power cut takes a day or two)
-- threshold: min_permille = 100 (customary: one lesson in ten of the class)
-- threshold: room_people = 5 (customary: of fewer who came to the session one lesson without anybody says little)
-- threshold: room_permille = 100 (customary: fewer than one in ten is nobody's lesson)
-- threshold: left_permille = 500 (customary: half of those who came had checked out; a class that does not check out looks empty, and is not)
-- explain_zh: 课表上的 {lessons} 节课被申领而没有上：{not_held} 个学时没有任何终端的记录，{alive} 个学时的课上终端已联网而未开课登记，{empty_room} 个学时的课学员已签退离开；共涉及 {cells} 个学时。
-- explain_en: {lessons} scheduled lessons were claimed that were not held: no log has {not_held} of their hours, in {alive} the terminal was on and in contact and was not opened, and in {empty_room} the class had checked out and gone; {cells} class hours hang on them.
-- explain_not-held_zh: 课表上的 {lessons} 节课被申领，但该班没有任何终端的记录与之重叠，涉及 {cells} 个学时。
-- explain_not-held_en: {lessons} scheduled lessons were claimed, and no log of the class on any terminal covers them; {cells} class hours hang on them.
-- explain_alive_zh: 课表上的 {lessons} 节课被申领，当时本班终端已联网、未被其他班占用，却没有为这些课开课登记；涉及 {cells} 个学时。
-- explain_alive_en: {lessons} scheduled lessons were claimed during which the class's terminal was on and in contact, busy with no other class, and was not opened for them; {cells} class hours hang on them.
-- explain_empty-room_zh: 课表上的 {lessons} 节课被申领，读卡器和供电没有故障记录，而这些课上教室里几乎没有人，到课学员过半在开始前已签退离开；涉及 {cells} 个学时。
-- explain_empty-room_en: {lessons} scheduled lessons were claimed in an empty room: with no reader and no power recorded as down, most of the class had checked out before these lessons began, and hardly anybody was there; {cells} class hours hang on them.
-- innocent_empty-room_zh: 签退后到其他场地上实操课、经同意提前下课而未登记，或申领表按计划课时填写。
-- innocent_empty-room_en: Practice in another hall after checking out, lessons that ended early by an agreement nobody wrote down, a claim form filled in by the plan.
-- innocent_zh: 终端故障并已报修、课程已调整时间、记录尚在上传途中、停电停课。
-- innocent_en: A dead terminal that was reported, a lesson that was moved, a log still on its way, a closure.
-- next_empty-room_zh: 询问培训点学员签退后去了哪里；按班级人数 10% 电话回访；在最后一节课不打招呼上门。
-- next_empty-room_en: Ask the site where the class went after checking out; phone a tenth of the class; visit unannounced in the last lesson.
-- next_zh: 致电培训点；核对终端计数；按班级人数 10% 电话回访；不打招呼上门。
-- next_en: Call the site; read the terminal's counter; phone a tenth of the class; visit unannounced.

-- A lesson that was moved in writing is none that was not held: its own hours are cut elsewhere, as not attested.
WITH moved AS MATERIALIZED (
  SELECT s.class, s.lesson
  FROM permits p JOIN schedule s ON s.class = p.class
  WHERE p.what IN ('move', 'joint')
    AND (p.lesson = s.lesson OR (p.lesson IS NULL AND p."from" < s."end" AND p."to" > s.start))
  GROUP BY s.class, s.lesson
  UNION
  -- Of a joint lesson either class may hold the log.
  SELECT s.class, s.lesson
  FROM permits p JOIN schedule s ON s.class = p.to_class
  WHERE p.what = 'joint' AND p.lesson IS NULL AND p."from" < s."end" AND p."to" > s.start
),
absent AS MATERIALIZED (
  SELECT c.class, c.trainee, c.cell, c.lesson, c.day, c.start, c."end", c.device, c.counter, c.seq_from, c.seq_to
  FROM claimed_cells c LEFT JOIN moved m ON m.class = c.class AND m.lesson = c.lesson
  WHERE c.shape = 'not-held' AND m.class IS NULL
),
gone AS (SELECT class, COUNT(DISTINCT day) AS days, COUNT(DISTINCT lesson) AS lost FROM absent GROUP BY class),
plans AS (SELECT class, COUNT(DISTINCT lesson) AS planned FROM schedule GROUP BY class),
logs AS (SELECT class, device FROM sessions),
-- The class's terminals: those that have logged it, and where its site has a single one, that.
single AS (SELECT site, MIN(device) AS device FROM devices WHERE site IS NOT NULL GROUP BY site HAVING COUNT(*) = 1),
terminals AS (
  SELECT s.class, s.device FROM gone g JOIN logs s ON s.class = g.class
  UNION
  SELECT k.class, d.device FROM gone g JOIN classes k ON k.class = g.class JOIN single d ON d.site = k.site
),
-- A log may come by disk while its terminal is off; what is no log is a terminal that was on.
signs AS (SELECT device, "at" FROM contacts WHERE open IS NULL),
busy AS (SELECT device, open, close FROM contacts WHERE open IS NOT NULL),
-- Alive within the lesson, and neither opened for it nor busy with another class.
alive AS (
  SELECT l.class, l.lesson, MIN(t.device) AS device
  FROM (SELECT class, lesson, start, "end" FROM absent GROUP BY class, lesson, start, "end") l
  JOIN terminals t ON t.class = l.class
  JOIN signs n ON n.device = t.device AND n."at" >= l.start AND n."at" < l."end"
  WHERE NOT EXISTS (SELECT 1 FROM busy s WHERE s.device = t.device AND s.open < l."end" AND s.close > l.start)
  GROUP BY l.class, l.lesson
),
-- Lessons with a log of which no claimed hour is attested or unproven, and that were not at another time by the log.
unsat AS (
  SELECT class, lesson, MIN(session) AS session, MIN(day) AS day, MIN(start) AS start, MIN("end") AS "end"
  FROM claimed_cells WHERE start IS NOT NULL
  GROUP BY class, lesson
  HAVING SUM(CASE WHEN shape IN ('tail', 'blank') AND logged AND reason <> 'moved' THEN 0 ELSE 1 END) = 0
),
room AS (
  SELECT u.class, u.lesson, u.day, COUNT(DISTINCT p.trainee) AS came,
         COUNT(DISTINCT CASE WHEN p."from" < u."end" AND p."to" > u.start THEN p.trainee END) AS there,
         COUNT(DISTINCT CASE WHEN p.closed_by = 'out' AND p."to" <= u.start THEN p.trainee END) AS gone
  FROM unsat u
  JOIN presence p ON p.class = u.class AND p.session = u.session
  LEFT JOIN moved m ON m.class = u.class AND m.lesson = u.lesson
  WHERE m.class IS NULL
    AND NOT EXISTS (SELECT 1 FROM faults f WHERE f.class = u.class AND f.session = u.session
                    AND f.part IN ('reader', 'power'))
    AND NOT EXISTS (SELECT 1 FROM permits q WHERE q.class = u.class AND q.what IN ('hours', 'practice')
                    AND (q.lesson IS NULL OR q.lesson = u.lesson)
                    AND (q."from" IS NULL OR q."from" < u."end") AND (q."to" IS NULL OR q."to" > u.start))
  GROUP BY u.class, u.lesson, u.day
),
empty AS MATERIALIZED (
  SELECT class, lesson, day FROM room
  WHERE came >= $room_people AND there * 1000 < $room_permille * came AND gone * 1000 >= $left_permille * came
),
left_early AS (SELECT class, COUNT(DISTINCT day) AS days, COUNT(*) AS lost FROM empty GROUP BY class)
SELECT a.class, CAST('' AS VARCHAR) AS subject, a.trainee, a.cell,
       CASE WHEN v.class IS NOT NULL THEN 'alive' ELSE 'not-held' END AS kind, a.lesson,
       v.class IS NOT NULL OR (g.days >= $min_days AND g.lost * 1000 >= $min_permille * p.planned) AS suspect,
       a.device, a.counter, a.seq_from, a.seq_to
FROM absent a
JOIN gone g ON g.class = a.class
JOIN plans p ON p.class = a.class
LEFT JOIN alive v ON v.class = a.class AND v.lesson = a.lesson
UNION ALL
-- Of a class that came late, or went early once or twice, the hours are cut as not attested, and nothing is said here; nor is
-- it of whom the roster did not have then.
SELECT e.class, CAST('' AS VARCHAR) AS subject, c.trainee, c.cell, CAST('empty-room' AS VARCHAR) AS kind, e.lesson,
       TRUE AS suspect, c.device, c.counter, c.seq_from, c.seq_to
FROM empty e
JOIN left_early g ON g.class = e.class
JOIN plans p ON p.class = e.class
JOIN claimed_cells c ON c.class = e.class AND c.lesson = e.lesson
WHERE g.days >= $min_days AND g.lost * 1000 >= $min_permille * p.planned AND c.reason <> 'not-on-roster'
