-- id: copied-rhythm
-- grade: certain
-- family: rhythm
-- title_zh: 节奏复制
-- title_en: A day's rhythm, copied
-- basis: 内蒙古自治区人力资源和社会保障厅 2024-01-25 通知，首段（虚构课时）、第四条（一）
-- threshold: min_taps = 20 (customary: fewer taps say nothing of a rhythm)
-- threshold: max_cv_percent = 10 (customary: queues give 50 to 100)
-- threshold: pause_ms = 20000 (customary: a longer gap is a pause, and no part of a queue)
-- explain_zh: 两个课次中有连续十一次刷卡的间隔在十分之一秒内完全相同，真人刷卡不会如此；其中较晚的课次涉及 {cells} 个申领学时。
-- explain_en: In two sessions eleven taps in a row follow each other at the same intervals to a tenth of a second, which people do not do twice; {cells} claimed hours are of the later one.
-- explain_metronome_zh: 该课次连续刷卡的间隔几乎完全均匀，波动不到平均间隔的一成，像由机器产生；涉及 {cells} 个申领学时。
-- explain_metronome_en: The taps of this session follow each other almost evenly, varying by less than a tenth of the mean interval, as a machine would make them; {cells} claimed hours are of it.
-- innocent_zh: 间隔完全相同的情形尚无已知的正常原因；间隔均匀的，可能是终端按固定节拍提示。
-- innocent_en: None is known for equal intervals; even ones may come of a kiosk that prompts like a metronome.
-- next_zh: 封存终端，制作取证副本。
-- next_en: Keep the terminal; take a forensic copy.
WITH gaps AS (
  -- By boot time, which no clock setting moves. After a restart it begins anew: no gap, and no window over it.
  SELECT device, counter, seq, CASE WHEN gap >= 0 THEN gap END AS gap
  FROM (SELECT device, counter, seq, up_ms - LAG(up_ms) OVER (PARTITION BY device, counter ORDER BY seq) AS gap FROM taps) t
), windows AS (
  SELECT device, counter, seq, LAG(seq, 10) OVER w AS seq_from,
         LAG(gap, 9) OVER w AS g9, LAG(gap, 8) OVER w AS g8, LAG(gap, 7) OVER w AS g7,
         LAG(gap, 6) OVER w AS g6, LAG(gap, 5) OVER w AS g5, LAG(gap, 4) OVER w AS g4,
         LAG(gap, 3) OVER w AS g3, LAG(gap, 2) OVER w AS g2, LAG(gap, 1) OVER w AS g1,
         gap AS g0
  FROM gaps
  WINDOW w AS (PARTITION BY device, counter ORDER BY seq)
), whole AS (
  SELECT * FROM windows WHERE g9 + g8 + g7 + g6 + g5 + g4 + g3 + g2 + g1 + g0 IS NOT NULL
), rounded AS (
  -- Twice, half a step apart: what one rounding cuts in two the other keeps together.
  SELECT device, counter, seq_from, seq, 0 AS half,
         g9 - g9 % 100 AS k9, g8 - g8 % 100 AS k8, g7 - g7 % 100 AS k7, g6 - g6 % 100 AS k6,
         g5 - g5 % 100 AS k5, g4 - g4 % 100 AS k4, g3 - g3 % 100 AS k3, g2 - g2 % 100 AS k2,
         g1 - g1 % 100 AS k1, g0 - g0 % 100 AS k0
  FROM whole
  UNION ALL
  SELECT device, counter, seq_from, seq, 1 AS half,
         g9 + 50 - (g9 + 50) % 100 AS k9, g8 + 50 - (g8 + 50) % 100 AS k8,
         g7 + 50 - (g7 + 50) % 100 AS k7, g6 + 50 - (g6 + 50) % 100 AS k6,
         g5 + 50 - (g5 + 50) % 100 AS k5, g4 + 50 - (g4 + 50) % 100 AS k4,
         g3 + 50 - (g3 + 50) % 100 AS k3, g2 + 50 - (g2 + 50) % 100 AS k2,
         g1 + 50 - (g1 + 50) % 100 AS k1, g0 + 50 - (g0 + 50) % 100 AS k0
  FROM whole
), summed AS (
  -- One number for ten, so that only the few windows that may be equal are compared in full.
  SELECT r.device, r.counter, r.seq_from, r.seq, r.half, s.institution, s.open,
         r.k9, r.k8, r.k7, r.k6, r.k5, r.k4, r.k3, r.k2, r.k1, r.k0,
         r.k9 % 1000003 * 118587876497 + r.k8 % 1000003 * 6975757441 + r.k7 % 1000003 * 410338673
           + r.k6 % 1000003 * 24137569 + r.k5 % 1000003 * 1419857 + r.k4 % 1000003 * 83521
           + r.k3 % 1000003 * 4913 + r.k2 % 1000003 * 289 + r.k1 % 1000003 * 17 + r.k0 AS total
  FROM rounded r JOIN sessions s ON s.device = r.device AND s.counter = r.counter
  -- Ten gaps of one length are a metronome, which is judged below, and no copy.
  WHERE NOT (k9 = k8 AND k8 = k7 AND k7 = k6 AND k6 = k5 AND k5 = k4 AND k4 = k3 AND k3 = k2 AND k2 = k1 AND k1 = k0)
), alike AS (
  SELECT device, counter, seq_from, seq, half, institution, open, k9, k8, k7, k6, k5, k4, k3, k2, k1, k0,
         MIN(device) OVER w AS device_a, MAX(device) OVER w AS device_b,
         MIN(counter) OVER w AS counter_a, MAX(counter) OVER w AS counter_b
  FROM summed
  WINDOW w AS (PARTITION BY institution, half, total)
), ordered AS (
  SELECT device, counter, seq_from, seq,
         RANK() OVER (PARTITION BY institution, half, k9, k8, k7, k6, k5, k4, k3, k2, k1, k0
                      ORDER BY open, device, counter) AS place
  FROM alike WHERE device_a <> device_b OR counter_a <> counter_b
), copies AS (
  SELECT device, counter, MIN(seq_from) AS seq_from, MAX(seq) AS seq_to FROM ordered WHERE place > 1 GROUP BY device, counter
), even AS (
  -- Variance against the square of the mean, both times the square of the count.
  SELECT device, counter, MIN(seq) AS seq_from, MAX(seq) AS seq_to
  FROM gaps WHERE gap BETWEEN 1 AND $pause_ms
  GROUP BY device, counter
  HAVING COUNT(*) + 1 >= $min_taps
    AND (COUNT(*) * SUM(gap * gap) - SUM(gap) * SUM(gap)) * 10000 < $max_cv_percent * $max_cv_percent * SUM(gap) * SUM(gap)
)
SELECT c.class, CAST('' AS VARCHAR) AS subject, c.trainee, c.cell, CAST('copied' AS VARCHAR) AS kind, c.lesson,
       TRUE AS suspect, p.device, p.counter, p.seq_from, p.seq_to, CAST('certain' AS VARCHAR) AS grade
FROM copies p
JOIN claimed_cells c ON c.device = p.device AND c.counter = p.counter
WHERE c.shape IN ('attested', 'tail')
UNION ALL
SELECT c.class, CAST('' AS VARCHAR) AS subject, c.trainee, c.cell, CAST('metronome' AS VARCHAR) AS kind, c.lesson,
       TRUE AS suspect, e.device, e.counter, e.seq_from, e.seq_to, CAST('strong' AS VARCHAR) AS grade
FROM even e
JOIN claimed_cells c ON c.device = e.device AND c.counter = e.counter
WHERE c.shape IN ('attested', 'tail')
