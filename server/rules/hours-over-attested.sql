-- id: hours-over-attested
-- grade: certain
-- family: hours
-- scope: class
-- title_zh: 申领课时超出核验课时
-- title_en: More hours claimed than attested
-- basis: 内蒙古自治区人力资源和社会保障厅 2024-01-25 通知，首段（虚构课时）、第四条（一）
-- threshold: min_blank = 4 (customary: a tail is what a forgotten check-out looks like, so only blanks accuse)
-- threshold: min_blank_permille = 100 (customary: one claimed hour in ten)
-- threshold: class_trainees = 3 (customary: three of a class who pass both make it the class's way of claiming)
-- threshold: class_permille = 50 (customary: and one claimed hour in twenty of the class; then each such hour accuses)
-- threshold: min_beyond = 1 (design: arithmetic; no hour above the schedule can have been taught)
-- explain_zh: 申领 {hours} 学时，经核验记录支持的为 {attested} 学时，因故障或停课未能核验的为 {unproven} 学时；无依据的 {cells} 学时中：{blank} 学时该班上课而其从未出现，{tail} 学时为到课后未覆盖或核验等级不足，{not_listed} 学时当时不在名册、课程已调整或经批准在别处上课，{not_held} 学时的课没有任何记录，{beyond} 学时超出课表，不可能存在。
-- explain_en: {hours} class hours were claimed; verified logs support {attested}, and {unproven} are unproven because something was down or closed. Of the {cells} without support, in {blank} the class met and this trainee was never seen, in {tail} the trainee was seen but not for long enough, or not surely enough, in {not_listed} the trainee was not on the roster then, the lesson had been moved, or it was allowed to sit elsewhere, {not_held} are of lessons that no log has, and {beyond} are above the schedule and cannot exist.
-- innocent_zh: 忘记签退、停电断网、记录尚在上传途中、在其他班补课、课表导入不全。
-- innocent_en: A forgotten check-out, a power cut or outage, a log still on its way, hours sat in another class, a schedule that was not imported whole.
-- next_zh: 先向培训点索要缺失的记录；确无记录的，核减至核验课时。
-- next_en: Ask the site for the missing log first; where there is none, cut to the attested hours.

-- What was allowed in writing is set aside before anybody is accused: a swap of the trainee, a lesson that was moved.
WITH short AS MATERIALIZED (
  SELECT class, trainee, cell, hours, lesson, start, "end", logged, device, counter, seq_from, seq_to, shape, reason
  FROM claimed_cells WHERE shape IN ('tail', 'blank', 'not-held', 'beyond')
),
allowed AS (
  SELECT c.class, c.trainee, c.cell
  FROM short c JOIN permits p ON p.class = c.class
  WHERE p.what IN ('swap', 'move', 'joint') AND (p.trainee IS NULL OR p.trainee = c.trainee)
    AND c.shape <> 'beyond'
    AND (p.lesson = c.lesson OR (p.lesson IS NULL AND p."from" < c."end" AND p."to" > c.start))
  GROUP BY c.class, c.trainee, c.cell
),
cells AS (
  SELECT c.class, c.trainee, c.cell, c.hours, c.lesson, c.device, c.counter, c.seq_from, c.seq_to, c.shape,
         CASE WHEN a.cell IS NOT NULL OR (c.shape = 'blank' AND c.reason <> 'not-seen') THEN 'not-listed'
              ELSE c.shape END AS kind,
         a.cell IS NULL AND c.logged AND c.shape = 'blank' AND c.reason = 'not-seen' AS unseen
  FROM short c
  LEFT JOIN allowed a ON a.class = c.class AND a.trainee = c.trainee AND a.cell = c.cell
),
counted AS MATERIALIZED (
  SELECT class, trainee, SUM(CASE WHEN unseen THEN 1 ELSE 0 END) AS blanks,
         SUM(CASE WHEN shape = 'beyond' THEN 1 ELSE 0 END) AS beyond, MAX(hours) AS hours
  FROM cells GROUP BY class, trainee
),
-- A class that claims so for several claims so: there every hour of whom nobody saw accuses. No class is accused by it that
-- is not already.
asked AS (SELECT class, SUM(hours) AS hours FROM claims GROUP BY class),
way AS (
  SELECT b.class
  FROM counted b JOIN asked a ON a.class = b.class
  GROUP BY b.class, a.hours
  HAVING SUM(CASE WHEN b.blanks >= $min_blank AND b.blanks * 1000 >= $min_blank_permille * b.hours
                  THEN 1 ELSE 0 END) >= $class_trainees
     AND SUM(b.blanks) * 1000 >= $class_permille * a.hours
)
-- Hours that were allowed elsewhere are not attested here either: they are cut, and accuse nobody.
SELECT c.class, c.trainee AS subject, c.trainee, c.cell, c.kind, c.lesson,
       (c.unseen AND (y.class IS NOT NULL
                      OR b.blanks >= $min_blank AND b.blanks * 1000 >= $min_blank_permille * c.hours))
         -- A class without a schedule has not been imported whole: that accuses nobody.
         OR (c.shape = 'beyond' AND b.beyond >= $min_beyond AND k.planned > 0) AS suspect,
       c.device, c.counter, c.seq_from, c.seq_to
FROM cells c
JOIN counted b ON b.class = c.class AND b.trainee = c.trainee
LEFT JOIN claims k ON k.class = c.class AND k.trainee = c.trainee
LEFT JOIN way y ON y.class = c.class
