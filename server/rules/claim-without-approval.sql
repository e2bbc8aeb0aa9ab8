-- id: claim-without-approval
-- grade: certain
-- family: paper
-- needs: dispositions
-- title_zh: 未批开班
-- title_en: A class that was not approved
-- basis: 内蒙古自治区人力资源和社会保障厅 2024-01-25 通知，第三条（开班审批）
-- explain_zh: 本班没有开班批准，或批准晚于上课；涉及 {cells} 个申领学时。
-- explain_en: The class's opening was not approved, or only after lessons had been held. {cells} claimed hours hang on it.
-- explain_never_zh: 本班没有任何开班批准记录；{cells} 个申领学时均不应支付。
-- explain_never_en: There is no record that the class's opening was approved. All {cells} claimed hours are not due.
-- explain_after_zh: 本班首次上课之后才获得开班批准；批准之前的 {cells} 个申领学时不应支付。
-- explain_after_en: The class's opening was approved only after its first session had certainly been held. {cells} hours claimed for the time before are not due.
-- innocent_zh: 应急指令开班；纸质已批而补录较晚（有扫描件）。
-- innocent_en: An emergency class by order; an approval on paper that was entered late, with a scan.
-- next_zh: 调阅纸质批件；没有的，不予支付，或自批准之日起支付。
-- next_en: Ask for the paper; where there is none, refuse, or pay from the day of approval.

-- A region that has given in no decision on any class is not tested: its approvals were not imported.
WITH regions AS (
  SELECT c.region FROM dispositions d JOIN classes c ON c.class = d.class WHERE d.kind = 'class' GROUP BY c.region
),
approved AS (SELECT class, MIN("at") AS since FROM dispositions WHERE kind = 'class' AND action = 'approve' GROUP BY class),
-- When the first session was over for certain, by cosignatures that the site does not own. Not yet: nothing is said.
firsts AS (
  SELECT f.class, f.not_after FROM (
    SELECT s.class, b.not_after,
           ROW_NUMBER() OVER (PARTITION BY s.class ORDER BY s.open NULLS LAST, s.device, s.counter) AS place
    FROM sessions s LEFT JOIN brackets b ON b.device = s.device AND b.counter = s.counter) f
  WHERE f.place = 1
),
late AS (
  SELECT c.class, a.since
  FROM classes c
  JOIN regions r ON r.region = c.region
  LEFT JOIN approved a ON a.class = c.class
  LEFT JOIN firsts f ON f.class = c.class
  WHERE (a.class IS NULL OR a.since > f.not_after)
    AND NOT EXISTS (SELECT 1 FROM permits p WHERE p.what = 'emergency' AND p.class = c.class)
)
SELECT c.class, CAST('' AS VARCHAR) AS subject, c.trainee, c.cell,
       CASE WHEN l.since IS NULL THEN 'never' ELSE 'after' END AS kind, c.lesson, FALSE AS suspect,
       CAST('' AS VARCHAR) AS device, 0 AS counter, 0 AS seq_from, 0 AS seq_to
FROM late l JOIN claimed_cells c ON c.class = l.class
WHERE l.since IS NULL OR c.start < l.since
