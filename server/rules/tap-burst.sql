-- id: tap-burst
-- grade: strong
-- family: rhythm
-- scope: class
-- title_zh: 集中连刷
-- title_en: A stack of cards
-- basis: 内蒙古自治区人力资源和社会保障厅 2024-01-25 通知，首段（虚构课时、虚报人数）、第四条（一）
-- threshold: min_cards = 5 (customary: five different cards in one run)
-- threshold: gap_ms = 2500 (customary: to walk up, look and tap takes 4 to 10 s)
-- explain_zh: {sessions} 个课次中，同一读卡器上不同学员的卡以不超过两秒半的间隔接连刷过，最多一次连续 {n} 张，而摄像头工作正常、镜头前没有本人；涉及 {cells} 个申领学时。
-- explain_en: In {sessions} sessions cards of different trainees followed each other on one reader within two and a half seconds, {n} in the longest run, while the camera worked and saw none of their owners; {cells} claimed hours hang on them.
-- innocent_zh: 门口排队且有两台读卡器（本规则按读卡器分别计算）、同一张卡多次重刷（不计）。
-- innocent_en: A queue at the door with two readers (each is judged alone), one card tried again and again (not counted).
-- next_zh: 询问教师当时卡在谁手中。
-- next_en: Ask the instructor who held the cards.

WITH bare AS (
  -- Few sessions have so many whom no face was accepted of; all others need no window.
  SELECT class, device, counter
  FROM (SELECT class, device, counter, trainee FROM taps
        WHERE trainee IS NOT NULL AND level IS NOT NULL
        GROUP BY class, device, counter, trainee HAVING MAX(level) = 1) n
  GROUP BY class, device, counter HAVING COUNT(*) >= $min_cards
), stepped AS (
  -- A tap that led to nothing, a repeat or a declined face, is no link of a run and no break in it.
  SELECT t.class, t.device, t.counter, t.reader, t.seq, t."at", t.trainee,
         -- Whoever was seen in the session at all came in person: a rush at the bell is full of such.
         MAX(t.level) OVER (PARTITION BY t.device, t.counter, t.trainee) AS best,
         LAG(t."at") OVER (PARTITION BY t.device, t.counter, t.reader ORDER BY t.seq) AS before
  FROM bare b
  JOIN taps t ON t.class = b.class AND t.device = b.device AND t.counter = b.counter
  JOIN sessions s ON s.device = t.device AND s.counter = t.counter AND s.has_camera
  WHERE t.trainee IS NOT NULL AND t.level IS NOT NULL
), linked AS (
  SELECT class, device, counter, reader, seq, "at", trainee, best,
         -- A run ends at a pause, and before a face that was accepted.
         SUM(CASE WHEN best >= 2 OR before IS NULL OR "at" - before > $gap_ms THEN 1 ELSE 0 END)
           OVER (PARTITION BY device, counter, reader ORDER BY seq ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS run
  FROM stepped
), members AS MATERIALIZED (
  -- Only reads at which the picture was good and showed nobody, or somebody else. Dark and poor pictures prove nothing.
  SELECT l.class, l.device, l.counter, l.reader, l.run, l.trainee, l.seq, l."at"
  FROM linked l
  JOIN faces f ON f.device = l.device AND f.counter = l.counter AND f.tap_seq = l.seq
  WHERE l.best = 1 AND f.outcome IN ('none', 'mismatch')
), runs AS (
  SELECT class, device, counter, reader, run, COUNT(DISTINCT trainee) AS cards, MIN("at") AS began, MAX("at") AS ended
  FROM members GROUP BY class, device, counter, reader, run HAVING COUNT(DISTINCT trainee) >= $min_cards
), bursts AS (
  SELECT r.class, r.device, r.counter, r.reader, r.run, r.cards
  FROM runs r
  WHERE NOT EXISTS (SELECT 1 FROM faults x WHERE x.device = r.device AND x.counter = r.counter AND x.part = 'camera'
                    AND x."from" <= r.ended AND x."to" >= r.began)
), held AS (
  SELECT m.class, m.device, m.counter, m.trainee, MAX(b.cards) AS cards, MIN(m.seq) AS seq_from, MAX(m.seq) AS seq_to
  FROM bursts b
  JOIN members m ON m.device = b.device AND m.counter = b.counter AND m.reader = b.reader AND m.run = b.run
  GROUP BY m.class, m.device, m.counter, m.trainee
)
SELECT c.class, CAST('' AS VARCHAR) AS subject, c.trainee, c.cell, CAST('burst' AS VARCHAR) AS kind, c.lesson,
       TRUE AS suspect, h.device, h.counter, h.seq_from, h.seq_to, h.cards AS n
FROM held h
JOIN claimed_cells c ON c.class = h.class AND c.trainee = h.trainee AND c.device = h.device AND c.counter = h.counter
WHERE c.shape <> 'unproven'
