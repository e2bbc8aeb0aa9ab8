-- id: overlapping-claims
-- grade: certain
-- family: eligibility
-- scope: person
-- title_zh: 同时段重复申领
-- title_en: The same hours claimed in two classes
-- basis: 内蒙古自治区人力资源和社会保障厅 2024-01-25 通知，首段（虚构课时、虚报人数）、第三条（补贴条件）
-- threshold: min_cells = 2 (customary: one may be a slip of the timetable)
-- threshold: clear_permille = 500 (customary: what has less than half of the other's share is no matter of who forgot to check out; the catalogue accuses whatever is less attested)
-- explain_zh: 同一人在另一班期的申领与本申领有 {cells} 个学时时间重叠；本申领的核验比例不高于对方（相同的，后申报者让），这些学时不应重复支付；核验比例不足对方一半的，须说明。
-- explain_en: {cells} hours of this claim lie at the same time as hours claimed for the same person in another class. This claim is no better attested than the other (of two alike the one filed later gives way), so these hours are not due twice; one with less than half of the other's share has to be explained.
-- innocent_zh: 经批准的调班未登记、课表时间导入有误、证件号登记错误。
-- innocent_en: A swap that was allowed and not written down, a schedule imported with wrong times, a mistyped ID number.
-- next_zh: 请两家机构分别说明；核对两个班的课表。
-- next_en: Let both institutions explain; compare the two timetables.

-- Only persons who are claimed for in two classes, and of these only the days that both have.
WITH several AS MATERIALIZED (
  SELECT person FROM claimed_cells WHERE person IS NOT NULL AND start IS NOT NULL
  GROUP BY person HAVING COUNT(DISTINCT class) > 1
),
hours AS MATERIALIZED (
  SELECT c.person, c.day, c.class, c.trainee, c.cell, c.lesson, c.start, c."end"
  FROM claimed_cells c JOIN several s ON s.person = c.person
  WHERE c.start IS NOT NULL
),
-- `class` is judged against `other`.
met AS MATERIALIZED (
  SELECT a.class, a.trainee, a.cell, b.class AS other, b.trainee AS other_trainee
  FROM hours a
  JOIN hours b ON b.person = a.person AND b.day = a.day AND b.class <> a.class AND b.start < a."end" AND a.start < b."end"
  WHERE NOT EXISTS (SELECT 1 FROM permits p
                    WHERE p.what IN ('swap', 'joint') AND p.class = a.class AND p.to_class = b.class
                      AND (p.trainee IS NULL OR p.trainee = a.trainee)
                      AND (p.lesson = a.lesson OR (p.lesson IS NULL AND p."from" < a."end" AND p."to" > a.start)))
    AND NOT EXISTS (SELECT 1 FROM permits p
                    WHERE p.what IN ('swap', 'joint') AND p.class = b.class AND p.to_class = a.class
                      AND (p.trainee IS NULL OR p.trainee = b.trainee)
                      AND (p.lesson = b.lesson OR (p.lesson IS NULL AND p."from" < b."end" AND p."to" > b.start)))
  GROUP BY a.class, a.trainee, a.cell, b.class, b.trainee
),
clashes AS (
  SELECT class, trainee, other, other_trainee, COUNT(*) AS cells FROM met GROUP BY class, trainee, other, other_trainee
),
-- What a log attests in two classes at once counts in the one that was opened first, which tells nothing of who was where:
-- for this comparison it counts in both.
lapped AS MATERIALIZED (
  SELECT class, trainee, COUNT(*) AS cells FROM claimed_cells WHERE reason = 'overlap' GROUP BY class, trainee
),
stands AS (
  SELECT k.class, k.trainee, COALESCE(k.planned, 0) AS planned, COALESCE(k.filed_at, 0) AS filed_at,
         COALESCE(k.attested, 0) + COALESCE(l.cells, 0) AS attested
  FROM claims k LEFT JOIN lapped l ON l.class = k.class AND l.trainee = k.trainee
),
-- The less attested claim gives way; of two alike the later one.
lost AS (
  SELECT m.class, m.trainee, m.other, m.other_trainee,
         -- Where both are about as well attested, who sat where is not told by it: cut, and nobody is accused.
         k.attested * o.planned * 1000 < o.attested * k.planned * $clear_permille AS clear
  FROM clashes m
  JOIN stands k ON k.class = m.class AND k.trainee = m.trainee
  JOIN stands o ON o.class = m.other AND o.trainee = m.other_trainee
  WHERE m.cells >= $min_cells
    AND (k.attested * o.planned < o.attested * k.planned
         OR (k.attested * o.planned = o.attested * k.planned
             AND (k.filed_at > o.filed_at OR (k.filed_at = o.filed_at AND m.class > m.other))))
),
cells AS (
  SELECT m.class, m.trainee, m.cell, MAX(CASE WHEN l.clear THEN 1 ELSE 0 END) AS clear
  FROM lost l
  JOIN met m ON m.class = l.class AND m.trainee = l.trainee AND m.other = l.other AND m.other_trainee = l.other_trainee
  GROUP BY m.class, m.trainee, m.cell
)
SELECT c.class, c.trainee AS subject, c.trainee, c.cell, CAST('claimed-twice' AS VARCHAR) AS kind, c.lesson,
       c.shape <> 'unproven' AND x.clear = 1 AS suspect, c.device, c.counter, c.seq_from, c.seq_to
FROM cells x JOIN claimed_cells c ON c.class = x.class AND c.trainee = x.trainee AND c.cell = x.cell
