-- id: one-person-release
-- grade: certain
-- family: conduct
-- needs: dispositions
-- title_zh: 一人双岗
-- title_en: Four eyes that were two
-- basis: 内蒙古自治区人力资源和社会保障厅 2024-01-25 通知，第八条
-- threshold: max_alike = 0 (design: two persons release)
-- explain_zh: 该班申领的审核与放款出自同一人或同一登录密钥（共 {of} 次）；涉及 {cells} 个申领学时。
-- explain_en: The claims of this class were approved and released by one person, or with one sign-in key ({of} times); {cells} claimed hours are concerned.
-- innocent_zh: 有书面授权的代理人、录入时填错人员。
-- innocent_en: A deputy by written order, the wrong official entered.
-- next_zh: 放款作废，由第二人重新决定。
-- next_en: Void the release; a second person decides.
WITH released AS (
  SELECT class, subject, official, sign_in, second, "at", kind
  FROM dispositions WHERE action = 'release' AND kind IN ('release', 'finding') AND official IS NOT NULL
), approved AS (
  SELECT class, official, sign_in
  FROM dispositions WHERE action = 'approve' AND kind = 'claim' AND official IS NOT NULL
  GROUP BY class, official, sign_in
), alike AS (
  -- Who is named as the second is another person, or there was none.
  SELECT COALESCE(r.class, '') AS class, r.subject, r.official, r."at" FROM released r WHERE r.second = r.official
  UNION
  SELECT r.class, r.subject, r.official, r."at"
  FROM released r JOIN approved a ON a.class = r.class AND a.official = r.official
  WHERE r.kind = 'release' AND COALESCE(r.second, r.official) = r.official
  UNION
  -- Two names, and one key that signed both in.
  SELECT r.class, r.subject, r.official, r."at"
  FROM released r JOIN approved a ON a.class = r.class AND a.sign_in = r.sign_in
  WHERE r.kind = 'release' AND a.official <> r.official
), counted AS (
  SELECT class, official, COUNT(*) AS times FROM alike GROUP BY class, official
)
SELECT c.class, n.official AS subject, c.trainee, c.cell, CAST('alone' AS VARCHAR) AS kind, c.lesson, FALSE AS suspect,
       c.device, c.counter, c.seq_from, c.seq_to, CAST('official' AS VARCHAR) AS about, n.times AS "of"
FROM counted n JOIN claimed_cells c ON c.class = n.class
WHERE n.times > $max_alike
UNION ALL
-- A release that no claim hangs on is shown all the same.
SELECT n.class, n.official AS subject, CAST('' AS VARCHAR) AS trainee, 0 AS cell, CAST('alone' AS VARCHAR) AS kind,
       CAST('' AS VARCHAR) AS lesson, FALSE AS suspect, CAST('' AS VARCHAR) AS device, 0 AS counter, 0 AS seq_from,
       0 AS seq_to, CAST('official' AS VARCHAR) AS about, n.times AS "of"
FROM counted n
WHERE n.times > $max_alike AND NOT EXISTS (SELECT 1 FROM claims k WHERE k.class = n.class)
