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
-- explain_zh: 检查时记录显示 {of} 人自前十分钟至后十分钟一直在场，而现场清点少 {n} 人；无法分辨缺的是谁，当时在场者该课次的 {cells} 个申领学时先行暂缓，逐人核实。
-- explain_en: By the log {of} trainees were there from ten minutes before the visit until ten after, and the inspector counted {n} fewer. Who was missing is not known: the {cells} claimed hours of that session of all who were there are held until they are confirmed by name.
-- explain_no-face_zh: 检查时记录显示 {of} 人自前十分钟至后十分钟一直在场，而现场清点少 {n} 人；当时在场者中摄像头从未见到其人脸的不少于此数，先核实这些人该课次的 {cells} 个申领学时。
-- explain_no-face_en: By the log {of} trainees were there from ten minutes before the visit until ten after, and the inspector counted {n} fewer; no fewer than that were there by a card or by hand alone, without a face that a camera saw, and it is their {cells} claimed hours of that session that have to be confirmed first.
-- innocent_zh: 检查人员只清点了一间教室、清点时正值课间。
-- innocent_en: The inspector counted one of two rooms, or came in the break.
-- next_zh: 检查人员逐人签名而非只记人数；暂停该课次。
-- next_en: Let the inspector sign names, not a number; hold the session.
WITH visits AS MATERIALIZED (
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
), present AS MATERIALIZED (
  -- Whom the log has there, how surely, and whether anything of that session is claimed.
  SELECT v.class, v.session, v."at", v.headcount, p.trainee,
         -- Who declined the face, or could not be seen, is no nearer to being the one who was missing.
         MAX(CASE WHEN COALESCE(r.declined_face, FALSE) OR COALESCE(d.fault_camera_s, 0) > 0
                    OR NOT COALESCE(d.has_camera, TRUE) THEN $face_level ELSE COALESCE(p.assurance, 0) END) AS level,
         MAX(CASE WHEN a.trainee IS NOT NULL THEN 1 ELSE 0 END) AS asked
  FROM visits v
  JOIN presence p ON p.class = v.class AND p.session = v.session
    AND p."from" <= v."at" - $within_s * 1000 AND p."to" >= v."at" + $within_s * 1000
  LEFT JOIN roster r ON r.class = p.class AND r.trainee = p.trainee
  LEFT JOIN sessions d ON d.device = p.device AND d.counter = p.counter
  LEFT JOIN (SELECT c.class, c.session, c.trainee
             FROM claimed_cells c JOIN (SELECT class, session FROM visits GROUP BY class, session) s
               ON s.class = c.class AND s.session = c.session
             WHERE c.shape IN ('attested', 'tail')
             GROUP BY c.class, c.session, c.trainee) a
    ON a.class = p.class AND a.session = p.session AND a.trainee = p.trainee
  GROUP BY v.class, v.session, v."at", v.headcount, p.trainee
), logged AS (
  SELECT class, session, "at", headcount, COUNT(*) AS there,
         SUM(CASE WHEN asked = 1 AND level < $face_level THEN 1 ELSE 0 END) AS unseen
  FROM present GROUP BY class, session, "at", headcount
), short AS (
  -- Where as many of those who were there showed no face as were missing, they are asked first.
  SELECT class, session, "at", headcount, there - headcount AS gap, there, unseen >= there - headcount AS told
  FROM logged
  WHERE there - headcount > $min_gap AND (there - headcount) * 1000 > $gap_permille * there
), doubted AS (
  SELECT s.class, s.session, p.trainee, MAX(s.gap) AS gap, MAX(s.there) AS there,
         MIN(CASE WHEN s.told THEN 1 ELSE 0 END) AS told
  FROM short s
  JOIN present p ON p.class = s.class AND p.session = s.session AND p."at" = s."at" AND p.headcount = s.headcount
  WHERE NOT s.told OR p.level < $face_level
  GROUP BY s.class, s.session, p.trainee
), held AS MATERIALIZED (
  SELECT c.class, c.session, c.trainee, c.cell, c.lesson, c.device, c.counter, c.seq_from, c.seq_to, d.told, d.gap, d.there
  FROM doubted d JOIN claimed_cells c ON c.class = d.class AND c.session = d.session AND c.trainee = d.trainee
  WHERE c.shape IN ('attested', 'tail')
)
-- Who was not counted is not known: all who were there wait for names, and none of them is accused.
SELECT class, CAST('' AS VARCHAR) AS subject, trainee, cell,
       CASE WHEN told = 1 THEN 'no-face' ELSE 'fewer' END AS kind, lesson, told = 1 AS suspect,
       device, counter, seq_from, seq_to, gap AS n, there AS "of"
FROM held
UNION ALL
-- The class is, as a fact without an hour.
SELECT class, CAST('' AS VARCHAR) AS subject, CAST('' AS VARCHAR) AS trainee, 0 AS cell,
       CAST('fewer' AS VARCHAR) AS kind, CAST('' AS VARCHAR) AS lesson, TRUE AS suspect,
       CAST('' AS VARCHAR) AS device, 0 AS counter, 0 AS seq_from, 0 AS seq_to, MAX(gap) AS n, MAX(there) AS "of"
FROM held WHERE told = 0 GROUP BY class, session
