-- id: one-face-many-cards
-- grade: strong
-- family: identity
-- scope: class
-- title_zh: 一脸多卡
-- title_en: One face, many cards
-- basis: 内蒙古自治区人力资源和社会保障厅 2024-01-25 通知，首段（虚构课时、虚报人数）、第四条（一）
-- threshold: margin = 100 (customary: as wide as the band in which a terminal looks again; per mille of cosine)
-- threshold: min_checks = 2 (catalogue: a neighbour in the frame is seen once)
-- threshold: min_cards = 3 (customary: three cards at one sitting)
-- threshold: min_sessions = 3 (customary: one card in three sessions)
-- explain_zh: {sessions} 个课次中各有至少三张卡由同一批面孔代刷：每张卡的每次比对都更像名册上的另一人，且同一张脸还刷了别人的卡；涉及 {cells} 个申领学时。
-- explain_en: In {sessions} sessions three cards or more were used by a face that also used another's card, and that in every comparison was more like somebody else on the roster; {cells} claimed hours hang on them.
-- explain_one-card_zh: 该学员的卡在 {sessions} 个课次中由他人代刷：每次比对都更像名册上的另一人，且同一张脸还刷了别人的卡；涉及 {cells} 个申领学时。
-- explain_one-card_en: In {sessions} sessions this trainee's card was used by a face that also used another's card, and that in every comparison was more like somebody else on the roster; {cells} claimed hours hang on them.
-- innocent_zh: 双胞胎或兄弟姐妹（经办人员当面核对后予以标注）、邻座学员同时入镜。
-- innocent_en: Twins or siblings (marked once an official has looked at them), a neighbour in the frame.
-- next_zh: 请这些学员同时到场核对。
-- next_en: Call these trainees together.
WITH shared AS MATERIALIZED (
  -- A number says "the same face as before" within one session only.
  SELECT device, counter, face_group FROM faces WHERE face_group IS NOT NULL
  GROUP BY device, counter, face_group HAVING MIN(trainee) < MAX(trainee)
), twins AS (
  SELECT class, trainee FROM permits WHERE what = 'twins' GROUP BY class, trainee
), cards AS MATERIALIZED (
  -- A card in a session. All of its comparisons have to be nearer to another by the margin: twins swap in a few of a hundred.
  SELECT f.class, f.trainee, f.device, f.counter, MIN(f.seq) AS seq_from, MAX(f.seq) AS seq_to
  FROM (SELECT device, counter FROM shared GROUP BY device, counter) s
  JOIN faces f ON f.device = s.device AND f.counter = s.counter
  LEFT JOIN shared g ON g.device = f.device AND g.counter = f.counter AND g.face_group = f.face_group
  LEFT JOIN twins a ON a.class = f.class AND a.trainee = f.trainee
  LEFT JOIN twins b ON b.class = f.class AND b.trainee = f.other_trainee
  WHERE f.score IS NOT NULL AND f.outcome IN ('match', 'again', 'mismatch')
  GROUP BY f.class, f.trainee, f.device, f.counter
  HAVING COUNT(*) >= $min_checks AND COUNT(g.face_group) > 0
    AND SUM(CASE WHEN f.other_score - f.score >= $margin
                  -- Two who are marked as looking alike say nothing of each other.
                  AND NOT (a.trainee IS NOT NULL AND b.trainee IS NOT NULL) THEN 1 ELSE 0 END) = COUNT(*)
), sittings AS (
  SELECT class, device, counter FROM cards GROUP BY class, device, counter HAVING COUNT(*) >= $min_cards
), regulars AS (
  SELECT class, trainee, COUNT(*) AS sessions FROM cards GROUP BY class, trainee HAVING COUNT(*) >= $min_sessions
)
SELECT c.class, CAST('' AS VARCHAR) AS subject, c.trainee, c.cell, CAST('one-sitting' AS VARCHAR) AS kind, c.lesson,
       TRUE AS suspect, d.device, d.counter, d.seq_from, d.seq_to, CAST(NULL AS BIGINT) AS sessions
FROM sittings s
JOIN cards d ON d.class = s.class AND d.device = s.device AND d.counter = s.counter
JOIN claimed_cells c ON c.class = d.class AND c.trainee = d.trainee AND c.device = d.device AND c.counter = d.counter
LEFT JOIN roster r ON r.class = c.class AND r.trainee = c.trainee
WHERE c.shape <> 'unproven' AND NOT COALESCE(r.declined_face, FALSE)
UNION ALL
SELECT c.class, c.trainee AS subject, c.trainee, c.cell, CAST('one-card' AS VARCHAR) AS kind, c.lesson,
       TRUE AS suspect, d.device, d.counter, d.seq_from, d.seq_to, g.sessions
FROM regulars g
JOIN cards d ON d.class = g.class AND d.trainee = g.trainee
JOIN claimed_cells c ON c.class = d.class AND c.trainee = d.trainee AND c.device = d.device AND c.counter = d.counter
LEFT JOIN roster r ON r.class = c.class AND r.trainee = c.trainee
WHERE c.shape <> 'unproven' AND NOT COALESCE(r.declined_face, FALSE)
