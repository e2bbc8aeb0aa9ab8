-- id: self-run-institution
-- grade: strong
-- family: conduct
-- needs: dispositions, owners, declared
-- title_zh: 自办机构
-- title_en: The official stands behind the institution
-- basis: 内蒙古自治区人力资源和社会保障厅 2024-01-25 通知，第八条
-- threshold: min_acts = 1 (catalogue: one match and one act)
-- explain_zh: 该机构的所有人、法定代表人、地址、电话或收款账户与该人员本人或亲属申报的信息相同（{n} 项），而其对该机构作出过 {of} 次决定；涉及本班 {cells} 个申领学时。
-- explain_en: In {n} respects the institution's owner, representative, address, phone or payee is what this official declared, of the official's own or a relative's, and the official decided on the institution {of} times; {cells} claimed hours are of this class.
-- innocent_zh: 公办培训中心的办公地址或电话相同、登记信息未更新。
-- innocent_en: A public training centre that shares an address or phone, a registration that was not brought up to date.
-- next_zh: 回避；移交纪检部门。
-- next_en: Recuse; hand to the discipline body.
WITH people AS (
  -- Hashes are of the full identity, and compared like with like: a namesake has another one.
  SELECT identity, institution, kind, CASE WHEN kind IN ('owner', 'representative') THEN 'person' ELSE kind END AS what
  FROM owners WHERE identity IS NOT NULL
), officials AS (
  SELECT identity, official, CASE WHEN kind IN ('self', 'relative') THEN 'person' ELSE kind END AS what
  FROM declared WHERE identity IS NOT NULL
), tied AS (
  SELECT d.official, o.institution, COUNT(DISTINCT o.what || '/' || o.identity) AS ties
  FROM people o JOIN officials d ON d.identity = o.identity AND d.what = o.what
  GROUP BY d.official, o.institution
), acts AS (
  SELECT official, institution, class, subject, action, "at" FROM dispositions WHERE official IS NOT NULL
  UNION
  SELECT second AS official, institution, class, subject, action, "at" FROM dispositions WHERE second IS NOT NULL
), done AS (
  -- To refuse or to look into is no favour.
  SELECT a.official, a.institution, COALESCE(a.class, '') AS class, t.ties
  FROM acts a JOIN tied t ON t.official = a.official AND t.institution = a.institution
  WHERE a.action IN ('approve', 'release', 'dismiss')
), counted AS (
  SELECT official, institution, COUNT(*) AS acts FROM done GROUP BY official, institution
), classes_of AS (
  SELECT d.official, d.class, MAX(d.ties) AS ties, MAX(n.acts) AS acts
  FROM done d JOIN counted n ON n.official = d.official AND n.institution = d.institution
  WHERE n.acts >= $min_acts
  GROUP BY d.official, d.class
)
SELECT c.class, n.official AS subject, c.trainee, c.cell, CAST('tie' AS VARCHAR) AS kind, c.lesson, FALSE AS suspect,
       c.device, c.counter, c.seq_from, c.seq_to, CAST('official' AS VARCHAR) AS about, n.ties AS n, n.acts AS "of"
FROM classes_of n JOIN claimed_cells c ON c.class = n.class
UNION ALL
SELECT n.class, n.official AS subject, CAST('' AS VARCHAR) AS trainee, 0 AS cell, CAST('tie' AS VARCHAR) AS kind,
       CAST('' AS VARCHAR) AS lesson, FALSE AS suspect, CAST('' AS VARCHAR) AS device, 0 AS counter, 0 AS seq_from,
       0 AS seq_to, CAST('official' AS VARCHAR) AS about, n.ties AS n, n.acts AS "of"
FROM classes_of n
WHERE NOT EXISTS (SELECT 1 FROM claims k WHERE k.class = n.class)
