-- id: face-mismatch
-- grade: strong
-- family: identity
-- scope: class
-- title_zh: 人卡不符
-- title_en: The card is one person's, the face another's
-- basis: 内蒙古自治区人力资源和社会保障厅 2024-01-25 通知，首段（虚构课时、虚报人数）、第四条（一）
-- threshold: min_matches = 3 (customary: three matches show that the enrolment is good)
-- threshold: min_sessions = 3 (customary: a haircut or a bandage takes a day or two)
-- threshold: min_permille = 500 (customary: half of the checks in pictures good enough to compare)
-- explain_zh: 该学员的人脸此前至少三次与登记相符，此后在画面合格的 {of} 次比对中有 {n} 次明显是另一人，涉及 {sessions} 个课次、{cells} 个申领学时。
-- explain_en: This trainee's face matched the enrolment at least three times; of the {of} comparisons after that, in pictures good enough, {n} showed clearly somebody else, in {sessions} sessions; {cells} claimed hours hang on them.
-- explain_never-known_zh: 该学员的人脸几乎从未与登记相符：画面合格的 {of} 次比对中有 {n} 次不符，涉及 {sessions} 个课次、{cells} 个申领学时。更可能是登记照片陈旧或登记有误。
-- explain_never-known_en: This trainee's face has hardly ever matched the enrolment: {n} of {of} comparisons in good pictures did not, in {sessions} sessions; {cells} claimed hours hang on them. An old photo or a bad enrolment is the likelier cause.
-- innocent_zh: 证件照陈旧、蓄须、生病、戴眼镜、登记时照片不合格。
-- innocent_en: An old ID photo, a beard, an illness, glasses, a template that was enrolled badly.
-- next_zh: 征得本人同意，由主管部门到场比对登记照片与到课记录；必要时当面重新登记。
-- next_en: With the trainee's consent the bureau compares enrolment and check-ins on site, and enrols anew where needed.

-- `again`, near but not near enough, is a comparison that accuses nobody; poor pictures are none. The terminal has
-- judged by the operating point of its own model, so scores of different models are never held against one number.
WITH mistaken AS MATERIALIZED (
  -- Only whom a mismatch was ever seen of: all others need no window. They are few, and named before all faces are read.
  SELECT class, trainee FROM faces WHERE outcome = 'mismatch'
  GROUP BY class, trainee HAVING COUNT(DISTINCT session) >= $min_sessions
), checks AS (
  SELECT f.class, f.trainee, f.device, f.counter, f.seq,
         CASE WHEN f.outcome = 'mismatch' THEN 1 ELSE 0 END AS wrong,
         CASE WHEN f.outcome = 'match' THEN 1 ELSE 0 END AS own,
         SUM(CASE WHEN f.outcome = 'match' THEN 1 ELSE 0 END)
           OVER (PARTITION BY f.class, f.trainee ORDER BY f."at", f.device, f.counter, f.seq
                 ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS matches
  FROM faces f
  JOIN mistaken m ON m.class = f.class AND m.trainee = f.trainee
  WHERE f.outcome IN ('match', 'again', 'mismatch')
), sittings AS MATERIALIZED (
  -- One session of a trainee: whole, and what of it came after the enrolment had shown itself good.
  SELECT class, trainee, device, counter, SUM(own) AS own, COUNT(*) AS tries, SUM(wrong) AS wrong,
         SUM(CASE WHEN matches >= $min_matches AND wrong = 1 THEN 1 ELSE 0 END) AS wrong_after,
         -- The match that makes the enrolment good comes before, not after.
         SUM(CASE WHEN matches >= $min_matches AND NOT (own = 1 AND matches = $min_matches) THEN 1 ELSE 0 END) AS tries_after,
         MIN(CASE WHEN wrong = 1 THEN seq END) AS seq_from, MAX(CASE WHEN wrong = 1 THEN seq END) AS seq_to
  FROM checks GROUP BY class, trainee, device, counter
), judged AS MATERIALIZED (
  -- A session in which the own face was seen too is nobody else's.
  SELECT class, trainee, SUM(tries) AS tries, SUM(wrong) AS wrong, SUM(tries_after) AS tries_after,
         SUM(wrong_after) AS wrong_after,
         SUM(CASE WHEN wrong > 0 AND own = 0 THEN 1 ELSE 0 END) AS sessions,
         SUM(CASE WHEN wrong_after > 0 AND own = 0 THEN 1 ELSE 0 END) AS sessions_after
  FROM sittings GROUP BY class, trainee
), found AS (
  SELECT class, trainee, TRUE AS known, wrong_after AS n, tries_after AS "of", sessions_after AS sessions
  FROM judged WHERE sessions_after >= $min_sessions AND wrong_after * 1000 >= $min_permille * tries_after
  UNION ALL
  SELECT class, trainee, FALSE AS known, wrong AS n, tries AS "of", sessions
  FROM judged
  WHERE sessions >= $min_sessions AND wrong * 1000 >= $min_permille * tries
    AND NOT (sessions_after >= $min_sessions AND wrong_after * 1000 >= $min_permille * tries_after)
)
SELECT c.class, c.trainee AS subject, c.trainee, c.cell,
       CAST(CASE WHEN x.known THEN 'mismatch' ELSE 'never-known' END AS VARCHAR) AS kind, c.lesson,
       TRUE AS suspect, s.device, s.counter, s.seq_from, s.seq_to,
       CAST(CASE WHEN x.known THEN 'strong' ELSE 'weak' END AS VARCHAR) AS grade, x.sessions, x.n, x."of"
FROM found x
JOIN sittings s ON s.class = x.class AND s.trainee = x.trainee AND s.own = 0
  AND (s.wrong_after > 0 OR s.wrong > 0 AND NOT x.known)
JOIN claimed_cells c ON c.class = s.class AND c.trainee = s.trainee AND c.device = s.device AND c.counter = s.counter
-- Who has declined the face since is not judged by it.
LEFT JOIN roster r ON r.class = c.class AND r.trainee = c.trainee
WHERE c.shape <> 'unproven' AND NOT COALESCE(r.declined_face, FALSE)
