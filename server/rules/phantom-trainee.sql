-- id: phantom-trainee
-- grade: certain
-- family: presence
-- scope: class
-- title_zh: 虚报学员
-- title_en: Phantom trainee
-- basis: 内蒙古自治区人力资源和社会保障厅 2024-01-25 通知，首段（虚报人数）、第三条
-- threshold: min_sessions = 5 (customary: fewer logged sessions say too little)
-- threshold: min_spots = 2 (customary: one missed call is a toilet; two of two, and never a face in five sessions, is nobody; the catalogue asks for four)
-- threshold: poor_permille = 500 (customary: half of the pictures are too poor to compare: somebody stands there, against the light)
-- explain_zh: 为该学员申领 {hours} 学时，但全班有记录且设备正常的 {sessions} 个课次中从未有其刷卡到课，也没有一次人脸相符。因故障未能核验的学时不在此列。
-- explain_en: {hours} class hours were claimed for this trainee, who in {sessions} logged sessions with nothing down never once came with a card and never matched a face. Hours that are unproven are not counted against anybody here.
-- explain_card-only_zh: 为该学员申领 {hours} 学时，{sessions} 个课次中只有其卡到课：摄像头正常而从未见到其人，课中抽查一次也未应答。
-- explain_card-only_en: {hours} class hours were claimed for this trainee, of whom in {sessions} sessions only the card came: the camera worked and never saw a face, and not one spot check was answered.
-- explain_by-hand_zh: 为该学员申领 {hours} 学时，{sessions} 个课次中每次都由教师手工登记，从未有其刷卡，也没有一次人脸相符；证件芯片失效者也会如此。
-- explain_by-hand_en: {hours} class hours were claimed for this trainee, whom in {sessions} sessions an instructor wrote in by hand each time, with no card and no matched face; so it is with a dead chip, too.
-- innocent_zh: 经批准在其他班上课、名册编号变更、身份证芯片失效或使用临时身份证（无芯片）。
-- innocent_en: Sat in another class with permission, a changed roster id, a dead chip or a temporary ID without one.
-- next_zh: 用主管部门掌握的号码致电本人；暂停该学员全部金额。
-- next_en: Ring the person by the bureau's own number; hold the whole amount.

-- Lessons that the trainee was allowed to sit in another class, and who is on the class's roster under a second id.
WITH allowed AS (
  SELECT s.class, p.trainee, s.lesson
  FROM permits p JOIN schedule s ON s.class = p.class
  WHERE p.what = 'swap' AND p.trainee IS NOT NULL
    AND (p.lesson = s.lesson OR (p.lesson IS NULL AND p."from" < s."end" AND p."to" > s.start))
  GROUP BY s.class, p.trainee, s.lesson
),
-- How each trainee was there at best, and whether a pen was ever needed.
came AS MATERIALIZED (
  SELECT class, trainee, MAX(assurance) AS best, MAX(CASE WHEN manual THEN 1 ELSE 0 END) AS pen
  FROM presence GROUP BY class, trainee
),
-- What the camera made of each trainee.
looks AS MATERIALIZED (
  SELECT class, trainee, COUNT(*) AS n, SUM(CASE WHEN outcome = 'match' THEN 1 ELSE 0 END) AS matched,
         SUM(CASE WHEN outcome IN ('match', 'face', 'again') THEN 1 ELSE 0 END) AS seen,
         SUM(CASE WHEN outcome = 'poor' THEN 1 ELSE 0 END) AS poor
  FROM faces GROUP BY class, trainee
),
renamed AS (
  SELECT o.class, o.trainee
  FROM roster o
  JOIN roster n ON n.class = o.class AND n.person = o.person AND n.trainee <> o.trainee
  JOIN came p ON p.class = n.class AND p.trainee = n.trainee AND p.best > 0
  GROUP BY o.class, o.trainee
),
-- Who never came with a card or matched a face. Few, so that only their lessons are counted.
nobody AS (
  SELECT c.class, c.trainee, COALESCE(h.pen, 0) = 1 AS by_hand
  FROM (SELECT class, trainee FROM claimed_cells GROUP BY class, trainee) c
  LEFT JOIN came h ON h.class = c.class AND h.trainee = c.trainee
  LEFT JOIN looks f ON f.class = c.class AND f.trainee = c.trainee
  WHERE COALESCE(h.best, 0) <= 0 AND COALESCE(f.matched, 0) = 0
    AND NOT EXISTS (SELECT 1 FROM renamed r WHERE r.class = c.class AND r.trainee = c.trainee)
    AND NOT EXISTS (SELECT 1 FROM taps t WHERE t.class = c.class AND t.trainee = c.trainee)
),
shown AS (
  SELECT l.class, l.trainee, w.by_hand, COUNT(DISTINCT l.session) AS n
  FROM lessons l
  JOIN nobody w ON w.class = l.class AND w.trainee = l.trainee
  LEFT JOIN allowed a ON a.class = l.class AND a.trainee = l.trainee AND a.lesson = l.lesson
  WHERE l.shape <> 'unproven' AND a.class IS NULL
  GROUP BY l.class, l.trainee, w.by_hand
),
-- Whose card alone came, with the camera at work, and who was called and never answered. Calls of a session stand with each of
-- its intervals.
called AS MATERIALIZED (
  SELECT p.class, p.trainee, COUNT(DISTINCT p.session) AS n
  FROM (SELECT q.class, q.trainee, q.session, q.device, q.counter, MAX(q.spots_due) AS due, MAX(q.spots_met) AS met
        FROM came w
        JOIN presence q ON q.class = w.class AND q.trainee = w.trainee
        JOIN sessions h ON h.device = q.device AND h.counter = q.counter
        WHERE COALESCE(w.best, 0) <= 1 AND w.pen = 0 AND h.has_camera AND h.fault_camera_s = 0
        GROUP BY q.class, q.trainee, q.session, q.device, q.counter) p
  GROUP BY p.class, p.trainee
  HAVING COUNT(DISTINCT p.session) >= $min_sessions AND SUM(p.due) >= $min_spots AND SUM(p.met) = 0
),
suspects AS (
  -- (a) certain: no card, no face, in sessions that could have shown one.
  -- Whom an instructor wrote in by hand every time may have no chip in the card: that alone is weak, and goes by the
  -- share of the class that is written in (manual-share).
  SELECT class, trainee, CASE WHEN by_hand THEN 'by-hand' ELSE 'phantom' END AS kind,
         CASE WHEN by_hand THEN 'weak' ELSE 'certain' END AS grade, n
  FROM shown WHERE n >= $min_sessions
  UNION ALL
  -- (b) strong: the card came, and nobody with it, whenever the camera worked and whenever somebody was called.
  SELECT s.class, s.trainee, 'card-only' AS kind, 'strong' AS grade, s.n
  FROM called s
  JOIN roster r ON r.class = s.class AND r.trainee = s.trainee AND NOT r.declined_face
  LEFT JOIN looks f ON f.class = s.class AND f.trainee = s.trainee
  -- Whom the camera saw was there; and some rooms have it look against the light.
  WHERE COALESCE(f.seen, 0) = 0 AND (f.n IS NULL OR f.poor * 1000 < $poor_permille * f.n)
    AND NOT EXISTS (SELECT 1 FROM renamed o WHERE o.class = s.class AND o.trainee = s.trainee)
)
-- What is unproven or was allowed elsewhere is set aside, cell by cell.
SELECT c.class, c.trainee AS subject, c.trainee, c.cell, x.kind, c.lesson, TRUE AS suspect,
       c.device, c.counter, c.seq_from, c.seq_to, x.grade, x.n AS sessions
FROM suspects x
JOIN claimed_cells c ON c.class = x.class AND c.trainee = x.trainee
LEFT JOIN allowed a ON a.class = c.class AND a.trainee = c.trainee AND a.lesson = c.lesson
WHERE c.shape <> 'unproven' AND a.class IS NULL
