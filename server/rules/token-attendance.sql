-- id: token-attendance
-- grade: certain
-- family: presence
-- scope: class
-- title_zh: 到课率不足
-- title_en: Came, but under the rate
-- basis: 内蒙古自治区人力资源和社会保障厅 2024-01-25 通知，首段（虚构课时）、第四条（一）
-- explain_zh: 该项目按人定额补贴，须达到政策规定的到课率；全部课程中，经核验和因故障未能核验的学时合计低于该比例，定额不予支付。申领 {hours} 学时，其中经核验 {attested} 学时，未能核验 {unproven} 学时。
-- explain_en: The programme pays a lump sum to who reaches the policy's attendance rate. Of all planned lessons, those attested and those unproven together stay under it, so the sum is not due. {hours} class hours were claimed, of which {attested} are attested and {unproven} unproven.
-- explain_missing_zh: 全部课程中，经核验和因故障未能核验的学时合计低于政策规定的到课率；该项目按学时补贴，缺课的 {cells} 个申领学时不应支付。申领 {hours} 学时，其中经核验 {attested} 学时，未能核验 {unproven} 学时。
-- explain_missing_en: Of all planned lessons, those attested and those unproven together stay under the policy's attendance rate. The programme pays by the hour, so the {cells} claimed hours that were missed are not due. {hours} class hours were claimed, of which {attested} are attested and {unproven} unproven.
-- innocent_zh: 病假、补课、经批准的中途入班。
-- innocent_en: A sick note, make-up lessons, a late joiner with approval.
-- next_zh: 按政策不予支付或按比例支付；先核实补课记录。
-- next_en: No payment, or pro rata as the policy says; look for make-up lessons first.

-- Of the schedule, not of what was claimed. Lessons sat elsewhere with permission, and those before an approved
-- replacement joined, are nobody's absence: they are no part of what was planned for the trainee.
WITH allowed AS (
  SELECT s.class, p.trainee, s.lesson
  FROM permits p JOIN schedule s ON s.class = p.class
  WHERE p.what = 'swap' AND p.trainee IS NOT NULL
    AND (p.lesson = s.lesson OR (p.lesson IS NULL AND p."from" < s."end" AND p."to" > s.start))
  UNION
  SELECT s.class, p.trainee, s.lesson
  FROM permits p
  JOIN roster r ON r.class = p.class AND r.trainee = p.trainee
  JOIN schedule s ON s.class = p.class AND s.start < r.added
  WHERE p.what = 'replacement'
),
-- But for what logs attest or leave open all the same: that counts as it is.
excused AS (
  SELECT a.class, a.trainee, COUNT(*) AS lessons
  FROM allowed a
  WHERE NOT EXISTS (SELECT 1 FROM lessons l
                    WHERE l.class = a.class AND l.trainee = a.trainee AND l.lesson = a.lesson
                      AND l.shape IN ('attested', 'unproven'))
  GROUP BY a.class, a.trainee
),
under AS (
  SELECT k.class, k.trainee, k.pay_mode
  FROM claims k LEFT JOIN excused e ON e.class = k.class AND e.trainee = k.trainee
  WHERE (k.attested + k.unproven) * 1000 < k.rate_permille * (k.planned - COALESCE(e.lessons, 0))
)
-- A lump sum is lost whole; a programme that pays by the hour loses the hours that are missing.
SELECT c.class, c.trainee AS subject, c.trainee, c.cell,
       CASE WHEN u.pay_mode = 'lump' THEN 'under-rate' ELSE 'missing' END AS kind, c.lesson,
       FALSE AS suspect, c.device, c.counter, c.seq_from, c.seq_to
FROM under u JOIN claimed_cells c ON c.class = u.class AND c.trainee = u.trainee
WHERE u.pay_mode = 'lump' OR c.shape NOT IN ('attested', 'unproven')
