-- id: yearly-limit
-- grade: certain
-- family: eligibility
-- scope: person
-- title_zh: 超年度次数
-- title_en: More subsidies than a year allows
-- basis: 内蒙古自治区人力资源和社会保障厅 2024-01-25 通知，第三条（培训对象与补贴条件）
-- threshold: limit = 3 (seen: Shenzhen 2024, Zhejiang, Ningbo; 1 was reported of Inner Mongolia, so the bureau sets it in its programme)
-- explain_zh: 按申领时间计，这是该人本日历年度内第 {n} 次补贴，政策规定每年至多 {of} 次；涉及 {cells} 个申领学时。
-- explain_en: By the time of filing this is the person's subsidy number {n} of the calendar year, and the policy allows {of}. It has {cells} claimed hours.
-- innocent_zh: 前面的申领已撤回或被拒；政策按开班年度而不是申领年度计算。
-- innocent_en: An earlier claim was withdrawn or refused; the policy counts by the year of the class, not of the filing.
-- next_zh: 核实年度内各次补贴；确属超出的，不予支付最后的。
-- next_en: Look at the year's other subsidies; where they stand, refuse the latest.

-- First millisecond of each calendar year in China. What lies outside of these years is not looked at.
WITH years (since, until) AS (
  VALUES (1577808000000, 1609430400000), (1609430400000, 1640966400000), (1640966400000, 1672502400000),
         (1672502400000, 1704038400000), (1704038400000, 1735660800000), (1735660800000, 1767196800000),
         (1767196800000, 1798732800000), (1798732800000, 1830268800000), (1830268800000, 1861891200000),
         (1861891200000, 1893427200000), (1893427200000, 1924963200000), (1924963200000, 1956499200000),
         (1956499200000, 1988121600000), (1988121600000, 2019657600000), (2019657600000, 2051193600000),
         (2051193600000, 2082729600000)
),
-- Claims that the bureau refused or that were taken back are not asked any more: the newest decision says so.
dropped AS (
  SELECT d.class FROM (
    SELECT class, action, ROW_NUMBER() OVER (PARTITION BY class
             ORDER BY "at" DESC NULLS LAST, COALESCE(log_index, -1) DESC, action) AS place
    FROM dispositions WHERE kind = 'claim') d
  WHERE d.place = 1 AND d.action IN ('refuse', 'withdraw')
),
asked AS (
  SELECT r.person, k.filed_at AS "at", k.class, k.trainee, COALESCE(q.yearly_limit, $limit) AS allowed
  FROM claims k
  JOIN roster r ON r.class = k.class AND r.trainee = k.trainee
  LEFT JOIN classes q ON q.class = k.class
  LEFT JOIN dropped d ON d.class = k.class
  WHERE d.class IS NULL AND r.person IS NOT NULL
  UNION ALL
  SELECT person, "at", '' AS class, '' AS trainee, CAST(NULL AS BIGINT) AS allowed FROM payments WHERE person IS NOT NULL
),
-- Few persons have as many subsidies as a year allows, whichever years they were of.
many AS (SELECT person FROM asked GROUP BY person HAVING COUNT(*) > MIN(allowed)),
counted AS (
  SELECT a.class, a.trainee, a.allowed,
         ROW_NUMBER() OVER (PARTITION BY a.person, y.since ORDER BY a."at", a.class, a.trainee) AS place
  FROM many m
  JOIN asked a ON a.person = m.person
  JOIN years y ON a."at" >= y.since AND a."at" < y.until
)
SELECT c.class, c.trainee AS subject, c.trainee, c.cell, CAST('above-limit' AS VARCHAR) AS kind, c.lesson,
       FALSE AS suspect, CAST('' AS VARCHAR) AS device, 0 AS counter, 0 AS seq_from, 0 AS seq_to,
       x.place AS n, x.allowed AS "of"
FROM counted x JOIN claimed_cells c ON c.class = x.class AND c.trainee = x.trainee
WHERE x.place > x.allowed
