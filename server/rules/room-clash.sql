-- id: room-clash
-- grade: strong
-- family: teaching
-- title_zh: 教室撞课
-- title_en: One room, two classes at once
-- basis: 内蒙古自治区人力资源和社会保障厅 2024-01-25 通知，首段（虚构课时、培训纪律）、第四条（一）
-- threshold: min_overlap_s = 900 (customary: a quarter of an hour is a change of class)
-- explain_zh: {lessons} 节课与另一班在同一教室的课时间重叠超过一刻钟，而本班当日核验学时较少；涉及 {cells} 个申领学时。
-- explain_en: {lessons} lessons overlap by more than a quarter of an hour with another class's in the same room, and this class has fewer attested hours of that day; {cells} claimed hours are of them.
-- innocent_zh: 培训点教室编号重复、经批准的合班课、换教室未登记。
-- innocent_en: A room label that the site uses twice, a joint lesson with approval, a change of room that was not written down.
-- next_zh: 在该时段上门查看。
-- next_en: Visit at that hour.
WITH assured AS (
  SELECT class, lesson, COUNT(*) AS cells FROM claimed_cells WHERE shape = 'attested' GROUP BY class, lesson
), held AS (
  -- What was allowed to be elsewhere, or together, was not in this room alone.
  SELECT p.class, p.lesson, p.site, p.room, p.day, p.start, p."end",
         SUM(a.cells) OVER (PARTITION BY p.class, p.site, p.room, p.day) AS cells
  FROM schedule p JOIN assured a ON a.class = p.class AND a.lesson = p.lesson
  WHERE p.room IS NOT NULL
    AND NOT EXISTS (SELECT 1 FROM permits m
                    WHERE m.class = p.class AND m.what IN ('joint', 'move', 'practice')
                      AND (m.lesson IS NULL OR m.lesson = p.lesson)
                      AND (m."from" IS NULL OR m."from" < p."end") AND (m."to" IS NULL OR m."to" > p.start))
    AND NOT EXISTS (SELECT 1 FROM permits m
                    WHERE m.to_class = p.class AND m.what = 'joint'
                      AND (m."from" IS NULL OR m."from" < p."end") AND (m."to" IS NULL OR m."to" > p.start))
), lost AS (
  -- `b` gives way to `a`.
  SELECT b.class, b.lesson
  FROM held a JOIN held b ON a.site = b.site AND a.room = b.room AND a.day = b.day
  WHERE a.class <> b.class
    AND CASE WHEN a."end" < b."end" THEN a."end" ELSE b."end" END - CASE WHEN a.start > b.start THEN a.start ELSE b.start END
        > $min_overlap_s * 1000
    AND (a.cells > b.cells OR a.cells = b.cells AND a.class < b.class)
  GROUP BY b.class, b.lesson
)
SELECT c.class, CAST('' AS VARCHAR) AS subject, c.trainee, c.cell, CAST('clash' AS VARCHAR) AS kind, c.lesson,
       FALSE AS suspect, c.device, c.counter, c.seq_from, c.seq_to
FROM lost l JOIN claimed_cells c ON c.class = l.class AND c.lesson = l.lesson
WHERE c.shape <> 'unproven'
