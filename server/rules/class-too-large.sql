-- id: class-too-large
-- grade: certain
-- family: teaching
-- scope: class
-- title_zh: 超班额或超座位
-- title_en: More trainees than the programme or the room allows
-- basis: 内蒙古自治区人力资源和社会保障厅 2024-01-25 通知，首段（虚报人数、培训纪律）、第三条
-- threshold: usual_cap = 50 (customary; where the programme sets no size, above this is only worth a look)
-- explain_zh: 该班名册或到课人数超过班额或教室座位（{of} 人），最多时为 {n} 人；按最后加入者计，超出部分涉及 {cells} 个申领学时。
-- explain_en: The class had up to {n} trainees where the programme or the room allows {of}. Counting those added last as beyond, {cells} claimed hours are theirs.
-- explain_over-cap_zh: 名册上有 {n} 名学员，班额为 {of} 人；按最后加入者计，超出人员的 {cells} 个申领学时不能支付。
-- explain_over-cap_en: The roster has {n} trainees and the programme allows {of}; the {cells} claimed hours of those added last cannot be paid.
-- explain_over-seats_zh: {lessons} 节课的到课人数超过该教室的核定座位，最多时 {n} 人；按最后加入者计，超出部分为 {cells} 个申领学时。
-- explain_over-seats_en: In {lessons} lessons more trainees were attested than the licensed room has seats, {n} at the most; counting those added last as beyond, it comes to {cells} claimed hours.
-- explain_over-usual_zh: 该项目未规定班额；名册上有 {n} 名学员，超过通常的 {of} 人，涉及 {cells} 个申领学时，仅供查看。
-- explain_over-usual_en: The programme sets no class size. The roster has {n} trainees, above the usual {of}; {cells} claimed hours are of those beyond, for a look only.
-- innocent_zh: 分两间教室上课、户外实训、座位登记未更新。
-- innocent_en: Two rooms were used, a lesson in the field, seats that were not brought up to date.
-- next_zh: 拆分班级；更正教室登记。
-- next_en: Split the class; correct the register of rooms.
WITH listed AS (
  -- Who has left does not count, and who came last is beyond.
  SELECT r.class, r.trainee, k.size_cap,
         ROW_NUMBER() OVER (PARTITION BY r.class ORDER BY COALESCE(r.added, 0), r.trainee) AS place,
         COUNT(*) OVER (PARTITION BY r.class) AS trainees
  FROM roster r JOIN classes k ON k.class = r.class
  WHERE r.removed IS NULL
), seated AS (
  SELECT p.class, p.lesson, s.seats
  FROM schedule p
  JOIN classes k ON k.class = p.class
  JOIN rooms s ON s.institution = k.institution AND s.site = p.site AND s.room = p.room
  WHERE s.seats > 0
    AND NOT EXISTS (SELECT 1 FROM permits m
                    WHERE m.class = p.class AND m.what IN ('practice', 'move')
                      AND (m.lesson IS NULL OR m.lesson = p.lesson)
                      AND (m."from" IS NULL OR m."from" < p."end") AND (m."to" IS NULL OR m."to" > p.start))
), full_house AS (
  SELECT l.class, l.lesson, s.seats, COUNT(DISTINCT l.trainee) AS trainees
  FROM seated s JOIN lessons l ON l.class = s.class AND l.lesson = s.lesson
  WHERE l.attested
  GROUP BY l.class, l.lesson, s.seats
  HAVING COUNT(DISTINCT l.trainee) > s.seats
), standing AS (
  SELECT f.class, f.lesson, f.seats, f.trainees, c.trainee, c.cell,
         ROW_NUMBER() OVER (PARTITION BY f.class, f.lesson ORDER BY COALESCE(r.added, 0), c.trainee) AS place
  FROM full_house f
  JOIN claimed_cells c ON c.class = f.class AND c.lesson = f.lesson AND c.shape = 'attested'
  LEFT JOIN roster r ON r.class = c.class AND r.trainee = c.trainee
)
SELECT c.class, CAST('' AS VARCHAR) AS subject, c.trainee, c.cell,
       CASE WHEN l.size_cap IS NULL THEN 'over-usual' ELSE 'over-cap' END AS kind, c.lesson,
       FALSE AS suspect, c.device, c.counter, c.seq_from, c.seq_to,
       CASE WHEN l.size_cap IS NULL THEN 'weak' ELSE 'certain' END AS grade,
       l.trainees AS n, COALESCE(l.size_cap, $usual_cap) AS "of"
FROM listed l
JOIN claimed_cells c ON c.class = l.class AND c.trainee = l.trainee
WHERE l.place > COALESCE(l.size_cap, $usual_cap)
UNION ALL
SELECT c.class, CAST('' AS VARCHAR) AS subject, c.trainee, c.cell, CAST('over-seats' AS VARCHAR) AS kind, c.lesson,
       FALSE AS suspect, c.device, c.counter, c.seq_from, c.seq_to, CAST('certain' AS VARCHAR) AS grade,
       s.trainees AS n, s.seats AS "of"
FROM standing s
JOIN claimed_cells c ON c.class = s.class AND c.trainee = s.trainee AND c.cell = s.cell
WHERE s.place > s.seats
