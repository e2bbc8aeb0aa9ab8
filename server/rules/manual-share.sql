-- id: manual-share
-- grade: strong
-- family: identity
-- title_zh: 人工补录过多
-- title_en: Attendance by pen
-- basis: 内蒙古自治区人力资源和社会保障厅 2024-01-25 通知，首段（虚构课时、培训纪律）、第四条（一）
-- threshold: max_permille = 150 (seen: 208 home care, entries by hand stay under 15 %)
-- threshold: min_cells = 30 (catalogue: fewer attested hours say too little)
-- threshold: able_sessions = 2 (customary: a card that was read in two sessions has a chip)
-- threshold: pen_sessions = 3 (customary: a card is left at home once or twice)
-- threshold: pen_permille = 250 (customary: and of every fourth session)
-- threshold: able_trainees = 3 (customary: one or two of a class are careless)
-- explain_zh: 该班核验的 {of} 学时中有 {n} 学时仅凭教师人工补录，当时读卡器没有故障记录，其人脸在该课次也未相符；超出一成半的，以及证件在其他课次可以正常读取的学员一再被补录的，共 {cells} 个申领学时须核实。
-- explain_en: Of the {of} attested hours of this class {n} rest on entries by hand alone, while no reader was recorded as down and no face of the trainee matched in the session; {cells} claimed hours have to be confirmed, which are above 15 %, or of trainees who were written in again and again though their cards were read in other sessions.
-- explain_by-class_zh: 该班核验的 {of} 学时中有 {n} 学时仅凭教师人工补录，当时读卡器没有故障记录，其人脸在该课次也未相符；超出一成半的 {cells} 个申领学时须核实。
-- explain_by-class_en: Of the {of} attested hours of this class {n} rest on entries by hand alone, while no reader was recorded as down and no face of the trainee matched in the session; {cells} claimed hours above 15 % have to be confirmed.
-- explain_working-card_zh: 该班有 {n} 名学员的证件在其他课次可以正常读取，却一再整课次由教师人工补录、从未刷卡，所写原因不是证件读不出，当时读卡器没有故障记录；由此计入或申领的学时有 {cells} 个。
-- explain_working-card_en: Of this class {n} trainees, whose cards were read in other sessions, were written in by hand again and again for whole sessions without a card, for another reason than a card that could not be read, and with no reader recorded as down; {cells} claimed hours are of that.
-- explain_by-instructor_zh: 该教师所授各班核验的 {of} 学时中有 {n} 学时由其人工补录，远多于当地其他教师，当时读卡器没有故障记录；其中本班的 {cells} 个申领学时须核实。
-- explain_by-instructor_en: Of the {of} attested hours in this instructor's sessions {n} were entered by that hand, far more than by other instructors nearby, with no reader recorded as down; {cells} claimed hours of this class have to be confirmed.
-- innocent_zh: 读卡器损坏且已报修、老人证件磨损、学员不同意采集人脸。
-- innocent_en: A broken reader with a ticket, elders' worn cards, trainees who declined the face.
-- next_zh: 修复读卡器；抽取十条补录记录电话核实。
-- next_en: Repair the reader; sample ten entries by phone.
WITH pens AS MATERIALIZED (
  -- Whom a pen carried in a session. An entry that a dead reader, a matched face or a declined one explains is set aside,
  -- and with it all of that trainee's hours there.
  SELECT m.class, m.device, m.counter, m.trainee, MIN(m.seq) AS seq_from, MAX(m.seq) AS seq_to,
         MAX(CASE WHEN m.reason = 'unreadable' THEN 1 ELSE 0 END) AS unreadable
  FROM manuals m
  LEFT JOIN roster r ON r.class = m.class AND r.trainee = m.trainee
  GROUP BY m.class, m.device, m.counter, m.trainee
  HAVING SUM(CASE WHEN m.excused OR COALESCE(r.declined_face, FALSE) AND m.level >= 1 THEN 1 ELSE 0 END) = 0
), hours AS (
  SELECT l.class, COUNT(*) AS attested, SUM(CASE WHEN l.manual AND p.trainee IS NOT NULL THEN 1 ELSE 0 END) AS pen
  FROM lessons l
  LEFT JOIN pens p ON p.device = l.device AND p.counter = l.counter AND p.trainee = l.trainee
  WHERE l.attested
  GROUP BY l.class
), above AS (
  SELECT class, attested, pen FROM hours WHERE attested >= $min_cells AND pen * 1000 > $max_permille * attested
), ranked AS (
  -- The share that is usual stands, the first in order of time; what is above it has to be confirmed.
  SELECT c.class, c.trainee, c.cell, c.lesson, c.device, c.counter, p.seq_from, p.seq_to, a.pen, a.attested,
         ROW_NUMBER() OVER (PARTITION BY c.class ORDER BY c.start, c.trainee, c.cell) AS place
  FROM above a
  JOIN claimed_cells c ON c.class = a.class AND c.shape = 'attested' AND c.manual
  JOIN pens p ON p.device = c.device AND p.counter = c.counter AND p.trainee = c.trainee
), came AS (
  SELECT class, trainee, COUNT(*) AS sessions
  FROM (SELECT class, trainee, device, counter FROM presence GROUP BY class, trainee, device, counter) d
  GROUP BY class, trainee
), card_read AS MATERIALIZED (
  -- Sessions in which a card was read and led to something.
  SELECT t.class, t.trainee, t.device, t.counter
  FROM taps t JOIN (SELECT class, trainee FROM pens GROUP BY class, trainee HAVING COUNT(*) >= $pen_sessions) p
    ON p.class = t.class AND p.trainee = t.trainee
  WHERE t.level >= 1
  GROUP BY t.class, t.trainee, t.device, t.counter
), read_well AS (
  SELECT class, trainee, COUNT(*) AS sessions FROM card_read GROUP BY class, trainee
), pen_alone AS (
  -- Who came by card and was only checked out by hand is not meant, nor who has a worn card: not for the whole session.
  SELECT p.class, p.device, p.counter, p.trainee, p.seq_from, p.seq_to
  FROM pens p
  LEFT JOIN card_read t ON t.class = p.class AND t.trainee = p.trainee AND t.device = p.device AND t.counter = p.counter
  WHERE t.class IS NULL AND p.unreadable = 0
), able AS MATERIALIZED (
  -- Whose card is read when it is there, and who is written in all the same.
  SELECT p.class, p.trainee, COUNT(*) AS pen
  FROM pen_alone p
  JOIN read_well w ON w.class = p.class AND w.trainee = p.trainee AND w.sessions >= $able_sessions
  JOIN came a ON a.class = p.class AND a.trainee = p.trainee
  GROUP BY p.class, p.trainee, a.sessions
  HAVING COUNT(*) >= $pen_sessions AND COUNT(*) * 1000 >= $pen_permille * a.sessions
), careless AS (
  SELECT class, COUNT(*) AS trainees FROM able GROUP BY class HAVING COUNT(*) >= $able_trainees
)
SELECT class, CAST('' AS VARCHAR) AS subject, trainee, cell, CAST('by-class' AS VARCHAR) AS kind, lesson,
       TRUE AS suspect, device, counter, seq_from, seq_to, CAST(NULL AS VARCHAR) AS about,
       pen AS n, attested AS "of", CAST(NULL AS BIGINT) AS score
FROM ranked WHERE place * 1000 > $max_permille * attested
UNION ALL
SELECT c.class, CAST('' AS VARCHAR) AS subject, c.trainee, c.cell, CAST('working-card' AS VARCHAR) AS kind, c.lesson,
       TRUE AS suspect, c.device, c.counter, p.seq_from, p.seq_to, CAST(NULL AS VARCHAR) AS about,
       k.trainees AS n, CAST(NULL AS BIGINT) AS "of", CAST(NULL AS BIGINT) AS score
FROM careless k
JOIN able b ON b.class = k.class
JOIN pen_alone p ON p.class = b.class AND p.trainee = b.trainee
JOIN claimed_cells c ON c.class = p.class AND c.trainee = p.trainee AND c.device = p.device AND c.counter = p.counter
WHERE (c.shape = 'tail' AND c.reason = 'low-assurance') OR (c.shape = 'attested' AND c.manual)
UNION ALL
-- One instructor, over all classes, against those who teach nearby.
SELECT c.class, t.instructor AS subject, c.trainee, c.cell, CAST('by-instructor' AS VARCHAR) AS kind, c.lesson,
       TRUE AS suspect, c.device, c.counter, e.seq_from, e.seq_to, CAST('instructor' AS VARCHAR) AS about,
       u.k AS n, u.n AS "of", u.score
FROM nulls u
JOIN teachers t ON t.person = u.unit
JOIN (SELECT class, device, counter, trainee, "by", MIN(seq) AS seq_from, MAX(seq) AS seq_to
      FROM manuals GROUP BY class, device, counter, trainee, "by") e ON e.class = t.class AND e."by" = t.instructor
JOIN pens p ON p.device = e.device AND p.counter = e.counter AND p.trainee = e.trainee
JOIN claimed_cells c ON c.class = e.class AND c.trainee = e.trainee AND c.device = e.device AND c.counter = e.counter
WHERE u.rule = 'manual-share' AND u.passes AND u.n >= $min_cells AND c.shape = 'attested' AND c.manual
-- counts:
WITH entered AS MATERIALIZED (
  -- Whom an instructor wrote in, and how many of these entries are explained.
  SELECT m.class, m.device, m.counter, m.trainee, m."by" AS instructor,
         SUM(CASE WHEN m.excused OR COALESCE(r.declined_face, FALSE) AND m.level >= 1 THEN 1 ELSE 0 END) AS excused
  FROM manuals m
  LEFT JOIN roster r ON r.class = m.class AND r.trainee = m.trainee
  GROUP BY m.class, m.device, m.counter, m.trainee, m."by"
), pens AS (
  SELECT device, counter, trainee FROM entered GROUP BY device, counter, trainee HAVING SUM(excused) = 0
), taught AS (
  -- The sessions of an instructor: came, or wrote.
  SELECT class, device, counter, instructor FROM instructors
  UNION
  SELECT class, device, counter, instructor FROM entered
), hours AS (
  -- Counted before they are given to all who taught the session; those that a pen carries by trainee, all others as one.
  SELECT l.device, l.counter, p.trainee, COUNT(*) AS attested
  FROM lessons l
  LEFT JOIN pens p ON p.device = l.device AND p.counter = l.counter AND p.trainee = l.trainee AND l.manual
  WHERE l.attested
  GROUP BY l.device, l.counter, p.trainee
)
SELECT t.person AS unit, MIN(k.institution) AS institution, MIN(k.region) AS region, MAX(k.day_to) AS day,
       MIN(k.kind) AS kind, COUNT(DISTINCT k.class) AS size, SUM(h.attested) AS n,
       SUM(CASE WHEN e.trainee IS NOT NULL THEN h.attested ELSE 0 END) AS k
FROM taught w
JOIN teachers t ON t.class = w.class AND t.instructor = w.instructor
JOIN classes k ON k.class = w.class
JOIN run q ON k.ends <= q."at"
JOIN hours h ON h.device = w.device AND h.counter = w.counter
LEFT JOIN entered e ON e.device = h.device AND e.counter = h.counter AND e.trainee = h.trainee
  AND e.instructor = w.instructor
WHERE t.person IS NOT NULL
GROUP BY t.person
