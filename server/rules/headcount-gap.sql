-- id: headcount-gap
-- grade: strong
-- family: presence
-- scope: class
-- needs: inspections
-- title_zh: 现场人数不符
-- title_en: The log has more people than the inspector saw
-- basis: 内蒙古自治区人力资源和社会保障厅 2024-01-25 通知，首段（虚报人数）、第四条（一）
-- threshold: within_s = 600 (customary: ten minutes before and after the visit)
-- threshold: min_gap = 2 (customary: toilet, corridor, a miscount)
-- threshold: gap_permille = 100 (customary: one in ten)
-- threshold: face_level = 2 (design: from here on a camera saw a face)
-- explain_zh: 检查时记录显示 {of} 人自前十分钟至后十分钟一直在场，而现场清点少 {n} 人；该课次的 {cells} 个申领学时须核实。
-- explain_en: By the log {of} trainees were there from ten minutes before the visit until ten after, and the inspector counted {n} fewer; {cells} claimed hours of that session have to be confirmed.
-- innocent_zh: 检查人员只清点了一间教室、清点时正值课间。
-- innocent_en: The inspector counted one of two rooms, or came in the break.
-- next_zh: 检查人员逐人签名而非只记人数；暂停该课次。
-- next_en: Let the inspector sign names, not a number; hold the session.
WITH visits AS (
  -- In a break nobody sits: a visit counts when a lesson had begun before it and went on after it.
  SELECT i.class, p.session, i."at", i.headcount
  FROM inspections i
  JOIN schedule p ON p.class = i.class
    AND p.start <= i."at" - $within_s * 1000 AND p."end" >= i."at" + $within_s * 1000
  WHERE i.headcount IS NOT NULL
    AND NOT EXISTS (SELECT 1 FROM permits m
                    WHERE m.class = p.class AND m.what IN ('practice', 'move', 'joint')
                      AND (m.lesson IS NULL OR m.lesson = p.lesson)
                      AND (m."from" IS NULL OR m."from" < p."end") AND (m."to" IS NULL OR m."to" > p.start))
  GROUP BY i.class, p.session, i."at", i.headcount
), logged AS (
  SELECT v.class, v.session, v."at", v.headcount, COUNT(DISTINCT p.trainee) AS there
  FROM visits v
  JOIN presence p ON p.class = v.class AND p.session = v.session
    AND p."from" <= v."at" - $within_s * 1000 AND p."to" >= v."at" + $within_s * 1000
  GROUP BY v.class, v.session, v."at", v.headcount
), short AS (
  SELECT class, session, MAX(there - headcount) AS gap, MAX(there) AS there
  FROM logged
  WHERE there - headcount > $min_gap AND (there - headcount) * 1000 > $gap_permille * there
  GROUP BY class, session
), unseen AS (
  -- Hours of those whom no face in that session shows. Where these are as many as were missing, it is they.
  SELECT class, session, COUNT(DISTINCT trainee) AS trainees
  FROM claimed_cells WHERE shape IN ('attested', 'tail') AND COALESCE(level, 0) < $face_level
  GROUP BY class, session
)
SELECT c.class, CAST('' AS VARCHAR) AS subject, c.trainee, c.cell, CAST('fewer' AS VARCHAR) AS kind, c.lesson,
       TRUE AS suspect, c.device, c.counter, c.seq_from, c.seq_to, s.gap AS n, s.there AS "of"
FROM short s JOIN claimed_cells c ON c.class = s.class AND c.session = s.session
LEFT JOIN unseen u ON u.class = s.class AND u.session = s.session
-- Who was not counted is not known, so the whole session waits for names; who was never logged in it is no part of it.
WHERE c.shape IN ('attested', 'tail') AND (COALESCE(c.level, 0) < $face_level OR COALESCE(u.trainees, 0) < s.gap)
