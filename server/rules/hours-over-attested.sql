-- id: hours-over-attested
-- grade: certain
-- family: hours
-- title_zh: 申领课时超出核验课时
-- title_en: More hours claimed than attested
-- basis: 内蒙古自治区人力资源和社会保障厅 2024-01-25 通知，首段（虚构课时）、第四条（一）
-- threshold: min_blank = 4 (customary: a tail is what a forgotten check-out looks like, so only blanks accuse)
-- threshold: min_blank_permille = 100 (customary: one claimed hour in ten)
-- explain_zh: 申领 {hours} 学时，经核验记录支持的为 {attested} 学时，差 {cells} 学时：其中 {blank} 学时在该课次从未出现，{tail} 学时为到课后未覆盖或核验等级不足。
-- explain_en: {hours} class hours were claimed and verified logs support {attested}. Of the {cells} missing, {blank} were never seen in that session and {tail} were seen but not for long enough, or not surely enough.
-- innocent_zh: 忘记签退、停电断网、记录尚在上传途中、在其他班补课。
-- innocent_en: A forgotten check-out, a power cut or outage, a log still on its way, hours sat in another class.
-- next_zh: 先向培训点索要缺失的记录；确无记录的，核减至核验课时。
-- next_en: Ask the site for the missing log first; where there is none, cut to the attested hours.
SELECT c.class, c.trainee AS subject, c.trainee, c.cell, c.shape AS kind, c.lesson,
       b.blanks >= $min_blank AND b.blanks * 1000 >= $min_blank_permille * c.hours AS suspect,
       c.device, c.counter, c.seq_from, c.seq_to
FROM claimed_cells c
JOIN (SELECT x.class, x.trainee, SUM(CASE WHEN x.shape = 'blank' AND shut.cell IS NULL THEN 1 ELSE 0 END) AS blanks
      FROM claimed_cells x
      LEFT JOIN (SELECT DISTINCT y.class, y.trainee, y.cell
                 FROM claimed_cells y
                 JOIN schedule s ON s.class = y.class AND s.lesson = y.lesson
                 JOIN calendar k ON k.region = s.region
                 WHERE k."from" <= y.start AND k."to" >= y."end") shut
        ON shut.class = x.class AND shut.trainee = x.trainee AND shut.cell = x.cell
      GROUP BY x.class, x.trainee) b
  ON b.class = c.class AND b.trainee = c.trainee
WHERE c.shape IN ('tail', 'blank')
