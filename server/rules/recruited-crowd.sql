-- id: recruited-crowd
-- grade: weak
-- family: recruitment
-- title_zh: 拉人头聚集
-- title_en: A crowd that was brought
-- basis: 内蒙古自治区人力资源和社会保障厅 2024-01-25 通知，第三条（严禁拉人头）、首段（虚报人数）
-- threshold: min_linked = 3 (customary: one phone or account for two is a couple)
-- threshold: class_permille = 500 (customary: half of the class; village committees enrol in batches honestly, and those come)
-- threshold: rate = 800 (design: the attendance rate, where the policy says none)
-- explain_zh: 本班 {of} 名学员中，{n} 名因收款账户、电话或介绍人相同而相互关联，或一年内参加三个互不相干职业的培训；涉及 {cells} 个申领学时。
-- explain_en: Of the {of} trainees of this class, {n} are linked by one account, phone or introducer, or sat in classes of three unlike occupations within a year. {cells} claimed hours are theirs.
-- explain_payee_zh: 本班 {of} 名学员中，{n} 名的补贴打入与他人相同的账户（三人以上共用一个）；涉及 {cells} 个申领学时。
-- explain_payee_en: Of the {of} trainees of this class, {n} are paid into an account that three or more of them share. {cells} claimed hours are theirs.
-- explain_phone_zh: 本班 {of} 名学员中，{n} 名登记的电话与他人相同（三人以上共用一个）；涉及 {cells} 个申领学时。
-- explain_phone_en: Of the {of} trainees of this class, {n} gave a phone number that three or more of them share. {cells} claimed hours are theirs.
-- explain_introducer_zh: 本班 {of} 名学员中，{n} 名由同一人介绍，而他们合计到课低于规定的到课率；涉及 {cells} 个申领学时。
-- explain_introducer_en: Of the {of} trainees of this class, {n} were brought by one introducer, and together they came less than the policy's rate. {cells} claimed hours are theirs.
-- explain_serial_zh: 本班 {of} 名学员中，{n} 名在一年内参加了三个互不相干职业的培训，而他们合计到课低于规定的到课率；涉及 {cells} 个申领学时。
-- explain_serial_en: Of the {of} trainees of this class, {n} sat in classes of three unlike occupations within a year, and together they came less than the policy's rate. {cells} claimed hours are theirs.
-- innocent_zh: 村委会或用人单位集中报名、老人共用家人电话或账户、补贴按协议打入机构账户。
-- innocent_en: A sign-up day of a village or an employer, elders who share a family's phone or account, an account of the institution by agreement.
-- next_zh: 询问十名学员谁付钱给谁；追查收款账户。
-- next_en: Ask ten trainees who paid whom; follow the account.

WITH turns AS (
  SELECT r.person, r.class, k.opens, k.occupation,
         LAG(k.opens, 2) OVER (PARTITION BY r.person ORDER BY k.opens, r.class) AS opened_2,
         LAG(k.occupation, 1) OVER (PARTITION BY r.person ORDER BY k.opens, r.class) AS occupation_1,
         LAG(k.occupation, 2) OVER (PARTITION BY r.person ORDER BY k.opens, r.class) AS occupation_2
  FROM (SELECT person, class FROM roster WHERE person IS NOT NULL AND removed IS NULL GROUP BY person, class) r
  -- Few persons sit in three classes at all.
  JOIN (SELECT person FROM roster WHERE removed IS NULL GROUP BY person HAVING COUNT(DISTINCT class) > 2) m
    ON m.person = r.person
  JOIN classes k ON k.class = r.class
  WHERE k.opens IS NOT NULL
),
-- The third class within 365 days of a person, each for another occupation.
serial AS (
  SELECT person, class FROM turns
  WHERE opened_2 >= opens - 31536000000 AND occupation <> occupation_1 AND occupation <> occupation_2
    AND occupation_1 <> occupation_2
),
members AS MATERIALIZED (
  SELECT r.class, r.trainee, r.person, r.phone, COALESCE(c.payee, r.payee) AS payee, r.introducer,
         CASE WHEN s.person IS NOT NULL THEN 'serial' END AS serial,
         c.attested + c.unproven AS stood, c.planned * COALESCE(c.rate_permille, $rate) AS due
  FROM roster r
  LEFT JOIN claims c ON c.class = r.class AND c.trainee = r.trainee
  LEFT JOIN serial s ON s.class = r.class AND s.person = r.person
  WHERE r.removed IS NULL
),
sizes AS (SELECT class, COUNT(DISTINCT person) AS trainees FROM members GROUP BY class),
-- What a trainee may share with others; `place` orders them, so that each is named for one thing alone.
bonds AS (
  SELECT m.class, m.trainee, m.person, m.stood, m.due, 1 AS place, m.payee AS bond
  FROM members m
  JOIN classes k ON k.class = m.class
  -- A programme may pay the institution by agreement; its own account links nobody.
  LEFT JOIN (SELECT institution, identity FROM owners WHERE kind = 'payee' GROUP BY institution, identity) o
    ON o.institution = k.institution AND o.identity = m.payee
  WHERE m.payee IS NOT NULL AND o.identity IS NULL
  UNION ALL
  SELECT class, trainee, person, stood, due, 2 AS place, phone AS bond FROM members WHERE phone IS NOT NULL
  UNION ALL
  SELECT class, trainee, person, stood, due, 3 AS place, introducer AS bond FROM members WHERE introducer IS NOT NULL
  UNION ALL
  SELECT class, trainee, person, stood, due, 4 AS place, serial AS bond FROM members WHERE serial IS NOT NULL
),
crowds AS (
  SELECT b.class, b.place, b.bond
  FROM bonds b JOIN sizes z ON z.class = b.class
  GROUP BY b.class, b.place, b.bond, z.trainees
  HAVING COUNT(DISTINCT b.person) >= $min_linked
    -- Many who share an introducer are a village, as long as they come.
    AND (b.place <= 2 OR (COUNT(DISTINCT b.person) * 1000 >= $class_permille * z.trainees
                          AND SUM(b.stood) * 1000 < SUM(b.due)))
),
linked AS MATERIALIZED (
  SELECT b.class, b.trainee, b.person, MIN(b.place) AS place,
         MAX(CASE WHEN b.stood * 1000 < b.due THEN 1 ELSE 0 END) AS token
  FROM bonds b JOIN crowds w ON w.class = b.class AND w.place = b.place AND w.bond = b.bond
  GROUP BY b.class, b.trainee, b.person
),
-- Strong in the company of trainees who came less than the rate: three of the linked, so that a sick one does not do.
graded AS (
  SELECT class, COUNT(DISTINCT person) AS n,
         CASE WHEN SUM(token) >= $min_linked THEN 'strong' ELSE 'weak' END AS grade
  FROM linked GROUP BY class
)
SELECT c.class, CAST('' AS VARCHAR) AS subject, c.trainee, c.cell,
       CASE l.place WHEN 1 THEN 'payee' WHEN 2 THEN 'phone' WHEN 3 THEN 'introducer' ELSE 'serial' END AS kind, c.lesson,
       c.shape <> 'unproven' AS suspect, c.device, c.counter, c.seq_from, c.seq_to, g.grade, g.n, z.trainees AS "of"
FROM linked l
JOIN graded g ON g.class = l.class
JOIN sizes z ON z.class = l.class
JOIN claimed_cells c ON c.class = l.class AND c.trainee = l.trainee
