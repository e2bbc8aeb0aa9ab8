-- id: same-level-twice
-- grade: certain
-- family: eligibility
-- scope: person
-- title_zh: 同职业同等级重复
-- title_en: The same thing paid twice
-- basis: 内蒙古自治区人力资源和社会保障厅 2024-01-25 通知，第三条（培训对象与补贴条件）
-- explain_zh: 该人同一职业的同等级或更高等级补贴，此前已发放或申领过 {n} 次；后申领的本次不应支付，涉及 {cells} 个申领学时。
-- explain_en: For the same occupation, at this level or a higher one, this person was paid or claimed for {n} times before. The later claim, this one, is not due; it has {cells} claimed hours.
-- innocent_zh: 前一次申领已撤回或被拒、职业目录更名、登记的证件号有误。
-- innocent_en: The earlier claim was withdrawn or refused, the occupation was renamed in the catalogue, a mistyped ID number.
-- next_zh: 核实前一次补贴的去向；确属重复的，不予支付后一次。
-- next_en: Find out what became of the earlier one; where it stands, refuse the later.

-- Claims that the bureau refused or that were taken back are not asked any more: the newest decision says so.
WITH dropped AS (
  SELECT d.class FROM (
    SELECT class, action, ROW_NUMBER() OVER (PARTITION BY class
             ORDER BY "at" DESC NULLS LAST, COALESCE(log_index, -1) DESC, action) AS place
    FROM dispositions WHERE kind = 'claim') d
  WHERE d.place = 1 AND d.action IN ('refuse', 'withdraw')
),
-- Level 1 is the highest, so a smaller one or the same bars. Without a level nothing can be said.
asked AS (
  SELECT r.person, k.occupation, k.level, k.filed_at AS "at", k.class, k.trainee
  FROM claims k
  JOIN roster r ON r.class = k.class AND r.trainee = k.trainee
  LEFT JOIN dropped d ON d.class = k.class
  WHERE d.class IS NULL AND r.person IS NOT NULL AND k.occupation IS NOT NULL AND k.level IS NOT NULL
    AND k.filed_at IS NOT NULL
  UNION ALL
  SELECT person, occupation, level, "at", '' AS class, '' AS trainee
  FROM payments
  WHERE person IS NOT NULL AND occupation IS NOT NULL AND level IS NOT NULL AND "at" IS NOT NULL
),
again AS (
  SELECT person, occupation FROM asked GROUP BY person, occupation HAVING COUNT(*) > 1
),
later AS (
  SELECT b.class, b.trainee, COUNT(*) AS n
  FROM again g
  JOIN asked b ON b.person = g.person AND b.occupation = g.occupation AND b.class <> ''
  JOIN asked a ON a.person = g.person AND a.occupation = g.occupation AND a.level <= b.level
    AND (a."at" < b."at" OR (a."at" = b."at" AND (a.class < b.class OR (a.class = b.class AND a.trainee < b.trainee))))
  GROUP BY b.class, b.trainee
)
SELECT c.class, c.trainee AS subject, c.trainee, c.cell, CAST('again' AS VARCHAR) AS kind, c.lesson, FALSE AS suspect,
       CAST('' AS VARCHAR) AS device, 0 AS counter, 0 AS seq_from, 0 AS seq_to, l.n
FROM later l JOIN claimed_cells c ON c.class = l.class AND c.trainee = l.trainee
