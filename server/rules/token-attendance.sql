-- id: token-attendance
-- grade: certain
-- family: presence
-- title_zh: 到课率不足
-- title_en: Came, but under the rate
-- basis: 内蒙古自治区人力资源和社会保障厅 2024-01-25 通知，首段（虚构课时）、第四条（一）
-- explain_zh: 该项目按人定额补贴，须达到政策规定的到课率；全部课程中，经核验和因故障未能核验的学时合计低于该比例，定额不予支付。申领 {hours} 学时，其中经核验 {attested} 学时，未能核验 {unproven} 学时。
-- explain_en: The programme pays a lump sum to who reaches the policy's attendance rate. Of all planned lessons, those attested and those unproven together stay under it, so the sum is not due. {hours} class hours were claimed, of which {attested} are attested and {unproven} unproven.
-- innocent_zh: 病假、补课、经批准的中途入班。
-- innocent_en: A sick note, make-up lessons, a late joiner with approval.
-- next_zh: 按政策不予支付或按比例支付；先核实补课记录。
-- next_en: No payment, or pro rata as the policy says; look for make-up lessons first.

-- Of the schedule, not of what was claimed. A programme that pays by the hour loses these hours by `hours-over-attested`.
SELECT c.class, c.trainee AS subject, c.trainee, c.cell, CAST('under-rate' AS VARCHAR) AS kind, c.lesson,
       FALSE AS suspect, c.device, c.counter, c.seq_from, c.seq_to
FROM claimed_cells c
JOIN claims k ON k.class = c.class AND k.trainee = c.trainee
WHERE k.pay_mode = 'lump' AND (k.attested + k.unproven) * 1000 < k.rate_permille * k.planned
