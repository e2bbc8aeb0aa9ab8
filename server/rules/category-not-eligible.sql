-- id: category-not-eligible
-- grade: weak
-- family: eligibility
-- scope: class
-- title_zh: 人员类别不符
-- title_en: Not one of the groups that are paid for
-- basis: 内蒙古自治区人力资源和社会保障厅 2024-01-25 通知，第三条（六类补贴对象）
-- threshold: fresh_ms = 2592000000 (customary: 30 days, a register's answer older than that says nothing of the first day of class)
-- explain_zh: 登记的人员类别不在通知规定的六类之内；涉及 {cells} 个申领学时。
-- explain_en: The category on the roster is none of the six that the notice names. {cells} claimed hours hang on it.
-- explain_register_zh: 主管登记的查询结果表明，该人在开班当日不属于所登记的人员类别；涉及 {cells} 个申领学时。
-- explain_register_en: A register answers that on the first day of class this person was not of the category on the roster. {cells} claimed hours hang on it.
-- innocent_zh: 上课期间身份变化（以开班时为准）、登记滞后、类别名称填写不规范。
-- innocent_en: A status that changed during the class (what holds is that of its beginning), a register that lags behind, a category written another way.
-- next_zh: 请学员在五个工作日内提供证明。
-- next_en: Ask for proof, within five working days.

-- The notice's six. A bureau that pays for more adds a line to each CASE that names them.
WITH grouped AS (
  SELECT r.class, r.trainee, r.person, r.category, k.opens,
         CASE WHEN r.category LIKE '防止返贫监测%' THEN 'monitored'
              WHEN r.category LIKE '毕业年度高校毕业生%' THEN 'graduate'
              WHEN r.category LIKE '应届初高中%' THEN 'leaver'
              WHEN r.category LIKE '农村牧区转移就业%' THEN 'transfer'
              WHEN r.category LIKE '城镇登记失业%' THEN 'jobless'
              WHEN r.category LIKE '就业困难%' THEN 'hardship' END AS kind
  FROM roster r LEFT JOIN classes k ON k.class = r.class
  WHERE r.category IS NOT NULL
),
-- Which of the groups each register speaks against. Who is watched against poverty, or came from the land, may well earn.
against (what, kind) AS (
  VALUES ('employed', 'jobless'), ('employed', 'hardship'),
         ('pension', 'graduate'), ('pension', 'leaver'), ('pension', 'transfer'), ('pension', 'jobless'),
         ('pension', 'hardship'),
         ('pupil', 'monitored'), ('pupil', 'leaver'), ('pupil', 'transfer'), ('pupil', 'jobless'), ('pupil', 'hardship')
),
-- What registers say of the first day of class: a time that covers it, or an answer without one, given shortly before.
answers AS (
  SELECT g.class, g.trainee, r.what, r.holds, r.answered, g.kind
  FROM grouped g
  JOIN registers r ON r.person = g.person
  WHERE (r.what <> 'category' OR r.category = g.category)
    AND g.opens IS NOT NULL AND (r."to" IS NULL OR r."to" > g.opens)
    AND r.answered >= g.opens - $fresh_ms
    AND (r."from" <= g.opens OR (r."from" IS NULL AND r.answered <= g.opens))
),
-- A register that lagged behind has put itself right: the newest answer holds, and of two alike the kinder one.
newest AS (
  SELECT class, trainee, what, holds, kind,
         ROW_NUMBER() OVER (PARTITION BY class, trainee, what ORDER BY answered DESC,
           CASE WHEN holds = (what = 'category') THEN 0 ELSE 1 END) AS place
  FROM answers
),
contradicted AS (
  SELECT n.class, n.trainee
  FROM newest n LEFT JOIN against a ON a.what = n.what AND a.kind = n.kind
  WHERE n.place = 1 AND ((n.what = 'category' AND NOT n.holds) OR (a.what IS NOT NULL AND n.holds))
  GROUP BY n.class, n.trainee
)
SELECT c.class, c.trainee AS subject, c.trainee, c.cell,
       CASE WHEN x.class IS NOT NULL THEN 'register' ELSE 'not-listed-category' END AS kind, c.lesson, FALSE AS suspect,
       CAST('' AS VARCHAR) AS device, 0 AS counter, 0 AS seq_from, 0 AS seq_to,
       CASE WHEN x.class IS NOT NULL THEN 'certain' ELSE 'weak' END AS grade
FROM grouped g
LEFT JOIN contradicted x ON x.class = g.class AND x.trainee = g.trainee
JOIN claimed_cells c ON c.class = g.class AND c.trainee = g.trainee
WHERE x.class IS NOT NULL OR g.kind IS NULL
