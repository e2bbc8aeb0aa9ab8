-- id: lesson-never-held
-- grade: certain
-- family: hours
-- title_zh: 未开课申领
-- title_en: Claimed lessons that were never held
-- basis: 内蒙古自治区人力资源和社会保障厅 2024-01-25 通知，首段（虚构课时）、第四条（一）
-- threshold: min_days = 3 (customary: a dead terminal or a power cut takes a day or two)
-- threshold: min_permille = 100 (customary: one lesson in ten of the class)
-- explain_zh: 课表上的 {lessons} 节课被申领，但该班没有任何终端的记录与之重叠，涉及 {cells} 个学时。
-- explain_en: {lessons} scheduled lessons were claimed, and no log of the class on any terminal covers them; {cells} class hours hang on them.
-- innocent_zh: 终端故障并已报修、课程已调整时间、记录尚在上传途中、停电停课。
-- innocent_en: A dead terminal that was reported, a lesson that was moved, a log still on its way, a closure.
-- next_zh: 致电培训点；核对终端计数；按班级人数 10% 电话回访；不打招呼上门。
-- next_en: Call the site; read the terminal's counter; phone a tenth of the class; visit unannounced.
SELECT c.class, CAST('' AS VARCHAR) AS subject, c.trainee, c.cell, CAST('not-held' AS VARCHAR) AS kind, c.lesson,
       d.days >= $min_days AND d.lost * 1000 >= $min_permille * p.planned AS suspect,
       c.device, c.counter, c.seq_from, c.seq_to
FROM claimed_cells c
JOIN (SELECT class, COUNT(DISTINCT day) AS days, COUNT(DISTINCT lesson) AS lost
      FROM claimed_cells WHERE shape = 'not-held' GROUP BY class) d ON d.class = c.class
JOIN (SELECT class, COUNT(DISTINCT lesson) AS planned FROM schedule GROUP BY class) p ON p.class = c.class
WHERE c.shape = 'not-held'
