-- id: phantom-trainee
-- grade: certain
-- family: presence
-- title_zh: 虚报学员
-- title_en: Phantom trainee
-- basis: 内蒙古自治区人力资源和社会保障厅 2024-01-25 通知，首段（虚报人数）、第三条
-- threshold: min_sessions = 5 (customary: fewer logged sessions say too little)
-- explain_zh: 为该学员申领 {hours} 学时，但全班 {sessions} 个课次的记录中从未有其刷卡到课，也没有一次人脸相符。
-- explain_en: {hours} class hours were claimed for this trainee, who in {sessions} logged sessions of the class never once came with a card and never matched a face.
-- innocent_zh: 经批准在其他班上课、名册编号变更、身份证芯片失效或使用临时身份证（无芯片）。
-- innocent_en: Sat in another class with permission, a changed roster id, a dead chip or a temporary ID without one.
-- next_zh: 用主管部门掌握的号码致电本人；暂停该学员全部金额。
-- next_en: Ring the person by the bureau's own number; hold the whole amount.
SELECT c.class, c.trainee AS subject, c.trainee, c.cell, CAST('phantom' AS VARCHAR) AS kind, c.lesson,
       TRUE AS suspect, c.device, c.counter, c.seq_from, c.seq_to
FROM claimed_cells c
JOIN (SELECT class, COUNT(DISTINCT session) AS n FROM sessions GROUP BY class) s ON s.class = c.class
WHERE s.n >= $min_sessions
  AND NOT EXISTS (SELECT 1 FROM presence p WHERE p.class = c.class AND p.trainee = c.trainee AND p.assurance > 0)
  AND NOT EXISTS (SELECT 1 FROM taps t WHERE t.class = c.class AND t.trainee = c.trainee)
  AND NOT EXISTS (SELECT 1 FROM faces f WHERE f.class = c.class AND f.trainee = c.trainee AND f.outcome = 'match')
  -- Where the reader was down throughout, nobody could have come: unproven, not disproved.
  AND NOT EXISTS (SELECT 1 FROM claimed_cells u WHERE u.class = c.class AND u.trainee = c.trainee AND u.shape = 'unproven')
