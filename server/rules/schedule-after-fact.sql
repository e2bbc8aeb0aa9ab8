-- id: schedule-after-fact
-- grade: strong
-- family: paper
-- scope: class
-- title_zh: 课表事后修改
-- title_en: The timetable was bent to fit the log
-- basis: 内蒙古自治区人力资源和社会保障厅 2024-01-25 通知，首段（虚构课时、培训纪律）、第四条（一）
-- threshold: min_lessons = 2 (customary: one is a slip)
-- threshold: make_up_d = 14 (customary: what a closure moved is made up for within two weeks)
-- explain_zh: {lessons} 节课的时间在课后才被改到现在的时段，既无调课批件，前两周内也没有公布的停课；因此得到核验的 {cells} 个申领学时须按当时有效的课表重算。
-- explain_en: The times of {lessons} lessons were set only after they were over, with no approval to move them and no published closure in the two weeks before; {cells} claimed hours that are attested by these times have to be counted again with the version in force at the lesson.
-- innocent_zh: 恶劣天气停课次日补录、调课手续补办。
-- innocent_en: A weather closure entered the next morning, a move that was approved late.
-- next_zh: 按上课时有效的课表版本重新计算。
-- next_en: Count with the version in force at the lesson.
WITH places AS (
  SELECT class, region AS place FROM classes
  UNION SELECT class, substr(region, 1, 4) AS place FROM classes
  UNION SELECT class, substr(region, 1, 2) AS place FROM classes
), shut AS (
  -- The calendar names a region by the beginning of its code: a closed league closes its banners.
  SELECT p.class, k."from", k."to" FROM places p JOIN calendar k ON k.region = p.place AND k.closed
), bent AS (
  SELECT p.class, p.lesson
  FROM schedule p
  WHERE p.changed > p."end"
    AND NOT EXISTS (SELECT 1 FROM permits m
                    WHERE m.class = p.class AND m.what IN ('move', 'hours', 'emergency')
                      AND (m.lesson IS NULL OR m.lesson = p.lesson)
                      AND (m."from" IS NULL OR m."from" < p."end") AND (m."to" IS NULL OR m."to" > p.start))
    AND NOT EXISTS (SELECT 1 FROM shut s
                    WHERE s.class = p.class AND s."from" < p."end" AND s."to" + $make_up_d * 86400000 > p.start)
), gained AS (
  SELECT b.class, c.trainee, c.cell, c.lesson, c.device, c.counter, c.seq_from, c.seq_to
  FROM bent b JOIN claimed_cells c ON c.class = b.class AND c.lesson = b.lesson
  WHERE c.shape = 'attested'
), often AS (
  SELECT class FROM gained GROUP BY class HAVING COUNT(DISTINCT lesson) >= $min_lessons
)
SELECT g.class, CAST('' AS VARCHAR) AS subject, g.trainee, g.cell, CAST('bent' AS VARCHAR) AS kind, g.lesson,
       TRUE AS suspect, g.device, g.counter, g.seq_from, g.seq_to
FROM gained g JOIN often o ON o.class = g.class
