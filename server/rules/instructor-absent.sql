-- id: instructor-absent
-- grade: strong
-- family: teaching
-- scope: class
-- title_zh: 教师缺席
-- title_en: Nobody taught
-- basis: 内蒙古自治区人力资源和社会保障厅 2024-01-25 通知，首段（虚构课时、培训纪律）、第四条（一）
-- threshold: min_lessons = 4 (customary: now and then somebody forgets to tap)
-- threshold: max_permille = 200 (customary: one lesson in five of those held)
-- explain_zh: 该班有学员到课的 {of} 节课中，{n} 节课没有任何教师签到，当时读卡器没有故障记录，也没有批准的代课；涉及 {cells} 个申领学时。
-- explain_en: Of {of} lessons of this class that trainees attended, {n} have no instructor's check-in, while no reader was recorded as down and no substitute was allowed in writing; {cells} claimed hours are of these lessons.
-- innocent_zh: 教师忘记刷卡、代课手续补办、实训师傅没有证件登记。
-- innocent_en: The instructor forgot to tap, a substitution was written down late, a workshop master has no card.
-- next_zh: 索要代课说明；向学员分别询问由谁上课。
-- next_en: Ask for the substitution note; ask trainees apart who taught.

-- Anyone whom the class's roster names as an instructor counts: a substitute who tapped did teach.
WITH events AS (
  SELECT class, session, instructor, way, "at",
         LEAD("at") OVER (PARTITION BY class, session, instructor ORDER BY "at", device, counter, seq) AS next_at
  FROM instructors
), stays AS (
  -- Who forgot to tap out stayed; that favours the class.
  SELECT class, session, "at" AS since, next_at AS until FROM events WHERE way = 'in'
), down AS (
  SELECT class, session, MAX(fault_reader_s) AS reader_s FROM sessions GROUP BY class, session
), held AS (
  SELECT l.class, l.session, l.lesson, MIN(l.start) AS start, MAX(l."end") AS "end"
  FROM lessons l
  WHERE l.attested
  GROUP BY l.class, l.session, l.lesson
), fair AS (
  -- Lessons that could have shown an instructor.
  SELECT h.class, h.session, h.lesson, h.start, h."end"
  FROM held h JOIN down d ON d.class = h.class AND d.session = h.session
  WHERE d.reader_s = 0
    -- A class for which no instructor was registered has nobody who could tap.
    AND EXISTS (SELECT 1 FROM teachers t WHERE t.class = h.class)
    AND NOT EXISTS (SELECT 1 FROM permits p
                    WHERE p.class = h.class AND p.what IN ('substitute', 'practice', 'joint')
                      AND (p.lesson IS NULL OR p.lesson = h.lesson)
                      AND (p."from" IS NULL OR p."from" < h."end") AND (p."to" IS NULL OR p."to" > h.start))
), taught AS MATERIALIZED (
  SELECT f.class, f.lesson, MAX(CASE WHEN s.since IS NULL THEN 0 ELSE 1 END) AS there
  FROM fair f
  LEFT JOIN stays s ON s.class = f.class AND s.session = f.session
    AND s.since < f."end" AND (s.until IS NULL OR s.until > f.start)
  GROUP BY f.class, f.lesson
), bad AS (
  SELECT class, COUNT(*) AS held, SUM(1 - there) AS absent
  FROM taught GROUP BY class
  HAVING SUM(1 - there) >= $min_lessons AND SUM(1 - there) * 1000 > $max_permille * COUNT(*)
)
SELECT c.class, CAST('' AS VARCHAR) AS subject, c.trainee, c.cell, CAST('untaught' AS VARCHAR) AS kind, c.lesson,
       TRUE AS suspect, c.device, c.counter, c.seq_from, c.seq_to, b.absent AS n, b.held AS "of"
FROM bad b
JOIN taught t ON t.class = b.class AND t.there = 0
JOIN claimed_cells c ON c.class = t.class AND c.lesson = t.lesson
WHERE c.shape <> 'unproven'
