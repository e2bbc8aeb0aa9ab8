-- id: perfect-attendance
-- grade: weak
-- family: rhythm
-- title_zh: 全勤超出常理
-- title_en: Nobody is ever absent
-- basis: 内蒙古自治区人力资源和社会保障厅 2024-01-25 通知，首段（虚构课时、虚报人数）、第四条（一）
-- threshold: min_days = 200 (customary: fewer trainee-days say too little)
-- explain_zh: 该班 {of} 个学员日中有 {n} 个到课，缺勤远少于当地同类、同季节、同规模的班级；涉及 {cells} 个申领学时。
-- explain_en: On {n} of {of} trainee-days of this class the trainee came: far fewer absences than in classes of its kind, season and size nearby; {cells} claimed hours are of this class.
-- innocent_zh: 用人单位在工作时间内组织的培训、寄宿制学校、课程很短。
-- innocent_en: An employer's class in working time, a boarding school, a very short course.
-- next_zh: 上门查看；并看“刷卡次序雷同”与“只签到签退”。
-- next_en: Visit; see `same-order` and `ends-only`.
SELECT c.class, CAST('' AS VARCHAR) AS subject, c.trainee, c.cell, CAST('perfect' AS VARCHAR) AS kind, c.lesson,
       TRUE AS suspect, c.device, c.counter, c.seq_from, c.seq_to, u.k AS n, u.n AS "of", u.score
FROM nulls u
JOIN claimed_cells c ON c.class = u.unit
WHERE u.rule = 'perfect-attendance' AND u.passes AND u.n >= $min_days AND c.shape <> 'unproven'
-- counts:
SELECT d.class AS unit, MIN(k.institution) AS institution, MIN(k.region) AS region, MIN(k.day_to) AS day,
       MIN(k.kind) AS kind, MIN(k.trainees) AS size, COUNT(*) AS n, SUM(d.came) AS k
FROM (SELECT class, trainee, day, MAX(CASE WHEN shape IN ('attested', 'tail') THEN 1 ELSE 0 END) AS came
      FROM lessons
      GROUP BY class, trainee, day
      -- A day on which something was down says neither.
      HAVING SUM(CASE WHEN shape = 'unproven' THEN 1 ELSE 0 END) = 0) d
JOIN classes k ON k.class = d.class
JOIN run q ON k.ends <= q."at"
GROUP BY d.class
